"""State in memory: rebuilt from a compacted topic alone, kept up to date, stopped by nothing that stands in it."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from confluent_kafka import TopicPartition

from common import bus, clock, db, deadletters, delivery, state
from common.errors import Conflict
from common.events import base
from common.state import StateReader
from provision import topics
from provision.plan import Right
from tests.support.probe import admin_client, consumer, header, make_probe, producer, send
from tests.support.proxying import TcpProxy
from tests.support.service_log import service_log
from tests.support.waiting import eventually


@dataclass
class Memory:
    """The smallest state there is: a name's newest number."""

    held: dict = field(default_factory=dict)
    applied: list = field(default_factory=list)

    def apply(self, event):
        self.applied.append((event.name, event.version))
        if event.name == "fails":
            raise ZeroDivisionError("canary")
        if event.name == "refuses":
            raise Conflict("canary", reason="late")
        now = self.held.get(event.name)
        if now is None or event.version > now.version:
            self.held[event.name] = event

    @property
    def versions(self):
        return {name: event.version for name, event in self.held.items()}


@pytest.fixture
def states(installation):
    """A state event in four partitions."""
    return make_probe(installation, partitions=4, state=True)


def record(probe, name, version, **more):
    return name.encode(), base.dump(probe.told(name, version=version, **more)), probe.headers()


async def tell(probe, *given):
    await send(probe.kafka(probe.owner), probe.topic, given)


async def no_park(record, reason):
    raise AssertionError(reason)


@asynccontextmanager
async def reader_of(probe, memory, *, park=no_park, kafka=None, events=None):
    made = StateReader(kafka or probe.kafka(probe.reader), probe.reader, events or [probe.event], memory.apply, park)
    made.start()
    try:
        yield made
    finally:
        await made.stop()


async def caught_up(reader, within=60.0):
    await asyncio.wait_for(reader.progress.caught_up.wait(), within)


async def comes_to_hold(memory, versions, within=60.0):
    async def holds():
        return memory.versions == versions

    await eventually(holds, within=within, what=f"{versions} held")


async def test_a_new_replica_rebuilds_all_of_it_from_the_topic_alone(states):
    names = [f"n{number}" for number in range(40)]
    await tell(states, *(record(states, name, version) for version in (1, 2, 3) for name in names))
    for _ in range(2):
        memory = Memory()
        async with reader_of(states, memory) as reader:
            await caught_up(reader)
            assert memory.versions == dict.fromkeys(names, 3), "whole at the moment that it says so"
            assert reader.progress.records == 120
            assert reader.progress.reading


async def test_it_commits_nothing_and_belongs_to_no_group(states):
    await tell(states, record(states, "a", 1))
    async with reader_of(states, Memory()) as reader:
        await caught_up(reader)
        listed = admin_client(states.installation).list_consumer_groups().result(10)
    assert not [group for group in listed.valid if group.group_id.startswith(states.reader)]


async def test_an_older_telling_is_skipped_by_the_reader_of_it(states):
    await tell(states, *(record(states, "a", version) for version in (1, 5, 4, 2)))
    memory = Memory()
    async with reader_of(states, memory) as reader:
        await caught_up(reader)
        assert [version for _, version in memory.applied] == [1, 5, 4, 2], "handed over as it came"
        assert memory.versions == {"a": 5}


async def test_it_goes_on_live_in_the_same_breath(states):
    memory = Memory()
    async with reader_of(states, memory) as reader:
        await caught_up(reader)  # an empty topic is caught up with at once
        assert memory.held == {}
        for version in range(1, 6):
            await tell(states, record(states, "a", version), record(states, f"b{version}", 1))
        await comes_to_hold(memory, {"a": 5, **{f"b{version}": 1 for version in range(1, 6)}})
        assert reader.progress.records == 10


