"""A district's worth of services and grants, told to a running exchange by the outboxes of the services that own them.

The public interfaces would make ten thousand grants in a quarter of an hour. Here the same events are written where the
services write theirs, and go the same way from there: relay, Kafka, the gateway's memory. Rows enter by the loader.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

import asyncpg
import orjson

from common import clock, trace
from common.events import Event, GrantedItem, ItemMode, MaskRule, Mode, Quota, RowCondition, base
from common.ids import uuid7
from common.keys import Pepper
from demo.system import System
from exchange import loading, making
from exchange.layout import Resource
from provision.secrets import EXCHANGE, KEEPER, LOADER, postgres_url
from tests.bench.load import Target
from tests.support.gateway_world import World
from tests.support.items import day, key, numeric, text

ROWS: Final = 100_000
RESOURCES: Final = 5
UNITS: Final = 10
AREAS: Final = tuple(f"A{n}" for n in range(10))
ITEMS: Final = (
    key(text("code", 12)),
    text("name", 60),
    text("phone", 20),
    numeric("amount", 14, 2),
    day("updated"),
    text("area", 8),
)
CODES: Final = tuple(item.code for item in ITEMS)
PLENTY: Final = Quota(per_second=1_000_000, per_day=1_000_000_000)
INPUTS: Final = {"code": "eq ge lt"}


def row(number: int) -> tuple[Any, ...]:
    return (
        f"K{number:09d}",
        f"上海示例企业第{number}号有限公司",
        f"138{number:08d}",
        Decimal(number % 1_000_000) / 100,
        date(2020, 1, 1) + timedelta(days=number % 2000),
        AREAS[number % len(AREAS)],
    )


def granted(unit: int) -> list[str | GrantedItem]:
    """What a unit sees: everyone the code and the name, some of them masked, and more or less of the rest."""
    found: list[str | GrantedItem] = ["code"]
    found.append(GrantedItem(code="name", mode=ItemMode.MASKED, mask=MaskRule.NAME) if unit % 3 == 0 else "name")
    if unit % 2:
        found.append(GrantedItem(code="phone", mode=ItemMode.MASKED, mask=MaskRule.PHONE))
    found += ["amount", "updated"]
    return found


@dataclass(frozen=True, slots=True)
class District:
    """What was told, and how to call it."""

    resources: tuple[Resource, ...]
    targets: list[Target]
    """A target per grant: its path, its keys, and the number of its resource."""


class Teller:
    """Tells the exchange of units, services and grants."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._world = World(pepper=Pepper(system.secrets.pepper_id, system.secrets.pepper.encode()))
        self._resources: list[Resource] = []

    async def resources(self, count: int = RESOURCES, rows: int = ROWS) -> tuple[Resource, ...]:
        """Tables with rows, ready to be read."""
        for number in range(count):
            resource = Resource(provider="mzj", version=f"307009-{900_001 + number:06d}_v1", items=ITEMS)
            await self.load(resource, rows)
            self._resources.append(resource)
        return tuple(self._resources)

    async def load(self, resource: Resource, rows: int) -> None:
        """Make the table of a resource, if it is missing, and put these rows in the place of all rows."""
        keeper = await asyncpg.connect(self._url(KEEPER))
        loader = await asyncpg.connect(self._url(LOADER))
        try:
            await making.make(keeper, resource)
            await loading.replace(
                loader,
                version=resource.version,
                batch=uuid4(),
                sha256=hashlib.sha256(resource.version.encode()).hexdigest(),
                columns=CODES,
                rows=((number + 2, row(number)) for number in range(rows)),
            )
        finally:
            await keeper.close()
            await loader.close()

    def _url(self, role: str) -> str:
        return postgres_url(self._system.secrets, self._system.addresses, role, EXCHANGE)

    async def services(self, prefix: str, count: int, units: int = UNITS) -> District:
        """So many services over all resources, each granted to each unit."""
        world, told = self._world, dict[str, list[Event]]()

        def tell(owner: str, event: Event) -> None:
            told.setdefault(owner, []).append(event)

        names = [f"{prefix}-u{n}" for n in range(units)]
        for name in names:
            world.unit(name)
            tell("registry", world.memory.units[name])
        targets: list[Target] = []
        for number in range(count):
            resource = self._resources[number % len(self._resources)]
            service = f"{prefix}-{number}"
            tell("catalog", world.service(service, ITEMS, INPUTS, resource=resource, ready=False))
            for n, name in enumerate(names):
                order = (*AREAS[n:], *AREAS[:n])
                grant = world.grant(
                    name,
                    service,
                    granted(n),
                    row_filter=(RowCondition(item="area", values=order),),
                    quota=PLENTY,
                )
                tell("sharing", grant)
                targets.append(self._target(name, service, number % len(self._resources)))
        for resource in self._resources:
            world.ready(resource)
            tell("ingest-files", world.memory.ready[resource.version])
        await self._write(told)
        return District(tuple(self._resources), targets)

    async def verification(self, service: str) -> District:
        """A service of the first resource that verifies a name by the code."""
        world = self._world
        resource = self._resources[0]
        unit = f"{service}-u"
        world.unit(unit)
        told = world.service(
            service, ITEMS, {}, resource=resource, ready=False, mode=Mode.VERIFY, identity=("code",), claims=("name",)
        )
        grant = world.grant(unit, service, [GrantedItem(code="name", mode=ItemMode.VERIFY)], quota=PLENTY)
        await self._write({"registry": [world.memory.units[unit]], "catalog": [told], "sharing": [grant]})
        return District((resource,), [self._target(unit, service, 0)])

    def _target(self, unit: str, service: str, resource: int) -> Target:
        keys = self._world.keys(unit, service)
        headers = {"X-Unit-Key": keys["unitKey"], "X-Method-Key": keys["methodKey"]}
        return Target(f"/{service}", headers, resource)

    async def _write(self, told: dict[str, list[Event]]) -> None:
        for owner, events in told.items():
            connection = await asyncpg.connect(self._system.endpoints.postgres.url(owner.replace("-", "_")))
            try:
                await connection.executemany(
                    "insert into outbox (event_id, topic, key, headers, payload) values ($1, $2, $3, $4, $5)",
                    _rows(events),
                )
            finally:
                await connection.close()


def _rows(events: Sequence[Event]) -> Iterable[tuple[Any, ...]]:
    for event in events:
        event_id = uuid7()
        headers = base.headers(
            event.topic,
            event_id=event_id,
            source=event.owner,
            time=clock.now(),
            traceparent=trace.fresh().traceparent,
        )
        named = orjson.dumps({name: value.decode() for name, value in headers}).decode()
        yield event_id, event.topic, event.key, named, base.dump(event)
