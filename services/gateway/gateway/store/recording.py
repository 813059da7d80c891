"""Records of calls into the gateway's own outbox, in groups: a call is answered when its record is committed."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import asyncpg
import orjson

from common import clock, db, log, trace
from common.events import AccessLogged, base
from common.ids import uuid7
from gateway.errors import Trouble, Unavailable

MAX_GROUP: Final = 256
MAX_GROUP_BYTES: Final = 400_000
"""Records in one row of the outbox, and their bytes: together they stay under the size of an event."""
MAX_WAITING: Final = 10_000
"""Records that wait for a commit at most; beyond, calls are refused at once."""
COMMIT_WITHIN: Final = 2.0
"""Seconds in which a record must be committed, or its call is answered 503."""
QUERY_WITHIN: Final = 5.0
_RETRY: Final = 0.2
_WATCH: Final = 0.05
_log = log.get(__name__)


class _Waiting(NamedTuple):
    text: bytes
    due: float
    done: "asyncio.Future[None]"


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
        self._waiting: deque[_Waiting] = deque()
        self._taken: list[_Waiting] = []
        """The group that is being committed."""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._stopping = False
        self.lost: Callable[[], None] | None = None
        """Told when the database was lost: as soon as the connection ends, or a commit fails on it."""

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
                async with asyncio.timeout(COMMIT_WITHIN):
                    await self._task

    def record(self, made: bytes) -> "asyncio.Future[None]":
        """Done when the record, a JSON object of at least one member, is committed.

        The caller's patience ends, the record's way does not: it is committed whenever it can be.

        Raises:
            Unavailable: too many wait; from the future, no commit came in time.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable(Trouble.TRAIL)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(made, loop.time() + COMMIT_WITHIN, loop.create_future())
        self._waiting.append(waiting)
        self._wake.set()
        if self._watching is None:
            self._watching = loop.call_later(_WATCH, self._watch)
        return waiting.done

    def _watch(self) -> None:
        """Tell those whose time is up; one timer for all of them."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for waiting in (*self._taken, *self._waiting):
            if waiting.due > now:
                break
            if not waiting.done.done():
                waiting.done.set_exception(Unavailable(Trouble.TRAIL))
        open_ends = self._taken or self._waiting
        self._watching = loop.call_later(_WATCH, self._watch) if open_ends else None

    async def _run(self) -> None:
        connection: asyncpg.Connection | None = None
        while not (self._stopping and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                seen = 0
                while seen < len(self._waiting) < MAX_GROUP:
                    seen = len(self._waiting)
                    await asyncio.sleep(0)
                row = self._next_group()
                connection = await self._commit(connection, row)
                taken, self._taken = self._taken, []
                self.next_number += len(taken)
                self.committed += len(taken)
                for waiting in taken:
                    if not waiting.done.done():
                        waiting.done.set_result(None)
        if connection is not None:
            await connection.close(timeout=2)

    def _next_group(self) -> tuple[Any, ...]:
        """The row of the outbox for the first that wait, as many as fit an event, with their numbers."""
        records: list[bytes] = []
        taken = self._taken
        size = 0
        while self._waiting and len(taken) < MAX_GROUP:
            text = self._waiting[0].text
            size += len(text)
            if taken and size > MAX_GROUP_BYTES:
                break
            taken.append(self._waiting.popleft())
            records.append(b'{"number":%d,%b' % (self.next_number + len(records), text[1:]))
        event_id = uuid7()
        headers = base.headers(
            AccessLogged.topic,
            event_id=event_id,
            source=AccessLogged.owner,
            time=clock.now(),
            traceparent=trace.fresh().traceparent,
        )
        named = orjson.dumps({name: value.decode() for name, value in headers}).decode()
        body = {"worker": self.worker, "start": self.start_id, "first": self.next_number}
        payload = b'%b,"records":[%b]}' % (orjson.dumps(body)[:-1], b",".join(records))
        return (event_id, AccessLogged.topic, self.worker, named, payload)

    def _ended(self, *_: object) -> None:
        if self.lost is not None:
            self.lost()

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
                    connection.add_termination_listener(self._ended)
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
                self._ended()
                await asyncio.sleep(_RETRY)
            else:
                return connection
