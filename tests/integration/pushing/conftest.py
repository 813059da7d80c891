"""A gateway and the ingest behind it, on one exchange store."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support import ingest_parts
from tests.support.exchange_store import Store
from tests.support.ingest_bench import Ingest
from tests.support.installation import Fresh, Installation
from tests.support.push_world import Pushed, pushing
from tests.support.running import Running


@pytest.fixture(scope="session")
def store(installation: Installation) -> Iterator[Store]:
    with ingest_parts.exchange_store(installation) as made:
        yield made


@pytest.fixture(scope="session")
async def running_ingest(installation: Installation, store: Store) -> AsyncIterator[Running]:
    async with ingest_parts.running_ingest(installation, store) as made:
        yield made


@pytest.fixture
async def ingest(running_ingest: Running, store: Store) -> AsyncIterator[Ingest]:
    async with ingest_parts.begun(running_ingest, store) as made:
        yield made


@pytest.fixture(scope="session")
def outbox(installation: Installation) -> Iterator[Fresh]:
    with installation.fresh("gateway") as database:
        yield database


@pytest.fixture
async def at(ingest: Ingest, store: Store, outbox: Fresh) -> AsyncIterator[Pushed]:
    async with pushing(ingest, store, outbox) as made:
        yield made
