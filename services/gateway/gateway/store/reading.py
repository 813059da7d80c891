"""Reads the published views with the rights of `gateway_reader`.

Calls that find one row at most are asked together: while one query of a lane is under way the next ones gather, so that
many callers cost the database hardly more than one. Everything else is a query of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from common import db, log
from exchange import calendar
from exchange.reading import After, Column, Order, Shape
from gateway.domain.access import Bindable
from gateway.domain.cursors import Place
from gateway.errors import Trouble, Unavailable
from gateway.store.connections import Connections

QUERY_WITHIN: Final = 5.0
FIND_WITHIN: Final = 5.0
"""Seconds that a call waits for its row at most, in its lane and in the query together."""
_WATCH: Final = 0.25
MAX_TOGETHER: Final = 64
"""Calls that one query answers at most."""
LANES_AT_ONCE: Final = 2
"""Lanes whose queries are under way at once: while they are, the calls of the others gather.

Over five resources 0.26 queries a call were measured with two, 0.32 without a limit.
"""
TURN: Final = 0.02
"""Seconds after which a query that is slow no longer counts: whoever reads another resource does not wait for it."""
MAX_LANES: Final = 1000
MAX_SHAPES: Final = 10_000
"""Shapes of one lane that are remembered."""
_MAX_STATEMENTS: Final = 200
_TROUBLE: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_log = log.get(__name__)


class Rows(NamedTuple):
    """Rows as JSON fragments in the order of the columns."""

    rows: Sequence[tuple[str, ...]]
    batches: tuple[UUID, ...]
    """That the rows came with, each once."""
    as_of: str | None
    """ISO 8601 of the newest batch in the same snapshot; None before the first."""
    place: Place | None = None
    """Where the last row stands in the order, if there are more behind it."""


class Reader:
    """Connections to the exchange store, and the lanes in which calls wait for them."""

    def __init__(self, url: str, connections: int) -> None:
        self._url = url
        self._held = Connections(connections, self._connect)
        self._lanes: dict[str, _Lane] = {}
        self.turns = asyncio.Semaphore(LANES_AT_ONCE)
        self._watching: asyncio.TimerHandle | None = None

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._url,
            timeout=db.CONNECT_TIMEOUT,
            command_timeout=QUERY_WITHIN,
            statement_cache_size=_MAX_STATEMENTS,
            server_settings={
                **db.SERVER_SETTINGS,
                "application_name": "gateway reader",
                "jit": "off",
                # The same statements for ever: planned once, by the index that each of them is made for.
                "plan_cache_mode": "force_generic_plan",
                "enable_hashjoin": "off",
                "enable_mergejoin": "off",
            },
        )
        await calendar.whole(connection)
        return connection

    async def stop(self) -> None:
        await self._held.close()

    async def ping(self) -> None:
        await self.query("select 1")

    @property
    def waiting(self) -> int:
        """Calls that wait in lanes."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    @property
    def busy(self) -> int:
        """Connections in use."""
        return self._held.busy

    async def query(self, sql: str, *values: Any) -> Sequence[asyncpg.Record]:
        """The rows of a statement.

        Raises:
            Unavailable: the store is away or too slow.
        """
        try:
            async with self._held.use() as connection:
                found: Sequence[asyncpg.Record] = await connection.fetch(sql, *values)
        except _TROUBLE as error:
            _log.warning("gateway.store_failed", error=type(error).__name__)
            raise Unavailable(Trouble.STORE) from error
        return found

    def find(self, shape: Shape, values: list[Bindable]) -> "asyncio.Future[Rows]":
        """The one row that a shape finds, if there is one (`shape.finds_one`).

        Raises:
            Unavailable: from the future, the store is away or too slow.
        """
        lane = self._lanes.get(shape.lane)
        if lane is None:
            self._forget_idle()
            lane = self._lanes[shape.lane] = _Lane(self, shape)
        if self._watching is None:
            self._watching = asyncio.get_running_loop().call_later(_WATCH, self._watch)
        return lane.ask(shape, values)

    def _watch(self) -> None:
        """Tell those whose time is up; one timer for all of them."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        open_ends = [lane for lane in self._lanes.values() if lane.tell_late(now)]
        self._watching = loop.call_later(_WATCH, self._watch) if open_ends else None

    async def page(
        self,
        shape: Shape,
        values: list[Bindable],
        *,
        limit: int,
        skip: int = 0,
        order: Order | None = None,
        behind: Place | None = None,
    ) -> Rows:
        """A page of the rows of a shape: after `skip` rows, or behind a place.

        Raises:
            Unavailable: the store is away or too slow.
        """
        # One more than is asked for tells whether there are more.
        if behind is None:
            found = await self.query(shape.single(order), *values, limit + 1, skip)
        else:
            null = order is not None and behind[0] is None
            sql = shape.single(order, After.NULL if null else After.VALUE)
            found = await self.query(sql, *values, *(behind[1:] if null else behind), limit + 1)
        width = len(shape.columns)
        shown = slice(1, width + 1)
        if not found or found[0][width + 1] is None:
            return Rows((), (), found[0][0] if found else None)
        kept = found[:limit]
        place = tuple(found[limit - 1][width + 2 :]) if len(found) > limit else None
        batches = tuple(dict.fromkeys([row[width + 1] for row in kept]))
        return Rows([row[shown] for row in kept], batches, found[0][0], place)

    def _forget_idle(self) -> None:
        if len(self._lanes) >= MAX_LANES:
            self._lanes = {name: lane for name, lane in self._lanes.items() if lane.busy}


_Picker = Callable[[asyncpg.Record], tuple[str, ...]]


class _Waiting(NamedTuple):
    values: list[Bindable]
    picked: _Picker
    due: float
    done: "asyncio.Future[Rows]"


class _Turn:
    """One of the few turns, given up at the end of the block or after `TURN`, whichever comes first."""

    __slots__ = ("_over", "_timer", "_turns")

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._over = False

    async def __aenter__(self) -> None:
        await self._turns.acquire()
        self._timer = asyncio.get_running_loop().call_later(TURN, self._end)

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()
        self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._turns.release()


class _Lane:
    """Calls that differ in values and in the columns that they show: one query for all that wait."""

    def __init__(self, reader: Reader, shape: Shape) -> None:
        self._reader = reader
        self._shape = shape
        self._columns: list[Column] = []
        self._pickers: dict[Shape, _Picker] = {}
        self._loop = asyncio.get_running_loop()
        self._sql = ""
        self._width = 0
        self.waiting: list[_Waiting] = []
        self._taken: list[_Waiting] = []
        """Those whose query is under way."""
        self.busy = False
        self._task: asyncio.Task[None] | None = None

    def ask(self, shape: Shape, values: list[Bindable]) -> "asyncio.Future[Rows]":
        picked = self._pickers.get(shape) or self._learn(shape)
        done: asyncio.Future[Rows] = self._loop.create_future()
        self.waiting.append(_Waiting(values, picked, self._loop.time() + FIND_WITHIN, done))
        if not self.busy:
            self.busy = True
            self._task = self._loop.create_task(self._run())
        return done

    def _learn(self, shape: Shape) -> _Picker:
        """Show the columns of this shape too from the next query on; those that were shown keep their places."""
        if len(self._pickers) >= MAX_SHAPES:
            self._pickers.clear()
        self._columns += [column for column in shape.columns if column not in self._columns]
        places = [self._columns.index(column) + 2 for column in shape.columns]
        one = itemgetter(*places)
        picked: _Picker = one if len(places) > 1 else lambda row: (one(row),)
        self._pickers[shape] = picked
        self._sql = self._shape.many(self._columns)
        self._width = len(self._columns)
        return picked

    async def _run(self) -> None:
        try:
            while self.waiting:
                async with _Turn(self._reader.turns):
                    await self._take_turn()
        finally:
            self.busy = False
            for left in self.waiting:
                left.done.cancel()

    def tell_late(self, now: float) -> bool:
        """Tell those who have waited too long; whether there is anybody left to look after."""
        for waiting in self._taken:
            if waiting.due <= now and not waiting.done.done():
                waiting.done.set_exception(Unavailable(Trouble.STORE))
        late = 0
        while late < len(self.waiting) and self.waiting[late].due <= now:
            if not self.waiting[late].done.done():
                self.waiting[late].done.set_exception(Unavailable(Trouble.STORE))
            late += 1
        del self.waiting[:late]
        return bool(self._taken or self.waiting)

    async def _take_turn(self) -> None:
        seen = 0
        while seen < len(self.waiting) < MAX_TOGETHER:
            # Others are on their way: those whose requests the loop has yet to read.
            seen = len(self.waiting)
            await asyncio.sleep(0)
        taken = self._taken = self.waiting[:MAX_TOGETHER]
        del self.waiting[: len(taken)]
        try:
            if taken:
                await self._answer(taken)
        except Exception as error:  # noqa: BLE001  whoever waits is told, or would wait for ever
            for waiting in taken:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
        finally:
            self._taken = []

    async def _answer(self, taken: list[_Waiting]) -> None:
        sql, batch_at = self._sql, self._width + 2
        found = await self._reader.query(sql, *_arrays(self._shape, taken))
        for row in found:
            _, picked, _, done = taken[row[0] - 1]
            if not done.done():
                batch = row[batch_at]
                done.set_result(Rows((), (), row[1]) if batch is None else Rows((picked(row),), (batch,), row[1]))
        if len(found) < len(taken):
            raise Unavailable(Trouble.STORE)


def _arrays(shape: Shape, taken: list[_Waiting]) -> list[Any]:
    """The values of several calls as `Shape.many` binds them."""
    arrays: list[Any] = []
    for n in range(len(shape.named)):
        column = [waiting.values[n] for waiting in taken]
        if not shape.is_in(n):
            arrays.append(column)
            continue
        flat: list[Any] = []
        first, last = [], []
        sent: dict[int, tuple[int, int]] = {}
        for values in column:
            assert isinstance(values, list)
            place = sent.get(id(values))
            if place is None:
                # The conditions of grants are often the same values; they are sent once.
                place = sent[id(values)] = (len(flat) + 1, len(flat) + len(values))
                flat += values
            first.append(place[0])
            last.append(place[1])
        arrays += [flat, first, last]
    return arrays
