"""The outbox and its relay on real servers: what is written leaves, whole, in order, and at once."""

import asyncio
import time
from collections import defaultdict

import pytest

from common import outbox, trace
from common.events import TooLarge, base
from tests.support.probe import admin, event_id, header, records
from tests.support.relaying import arrived, by_name, leads, relaying, sent_all, unsent, write, write_and_fail
from tests.support.waiting import eventually

# --- What is written, and when it leaves ----------------------------------------------------------------------------


async def test_an_event_arrives_whole_with_key_head_and_the_trace_it_was_written_in(database, probe):
    current, token = trace.enter()
    async with relaying(database, probe):
        (made,) = await write(database, probe.told("a", 1, text="数桥"))
        await sent_all(database)
    trace.leave(token)
    (record,) = await records(admin(probe.installation), probe.topic)
    assert base.read(probe.event, record.key, record.value) == probe.told("a", 1, text="数桥")
    assert event_id(record) == made
    assert header(record, "ce_type") == probe.topic
    assert header(record, "ce_source") == f"/shuqiao/{probe.owner}"
    assert current.trace_id in header(record, "traceparent")


async def test_what_is_rolled_back_is_never_sent(database, probe):
    async with relaying(database, probe):
        with pytest.raises(RuntimeError):
            await write_and_fail(database, probe.told("lost", 1))
        assert not database.db.wrote_event.is_set()
        await write(database, probe.told("kept", 1))
        await sent_all(database)
    assert await arrived(probe) == [("kept", 1)]


async def test_an_event_over_the_limit_is_refused_and_nothing_of_its_transaction_remains(database, probe):
    with pytest.raises(TooLarge):
        await write(database, probe.told("small", 1), probe.told("large", 1, text="x" * base.MAX_BYTES))
    assert await unsent(database) == 0


async def test_a_commit_wakes_the_relay_at_once(database, probe, monkeypatch):
    monkeypatch.setattr(outbox, "_POLL_BUSY", 60.0)
    monkeypatch.setattr(outbox, "_POLL_REST", 60.0)  # only the wake-up can be quick
    async with relaying(database, probe) as relay:
        await leads(relay)
        took = []
        for number in range(9):
            began = time.perf_counter()
            await write(database, probe.told("quick", number))

            async def sent(number=number):
                return relay.state.sent_total > number

            await eventually(sent, what="the event is sent")
            took.append(time.perf_counter() - began)
    assert sorted(took)[4] < 0.15, took


async def test_without_a_wake_up_the_relay_finds_it_by_asking(database, probe):
    # Another process of the service wrote it: the event of this process is not set.
    async with relaying(database, probe, wake=asyncio.Event()):
        await write(database, probe.told("a", 1))
        await sent_all(database)
    assert await arrived(probe) == [("a", 1)]


@pytest.mark.parametrize("turns", range(5))
async def test_a_relay_that_is_woken_and_told_to_stop_at_once_stops(database, probe, turns):
    # Being woken and being stopped may fall into one turn of the loop: neither may swallow the other.
    async with relaying(database, probe) as relay:
        await leads(relay)
        for _ in range(20):  # wherever in its round the relay is
            database.db.wrote_event.set()
            await asyncio.sleep(0.005)
        database.db.wrote_event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        stopping = asyncio.create_task(relay.stop())
        await asyncio.wait({stopping}, timeout=30)
        stopped = stopping.done()
        await relay.stop()
    assert stopped


# --- Order ----------------------------------------------------------------------------------------------------------


async def test_one_key_is_sent_in_sequence_and_keys_side_by_side(database, several):
    running, together, overlapping = defaultdict(int), [], []

    async def before(topic, key):
        running[key] += 1
        together.append(sum(running.values()))
        overlapping.append(running[key])
        await asyncio.sleep(0)

    async def after(topic, key):
        running[key] -= 1

    names = [f"key-{n}" for n in range(20)]
    for number in range(10):
        await write(database, *(several.told(name, number) for name in names))
    async with relaying(database, several, before=before, after=after):
        await sent_all(database)
    found = by_name(await arrived(several))
    assert found == {name: list(range(10)) for name in names}
    assert max(overlapping) == 1
    assert max(together) > 10


async def test_writers_side_by_side_lose_nothing_and_keep_each_keys_order(database, several):
    # PIT-P1, PIT-P2: ids are given before they are committed, so a cursor would skip; there is none.
    numbers = dict.fromkeys((f"key-{n}" for n in range(8)), 0)
    locks = {name: asyncio.Lock() for name in numbers}

    async def writer(which):
        for turn in range(25):
            name = f"key-{(which + turn) % 8}"
            async with locks[name]:  # as the row lock of the aggregate does
                async with database.db.begin() as tx:
                    await outbox.put(tx, several.told(name, numbers[name]))
                    await asyncio.sleep(0.001 * ((which * 7 + turn) % 5))  # commits in another order than ids
                numbers[name] += 1

    async with relaying(database, several):
        await asyncio.gather(*(writer(which) for which in range(8)))
        await sent_all(database)
    assert by_name(await arrived(several)) == {name: list(range(count)) for name, count in numbers.items()}
