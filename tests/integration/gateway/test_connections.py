"""The reader's connections: never more than were allowed, none lost, nobody waits for ever."""

import asyncio

import asyncpg
import pytest

from gateway.store import connections
from gateway.store.connections import Connections
from tests.support.waiting import eventually

MOST = 2
_SLEEPS = "select wait_event = 'PgSleep' from pg_stat_activity where pid = $1"


@pytest.fixture
async def held(fresh):
    database = fresh("gateway")
    made = Connections(MOST, lambda: asyncpg.connect(database.app_url))
    yield made
    await made.close()
    assert made.open == 0


async def _waiting(held: Connections, count: int) -> None:
    async def enough() -> bool:
        return len(held._waiting) >= count

    await eventually(enough, what="callers wait")


async def _number(held: Connections) -> int:
    async with held.use() as connection:
        found: int = await connection.fetchval("select pg_backend_pid()")
        return found


async def test_one_after_the_other_takes_the_same_connection(held):
    assert len({await _number(held) for _ in range(5)}) == 1
    assert (held.open, held.busy) == (1, 0)


async def test_a_crowd_shares_as_many_as_are_allowed_and_each_gets_its_turn(held):
    found = await asyncio.gather(*(_number(held) for _ in range(50)))
    assert len(set(found)) == MOST
    assert (held.open, held.busy) == (MOST, 0)


async def test_who_waits_too_long_is_told_and_those_behind_are_served(held, monkeypatch):
    monkeypatch.setattr(connections, "ACQUIRE_WITHIN", 0.2)
    first, second = await held.take(), await held.take()
    with pytest.raises(TimeoutError):
        await held.take()
    monkeypatch.setattr(connections, "ACQUIRE_WITHIN", 60.0)
    later = asyncio.create_task(held.take())
    await _waiting(held, 1)
    held.give(first, whole=True)
    assert await later is first
    held.give(first, whole=True)
    held.give(second, whole=True)
    assert held.busy == 0


async def test_one_that_was_disturbed_is_ended_and_its_room_goes_to_who_waits(held):
    first, second = await held.take(), await held.take()
    waiting = asyncio.create_task(held.take())
    await _waiting(held, 1)
    held.give(first, whole=False)
    third = await waiting
    await held.ended()
    assert first.is_closed()
    assert third not in (first, second)
    assert held.open == MOST
    held.give(second, whole=True)
    held.give(third, whole=True)


async def test_a_connection_handed_to_one_who_gave_up_in_that_moment_goes_to_the_next(held):
    first, second = await held.take(), await held.take()
    giving_up = asyncio.create_task(held.take())
    next_one = asyncio.create_task(held.take())
    await _waiting(held, 2)
    held.give(first, whole=True)
    giving_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving_up
    assert await next_one is first
    held.give(first, whole=True)
    held.give(second, whole=True)
    assert (held.open, held.busy) == (MOST, 0)


async def test_a_query_that_is_given_up_leaves_no_connection_in_an_unknown_state(held):
    async def slow() -> None:
        async with held.use() as connection:
            await connection.execute("select pg_sleep(60)")

    before = await _number(held)
    given, watching = await held.take(), await held.take()
    held.give(given, whole=True)
    asking = asyncio.create_task(slow())
    await eventually(lambda: watching.fetchval(_SLEEPS, before), what="the query is under way")
    held.give(watching, whole=True)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await held.ended()
    assert held.open == 1, "the other one"
    assert await _number(held) != before


async def test_a_statement_that_the_server_refuses_leaves_its_connection_as_it_was(held):
    before = await _number(held)
    with pytest.raises(asyncpg.UndefinedTableError):
        async with held.use() as connection:
            await connection.execute("select * from nothing_of_that_name")
    assert await _number(held) == before


async def test_a_server_that_takes_no_connection_leaves_no_room_lost(fresh):
    database = fresh("gateway")
    failing = [ConnectionRefusedError()] * 3

    async def connect() -> asyncpg.Connection:
        if failing:
            raise failing.pop()
        return await asyncpg.connect(database.app_url)

    made = Connections(1, connect)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await _number(made)
    assert made.open == 0
    assert await _number(made)
    await made.close()


async def test_closing_tells_those_who_wait_and_ends_what_comes_back(held):
    first, second = await held.take(), await held.take()
    waiting = asyncio.create_task(held.take())
    await _waiting(held, 1)
    await held.close()
    with pytest.raises(ConnectionError):
        await waiting
    with pytest.raises(ConnectionError):
        await held.take()
    held.give(first, whole=True)
    held.give(second, whole=True)
    await held.ended()
    assert first.is_closed()
    assert held.open == 0
