"""The outbox: a state and its event are committed together, and one relay per service sends what was committed.

The relay asks without a cursor (`published_at IS NULL ORDER BY id`): a cursor by id loses rows and one by transaction
id breaks the order of an aggregate (PIT-P1, P2). The writer holds its aggregate's row lock while it inserts, so that
ids of one key are committed in order. Duplicates happen after a crash; losses and reorderings do not.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
import orjson
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from pydantic import SecretStr
from sqlmodel.ext.asyncio.session import AsyncSession

from common import clock, db, delivery, ending, log, spans, trace
from common.events import Event, base
from common.ids import uuid7

BATCH: Final = 500
"""Rows taken at a time."""
KEEP_PUBLISHED: Final = "7 days"
"""How long a sent row stays: the time in which a lost topic can be rebuilt."""
_POLL_BUSY, _POLL_REST = 0.05, 0.5
_RETRY_LOCK: Final = 0.5
_RETRY_LAST: Final = 5.0
_SEND_TIMEOUT: Final = 30.0
_PATIENCE: Final = 1.0
"""How long a batch is waited for; a key that takes longer goes on by itself, and the others are not held up."""
_CLEAN_EVERY: Final = 600.0
_CLEAN_ROWS: Final = 500
"""Rows deleted at a time: more would hold up the sending. While so many are found the next are deleted at once."""
_MANY_FAILURES: Final = 3
"""Failures of one key after which the producer is made anew (PIT-A4)."""
# One lock per database: which relay works. The number is arbitrary and never changes.
_LOCK: Final = 0x5348_5551
# Next in order, but for the keys that are on their way or in trouble: none of them may fill the whole batch.
_NEXT: Final = (
    "select id, topic, key, headers, payload from outbox where published_at is null and not exists"
    " (select from unnest($2::text[], $3::text[]) as aside(topic, key)"
    " where aside.topic = outbox.topic and aside.key = outbox.key) order by id limit $1"
)
_WAITING: Final = (
    "select count(*) as unsent, min(created_at) as oldest from"
    " (select created_at from outbox where published_at is null order by id limit $1) as waiting"
)
_log = log.get(__name__)


async def put(session: AsyncSession, event: Event) -> UUID:
    """Write an event beside the state it tells of; it leaves only if the transaction commits. Returns the event's id.

    Raises:
        TooLarge: the event is over the limit; nothing is written.
    """
    event_id = uuid7()
    carried = trace.current()
    if (told := spans.active()) is not None:
        carried = told.published(event.topic, carried)
    headers = base.headers(
        event.topic,
        event_id=event_id,
        source=event.owner,
        time=clock.now(),
        traceparent=carried.traceparent,
    )
    await session.execute(
        delivery.outbox.insert().values(
            event_id=event_id,
            topic=event.topic,
            key=event.key,
            headers={name: value.decode() for name, value in headers},
            payload=base.dump(event),
        )
    )
    session.info[db.WROTE_EVENT] = True
    return event_id


class Batch(Protocol):
    """Records that the broker takes all together or not at all."""

    def append(
        self, *, timestamp: int | None, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> object | None: ...
    def close(self) -> None: ...


class Producer(Protocol):
    """What the relay needs of a Kafka producer (aiokafka's fits)."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def partitions_for(self, topic: str) -> set[int]: ...
    def create_batch(self) -> Any: ...
    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Awaitable[object]: ...
    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, *, headers: Sequence[tuple[str, bytes]]
    ) -> object: ...


Key = tuple[str, str]
"""Topic and key: what is sent in sequence."""


@dataclass(slots=True)
class _Trouble:
    """A key that failed: how often in a row, and when (by the loop's clock) it may be tried again."""

    failures: int = 0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class _Landing:
    """What became of the rows of a key: those that were acknowledged, and what stopped the rest."""

    sent: list[int]
    error: KafkaError | TimeoutError | OSError | None


@dataclass(slots=True)
class RelayState:
    """What the relay can say of itself; read by readiness and metrics."""

    leading: bool = False
    unsent: int = 0
    oldest_unsent_seconds: float = 0.0
    sent_total: int = 0
    failures_in_a_row: int = 0


