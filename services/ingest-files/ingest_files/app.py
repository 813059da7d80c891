"""The ingest of files, put together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from common import db, host, log
from common.clock import Clock, now
from ingest_files import api, guided_api, pages, road, service, shelf, stream, undoing
from ingest_files.blobs import Blobs
from ingest_files.exchange_store import ExchangeStore
from ingest_files.folder import LOOK_EVERY as FOLDER_EVERY
from ingest_files.folder import Folder
from ingest_files.objects import Keeping
from ingest_files.pieces import Pieces
from ingest_files.pushing import Pushing
from ingest_files.receiving import Receiving
from ingest_files.reporting import Reporting
from ingest_files.scanning import scanner
from ingest_files.service import NAME, Desk
from ingest_files.sessions import Sessions
from ingest_files.settings import IngestSettings
from ingest_files.watching import LOOK_EVERY, Watching

ABOUT = "文件归集服务：上传、检查、整批导入，以及交换库的表和视图。"
OBJECTS_EVERY = 2.0
"""Seconds between two looks for objects that were posted."""
SETTLE_EVERY = 60.0
"""Seconds between two looks for pushes that ended nowhere."""
_log = log.get(__name__)


def desk_of(settings: IngestSettings, clock: Clock = now) -> Desk:
    """What the use cases lean on; nothing is connected yet."""
    return Desk(
        clock=clock,
        db=db.connect(settings.database_url, application=NAME),
        blobs=Blobs(
            endpoint=settings.s3_endpoint,
            public=settings.s3_public_endpoint or settings.s3_endpoint,
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.get_secret_value(),
        ),
        exchange=ExchangeStore(db.plain_url(settings.keeper_url), db.plain_url(settings.loader_url)),
        limits=settings.limits,
    )


async def watch_folder(settings: IngestSettings, root: Path) -> None:
    """Watch a drop folder until cancelled."""
    desk = desk_of(settings)
    folder = Folder(desk, root)
    try:
        while True:
            try:
                await folder.look()
            except Exception as error:  # noqa: BLE001  whatever it was, the next look comes
                _log.warning("ingest.folder_not_looked", error=type(error).__name__)
            await asyncio.sleep(FOLDER_EVERY)
    finally:
        desk.blobs.close()
        await desk.db.close()


def build(settings: IngestSettings, *, clock: Clock = now) -> host.Parts:
    """Nothing is connected yet. A test gives its own clock."""
    desk = desk_of(settings, clock)
    database, blobs = desk.db, desk.blobs
    pieces = Pieces(
        endpoint=settings.s3_endpoint,
        public=settings.s3_public_endpoint or settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
    )
    receiving = Receiving(desk, pieces)
    keeping = Keeping(desk, pieces, scanner(settings.scanner))
    watching = Watching(desk, pieces, settings.watched_bucket)

    pushing = Pushing(clock, database, blobs, desk.exchange)
    reporting = Reporting(clock, database, blobs, service.read_again, partial(service.may_see, desk=desk))

    @contextlib.asynccontextmanager
    async def closing() -> AsyncIterator[None]:
        yield
        blobs.close()
        pieces.close()

    @contextlib.asynccontextmanager
    async def settling() -> AsyncIterator[None]:
        task = asyncio.create_task(_settle(pushing, desk), name="pushes")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    @contextlib.asynccontextmanager
    async def looking() -> AsyncIterator[None]:
        loops = (_look(receiving, watching), _follow(watching), _keep(keeping))
        tasks = [asyncio.create_task(loop) for loop in loops]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    parts = host.assemble(
        settings,
        service=NAME,
        title="数桥 · 文件归集服务",
        description=ABOUT,
        database=database,
        routes=stream.routes(desk),
        background=[closing, settling, looking],
    )
    parts.http.include_router(api.routes(desk))
    parts.http.include_router(api.batches(desk))
    parts.http.include_router(api.pushes(pushing))
    parts.http.include_router(road.transfers(receiving))
    parts.http.include_router(shelf.routes(keeping))
    sessions = Sessions(settings.registry_url, NAME, parts.http.state.verifier)
    parts.http.include_router(pages.routes(desk, sessions, settings.s3_public_endpoint or settings.s3_endpoint))
    parts.http.include_router(road.arrivals(watching, settings.hint_token))
    parts.http.include_router(api.reports(reporting))
    parts.http.include_router(guided_api.routes(desk))
    return parts


async def _settle(pushing: Pushing, desk: Desk) -> None:
    while True:
        try:
            await pushing.settle()
            await undoing.settle(desk)
        except Exception as error:  # noqa: BLE001  whatever it was, the next look comes
            _log.warning("ingest.not_settled", error=type(error).__name__)
        await asyncio.sleep(SETTLE_EVERY)


async def _look(receiving: Receiving, watching: Watching) -> None:
    """What no client and no notification told of is found within two of these looks."""
    while True:
        for name, look in (("inbox", receiving.sweep), ("bucket", watching.look)):
            try:
                await look()
            except Exception as error:  # noqa: BLE001  whatever it was, the next look comes
                _log.warning("ingest.not_looked", where=name, error=type(error).__name__)
        await asyncio.sleep(LOOK_EVERY)


async def _follow(watching: Watching) -> None:
    while True:
        await watching.hinted()
        try:
            await watching.follow_hints()
        except Exception as error:  # noqa: BLE001  as above: the listing finds what this missed
            _log.warning("ingest.hint_not_followed", error=type(error).__name__)


async def _keep(keeping: Keeping) -> None:
    while True:
        try:
            done = await keeping.work()
        except Exception as error:  # noqa: BLE001  whatever it was, the next look comes
            done = 0
            _log.warning("ingest.objects_not_looked_at", error=type(error).__name__)
        await asyncio.sleep(0 if done else OBJECTS_EVERY)
