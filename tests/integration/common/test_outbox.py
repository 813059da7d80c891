"""The outbox and its relay on real servers: nothing lost, nothing out of order, whatever is cut in between."""

import asyncio
import time
from collections import defaultdict
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError

from common import db, outbox, trace
from common.events import TooLarge, base
from common.outbox import Relay
from tests.support.probe import admin, event_id, header, make_probe, producer, records
from tests.support.waiting import eventually


class Through:
    """A producer that is asked before and told after each record; everything else is the real one's."""

    def __init__(self, real, *, before=None, after=None):
        self._real, self._before, self._after = real, before, after

    async def start(self):
        await self._real.start()

    async def stop(self):
        await self._real.stop()

    async def send_and_wait(self, topic, value, key, *, headers):
        if self._before is not None:
            await self._before(topic, key)
        taken = await self._real.send_and_wait(topic, value, key, headers=headers)
        if self._after is not None:
            await self._after(topic, key)
        return taken


@pytest.fixture
async def database(fresh):
    """An outbox of this test's own: there is one relay per database."""
    made = fresh("registry")
    opened = db.connect(made.app_url, application="test")
    opened.url, opened.admin_url = made.app_url, made.admin_url()
    yield opened
    await opened.close()


@pytest.fixture
async def several(installation):
    """A service whose topic has several partitions."""
    made = make_probe(installation, partitions=4)
    async with producer(made.kafka(made.owner)) as warming:  # rights are known from here on
        await warming.partitions_for(made.topic)
    return made


@asynccontextmanager
async def relaying(database, probe, *, name="test", before=None, after=None, wake=None):
    kafka = probe.kafka(probe.owner)
    relay = Relay(
        database.url,
        lambda: Through(kafka.producer(), before=before, after=after),
        name=name,
        wake=wake or database.wrote_event,
    )
    relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


async def write(database, *events):
    async with database.begin() as tx:
        return [await outbox.put(tx, event) for event in events]


async def write_and_fail(database, event):
    async with database.begin() as tx:
        await outbox.put(tx, event)
        raise RuntimeError


async def unsent(database) -> int:
    async with database.begin() as tx:
        return (await tx.execute(db.text("select count(*) from outbox where published_at is null"))).scalar_one()


async def sent_all(database, within=20.0):
    async def none_left():
        return await unsent(database) == 0

    await eventually(none_left, within=within, what="the outbox is empty")


async def leads(relay, within=20.0):
    async def leading():
        return relay.state.leading

    await eventually(leading, within=within, what="the relay leads")


async def told(probe, topic=None):
    """What arrived: (name, number) in the order of each partition."""
    found = await records(admin(probe.installation), topic or probe.topic)
    return [(event.name, event.number) for event in (probe.event.model_validate_json(r.value) for r in found)]


def numbers_by_name(arrived):
    found = defaultdict(list)
    for name, number in arrived:
        found[name].append(number)
    return found


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
        assert not database.wrote_event.is_set()
        await write(database, probe.told("kept", 1))
        await sent_all(database)
    assert await told(probe) == [("kept", 1)]


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
        await sent_all(database, within=5)
    assert await told(probe) == [("a", 1)]


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
    found = numbers_by_name(await told(several))
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
                async with database.begin() as tx:
                    await outbox.put(tx, several.told(name, numbers[name]))
                    await asyncio.sleep(0.001 * ((which * 7 + turn) % 5))  # commits in another order than ids
                numbers[name] += 1

    async with relaying(database, several):
        await asyncio.gather(*(writer(which) for which in range(8)))
        await sent_all(database)
    assert numbers_by_name(await told(several)) == {name: list(range(count)) for name, count in numbers.items()}


# --- Takeover and death ---------------------------------------------------------------------------------------------


async def cut(database, name):
    """End the database session of a relay, as a broken network or a restart would."""
    connection = await asyncpg.connect(database.admin_url)
    try:
        query = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1"
        return await connection.fetchval(query, f"relay of {name}")
    finally:
        await connection.close()