class Relay:
    """Sends the outbox of one database: one key in sequence, keys side by side. One works, others stand by.

    The advisory lock, the reading and the marking share one connection: whoever loses the connection has lost the lock
    and can mark nothing.
    """

    def __init__(
        self, url: SecretStr | str, producer: Callable[[], Producer], *, name: str, wake: asyncio.Event | None = None
    ) -> None:
        self._url = db.plain_url(url)
        self._make_producer = producer
        self._name = name
        self._wake = wake or asyncio.Event()
        self.state = RelayState()
        self._task: asyncio.Task[None] | None = None
        self._flying: dict[Key, asyncio.Task[_Landing]] = {}
        self._troubled: dict[Key, _Trouble] = {}

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"relay of {self._name}")

    async def stop(self) -> None:
        """Stop between two batches where possible; what is not marked is sent again by the next relay."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        pause = _RETRY_LOCK
        while True:
            try:
                await self._lead()
            except Exception as error:  # noqa: BLE001  a relay that ended in silence would keep every event to itself
                self.state.failures_in_a_row += 1
                _log.warning("relay.interrupted", relay=self._name, error=type(error).__name__)
            pause = _RETRY_LOCK if self.state.leading else min(pause * 2, _RETRY_LAST)
            self.state.leading = False
            await asyncio.sleep(pause)

    async def _lead(self) -> None:
        connection = await asyncpg.connect(
            self._url,
            timeout=db.CONNECT_TIMEOUT,
            command_timeout=15,
            server_settings={**db.SERVER_SETTINGS, "application_name": f"relay of {self._name}"},
        )
        try:
            while not await connection.fetchval(  # noqa: ASYNC110  another process holds it; there is no event
                "select pg_try_advisory_lock($1)", _LOCK
            ):
                await asyncio.sleep(_RETRY_LOCK)
            # Now, not after the first sending: the age of what waits is what tells that the broker is away.
            await self._measure(connection)
            producer = self._make_producer()
            try:
                await producer.start()
                self.state.leading = True
                _log.info("relay.leads", relay=self._name)
                await self._work(connection, producer)
            finally:
                for flying in self._flying.values():
                    flying.cancel()
                self._flying.clear()
                await ending.end(producer)
        finally:
            connection.terminate()

    async def _work(self, connection: asyncpg.Connection, producer: Producer) -> None:
        rest = _POLL_BUSY
        clean_at = asyncio.get_running_loop().time() + _CLEAN_EVERY
        while True:
            self._wake.clear()
            taken = await self._drain_once(connection, producer)
            # Under load too: where something is always on its way, what was sent would never be cleaned away.
            if asyncio.get_running_loop().time() > clean_at:
                more = await self._clean(connection)
                clean_at = asyncio.get_running_loop().time() + (0.0 if more else _CLEAN_EVERY)
            if taken:
                rest = _POLL_BUSY
                if taken == BATCH:
                    continue
            else:
                rest = min(rest * 2, _POLL_REST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._wake.wait()

    async def _drain_once(self, connection: asyncpg.Connection, producer: Producer) -> int:
        """Send what is next and mark what was acknowledged; the number of rows taken."""
        now = asyncio.get_running_loop().time()
        aside = [*self._flying, *(key for key, trouble in self._troubled.items() if trouble.until > now)]
        rows = await connection.fetch(_NEXT, BATCH, [topic for topic, _ in aside], [key for _, key in aside])
        by_key: dict[Key, list[asyncpg.Record]] = {}
        for row in rows:
            by_key.setdefault((row["topic"], row["key"]), []).append(row)
        leaving = {key: asyncio.create_task(self._send_key(producer, group)) for key, group in by_key.items()}
        self._flying |= leaving
        if leaving:
            await asyncio.wait(leaving.values(), timeout=_PATIENCE)
        await self._land(connection)
        if rows or aside:
            await self._measure(connection)
        else:
            self.state.unsent, self.state.oldest_unsent_seconds = 0, 0.0
            self.state.failures_in_a_row = 0
        return len(rows)

    async def _measure(self, connection: asyncpg.Connection) -> None:
        waiting = await connection.fetchrow(_WAITING, BATCH)
        self.state.unsent = waiting["unsent"]
        oldest = waiting["oldest"]
        self.state.oldest_unsent_seconds = (clock.now() - oldest).total_seconds() if oldest is not None else 0.0

    async def _land(self, connection: asyncpg.Connection) -> None:
        """Mark what the finished keys have sent; a key that failed waits longer from time to time.

        Raises:
            KafkaError | TimeoutError | OSError: a key failed again and again: the producer is to be made anew.
        """
        landed = {key: task.result() for key, task in self._flying.items() if task.done()}
        sent = [number for landing in landed.values() for number in landing.sent]
        if sent:
            await connection.execute("update outbox set published_at = now() where id = any($1::bigint[])", sent)
            self.state.sent_total += len(sent)
        worst: KafkaError | TimeoutError | OSError | None = None
        for key, landing in landed.items():
            del self._flying[key]
            if landing.error is None:
                self._troubled.pop(key, None)
                continue
            trouble = self._troubled.setdefault(key, _Trouble())
            trouble.failures += 1
            pause = min(_RETRY_LOCK * 2 ** min(trouble.failures - 1, 8), _RETRY_LAST)
            trouble.until = asyncio.get_running_loop().time() + pause
            if trouble.failures % _MANY_FAILURES == 0:
                worst = landing.error
        failed = [landing.error for landing in landed.values() if landing.error is not None]
        if failed:
            # A key that fails stops; the others go on.
            self.state.failures_in_a_row += 1
            _log.warning("relay.send_failed", relay=self._name, keys=len(failed), error=type(failed[0]).__name__)
        elif sent:
            self.state.failures_in_a_row = 0
        if worst is not None:
            raise worst

    async def _send_key(self, producer: Producer, rows: list[asyncpg.Record]) -> _Landing:
        done = 0
        while done < len(rows):
            try:
                async with asyncio.timeout(_SEND_TIMEOUT):
                    done += await _send_next(producer, rows[done:])
            except (KafkaError, TimeoutError, OSError) as error:
                return _Landing([row["id"] for row in rows[:done]], error)
        return _Landing([row["id"] for row in rows], None)

    async def _clean(self, connection: asyncpg.Connection) -> bool:
        """Delete some of what has been kept long enough; whether there is more of it."""
        outbox = await connection.execute(
            f"delete from outbox where id in (select id from outbox where published_at < now() - interval"  # noqa: S608  constants
            f" '{KEEP_PUBLISHED}' limit {_CLEAN_ROWS})"
        )
        inbox = await connection.execute(
            "delete from inbox where ctid in"  # noqa: S608  a constant
            f" (select ctid from inbox where received_at < now() - interval '60 days' limit {_CLEAN_ROWS})"
        )
        return f"DELETE {_CLEAN_ROWS}" in (outbox, inbox)


async def _send_next(producer: Producer, rows: list[asyncpg.Record]) -> int:
    """Send the first rows of a key, as many as go together; the number of those that were acknowledged.

    They go as one batch, which the broker takes whole or not at all, and the next one leaves when it is acknowledged:
    none can overtake another, as records sent side by side can (PIT-A5). A single row joins those of other keys.
    """
    topic, key = rows[0]["topic"], rows[0]["key"].encode()
    if len(rows) == 1:
        await producer.send_and_wait(topic, rows[0]["payload"], key, headers=_headers(rows[0]["headers"]))
        return 1
    batch: Batch = producer.create_batch()
    count = 0
    for row in rows:
        if batch.append(timestamp=None, key=key, value=row["payload"], headers=_headers(row["headers"])) is None:
            break
        count += 1
    batch.close()
    # The very partition that the producer gives to a record of this key by itself.
    partitions = list(await producer.partitions_for(topic))
    delivered = await producer.send_batch(batch, topic, partition=_partition(key, partitions, partitions))
    await delivered
    return count


_partition: Final = DefaultPartitioner()


def _headers(stored: str) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in orjson.loads(stored).items()]
