"""A gateway and the ingest behind it, on one exchange store."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

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
from tests.support.installation import Fresh, Installation
from tests.support.push_world import Pushed, pushing
from tests.support.running import Running, running


@pytest.fixture(scope="session")
def store(installation: Installation) -> Iterator[Store]:
    with installation.fresh("exchange") as database:
        yield Store(database)


@pytest.fixture(scope="session")
async def running_ingest(installation: Installation, store: Store) -> AsyncIterator[Running]:
    doors = {"keeper_url": store.database.url(KEEPER), "loader_url": store.database.url(LOADER)}

    def settings(**given: Any) -> IngestSettings:
        return IngestSettings(**given | doors)

    with installation.fresh("ingest-files") as database:
        async with running("ingest-files", app.build, settings, database) as made:
            yield made


@pytest.fixture
async def ingest(running_ingest: Running, store: Store) -> AsyncIterator[Ingest]:
    await running_ingest.begin_anew()
    # The object store goes by its own clock when it judges whether a form has expired.
    running_ingest.clock.shows = clock.now()
    settings = running_ingest.fresh.installation.settings("ingest-files")
    blobs = Blobs(
        endpoint=settings["INGEST_FILES_S3_ENDPOINT"],
        public=settings["INGEST_FILES_S3_ENDPOINT"],
        region=settings["INGEST_FILES_S3_REGION"],
        access_key=settings["INGEST_FILES_S3_ACCESS_KEY"],
        secret_key=settings["INGEST_FILES_S3_SECRET_KEY"],
    )
    database = db.connect(running_ingest.fresh.app_url, application="pieces of ingest-files", pool_size=2)
    doors = ExchangeStore(store.database.url(KEEPER), store.database.url(LOADER))
    desk = Desk(clock=running_ingest.clock, db=database, blobs=blobs, exchange=doors)
    made = Ingest(running_ingest, store, desk, f"307001-{next(store._numbers):06}")
    await made.told()
    try:
        yield made
    finally:
        blobs.close()
        await database.close()


@pytest.fixture(scope="session")
def outbox(installation: Installation) -> Iterator[Fresh]:
    with installation.fresh("gateway") as database:
        yield database


@pytest.fixture
async def at(ingest: Ingest, store: Store, outbox: Fresh) -> AsyncIterator[Pushed]:
    async with pushing(ingest, store, outbox) as made:
        yield made
