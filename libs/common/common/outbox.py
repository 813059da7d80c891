"""The outbox: a state and its event are committed together, and one relay per service sends what was committed.

The relay asks without a cursor (`published_at IS NULL ORDER BY id`): a cursor by id loses rows and one by transaction
id breaks the order of an aggregate (PIT-P1, P2). The writer holds its aggregate's row lock while it inserts, so that
ids of one key are committed in order. Duplicates happen after a crash; losses and reorderings do not.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
from aiokafka.errors import KafkaError
from pydantic import SecretStr
from sqlmodel.ext.asyncio.session import AsyncSession

from common import clock, db, delivery, log, trace
from common.events import Event, base
from common.ids import uuid7

BATCH: Final = 500
"""Rows taken at a time."""
KEEP_PUBLISHED: Final = "7 days"
"""How long a sent row stays: the time in which a lost topic can be rebuilt."""
_POLL_BUSY, _POLL_REST = 0.05, 0.5
_RETRY_LOCK: Final = 0.5
_SEND_TIMEOUT: Final = 30.0
_CLEAN_EVERY: Final = 600.0
_MANY_FAILURES: Final = 3
# One lock per database: which relay works. The number is arbitrary and never changes.
_LOCK: Final = 0x5348_5551
_log = log.get(__name__)


async def put(session: AsyncSession, event: Event) -> UUID:
    """Write an event beside the state it tells of; it leaves only if the transaction commits. Returns the event's id.

    Raises:
        TooLarge: the event is over the limit; nothing is written.
    """
    event_id = uuid7()
    headers = base.headers(
        event.topic,
        event_id=event_id,
        source=event.owner,
        time=clock.now(),
        traceparent=trace.current().traceparent,
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


class Producer(Protocol):
    """What the relay needs of a Kafka producer (aiokafka's fits)."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes, *, headers: Sequence[tuple[str, bytes]]
    ) -> object: ...


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
        while True:
            try:
                await self._lead()
            except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self.state.failures_in_a_row += 1
                _log.warning("relay.interrupted", relay=self._name, error=type(error).__name__)
            self.state.leading = False
            await asyncio.sleep(min(_RETRY_LOCK * 2 ** min(self.state.failures_in_a_row, 4), 5.0))

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
            producer = self._make_producer()
            await producer.start()
            self.state.leading = True
            _log.info("relay.leads", relay=self._name)
            try:
                await self._work(connection, producer)
            finally:
                # A producer with every broker away may never come back from stop (PIT-A7).
                with contextlib.suppress(TimeoutError, KafkaError, OSError):
                    await asyncio.wait_for(producer.stop(), 10)
        finally:
            connection.terminate()

    async def _work(self, connection: asyncpg.Connection, producer: Producer) -> None:
        rest = _POLL_BUSY
        clean_at = asyncio.get_running_loop().time() + _CLEAN_EVERY
        while True:
            self._wake.clear()
            taken = await self._drain_once(connection, producer)
            if taken:
                rest = _POLL_BUSY
                if taken == BATCH:
                    continue
            else:
                rest = min(rest * 2, _POLL_REST)
                if asyncio.get_running_loop().time() > clean_at:
                    await self._clean(connection)
                    clean_at = asyncio.get_running_loop().time() + _CLEAN_EVERY
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), rest)

    async def _drain_once(self, connection: asyncpg.Connection, producer: Producer) -> int:
        rows = await connection.fetch(
            "select id, topic, key, headers, payload, created_at from outbox"
            " where published_at is null order by id limit $1",
            BATCH,
        )
        if not rows:
            self.state.unsent, self.state.oldest_unsent_seconds = 0, 0.0
            self.state.failures_in_a_row = 0
            return 0
        self.state.unsent = len(rows)
        self.state.oldest_unsent_seconds = (clock.now() - rows[0]["created_at"]).total_seconds()
        by_key: dict[tuple[str, str], list[asyncpg.Record]] = {}
        for row in rows:
            by_key.setdefault((row["topic"], row["key"]), []).append(row)
        results = await asyncio.gather(*(self._send_key(producer, group) for group in by_key.values()))
        sent = [number for numbers, _ in results for number in numbers]
        failed = [error for _, error in results if error is not None]
        if sent:
            await connection.execute("update outbox set published_at = now() where id = any($1::bigint[])", sent)
            self.state.sent_total += len(sent)
        if failed:
            # A key that fails stops; the others went on. Repeated failures: a new producer (PIT-A4).
            self.state.failures_in_a_row += 1
            _log.warning("relay.send_failed", relay=self._name, keys=len(failed), error=type(failed[0]).__name__)
            if not sent or self.state.failures_in_a_row >= _MANY_FAILURES:
                raise failed[0]
        else:
            self.state.failures_in_a_row = 0
        return len(rows)

    async def _send_key(
        self, producer: Producer, rows: list[asyncpg.Record]
    ) -> tuple[list[int], KafkaError | TimeoutError | OSError | None]:
        done: list[int] = []
        for row in rows:
            headers = [(name, value.encode()) for name, value in _headers(row["headers"]).items()]
            try:
                await asyncio.wait_for(
                    producer.send_and_wait(row["topic"], row["payload"], row["key"].encode(), headers=headers),
                    _SEND_TIMEOUT,
                )
            except (KafkaError, TimeoutError, OSError) as error:
                return done, error
            done.append(row["id"])
        return done, None

    async def _clean(self, connection: asyncpg.Connection) -> None:
        await connection.execute(
            f"delete from outbox where id in (select id from outbox where published_at < now() - interval"  # noqa: S608  a constant
            f" '{KEEP_PUBLISHED}' limit 5000)"
        )
        await connection.execute(
            "delete from inbox where ctid in"
            " (select ctid from inbox where received_at < now() - interval '60 days' limit 5000)"
        )


def _headers(stored: Any) -> dict[str, str]:
    found: dict[str, str] = json.loads(stored) if isinstance(stored, str) else stored
    return found