async def test_a_topic_whose_records_are_all_gone_is_caught_up_with(states):
    # What was compacted or deleted leaves an end above nothing.
    await tell(states, *(record(states, f"n{n}", 1) for n in range(20)))
    await _delete_all(states)
    memory = Memory()
    async with reader_of(states, memory) as reader:
        await caught_up(reader)
        assert memory.held == {}
        await tell(states, record(states, "a", 1))
        await comes_to_hold(memory, {"a": 1})


async def _delete_all(probe):
    probe.make_topic(policy="delete")  # a compacted topic refuses it
    client = admin_client(probe.installation)
    places = [TopicPartition(probe.topic, number, -1) for number in range(probe.event.partitions)]
    await asyncio.to_thread(lambda: [future.result(10) for future in client.delete_records(places).values()])


async def test_several_topics_are_one_state(states, installation):
    other = make_probe(installation, state=True)
    topics._rights(admin_client(installation), [Right(principal=states.reader, topic=other.topic)])
    await tell(states, record(states, "a", 1))
    await tell(other, record(other, "b", 2))
    memory = Memory()
    async with reader_of(states, memory, events=[states.event, other.event]) as reader:
        await caught_up(reader)
        assert memory.versions == {"a": 1, "b": 2}


# --- Records that are no state --------------------------------------------------------------------------------------


@pytest.fixture
async def parking(states, shared_db):
    """Parks as the gateway does: once, through the database, into the reader's dead letters."""
    async with producer(states.kafka(states.reader)) as sending:

        async def park(met, reason):
            await deadletters.park_once(shared_db, sending, states.reader, met, reason)

        yield park


async def test_bad_records_are_parked_once_over_two_starts_and_the_rest_is_read(states, parking):
    bad = [
        (b"h", b"{bad", states.headers()),
        (b"h", None, states.headers()),
        (b"h", b"{}", [("ce_id", b"\xff"), ("ce_type", None)]),
        (b"other", record(states, "h", 1)[1], states.headers()),
        (b"h", record(states, "h", 1)[1], states.headers(ce_source="/shuqiao/registry")),
        (b"h", b"0" * (base.MAX_BYTES + 1), states.headers()),
        record(states, "fails", 1),
        record(states, "refuses", 1),
    ]
    await tell(states, record(states, "a", 1), *bad, record(states, "z", 1))
    for _ in range(2):
        memory = Memory()
        with service_log() as log:
            async with reader_of(states, memory, park=parking) as reader:
                await caught_up(reader)
                assert memory.versions == {"a": 1, "z": 1}
                assert (reader.progress.records, reader.progress.refused) == (2, len(bad))
            assert "canary" not in log.text
    dead = await states.dead()
    assert sorted(header(letter, "x-reason") for letter in dead) == sorted(
        [
            "undecodable:schema",
            "undecodable:tombstone",
            "undecodable:ce-specversion",
            "undecodable:key",
            "undecodable:ce-source",
            "undecodable:too-large",
            "error:ZeroDivisionError",
            "conflict:late",
        ]
    )
    assert len({header(letter, "x-origin") for letter in dead}) == len(bad)


async def test_an_outage_of_what_parking_leans_on_ends_no_reader(states, database_of_module, shared_db, monkeypatch):
    # The reader waits, reads anew and goes on; a reader that ended would answer from old state for ever.
    monkeypatch.setattr(state, "_RESTART_PAUSE", 0.1)
    url = db.make_url(database_of_module.app_url)
    with TcpProxy() as link:
        link.target = url.port
        behind = db.connect(
            url.set(host="127.0.0.1", port=link.port).render_as_string(hide_password=False), application="behind"
        )
        async with producer(states.kafka(states.reader)) as sending:
            tries = []

            async def park(met, reason):
                tries.append(reason)
                await deadletters.park_once(behind, sending, states.reader, met, reason)

            link.cut()
            await tell(states, record(states, "a", 1), (b"h", b"{bad", states.headers()), record(states, "b", 1))
            memory = Memory()
            async with reader_of(states, memory, park=park) as reader:

                async def tried():
                    return len(tries) >= 2

                await eventually(tried, what="two vain tries to park")
                link.mend()
                await caught_up(reader)
                assert memory.versions == {"a": 1, "b": 1}
                await tell(states, record(states, "a", 2))
                await comes_to_hold(memory, {"a": 2, "b": 1})
        await behind.close()
    assert len(await states.dead()) == 1


