"""Whether a state reader is at the end of its topics: by the broker's own word, within a second, or not at all."""

import asyncio
import time

import aiokafka.client
import pytest

from common import state
from common.state import StateReader
from tests.integration.common.test_state_reader import Memory, no_park, reader_of, record, tell
from tests.support.probe import make_probe
from tests.support.proxying import TcpProxy
from tests.support.waiting import eventually


@pytest.fixture
def states(installation):
    return make_probe(installation, partitions=4, state=True)


@pytest.fixture
def link(states, monkeypatch):
    """The reader's way to the broker; the broker names its own address, so each connection is led through here."""
    with TcpProxy() as made:
        made.target = int(states.kafka(states.reader).servers.rpartition(":")[2])
        connect = aiokafka.client.create_conn

        async def by_the_proxy(host, port, **more):
            return await connect(host, made.port if more.get("client_id") == states.reader else port, **more)

        monkeypatch.setattr(aiokafka.client, "create_conn", by_the_proxy)
        yield made


async def at_end(reader):
    async def asked():
        return await reader.at_end(1.0)

    await eventually(asked, what="the end")


async def test_it_is_not_at_the_end_before_it_was_started_nor_after_it_was_stopped(states):
    async with reader_of(states, Memory()) as reader:
        await at_end(reader)
    assert not await reader.at_end(1.0)


async def test_at_the_end_it_holds_whatever_was_acknowledged_before_it_was_asked(states):
    memory = Memory()
    async with reader_of(states, memory) as reader:
        await at_end(reader)
        for version in range(1, 31):
            await tell(states, record(states, "a", version), record(states, f"b{version}", version))
            if await reader.at_end(1.0):
                assert memory.versions["a"] == memory.versions[f"b{version}"] == version


async def test_it_is_not_at_the_end_while_a_record_is_in_hand(states):
    going, go_on = asyncio.Event(), asyncio.Event()

    async def park(met, reason):
        going.set()
        await go_on.wait()

    async with reader_of(states, Memory(), park=park) as reader:
        await at_end(reader)
        await tell(states, (b"h", b"{bad", states.headers()))
        await asyncio.wait_for(going.wait(), 10)
        assert not await reader.at_end(1.0), "handed over, and not applied"
        go_on.set()
        await at_end(reader)


async def test_without_the_broker_it_says_no_in_the_time_it_was_given_and_yes_when_it_is_back(states, link):
    memory = Memory()
    async with reader_of(states, memory) as reader:
        await at_end(reader)
        link.cut()
        for _ in range(3):
            began = time.monotonic()
            assert not await reader.at_end(0.5)
            assert time.monotonic() - began < 20
        await tell(states, record(states, "a", 1))
        link.mend()
        await at_end(reader)
        assert memory.versions == {"a": 1}


async def test_a_reader_that_begins_anew_is_not_at_the_end_until_it_has_read_all_again(states, monkeypatch):
    monkeypatch.setattr(state, "_RESTART_PAUSE", 0.1)
    memory, broken = Memory(), []

    async def park(met, reason):
        if not broken:
            broken.append(reason)
            raise ConnectionError

    async with reader_of(states, memory, park=park) as reader:
        await at_end(reader)
        await tell(states, (b"h", b"{bad", states.headers()))

        async def restarted():
            return broken and not await reader.at_end(1.0)

        await eventually(restarted, what="the reader interrupted")
        await tell(states, record(states, "a", 1))
        await at_end(reader)
        assert memory.versions == {"a": 1}


async def test_stopped_while_the_broker_is_away_it_leaves_no_client_behind(states, link):
    """A client that is not closed asks about the cluster, and connects, for as long as the process lives."""
    reader = StateReader(states.kafka(states.reader), states.reader, [states.event], Memory().apply, no_park)
    before = asyncio.all_tasks()
    reader.start()
    await at_end(reader)
    link.cut()
    # The fetch has failed and waits for its next try: there the consumer of aiokafka gives up its own end.
    await eventually(lambda: _away(reader), what="the broker is away")
    await reader.stop()
    left = [task for task in asyncio.all_tasks() - before if "AIOKafka" in repr(task.get_coro())]
    assert not [task for task in left if not task.done()]


async def _away(reader):
    return not await reader.at_end(0.2)
