"""The ingest of files, put together."""

import contextlib
from collections.abc import AsyncIterator

from common import db, host
from common.clock import Clock, now
from ingest_files import api, stream
from ingest_files.blobs import Blobs
from ingest_files.service import NAME, Desk
from ingest_files.settings import IngestSettings
from ingest_files.store import ExchangeStore

ABOUT = "文件归集服务：上传、检查、整批导入，以及交换库的表和视图。"


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

    @contextlib.asynccontextmanager
    async def closing() -> AsyncIterator[None]:
        yield
        blobs.close()

    parts = host.assemble(
        settings,
        service=NAME,
        title="数桥 · 文件归集服务",
        description=ABOUT,
        database=database,
        routes=stream.routes(desk),
        background=[closing],
    )
    parts.http.include_router(api.routes(desk))
    return parts