async def test_of_two_relays_one_works_and_the_other_takes_over_when_its_connection_is_cut(database, several):
    # FAULT-13
    async with relaying(database, several, name="one") as one:
        await leads(one)
        async with relaying(database, several, name="two", wake=asyncio.Event()) as two:
            await write(database, *(several.told("a", n) for n in range(5)))
            await sent_all(database)
            assert (one.state.sent_total, two.state.sent_total, two.state.leading) == (5, 0, False)

            async def two_waits():
                return await _sessions(database, "two") == 1

            await eventually(two_waits, what="the second stands by")
            began = time.monotonic()
            assert await cut(database, "one") == 1
            await leads(two, within=5)
            assert time.monotonic() - began < 5
            await write(database, *(several.told("a", n) for n in range(5, 10)))
            await sent_all(database)
            assert two.state.sent_total == 5
    assert await told(several) == [("a", n) for n in range(10)]


async def _sessions(database, name):
    connection = await asyncpg.connect(database.admin_url)
    try:
        query = "select count(*) from pg_stat_activity where application_name = $1"
        return await connection.fetchval(query, f"relay of {name}")
    finally:
        await connection.close()


async def test_a_relay_that_dies_between_acknowledgement_and_mark_makes_duplicates_only(database, several):
    # FAULT-12: three times the session ends after the broker took records and before they are marked.
    names = [f"key-{n}" for n in range(5)]
    for number in range(20):
        await write(database, *(several.told(name, number) for name in names))
    acknowledged, deaths = 0, []

    async def after(topic, key):
        nonlocal acknowledged
        acknowledged += 1
        if len(deaths) < 3 and acknowledged % 7 == 0 and await cut(database, "test"):
            deaths.append(acknowledged)

    async with relaying(database, several, after=after):
        await sent_all(database, within=40)
    assert len(deaths) == 3
    found = await records(admin(several.installation), several.topic)
    assert len(found) > 100, "there are duplicates"
    assert len({event_id(record) for record in found}) == 100, "none is lost"
    seen, first = set(), defaultdict(list)
    for record in found:
        if event_id(record) not in seen:
            seen.add(event_id(record))
            first[record.key.decode()].append(several.event.model_validate_json(record.value).number)
    assert first == {name: list(range(20)) for name in names}, "the first coming of each is in order"


async def test_a_relay_that_is_stopped_leaves_the_rest_to_the_next(database, probe):
    await write(database, *(probe.told("a", n) for n in range(200)))
    sent = asyncio.Event()

    async def after(topic, key):
        sent.set()

    async with relaying(database, probe, after=after):
        await sent.wait()
    assert await unsent(database) > 0
    async with relaying(database, probe):
        await sent_all(database)
    numbers = [number for _, number in await told(probe)]
    assert sorted(set(numbers)) == list(range(200))


# --- Trouble --------------------------------------------------------------------------------------------------------


async def test_a_key_that_fails_stops_and_the_others_go_on_however_many_of_its_events_wait(database, several):
    broken = True

    async def before(topic, key):
        if broken and key == b"broken":
            raise KafkaConnectionError

    await write(database, *(several.told("broken", n) for n in range(outbox.BATCH + 100)))
    await write(database, several.told("well", 0))
    async with relaying(database, several, before=before) as relay:
        for number in range(1, 8):
            await write(database, several.told("well", number))
            began = time.monotonic()

            async def arrived(number=number):
                return relay.state.sent_total > number

            await eventually(arrived, within=5, what="the other key's event is sent")
            assert time.monotonic() - began < 4
        assert relay.state.unsent > 0
        assert relay.state.oldest_unsent_seconds > 0
        broken = False
        await sent_all(database)
    found = numbers_by_name(await told(several))
    assert found == {"broken": list(range(outbox.BATCH + 100)), "well": list(range(8))}


async def test_a_key_that_hangs_holds_up_no_other(database, several):
    let_go = asyncio.Event()

    async def before(topic, key):
        if key == b"hangs":
            await let_go.wait()

    async with relaying(database, several, before=before) as relay:
        await write(database, several.told("hangs", 0), several.told("hangs", 1))
        for number in range(5):
            await write(database, several.told("well", number))

            async def arrived(number=number):
                return relay.state.sent_total > number

            await eventually(arrived, within=5, what="the other key's event is sent")
        let_go.set()
        await sent_all(database)
    assert numbers_by_name(await told(several)) == {"hangs": [0, 1], "well": list(range(5))}


