"""Sharing on a database of its own, emptied for each test, with the units, entry and services that it was told of."""

import pytest

from sharing import app
from sharing.settings import SharingSettings
from tests.support.running import running
from tests.support.sharing_steps import Parties, tell


@pytest.fixture(scope="session")
async def running_sharing(installation):
    with installation.fresh("sharing") as database:
        async with running("sharing", app.build, SharingSettings, database) as made:
            yield made


@pytest.fixture
async def sharing(running_sharing):
    await running_sharing.begin_anew()
    await tell(running_sharing)
    return running_sharing


@pytest.fixture
def parties(sharing):
    return Parties(sharing)
