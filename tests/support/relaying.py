"""A relay on real servers, whose producer can be watched and spoilt, and what it has sent."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from common import outbox
from common.db import Db
from common.events import Event
from common.outbox import Relay
from tests.support.probe import Probe, admin, records
from tests.support.waiting import eventually

Told = Callable[[str, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outbox:
    """A service's database, with the addresses of the relay and of an administrator."""

    db: Db
    url: str
    admin_url: str


class _Noted:
    """A batch that remembers whose records it holds: one key's."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.key = b""

    def append(self, *, timestamp: int | None, key: bytes, value: bytes, headers: Any) -> object | None:
        assert self.key in (b"", key)
        self.key = key
        taken: object | None = self.real.append(timestamp=timestamp, key=key, value=value, headers=headers)
        return taken

    def close(self) -> None:
        self.real.close()


class Through:
    """A producer that is asked before and told after each record or batch; everything else is the real one's."""

    def __init__(self, real: Any, *, before: Told | None = None, after: Told | None = None) -> None:
        self._real, self._before, self._after = real, before, after

    async def start(self) -> None:
        await self._real.start()

    async def stop(self) -> None:
        await self._real.stop()

    async def partitions_for(self, topic: str) -> set[int]:
        found: set[int] = await self._real.partitions_for(topic)
        return found

    def create_batch(self) -> _Noted:
        return _Noted(self._real.create_batch())

    async def send_batch(self, batch: _Noted, topic: str, *, partition: int) -> Awaitable[object]:
        if self._before is not None:
            await self._before(topic, batch.key)
        delivery = await self._real.send_batch(batch.real, topic, partition=partition)
        return self._sent(delivery, batch, topic)

    async def _sent(self, delivery: Awaitable[object], batch: _Noted, topic: str) -> object:
        taken = await delivery
        if self._after is not None:
            await self._after(topic, batch.key)
        return taken

    async def send_and_wait(self, topic: str, value: bytes, key: bytes, *, headers: Any) -> object:
        if self._before is not None:
            await self._before(topic, key)
        taken = await self._real.send_and_wait(topic, value, key, headers=headers)
        if self._after is not None:
            await self._after(topic, key)
        return taken


@asynccontextmanager
async def relaying(
    held: Outbox,
    probe: Probe,
    *,
    name: str = "test",
    before: Told | None = None,
    after: Told | None = None,
    wake: asyncio.Event | None = None,
) -> AsyncIterator[Relay]:
    """A relay of this outbox, as the owner of the probe's topic, until the block ends."""
    kafka = probe.kafka(probe.owner)
    relay = Relay(
        held.url,
        lambda: Through(kafka.producer(), before=before, after=after),
        name=name,
        wake=wake or held.db.wrote_event,
    )
    relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


async def write(held: Outbox, *told: Event) -> list[UUID]:
    """Write events in one transaction; their ids."""
    async with held.db.begin() as tx:
        return [await outbox.put(tx, event) for event in told]


async def write_and_fail(held: Outbox, told: Event) -> None:
    async with held.db.begin() as tx:
        await outbox.put(tx, told)
        raise RuntimeError


async def unsent(held: Outbox) -> int:
    async with held.db.begin() as tx:
        found = await tx.execute(sa.text("select count(*) from outbox where published_at is null"))
        return int(found.scalar_one())


async def sent_all(held: Outbox, within: float = 60.0) -> None:
    async def none_left() -> bool:
        return await unsent(held) == 0

    await eventually(none_left, within=within, what="the outbox is empty")


async def leads(relay: Relay, within: float = 60.0) -> None:
    async def leading() -> bool:
        return relay.state.leading

    await eventually(leading, within=within, what="the relay leads")


async def arrived(probe: Probe) -> list[tuple[str, int]]:
    """What arrived: (name, number) in the order of each partition."""
    found = await records(admin(probe.installation), probe.topic)
    told: list[Any] = [probe.event.model_validate_json(record.value) for record in found]
    return [(event.name, event.number) for event in told]


def by_name(came: list[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for name, number in came:
        found[name].append(number)
    return found


async def cut(held: Outbox, name: str) -> int:
    """End the database sessions of a relay, as a broken network or a restart would; how many there were."""
    return await _ask(held, "select count(pg_terminate_backend(pid)) from pg_stat_activity", name)


async def sessions(held: Outbox, name: str) -> int:
    return await _ask(held, "select count(*) from pg_stat_activity", name)


async def _ask(held: Outbox, query: str, name: str) -> int:
    connection = await asyncpg.connect(held.admin_url)
    try:
        return int(await connection.fetchval(f"{query} where application_name = $1", f"relay of {name}"))
    finally:
        await connection.close()
