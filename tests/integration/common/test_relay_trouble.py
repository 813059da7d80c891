"""The relay when something goes wrong: nothing lost, nothing out of order, and one key's trouble its own."""

import asyncio
import time
from collections import defaultdict

import asyncpg
from aiokafka.errors import KafkaConnectionError

from common import outbox
from common.events import base
from common.outbox import Relay
from tests.support.probe import admin, event_id, make_probe, records
from tests.support.relaying import (
    Through,
    arrived,
    by_name,
    cut,
    leads,
    relaying,
    sent_all,
    sessions,
    unsent,
    write,
)
from tests.support.waiting import eventually

# --- Takeover and death ---------------------------------------------------------------------------------------------


async def test_of_two_relays_one_works_and_the_other_takes_over_when_its_connection_is_cut(database, several):
    # FAULT-13
    async with relaying(database, several, name="one") as one:
        await leads(one)
        async with relaying(database, several, name="two", wake=asyncio.Event()) as two:
            await write(database, *(several.told("a", n) for n in range(5)))
            await sent_all(database)
            assert (one.state.sent_total, two.state.sent_total, two.state.leading) == (5, 0, False)

            async def two_waits():
                return await sessions(database, "two") == 1

            await eventually(two_waits, what="the second stands by")
            began = time.monotonic()
            assert await cut(database, "one") == 1
            await leads(two)
            assert time.monotonic() - began < 30
            await write(database, *(several.told("a", n) for n in range(5, 10)))
            await sent_all(database)
            assert two.state.sent_total == 5
    assert await arrived(several) == [("a", n) for n in range(10)]


async def test_a_relay_that_dies_between_acknowledgement_and_mark_makes_duplicates_only(database, several):
    # FAULT-12: three times the session ends after the broker took a batch and before it is marked.
    names = [f"key-{n}" for n in range(5)]
    for number in range(20):
        await write(database, *(several.told(name, number) for name in names))
    deaths, one_by_one = [], asyncio.Lock()

    async def after(topic, key):
        async with one_by_one:
            if len(deaths) < 3:
                assert await cut(database, "test") == 1
                deaths.append(key)
                await asyncio.Event().wait()  # until the relay sees that its session has ended

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
        await asyncio.Event().wait()  # stopped before it can be marked

    async with relaying(database, probe, after=after):
        await sent.wait()
    assert await unsent(database) == 200
    async with relaying(database, probe):
        await sent_all(database)
    numbers = [number for _, number in await arrived(probe)]
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

            async def came(number=number):
                return relay.state.sent_total > number

            await eventually(came, what="the other key's event is sent")
            assert time.monotonic() - began < 30
        assert relay.state.unsent > 0
        assert relay.state.oldest_unsent_seconds > 0
        broken = False
        await sent_all(database)
    found = by_name(await arrived(several))
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

            async def came(number=number):
                return relay.state.sent_total > number

            await eventually(came, what="the other key's event is sent")
        let_go.set()
        await sent_all(database)
    assert by_name(await arrived(several)) == {"hangs": [0, 1], "well": list(range(5))}


async def test_a_topic_that_is_refused_to_us_stops_no_other(database, several, installation):
    # The broker itself refuses: the principal owns the one topic and not the other.
    foreign = make_probe(installation)
    async with relaying(database, several):
        await write(database, *(foreign.told(f"f-{n}", 0) for n in range(5)), several.told("own", 0))

        async def only_theirs_left():
            return await unsent(database) == 5

        await eventually(only_theirs_left, what="the own topic's event is sent")
    assert await arrived(several) == [("own", 0)]
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

    relay = Relay(database.url, make, name="test", wake=database.db.wrote_event)
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
        relay = Relay(database.url, probe.kafka(probe.owner).producer, name="test")
        assert not await relay._clean(connection), "nothing more is to be cleaned"
        left = {row["payload"] for row in await connection.fetch("select payload from outbox")}
        assert left == {base.dump(probe.told("a", n)) for n in (1, 2, 3)}, "what was never sent stays, however old"
        assert await connection.fetchval("select count(*) from inbox") == 1
    finally:
        await connection.close()


async def test_much_is_cleaned_in_small_parts_one_right_after_the_other(database, probe, monkeypatch):
    monkeypatch.setattr(outbox, "_CLEAN_ROWS", 2)
    monkeypatch.setattr(outbox, "_CLEAN_EVERY", 0.2)
    await write(database, *(probe.told("a", n) for n in range(7)))
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute("update outbox set published_at = now() - interval '8 days'")
        relay = Relay(database.url, probe.kafka(probe.owner).producer, name="test")
        assert [await relay._clean(connection) for _ in range(4)] == [True, True, True, False]
        assert await connection.fetchval("select count(*) from outbox") == 0
    finally:
        await connection.close()


async def test_the_relay_cleans_by_itself_at_rest_and_under_load(database, probe, monkeypatch):
    monkeypatch.setattr(outbox, "_CLEAN_EVERY", 0.2)
    connection = await asyncpg.connect(database.url)
    told = 0
    try:

        async def goes(text):
            await connection.execute("update outbox set published_at = now() - interval '8 days'")

            async def gone():
                nonlocal told
                if text == "under load":
                    told += 1
                    await write(database, probe.told("b", told))
                old = "select count(*) from outbox where published_at < now() - interval '7 days'"
                return await connection.fetchval(old) == 0

            await eventually(gone, what=f"the old row is gone {text}")

        await write(database, probe.told("a", 1))
        async with relaying(database, probe):
            await goes("at rest")
            await write(database, probe.told("a", 2))
            await sent_all(database)
            await goes("under load")
    finally:
        await connection.close()


async def test_one_keys_events_go_together_up_to_the_size_of_a_batch_and_the_rest_follows_in_order(database, several):
    # Single events and batches of a key must meet on the same partition, or their order would be lost.
    sizes, batches = [], []

    class Counting(Through):
        async def send_batch(self, batch, topic, *, partition):
            batches.append((batch.key, partition))
            sizes.append(batch.real.record_count())
            return await super().send_batch(batch, topic, partition=partition)

    text = "x" * (base.MAX_BYTES // 5)
    names = [f"key-{n}" for n in range(4)]
    for name in names:
        await write(database, *(several.told(name, n, text=text) for n in range(11)))
    kafka = several.kafka(several.owner)
    relay = Relay(database.url, lambda: Counting(kafka.producer()), name="test", wake=database.db.wrote_event)
    relay.start()
    try:
        await sent_all(database)
        for name in names:
            await write(database, several.told(name, 11))
        await sent_all(database)
    finally:
        await relay.stop()
    assert by_name(await arrived(several)) == {name: list(range(12)) for name in names}
    assert max(sizes) == 4, "no batch is larger than an event may be"
    assert len(sizes) == 12, "eleven events of a key are three batches"
    where = {record.key: record.partition for record in await records(admin(several.installation), several.topic)}
    assert where == dict(batches), "one key, one partition"
