"""The two databases of a gateway: the exchange store it reads, and its own with the outbox of access records."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from common import clock, db, log, trace
from common.events import AccessLogged, base
from common.ids import uuid7
from exchange import calendar
from exchange.reading import Shape
from exchange.values import Value
from gateway.errors import Trouble, Unavailable

MAX_GROUP: Final = 256
MAX_GROUP_BYTES: Final = 400_000
"""Records in one row of the outbox, and their bytes: together they stay under the size of an event."""
MAX_WAITING: Final = 10_000
"""Records that wait for a commit at most; beyond, calls are refused at once."""
COMMIT_WITHIN: Final = 2.0
"""Seconds in which a record must be committed, or its call is answered 503."""
QUERY_WITHIN: Final = 5.0
ACQUIRE_WITHIN: Final = 2.0
_MAX_STATEMENTS: Final = 200
_RETRY: Final = 0.2
_log = log.get(__name__)


class Rows(NamedTuple):
    """Rows as JSON fragments in the order of the items, and the batches that they came with."""

    rows: list[Sequence[str]]
    batches: tuple[UUID, ...]


class Reader:
    """Reads the published views with the rights of `gateway_reader`."""

    def __init__(self, url: str, connections: int) -> None:
        self._url = url
        self._connections = connections
        self._pool: asyncpg.Pool | None = None

    async def start(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._connections,
            timeout=db.CONNECT_TIMEOUT,
            command_timeout=QUERY_WITHIN,
            statement_cache_size=_MAX_STATEMENTS,
            max_inactive_connection_lifetime=300,
            init=calendar.whole,
            server_settings={**db.SERVER_SETTINGS, "application_name": "gateway reader", "jit": "off"},
        )

    async def stop(self) -> None:
        if self._pool is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pool.close(), 5)

    async def ping(self) -> None:
        assert self._pool is not None
        async with self._pool.acquire(timeout=ACQUIRE_WITHIN) as connection:
            await connection.fetchval("select 1")

    async def fetch(self, shape: Shape, values: Sequence[Value | list[Value]], limit: int, skip: int) -> Rows:
        """The rows of a call.

        Raises:
            Unavailable: the store is away or too slow.
        """
        assert self._pool is not None
        width = len(shape.items)
        try:
            async with self._pool.acquire(timeout=ACQUIRE_WITHIN) as connection:
                found = await connection.fetch(shape.sql(), *values, limit + skip)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _log.warning("gateway.store_failed", error=type(error).__name__)
            raise Unavailable(Trouble.STORE) from error
        kept = found[skip:]
        batches = dict.fromkeys(row[width] for row in kept)
        return Rows([tuple(row)[:width] for row in kept], tuple(batches))


class Recorder:
    """Commits the records of calls in groups to the outbox; a call is answered when its record is committed.

    While one group is being committed the next one gathers. A group keeps its numbers until its fate is known: after a
    lost connection the very same row is tried again, and its event id makes the trial harmless.
    """

    def __init__(self, url: str, worker: str) -> None:
        self._url = url
        self.worker = worker
        self.start_id = uuid7()
        self.next_number = 1
        self.committed = 0
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="recorder")

    async def stop(self) -> None:
        """Commit what waits, then stop; at most as long as a call would wait."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, COMMIT_WITHIN)

    async def record(self, made: dict[str, Any]) -> None:
        """Returns when the record, an object of at least one member, is committed.

        Raises:
            Unavailable: too many wait, or no commit came in time.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable(Trouble.TRAIL)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Written here, so that what cannot be written is its own call's trouble and takes no number.
        self._waiting.append((orjson.dumps(made), done))
        self._wake.set()
        try:
            # The caller's patience ends, the record's way does not: it is committed whenever it can be.
            await asyncio.wait_for(asyncio.shield(done), COMMIT_WITHIN)
        except TimeoutError:
            raise Unavailable(Trouble.TRAIL) from None

    async def _run(self) -> None:
        connection: asyncpg.Connection | None = None
        while not (self._stopping and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                row, taken = self._next_group()
                connection = await self._commit(connection, row)
                self.next_number += len(taken)
                self.committed += len(taken)
                for done in taken:
                    if not done.done():
                        done.set_result(None)
        if connection is not None:
            await connection.close(timeout=2)

    def _next_group(self) -> tuple[tuple[Any, ...], list[asyncio.Future[None]]]:
        """The row of the outbox for the first that wait, as many as fit an event, with their numbers."""
        records: list[orjson.Fragment] = []
        taken: list[asyncio.Future[None]] = []
        size = 0
        for text, done in self._waiting[:MAX_GROUP]:
            size += len(text)
            if records and size > MAX_GROUP_BYTES:
                break
            numbered = b'{"number":%d,%b' % (self.next_number + len(records), text[1:])
            records.append(orjson.Fragment(numbered))
            taken.append(done)
        del self._waiting[: len(taken)]
        event_id = uuid7()
        headers = base.headers(
            AccessLogged.topic,
            event_id=event_id,
            source=AccessLogged.owner,
            time=clock.now(),
            traceparent=trace.fresh().traceparent,
        )
        named = orjson.dumps({name: value.decode() for name, value in headers}).decode()
        body = {"worker": self.worker, "start": self.start_id, "first": self.next_number, "records": records}
        return (event_id, AccessLogged.topic, self.worker, named, orjson.dumps(body)), taken

    async def _commit(self, connection: asyncpg.Connection | None, row: tuple[Any, ...]) -> asyncpg.Connection:
        while True:
            try:
                if connection is None or connection.is_closed():
                    connection = await asyncpg.connect(
                        self._url,
                        timeout=db.CONNECT_TIMEOUT,
                        command_timeout=QUERY_WITHIN,
                        server_settings={**db.SERVER_SETTINGS, "application_name": "gateway recorder"},
                    )
                await connection.execute(
                    "insert into outbox (event_id, topic, key, headers, payload) values ($1, $2, $3, $4, $5)"
                    " on conflict do nothing",
                    *row,
                )
            except Exception as error:  # noqa: BLE001  whatever it was, the group is tried again until it is committed
                _log.warning("gateway.record_not_committed", error=type(error).__name__, waiting=self.waiting)
                if connection is not None:
                    connection.terminate()
                connection = None
                await asyncio.sleep(_RETRY)
            else:
                return connection
