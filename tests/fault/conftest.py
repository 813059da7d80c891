"""A whole exchange whose every service reaches the broker through a proxy of its own; replicas of a gateway alone."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from demo import playing
from demo.story import Story
from demo.system import System
from exchange.layout import READER, Resource
from provision.plan import SERVICES
from stack import Endpoints, KafkaListener
from tests.support.exchange_store import Store
from tests.support.gateway_process import Told
from tests.support.installation import Fresh, Installation
from tests.support.proxying import TcpProxy
from tests.support.streets import ROWS, STREETS

LEASE = 10
"""Seconds for which this gateway relies on state that nobody confirms."""


@dataclass(slots=True)
class Faulty:
    """The exchange, the link of each service to the broker, and what the story left to work with."""

    system: System
    links: dict[str, TcpProxy]
    story: Story


@pytest.fixture(scope="session")
def faulty(session_folder: Path) -> Iterator[Faulty]:
    with ExitStack() as stack:
        links = {service: stack.enter_context(TcpProxy()) for service in SERVICES}

        def through_its_link(service: str, endpoints: Endpoints) -> str:
            listener = next(one for one in endpoints.kafka.listeners if one.advertised_port == links[service].port)
            links[service].target = listener.bind_port
            return links[service].address

        system = stack.enter_context(
            System.open(
                session_folder / "faulty",
                kafka_listeners=[KafkaListener(advertised_port=link.port) for link in links.values()],
                kafka_of=through_its_link,
                settings={"gateway": {"GATEWAY_LEASE": str(LEASE)}},
            )
        )
        system.enter_units()
        story = Story(system.profile, system.held, "faults")
        done = playing.play(story.steps(), Console(quiet=True))
        story.close(keep_key=True)
        assert [(step.name, step.evidence) for step in done if not step.ok] == []
        yield Faulty(system, links, story)


@pytest.fixture(scope="session")
def store(installation: Installation) -> Iterator[Store]:
    with installation.fresh("exchange") as database:
        yield Store(database)


@pytest.fixture(scope="session")
async def streets(store: Store) -> Resource:
    made = await store.made(*STREETS)
    await store.load(made, ROWS)
    return made


@pytest.fixture
def trail(fresh: Callable[[str], Fresh]) -> Fresh:
    """The gateway's own database, for this test alone."""
    return fresh("gateway")


@pytest.fixture
def told(store: Store, streets: Resource, trail: Fresh) -> Callable[..., Told]:
    """What replicas of a gateway are told: `told(per_day=300)`."""

    def make(**more: object) -> Told:
        given = {"store_url": store.database.url(READER), "outbox_url": trail.app_url, **more}
        return Told(resource_version=streets.version, provider=streets.provider, **given)  # type: ignore[arg-type]

    return make