async def test_a_dead_letter_that_could_not_be_written_is_not_noted_as_written(states, shared_db):
    class Refusing:
        async def send_and_wait(self, *_, **__):
            raise ConnectionError

    await tell(states, (b"h", b"{bad", states.headers()))
    async with consumer(states.kafka(states.reader), states.topic) as reading:
        met = await asyncio.wait_for(reading.getone(), 20)
    with pytest.raises(ConnectionError):
        await deadletters.park_once(shared_db, Refusing(), states.reader, met, "undecodable:schema")
    async with producer(states.kafka(states.reader)) as sending:
        for _ in range(3):
            await deadletters.park_once(shared_db, sending, states.reader, met, "undecodable:schema")
    assert len(await states.dead()) == 1
    async with shared_db.begin() as tx:
        query = sa.select(delivery.dead).where(delivery.dead.c.origin == f"{states.topic}/{met.partition}/{met.offset}")
        (row,) = (await tx.execute(query)).all()
    assert row.reason == "undecodable:schema"
    assert abs((row.parked_at - clock.now()).total_seconds()) < 60
    assert row.replayed_at is None


# --- The broker -----------------------------------------------------------------------------------------------------


async def test_a_topic_that_is_not_there_is_named_and_waited_for_with_a_bound(installation, monkeypatch):
    monkeypatch.setattr(state, "_START_TIMEOUT", 0.7)
    monkeypatch.setattr(state, "_RESTART_PAUSE", 0.1)
    missing = make_probe(installation, partitions=4, state=True, topic=False)
    memory = Memory()
    with service_log() as log:
        async with reader_of(missing, memory) as reader:

            async def said_twice():
                return len(log.events("state.no_start")) + len(log.events("state.interrupted")) >= 2

            await eventually(said_twice, what="it says so, again")
            assert missing.topic in log.text
            assert not reader.progress.reading
            assert not reader.progress.caught_up.is_set()
            monkeypatch.setattr(state, "_START_TIMEOUT", 20.0)
            missing.make_topic()
            await tell(missing, record(missing, "a", 1))
            # It may have caught up with the empty topic, just before.
            await comes_to_hold(memory, {"a": 1}, within=60)
            await caught_up(reader, within=60)


async def test_a_broker_that_goes_away_and_comes_back_is_read_on(states, installation, monkeypatch):
    monkeypatch.setattr(state, "_RESTART_PAUSE", 0.1)
    memory = Memory()
    with TcpProxy() as link:
        link.target = int(states.kafka(states.reader).servers.rpartition(":")[2])
        link.cut()
        behind = bus.Kafka(link.address, states.reader, states.passwords[states.reader])
        with service_log() as log:
            async with reader_of(states, memory, kafka=behind) as reader:

                async def interrupted():
                    return len(log.events("state.interrupted")) >= 2

                await eventually(interrupted, what="vain starts")
                assert not reader.progress.caught_up.is_set()
                await tell(states, record(states, "a", 1))
                link.mend()
                await caught_up(reader)
                assert memory.versions == {"a": 1}


async def test_stopping_it_twice_or_before_its_start_is_harmless(states):
    made = StateReader(states.kafka(states.reader), states.reader, [states.event], Memory().apply, no_park)
    await made.stop()
    made.start()
    await made.stop()
    await made.stop()


def test_it_says_of_itself_what_the_walk_over_all_readers_asks():
    assert state.NO_REPLY is True
    assert "none" in state.ACK
