"""The ingest of files on databases of its own, with the real object store; what it has been told; its pieces."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support import ingest_parts
from tests.support.exchange_store import Store
from tests.support.ingest_bench import Ingest
from tests.support.installation import Installation
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
