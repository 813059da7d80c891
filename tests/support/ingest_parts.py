"""The ingest of files in parts, on an exchange store of its own: what its tests and those of pushes begin with."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from common import clock, db
from exchange.layout import LOADER
from ingest_files import app
from ingest_files.blobs import Blobs
from ingest_files.exchange_store import ExchangeStore
from ingest_files.service import Desk
from ingest_files.settings import IngestSettings
from provision.secrets import KEEPER
from tests.support.exchange_store import Store
from tests.support.ingest_bench import Ingest
from tests.support.installation import Installation
from tests.support.running import Running, running


@contextlib.contextmanager
def exchange_store(installation: Installation) -> Iterator[Store]:
    with installation.fresh("exchange") as database:
        yield Store(database)


@contextlib.asynccontextmanager
async def running_ingest(installation: Installation, store: Store) -> AsyncIterator[Running]:
    """The service on a database of its own, with the real object store."""
    doors = {"keeper_url": store.database.url(KEEPER), "loader_url": store.database.url(LOADER)}

    def settings(**given: Any) -> IngestSettings:
        return IngestSettings(**given | doors)

    with installation.fresh("ingest-files") as database:
        async with running("ingest-files", app.build, settings, database) as made:
            yield made


def blobs_settings(installation: Installation) -> dict[str, str]:
    """The object store as the service reaches it, for `Blobs`."""
    settings = installation.settings("ingest-files")
    names = {"endpoint": "ENDPOINT", "public": "ENDPOINT", "region": "REGION", "access_key": "ACCESS_KEY"}
    names |= {"secret_key": "SECRET_KEY"}
    return {name: settings[f"INGEST_FILES_S3_{setting}"] for name, setting in names.items()}


@contextlib.asynccontextmanager
async def begun(service: Running, store: Store) -> AsyncIterator[Ingest]:
    """The service as if new, with an entry that nobody had before, and its pieces in the test's own hands."""
    await service.begin_anew()
    # The object store goes by its own clock when it judges whether a form has expired.
    service.clock.shows = clock.now()
    blobs = Blobs(**blobs_settings(service.fresh.installation))
    database = db.connect(service.fresh.app_url, application="pieces of ingest-files", pool_size=2)
    doors = ExchangeStore(store.database.url(KEEPER), store.database.url(LOADER))
    desk = Desk(clock=service.clock, db=database, blobs=blobs, exchange=doors)
    made = Ingest(service, store, desk, f"307001-{next(store._numbers):06}")
    await made.told()
    try:
        yield made
    finally:
        blobs.close()
        await database.close()
