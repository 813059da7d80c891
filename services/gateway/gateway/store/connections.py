"""A few connections to one database, opened when they are needed and used by one at a time.

asyncpg's own pool makes two tasks and a timer for each use, more than a small query costs; here a use is taking
a connection from a list. What was disturbed in the middle of a query is thrown away, so nothing needs to be reset.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final

import asyncpg

ACQUIRE_WITHIN: Final = 2.0
"""Seconds to wait for a connection that is free."""
CLOSE_WITHIN: Final = 2.0
_SWEEP: Final = 0.25


class Connections:
    """At most so many connections, the last used first."""

    def __init__(self, most: int, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._most = most
        self._connect = connect
        self._free: list[asyncpg.Connection] = []
        self._waiting: deque[tuple[float, asyncio.Future[asyncpg.Connection | None]]] = deque()
        self._sweeping: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self.open = 0
        """Connections that are open or being opened."""

    @property
    def busy(self) -> int:
        """Connections in use."""
        return self.open - len(self._free)

    def use(self) -> "_Use":
        """A connection, for as long as the block lasts.

        Raises:
            TimeoutError: none became free in time, or could be opened.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the server did not take a new one.
        """
        return _Use(self)

    async def take(self) -> asyncpg.Connection:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self.open -= 1
        if self._closed:
            raise ConnectionError
        if self.open >= self._most:
            connection = await self._wait()
            if connection is not None:
                return connection
        else:
            self.open += 1
        try:
            return await self._connect()
        except BaseException:
            self._lost()
            raise

    def give(self, connection: asyncpg.Connection, *, whole: bool) -> None:
        """Give a connection back; one that is not whole is ended."""
        if not whole or self._closed or connection.is_closed():
            self._end(connection)
            self._lost()
            return
        waiting = self._next()
        if waiting is None:
            self._free.append(connection)
        else:
            waiting.set_result(connection)

    async def close(self) -> None:
        """End those that are free now, and those in use when they are given back."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        while (waiting := self._next()) is not None:
            waiting.set_exception(ConnectionError())
        free, self._free = self._free, []
        self.open -= len(free)
        for connection in free:
            self._end(connection)
        await self.ended()

    async def ended(self) -> None:
        """Returns when the connections that were given up are closed."""
        while self._ending:
            await asyncio.wait(self._ending)

    def _end(self, connection: asyncpg.Connection) -> None:
        # Closing waits for the server's word on a query that was given up; terminating would leave that word unheard.
        ending = asyncio.create_task(_closed(connection))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _wait(self) -> asyncpg.Connection | None:
        """A connection that somebody gave back; None if the room of one was left instead."""
        loop = asyncio.get_running_loop()
        freed: asyncio.Future[asyncpg.Connection | None] = loop.create_future()
        self._waiting.append((loop.time() + ACQUIRE_WITHIN, freed))
        if self._sweeping is None:
            self._sweeping = loop.call_later(_SWEEP, self._sweep)
        try:
            return await freed
        except asyncio.CancelledError:
            if freed.done() and not freed.cancelled() and freed.exception() is None:
                # It was handed over in the very moment in which nobody wanted it any more.
                connection = freed.result()
                if connection is None:
                    self._lost()
                else:
                    self.give(connection, whole=True)
            raise

    def _lost(self) -> None:
        """One fewer is open: its room goes to whoever waits first."""
        waiting = self._next()
        if waiting is None:
            self.open -= 1
        else:
            waiting.set_result(None)

    def _next(self) -> "asyncio.Future[asyncpg.Connection | None] | None":
        while self._waiting:
            _, waiting = self._waiting.popleft()
            if not waiting.done():
                return waiting
        return None

    def _sweep(self) -> None:
        """Tell those who have waited too long; one timer for all of them."""
        now = asyncio.get_running_loop().time()
        while self._waiting and (self._waiting[0][0] <= now or self._waiting[0][1].done()):
            _, waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(TimeoutError())
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP, self._sweep) if self._waiting else None


async def _closed(connection: asyncpg.Connection) -> None:
    # A server that is away closes nothing: then `close` ends the connection by itself and says so.
    with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.close(timeout=CLOSE_WITHIN)


class _Use:
    """The block in which a connection is used."""

    __slots__ = ("_connection", "_connections")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def __aenter__(self) -> asyncpg.Connection:
        self._connection = await self._connections.take()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # The server's own refusal leaves a connection as it was; after anything else nobody knows what it waits for.
        whole = kind is None or issubclass(kind, asyncpg.PostgresError)
        self._connections.give(self._connection, whole=whole)
