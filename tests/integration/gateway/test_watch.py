"""The two roads of state against a real broker and the services that own it: what is in force, with and without each.

FAULT-17, 26, 27 at one worker: the broker cut off by a proxy, the services behind a transport that can be cut.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import aiokafka.client
import httpx2
import pytest
from pydantic import SecretStr

from catalog import app as catalog
from catalog.settings import CatalogSettings
from common import clock, outbox
from common.events import GrantState
from common.outbox import Relay
from common.state import StateReader
from exchange.layout import READER
from gateway.domain.freshness import Freshness, Road
from gateway.domain.memory import STATES, Memory
from gateway.jobs import Source, Tokens, Watch
from registry import app as registry
from registry.settings import RegistrySettings
from sharing import app as sharing
from sharing.settings import SharingSettings
from tests.support.gateway_door import opened
from tests.support.gateway_world import World
from tests.support.proxying import TcpProxy
from tests.support.running import running
from tests.support.streets import STREETS
from tests.support.waiting import eventually

LEASE = 5.0
IN_FORCE = 5.0
"""Seconds within which a change is in force with the broker away (gateway-protocol, Fresh grants)."""
OWNERS = {
    "registry": (registry, RegistrySettings),
    "catalog": (catalog, CatalogSettings),
    "sharing": (sharing, SharingSettings),
}


class Telling(Memory):
    """What the exchange holds: everything that it takes in is to be told to others."""

    def __init__(self):
        super().__init__()
        self.told = []

    def apply(self, event):
        super().apply(event)
        self.told.append(event)


class Link(httpx2.AsyncBaseTransport):
    """The way to a service over HTTP, which can be cut."""

    def __init__(self, running):
        self._inner = httpx2.ASGITransport(app=running.parts.http)
        self.open = True
        self.asked = []

    async def handle_async_request(self, request):
        if not self.open:
            raise httpx2.ConnectError("cut")
        self.asked.append(request.url.path)
        return await self._inner.handle_async_request(request)


@dataclass
class Exchange:
    """The three services, the world that they tell of, and one gateway that listens."""

    services: dict
    relays: dict
    links: dict
    broker: TcpProxy
    world: World
    door: object
    fresh: Freshness
    watch: Watch
    reader: StateReader

    async def tell(self):
        """Put what the world took in into the outboxes of its owners."""
        told, self.world.memory.told = self.world.memory.told, []
        for event in told:
            if event.owner not in self.services:
                self.door.gateway.memory.apply(event)
                continue
            async with self.services[event.owner].parts.db.begin() as tx:
                await outbox.put(tx, event)

    async def code(self):
        answer = await self.door.call(street_code="310105001")
        return (answer.status, answer.code, answer.reason)

    async def comes_to(self, expected, within):
        async def does():
            return await self.code() == expected

        await eventually(does, within=within, what=f"answers {expected}")

    async def move(self, state):
        self.world.grant("edu", "streets", ["street_code", "street_name"], state=state)
        await self.tell()

    def over_http(self, *, open_):
        for link in self.links.values():
            link.open = open_


OK, REFUSED, AWAY = (200, "1", None), (200, "203", None), (503, "500", "grants")


@pytest.fixture
async def exchange(installation, store, streets, outbox, fresh, monkeypatch):
    async with contextlib.AsyncExitStack() as stack:
        broker = stack.enter_context(TcpProxy())
        broker.target = int(installation.kafka("gateway").servers.rpartition(":")[2])
        through = aiokafka.client.create_conn

        async def by_the_proxy(host, port, **more):
            # Only the gateway's own clients; the broker names its own address, so each connection is led astray.
            mine = more.get("client_id") == "gateway"
            return await through(host, broker.port if mine else port, **more)

        monkeypatch.setattr(aiokafka.client, "create_conn", by_the_proxy)
        services = {
            name: await stack.enter_async_context(running(name, module.build, settings, fresh(name)))
            for name, (module, settings) in OWNERS.items()
        }
        for made in services.values():
            made.clock.shows = clock.now()
        relays = {
            name: Relay(made.fresh.app_url, installation.kafka(name).producer, name=name)
            for name, made in services.items()
        }
        for relay in relays.values():
            relay.start()
            stack.push_async_callback(relay.stop)
        links = {name: Link(made) for name, made in services.items()}
        # The topics still hold what the tests before this one told of the same unit and service.
        world = World(memory=Telling(), told_before=time.time_ns() // 1_000_000)
        heard = World(unit_keys=world.unit_keys, method_keys=world.method_keys, grants=world.grants)
        freshness = Freshness(LEASE, time.monotonic)

        async def no_park(record, reason):
            raise AssertionError(reason)

        reader = StateReader(installation.kafka("gateway"), "gateway", STATES, heard.memory.apply, no_park)
        http = await stack.enter_async_context(
            httpx2.AsyncClient(mounts={f"http://{name}": link for name, link in links.items()}, trust_env=False)
        )
        secret = SecretStr(installation.secrets.clients["gateway"])
        tokens = Tokens(http, "http://registry", secret)
        sources = [
            Source(name, f"http://{name}", [s for s in STATES if s.owner == name], http, tokens, heard.memory.apply)
            for name in OWNERS
        ]
        watch = Watch(freshness, reader, sources)
        door = await stack.enter_async_context(
            opened(
                world=heard,
                store_url=store.database.url(READER),
                outbox_url=outbox.app_url,
                admin_url=outbox.admin_url(),
                fresh=freshness,
            )
        )
        made = Exchange(services, relays, links, broker, world, door, freshness, watch, reader)
        world.unit("edu")
        world.service("streets", STREETS, {"street_code": "eq in"}, resource=streets)
        world.grant("edu", "streets", ["street_code", "street_name"])
        await made.tell()
        stack.push_async_callback(reader.stop)
        stack.push_async_callback(watch.stop)
        yield made


async def begin(exchange):
    """Both roads lead to the gateway, and it answers."""
    exchange.reader.start()
    exchange.watch.start()
    await exchange.comes_to(OK, 20)

    async def both():
        return exchange.watch.chain.whole and exchange.fresh.age(Road.CHANGES) < 4

    await eventually(both, what="both roads confirm")


async def lasts(seconds, check):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert await check()
        await asyncio.sleep(0.05)


async def test_with_the_broker_away_calls_go_on_and_a_suspension_is_in_force_within_seconds(exchange):
    # FAULT-17, FAULT-27.
    await begin(exchange)
    exchange.broker.cut()

    async def goes_on():
        return await exchange.code() == OK

    await lasts(LEASE + 2, goes_on)
    assert exchange.fresh.age(Road.TOPICS) > LEASE, "by the other road alone"
    await exchange.move(GrantState.SUSPENDED)
    await exchange.comes_to(REFUSED, IN_FORCE)
    await exchange.move(GrantState.ACTIVE)
    await exchange.comes_to(OK, IN_FORCE)
    exchange.broker.mend()

    async def topics_again():
        return exchange.fresh.age(Road.TOPICS) < 2

    await eventually(topics_again, within=30, what="the topics confirm again")


async def test_with_both_away_calls_are_503_after_the_lease_and_well_again_afterwards(exchange):
    # FAULT-26: nothing tells this replica of a revocation, so it stops by itself.
    await begin(exchange)
    exchange.broker.cut()
    exchange.over_http(open_=False)
    cut = time.monotonic()
    await exchange.move(GrantState.SUSPENDED)
    await exchange.comes_to(AWAY, LEASE + 2)
    assert time.monotonic() - cut > LEASE - 2.5, "not before the lease ends"

    async def stays():
        return await exchange.code() == AWAY

    await lasts(2, stays)
    exchange.over_http(open_=True)
    await exchange.comes_to(REFUSED, IN_FORCE)
    await exchange.move(GrantState.ACTIVE)
    await exchange.comes_to(OK, IN_FORCE)


@pytest.mark.parametrize("silent", ["registry", "sharing"])
async def test_one_service_that_is_silent_is_enough_to_confirm_nothing(exchange, silent):
    await begin(exchange)
    exchange.broker.cut()
    exchange.links[silent].open = False
    await exchange.comes_to(AWAY, LEASE + 2)
    exchange.links[silent].open = True
    await exchange.comes_to(OK, IN_FORCE)


async def test_a_service_that_alone_is_cut_off_from_the_broker_is_heard_within_seconds(exchange):
    # FAULT-27: the topics are read to their end and know nothing of it; the outbox does.
    await begin(exchange)
    await exchange.relays["sharing"].stop()
    await exchange.move(GrantState.SUSPENDED)
    await exchange.comes_to(REFUSED, IN_FORCE)
    assert exchange.fresh.age(Road.TOPICS) < 2.5


async def test_without_the_services_the_topics_are_enough(exchange):
    await begin(exchange)
    exchange.over_http(open_=False)

    async def goes_on():
        return await exchange.code() == OK

    await lasts(LEASE + 1, goes_on)
    await exchange.move(GrantState.SUSPENDED)
    await exchange.comes_to(REFUSED, 2)  # the promise with the broker well


async def test_a_gateway_that_has_never_read_the_topics_answers_nothing(exchange):
    exchange.broker.cut()
    exchange.reader.start()
    exchange.watch.start()

    async def asked():
        return all(link.asked.count("/changes") >= 3 for link in exchange.links.values())

    await eventually(asked, what="the services have answered")
    assert await exchange.code() == AWAY, "what they tell is not the whole state"
    assert not exchange.watch.first.is_set()
    exchange.broker.mend()
    await exchange.comes_to(OK, 40)
    assert exchange.watch.first.is_set()


async def test_a_register_that_is_away_alone_stops_nothing_while_tokens_last(exchange):
    await begin(exchange)
    exchange.links["registry"].open = False
    count = exchange.links["sharing"].asked.count("/changes")

    async def asked():
        return exchange.links["sharing"].asked.count("/changes") > count + 1

    await eventually(asked, what="others are asked with the tokens at hand")
    assert await exchange.code() == OK
