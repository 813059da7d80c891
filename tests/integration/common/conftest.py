"""Fixtures of the tests of delivery."""

from collections.abc import AsyncIterator, Iterator

import pytest

from common import db
from tests.support.installation import Fresh, Installation
from tests.support.probe import Probe, make_probe


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