async def test_a_topic_that_is_refused_to_us_stops_no_other(database, several, installation):
    # The broker itself refuses: the principal owns the one topic and not the other.
    foreign = make_probe(installation)
    async with relaying(database, several):
        await write(database, *(foreign.told(f"f-{n}", 0) for n in range(5)), several.told("own", 0))

        async def only_theirs_left():
            return await unsent(database) == 5

        await eventually(only_theirs_left, what="the own topic's event is sent")
    assert await told(several) == [("own", 0)]
    assert await foreign.end() == 0


async def test_a_failing_producer_is_made_anew(database, probe):
    # PIT-A4: an idempotent producer can wedge until it is closed.
    made = []
    kafka = probe.kafka(probe.owner)

    class Wedged(Through):
        async def send_and_wait(self, topic, value, key, *, headers):
            if len(made) == 1:
                raise KafkaConnectionError
            return await super().send_and_wait(topic, value, key, headers=headers)

    def make():
        made.append(1)
        return Wedged(kafka.producer())

    relay = Relay(database.url, make, name="test", wake=database.wrote_event)
    relay.start()
    try:
        await write(database, probe.told("a", 1))
        await sent_all(database)
    finally:
        await relay.stop()
    assert len(made) == 2


async def test_while_the_broker_is_away_the_age_of_what_waits_is_still_told(database, probe):
    # The age is the alert; it grows although nothing can be sent, and is nothing again when all is sent.
    away = True

    class Away(Through):
        async def start(self):
            if away:
                raise KafkaConnectionError
            await super().start()

    relay = Relay(database.url, lambda: Away(probe.kafka(probe.owner).producer()), name="test")
    relay.start()
    try:
        await write(database, probe.told("a", 1), probe.told("b", 1))

        async def grows():
            return relay.state.unsent == 2 and relay.state.oldest_unsent_seconds > 1

        await eventually(grows, what="the age grows")
        assert not relay.state.leading
        away = False
        await sent_all(database)

        async def nothing_waits():
            return relay.state.unsent == 0 and relay.state.oldest_unsent_seconds == 0

        await eventually(nothing_waits, what="the age is nothing again")
    finally:
        await relay.stop()


async def test_what_was_sent_stays_seven_days_and_claims_sixty_and_then_goes(database, probe):
    await write(database, *(probe.told("a", n) for n in range(4)))
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute(
            "update outbox set created_at = now() - interval '90 days', published_at = case payload"
            " when $1 then now() - interval '7 days 1 minute' when $2 then now() - interval '6 days 23 hours'"
            " when $3 then now() end",
            *(base.dump(probe.told("a", n)) for n in range(3)),
        )
        await connection.execute(
            "insert into inbox (consumer, event_id, digest, received_at) select 'x', gen_random_uuid(), '', at"
            " from (values (now() - interval '61 days'), (now() - interval '59 days')) as times(at)"
        )
        await Relay(database.url, probe.kafka(probe.owner).producer, name="test")._clean(connection)
        left = {row["payload"] for row in await connection.fetch("select payload from outbox")}
        assert left == {base.dump(probe.told("a", n)) for n in (1, 2, 3)}, "what was never sent stays, however old"
        assert await connection.fetchval("select count(*) from inbox") == 1
    finally:
        await connection.close()


async def test_the_relay_cleans_by_itself_when_it_is_at_rest(database, probe, monkeypatch):
    monkeypatch.setattr(outbox, "_CLEAN_EVERY", 0.2)
    await write(database, probe.told("a", 1))
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute("update outbox set published_at = now() - interval '8 days'")
        async with relaying(database, probe):

            async def gone():
                return await connection.fetchval("select count(*) from outbox") == 0

            await eventually(gone, what="the old row is gone")
    finally:
        await connection.close()
