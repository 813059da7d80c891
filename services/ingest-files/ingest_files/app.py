"""The ingest of files, put together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from common import db, host, log
from common.clock import Clock, now
from ingest_files import api, stream, undoing
from ingest_files.blobs import Blobs
from ingest_files.exchange_store import ExchangeStore
from ingest_files.pushing import Pushing
from ingest_files.service import NAME, Desk
from ingest_files.settings import IngestSettings

ABOUT = "文件归集服务：上传、检查、整批导入，以及交换库的表和视图。"
SETTLE_EVERY = 60.0
"""Seconds between two looks for pushes that ended nowhere."""
_log = log.get(__name__)


def build(settings: IngestSettings, *, clock: Clock = now) -> host.Parts:
    """Nothing is connected yet. A test gives its own clock."""
    database = db.connect(settings.database_url, application=NAME)
    blobs = Blobs(
        endpoint=settings.s3_endpoint,
        public=settings.s3_public_endpoint or settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
    )
    store = ExchangeStore(db.plain_url(settings.keeper_url), db.plain_url(settings.loader_url))
    desk = Desk(clock=clock, db=database, blobs=blobs, exchange=store)

    pushing = Pushing(clock, database, blobs, store)

    @contextlib.asynccontextmanager
    async def closing() -> AsyncIterator[None]:
        yield
        blobs.close()

    @contextlib.asynccontextmanager
    async def settling() -> AsyncIterator[None]:
        task = asyncio.create_task(_settle(pushing, desk), name="pushes")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    parts = host.assemble(
        settings,
        service=NAME,
        title="数桥 · 文件归集服务",
        description=ABOUT,
        database=database,
        routes=stream.routes(desk),
        background=[closing, settling],
    )
    parts.http.include_router(api.routes(desk))
    parts.http.include_router(api.batches(desk))
    parts.http.include_router(api.pushes(pushing))
    return parts


async def _settle(pushing: Pushing, desk: Desk) -> None:
    while True:
        try:
            await pushing.settle()
            await undoing.settle(desk)
        except Exception as error:  # noqa: BLE001  whatever it was, the next look comes
            _log.warning("ingest.not_settled", error=type(error).__name__)
        await asyncio.sleep(SETTLE_EVERY)
