"""One exchange store with streets in it and one outbox for this folder; a gateway of its own for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from exchange.layout import READER, Resource
from tests.support.exchange_store import Store
from tests.support.gateway_door import Door, opened
from tests.support.gateway_world import World
from tests.support.installation import Fresh, Installation
from tests.support.provider_server import Provider
from tests.support.provider_world import Asked, asked
from tests.support.streets import ROWS, STREETS


@pytest.fixture(scope="session")
def store(installation: Installation) -> Iterator[Store]:
    with installation.fresh("exchange") as database:
        yield Store(database)


@pytest.fixture(scope="session")
def outbox(installation: Installation) -> Iterator[Fresh]:
    with installation.fresh("gateway") as database:
        yield database


@pytest.fixture(scope="session")
async def streets(store: Store) -> Resource:
    made = await store.made(*STREETS)
    await store.load(made, ROWS)
    return made


@pytest.fixture
def world(streets: Resource) -> World:
    """区教育局 may see codes and names of streets."""
    made = World()
    made.code_set("areas", ["310104", "310105"])
    made.unit("edu")
    inputs = {"street_code": "eq in", "street_name": "prefix", "area_code": "eq", "updated": "ge"}
    made.service("streets", STREETS, inputs, resource=streets)
    made.grant("edu", "streets", ["street_code", "street_name"])
    return made


@pytest.fixture
async def door(world: World, store: Store, outbox: Fresh) -> AsyncIterator[Door]:
    async with opened(
        world=world, store_url=store.database.url(READER), outbox_url=outbox.app_url, admin_url=outbox.admin_url()
    ) as made:
        yield made


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as made:
        yield made


@pytest.fixture
async def at(store: Store, outbox: Fresh, provider: Provider) -> AsyncIterator[Asked]:
    """A gateway before a provider's own interface."""
    async with asked(store, outbox, provider) as made:
        yield made
