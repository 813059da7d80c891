"""Dead letters of a service: what could not be understood or was refused, with reason and origin, and the way back.

    python -m <service> dead-letters list             what is parked, newest last
    python -m <service> dead-letters show ORIGIN      one record, its reason, and its value on request (--value)
    python -m <service> dead-letters replay ORIGIN    hand it to the service's handler once more

A replay runs the handler here and now: only the owner of a topic may write to it, so a dead letter never goes back to
where it came from. The inbox makes a replay harmless where the event had its effect after all.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from sqlalchemy.dialects.postgresql import insert

from common import bus, clock, delivery
from common.db import Db
from common.errors import NotFound, Undecodable
from common.events import base

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

_READ_TIMEOUT_MS = 3000
_START_TIMEOUT = 20.0
_IDLE_ROUNDS = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    origin: str
    reason: str
    attempts: int
    parked_at_ms: int
    topic: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]
    omitted: int | None
    """Bytes of a value that is larger than any event can be, and stayed at its origin."""


async def read_all(kafka: bus.Kafka, service: str) -> AsyncGenerator[DeadLetter, None]:
    """Every dead letter of the service, oldest first per partition; one that was parked twice comes once.

    Raises:
        TimeoutError: the broker stopped answering before the end.
    """
    consumer = AIOKafkaConsumer(
        bus.dead_letter_topic(service),
        **kafka.client_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    seen: set[str] = set()
    try:
        async with asyncio.timeout(_START_TIMEOUT):
            await consumer.start()
        ends = {tp: end for tp, end in (await consumer.end_offsets(list(consumer.assignment()))).items() if end > 0}
        begins = await consumer.beginning_offsets(list(ends))
        waiting = {tp for tp, end in ends.items() if begins[tp] < end}
        idle = 0
        while waiting:
            batch = await consumer.getmany(timeout_ms=_READ_TIMEOUT_MS)
            idle = 0 if batch else idle + 1
            if idle >= _IDLE_ROUNDS:
                raise TimeoutError("the broker does not answer any more")
            for tp, records in batch.items():
                for record in records:
                    letter = _letter(record)
                    if letter.origin not in seen:
                        seen.add(letter.origin)
                        yield letter
                    if record.offset >= ends[tp] - 1:
                        waiting.discard(tp)
    finally:
        await consumer.stop()


def _letter(record: "ConsumerRecord[Any, Any]") -> DeadLetter:
    found = bus.text_headers(record.headers)
    origin = found.get("x-origin", f"{record.topic}/{record.partition}/{record.offset}")
    attempts, omitted = found.get("x-attempts", "1"), found.get("x-omitted", "")
    return DeadLetter(
        origin=origin,
        reason=found.get("x-reason", "unknown"),
        attempts=int(attempts) if attempts.isdecimal() else 1,
        parked_at_ms=record.timestamp,
        topic=origin.split("/", 1)[0],
        key=record.key,
        value=None if found.get("x-null") == "1" else record.value,
        headers={k: v for k, v in found.items() if not k.startswith("x-")},
        omitted=int(omitted) if omitted.isdecimal() else None,
    )


async def find(kafka: bus.Kafka, service: str, origin: str) -> DeadLetter:
    """The dead letter of this origin (`topic/partition/offset`).

    Raises:
        NotFound: there is none.
    """
    async with contextlib.aclosing(read_all(kafka, service)) as letters:
        async for letter in letters:
            if letter.origin == origin:
                return letter
    raise NotFound(f"没有来自 {origin} 的死信")


async def replay(letter: DeadLetter, routes: bus.Routes, database: Db, by: str) -> None:
    """Hand a dead letter to the service's handler once more, and note that it was done and by whom.

    Raises:
        NotFound: the service does not read that topic.
        Refusal: the record is still refused; nothing is noted.
    """
    route = routes.routes.get(letter.topic)
    if route is None:
        raise NotFound(f"本服务不读取主题 {letter.topic}")
    if letter.omitted is not None:
        raise Undecodable("事件超过大小上限，死信中没有其内容", reason="too-large")
    headers = [(k, v.encode()) for k, v in letter.headers.items()]
    meta = base.read_meta(route.event, bus.text_headers(headers), bus.digest(letter.value))
    event = base.read(route.event, letter.key, letter.value)
    await bus.handle(routes.service, route, event, meta)
    async with database.begin() as tx:
        await tx.execute(
            insert(delivery.dead)
            .values(origin=letter.origin, reason=letter.reason, replayed_at=clock.now(), replayed_by=by)
            .on_conflict_do_update(index_elements=["origin"], set_={"replayed_at": clock.now(), "replayed_by": by})
        )


async def replayed(database: Db) -> dict[str, str]:
    """Origins that were replayed, with the time for people."""
    async with database.begin() as tx:
        rows = await tx.execute(delivery.dead.select().where(delivery.dead.c.replayed_at.is_not(None)))
        return {row.origin: clock.show(row.replayed_at) for row in rows}


async def park_once(
    database: Db, producer: AIOKafkaProducer, service: str, record: "ConsumerRecord[Any, Any]", reason: str
) -> None:
    """Dead-letter a record of a state topic the first time it is met: a state reader meets it again at every start."""
    origin = f"{record.topic}/{record.partition}/{record.offset}"
    async with database.begin() as tx:
        claim = (
            insert(delivery.dead)
            .values(origin=origin, reason=reason)
            .on_conflict_do_nothing()
            .returning(delivery.dead.c.origin)
        )
        if (await tx.execute(claim)).first() is None:
            return
        # Inside the transaction: if the broker does not take it, the claim is rolled back and the record comes again.
        key, value = bus.carried(record)
        await producer.send_and_wait(
            bus.dead_letter_topic(service),
            value,
            key=key,
            headers=[(k, v.encode()) for k, v in bus.dead_letter_headers(record, reason, 1).items()],
        )
