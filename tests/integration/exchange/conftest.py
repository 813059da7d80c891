"""One exchange store for this folder; each test makes resources of its own in it."""

from collections.abc import Iterator

import pytest

from tests.support.exchange_store import Store
from tests.support.installation import Installation


@pytest.fixture(scope="session")
def store(installation: Installation) -> Iterator[Store]:
    with installation.fresh("exchange") as database:
        yield Store(database)
