"""A store that is away or slow, callers that go away: 503 in time, nothing leaks, and afterwards all is well."""

import asyncio
import contextlib

import asyncpg
import pytest

from exchange.layout import READER
from gateway.errors import Unavailable
from gateway.store import connections
from gateway.store import reading as gateway_reading
from tests.support.exchange_store import terminate
from tests.support.gateway_door import opened
from tests.support.proxying import TcpProxy
from tests.support.waiting import eventually

CONNECTIONS = 4


def is_store_failure(answer):
    return (answer.status, answer.code, answer.reason) == (503, "500", "store")


async def reading(store, *, active=None):
    """How many connections of readers there are; with `active` those that are busy or hold a transaction."""
    async with store.connected() as admin:
        return await admin.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and application_name = 'gateway reader' and ($1::bool is null or (state <> 'idle') = $1)",
            active,
        )


@contextlib.asynccontextmanager
async def held(store, resource):
    """Nobody can read the resource while the block runs."""
    async with store.connected() as admin, admin.transaction():
        await admin.execute(f"lock table {resource.qualified_view} in access exclusive mode")
        yield


async def test_with_its_store_away_a_call_is_503_store_on_record_and_then_all_is_well_again(
    world, store, outbox, installation
):
    with TcpProxy() as proxy:
        proxy.target = installation.endpoints.postgres.port
        url = store.database.url(READER).replace(f":{proxy.target}/", f":{proxy.port}/")
        async with opened(world=world, store_url=url, outbox_url=outbox.app_url, admin_url=outbox.admin_url()) as door:
            assert (await door.call()).code == "1"
            proxy.cut()
            answers = [await door.call(), await door.call(format="xml"), await door.call(unitKey="cnu_x")]
            assert is_store_failure(answers[0])
            assert "<ERROR_CODE>500</ERROR_CODE>" in answers[1].response.text
            assert answers[2].code == "201", "a refusal needs no store"
            record = await door.record_of(answers[0])
            assert (record.status, record.code, record.rows, record.sourced_at) == (503, "500", 0, None)
            assert record.unit == "edu"
            proxy.mend()
            assert (await door.call()).code == "1"


async def test_connections_that_were_cut_are_replaced(door, store):
    await asyncio.gather(*(door.call() for _ in range(20)))
    async with store.connected() as admin:
        await terminate(admin, "gateway reader")
    answers = [await door.call() for _ in range(CONNECTIONS + 2)]
    assert all(answer.code == "1" or is_store_failure(answer) for answer in answers)
    assert (await door.call()).code == "1"


async def test_a_store_that_does_not_answer_in_time_is_503_and_a_full_pool_too(door, store, streets, monkeypatch):
    """FAULT-11: those that wait for a connection are let go after their own patience."""
    monkeypatch.setattr(connections, "ACQUIRE_WITHIN", 0.3)
    async with held(store, streets):
        calls = [asyncio.create_task(door.call()) for _ in range(CONNECTIONS)]
        await eventually(lambda: _busy(store, CONNECTIONS), what="every connection is busy")
        crowd = await asyncio.gather(*(door.call() for _ in range(20)))
        assert all(map(is_store_failure, crowd))
        assert (await door.call(unitKey="cnu_x")).code == "201", "others are still served"
        answers = await asyncio.gather(*calls)
    assert all(map(is_store_failure, answers))
    assert (await door.call()).code == "1"
    assert len(await door.records()) == CONNECTIONS + 20 + 2


async def _busy(store, count):
    return await reading(store, active=True) >= count


@pytest.mark.parametrize("when", ["reading", "anywhere"])
async def test_callers_that_go_away_leave_nothing_behind(door, store, streets, outbox, when):
    """IN-G31, PIT-P5."""
    await asyncio.gather(*(door.call() for _ in range(20)))
    baseline = await reading(store)
    assert baseline <= CONNECTIONS
    for turn in range(6):
        async with held(store, streets) if when == "reading" else contextlib.nullcontext():
            calls = [asyncio.create_task(door.call()) for _ in range(30)]
            if when == "reading":
                await eventually(lambda: _busy(store, CONNECTIONS))
            else:
                for _ in range(turn * 3):
                    await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
    await eventually(lambda: _idle(store), what="no reader is busy")
    assert await reading(store) <= CONNECTIONS
    # Every connection of the pool can be had again, at once.
    async with held(store, streets):
        calls = [asyncio.create_task(door.call()) for _ in range(CONNECTIONS)]
        await eventually(lambda: _busy(store, CONNECTIONS), what="every connection is in use again")
    assert [answer.code for answer in await asyncio.gather(*calls)] == ["1"] * CONNECTIONS
    numbers = [record.number for record in await door.records()]
    assert numbers == list(range(1, len(numbers) + 1))
    connection = await asyncpg.connect(outbox.admin_url())
    try:
        writers = await connection.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and application_name = 'gateway recorder'"
        )
    finally:
        await connection.close()
    assert writers == 1


async def _idle(store):
    return await reading(store, active=True) == 0


async def test_a_view_that_is_gone_is_503_and_tells_no_name(door, store, streets):
    lost = store.resource(*streets.items)
    door.world.service("streets", streets.items, {}, resource=lost)
    answer = await door.call()
    assert is_store_failure(answer)
    assert lost.view not in answer.response.text + str(answer.response.headers)


async def test_readiness_asks_the_store(door, store):
    await door.gateway.reader.ping()
    broken = gateway_reading.Reader("postgresql://nobody@127.0.0.1:9/none", 1)
    with pytest.raises(Unavailable):
        await broken.ping()
    await broken.stop()


async def test_whoever_asks_for_one_row_waits_no_longer_than_a_query_may_take(door, store, streets, monkeypatch):
    """Also one who comes while another's query is under way, and would wait for both."""
    monkeypatch.setattr(gateway_reading, "FIND_WITHIN", 0.3)
    async with held(store, streets):
        calls = [asyncio.create_task(door.call(street_code="310105001"))]
        await eventually(lambda: _busy(store, 1), what="its query is under way")
        calls += [asyncio.create_task(door.call(street_code="310105002")) for _ in range(3)]
        assert all(map(is_store_failure, await asyncio.gather(*calls)))
        assert await _busy(store, 1), "told before the query has ended"
    assert (await door.call(street_code="310105001")).code == "1"
