"""Fixtures of the tests of delivery."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from common import db
from tests.support.installation import Fresh, Installation
from tests.support.probe import Probe, make_probe, producer
from tests.support.relaying import Outbox


@pytest.fixture(scope="module")
def database_of_module(installation: Installation) -> Iterator[Fresh]:
    """An empty database for the tests of one module, which tell their rows apart by their topics and ids."""
    with installation.fresh("catalog") as made:
        yield made


@pytest.fixture
async def shared_db(database_of_module: Fresh) -> AsyncIterator[db.Db]:
    """That database as a service sees it."""
    made = db.connect(database_of_module.app_url, application="test")
    yield made
    await made.close()


@pytest.fixture
def probe(installation: Installation) -> Probe:
    """A service of this test's own, with one partition, so that order is seen across keys."""
    return make_probe(installation)


@pytest.fixture
async def database(fresh: Callable[[str], Fresh]) -> AsyncIterator[Outbox]:
    """An outbox of this test's own: there is one relay per database."""
    made = fresh("registry")
    opened = db.connect(made.app_url, application="test")
    yield Outbox(opened, made.app_url, made.admin_url())
    await opened.close()


@pytest.fixture
async def several(installation: Installation) -> Probe:
    """A service whose topic has several partitions."""
    made = make_probe(installation, partitions=4)
    async with producer(made.kafka(made.owner)) as warming:  # rights are known from here on
        await warming.partitions_for(made.topic)
    return made
