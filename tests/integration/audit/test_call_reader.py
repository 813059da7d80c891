"""Groups of call records on their way from the broker into the trail: many at a time, by the rules of one at a time."""

import dataclasses
import json
from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from audit import reader as reading
from audit import service
from audit.reader import CallReader
from common import bus
from common.errors import Unwell
from common.events import AccessLogged, base
from tests.support.probe import make_probe, patiently, send
from tests.support.trail_values import logged, numbers, record
from tests.support.waiting import eventually


@pytest.fixture
async def probe(installation):
    """Records of calls on a topic of this test's own, of several partitions."""
    made = make_probe(installation, partitions=3)
    event = type("Logged", (AccessLogged,), {"topic": made.topic, "owner": made.owner, "partitions": 3})
    await patiently(made.committed)  # a new broker has no coordinator of groups in its first moments
    return dataclasses.replace(made, event=event)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(reading, "_PAUSE_FIRST", 0.02)
    monkeypatch.setattr(reading, "_PAUSE_LAST", 0.2)
    monkeypatch.setattr(reading, "_FETCH_WAIT_MS", 100)


def reader_of(trail, probe):
    return CallReader(probe.kafka(probe.reader), trail.parts.db, probe.reader, probe.event)


@asynccontextmanager
async def read(trail, probe):
    async with reader_of(trail, probe).running():
        yield


async def tell(probe, *sent):
    """Send groups, or (key, value, headers) as they are."""
    await send(
        probe.kafka(probe.owner), probe.topic, [one if isinstance(one, tuple) else row(probe, one) for one in sent]
    )


def row(probe, event, **headers):
    return event.key.encode(), base.dump(event), probe.headers(**headers)


async def kept(trail):
    rows = await trail.rows("select worker, number from call order by worker, number")
    return [(row["worker"], row["number"]) for row in rows]


async def reasons(probe):
    """Why each dead letter is one, by where it came from."""
    return {
        dict(letter.headers)["x-origin"].decode(): dict(letter.headers)["x-reason"].decode()
        for letter in await probe.dead()
    }


async def claims(trail):
    return (await trail.rows("select count(*) as n from inbox"))[0]["n"]


def expected(*workers, last):
    return [(worker, number) for worker in sorted(workers) for number in range(1, last + 1)]


async def test_many_groups_are_kept_together_each_once_and_then_committed(trail, probe):
    workers = [f"w{n}" for n in range(5)]
    for first in range(1, 31, 3):
        await tell(probe, *(logged(numbers(first, first + 2), worker=worker) for worker in workers))
    async with read(trail, probe):
        await probe.all_committed()
    assert await kept(trail) == expected(*workers, last=30)
    assert await trail.rows("select * from worker_gap") == []
    assert await claims(trail) == 50
    commits = (await trail.rows("select count(distinct xmin::text) as n from call"))[0]["n"]
    assert commits < 10, "many groups, few transactions"


async def test_records_are_kept_as_they_were_written_members_unknown_to_us_included(trail, probe):
    told = json.loads(base.dump(logged([record(1, matter="数桥")])))
    told["records"][0]["added_later"] = {"深": [1, "\x00"]}
    await tell(probe, (b"w1", json.dumps(told).encode(), probe.headers()))
    async with read(trail, probe):
        await probe.all_committed()
    (row,) = await trail.rows("select record from call")
    assert json.loads(row["record"]) == told["records"][0]


async def test_a_reader_that_ends_before_its_offset_is_committed_has_its_effect_once(trail, probe, monkeypatch):
    # FAULT-20
    async def never(consumer, found):
        pass

    await tell(probe, *(logged(numbers(n, n)) for n in range(1, 10)))
    with monkeypatch.context() as broken:
        broken.setattr(reading, "_commit", never)
        async with read(trail, probe):
            await eventually(lambda: _count(trail, 9), what="the effect")
    assert await probe.committed() == 0
    before = await trail.rows("select xmin::text, number from call order by number")
    async with read(trail, probe):
        await probe.all_committed()
    assert await trail.rows("select xmin::text, number from call order by number") == before
    assert await claims(trail) == 9
    assert await probe.dead() == []


async def _count(trail, wanted):
    return len(await kept(trail)) == wanted


async def test_the_same_records_under_another_id_are_kept_once(trail, probe):
    group = numbers(1, 4)
    await tell(probe, logged(group[:2]), logged(group), logged(group))
    async with read(trail, probe):
        await probe.all_committed()
    assert await kept(trail) == expected("w1", last=4)
    assert await trail.rows("select * from worker_gap") == []


async def test_missing_numbers_are_noted_and_seen_to_have_come(trail, probe):
    await tell(probe, logged(numbers(1, 2)), logged(numbers(5, 6)), logged(numbers(9, 9)), logged(numbers(3, 3)))
    async with read(trail, probe):
        await probe.all_committed()
    gaps = await trail.rows("select first, last from worker_gap order by first")
    assert [(gap["first"], gap["last"]) for gap in gaps] == [(3, 4), (7, 8)]
    (progress,) = await trail.rows("select next_number from worker_progress")
    assert progress["next_number"] == 10


BAD = {
    "no JSON": ((b"w1", b"{"), {}, "undecodable:schema"),
    "a tombstone": ((b"w1", None), {}, "undecodable:tombstone"),
    "another key": ((b"w2", base.dump(logged(numbers(90, 90)))), {}, "undecodable:key"),
    "no id": ((b"w1", base.dump(logged(numbers(91, 91)))), {"ce_id": None}, "undecodable:ce-id-or-time"),
    "another owner": ((b"w1", base.dump(logged(numbers(92, 92)))), {"ce_source": "/x"}, "undecodable:ce-source"),
    "no records": ((b"w1", base.dump(logged(numbers(93, 93)))[:60] + b"]}"), {}, "undecodable:schema"),
    "no number": (
        (b"w1", base.dump(logged(numbers(94, 94))).replace(b'"records":', b'"more":NaN,"records":')),
        {},
        "undecodable:schema",
    ),
    "a text that the database cannot hold": (
        (b"w1", base.dump(logged([record(95, unit="a\x00b")]))),
        {},
        "error:CharacterNotInRepertoireError",
    ),
    "a number that the database cannot hold": (
        (b"w1", base.dump(logged(numbers(2**70, 2**70)))),
        {},
        "error:DBAPIError",
    ),
}
"""Key and value, changed headers, and the reason of the dead letter."""


async def test_what_is_refused_is_dead_lettered_by_itself_and_all_around_it_is_kept(trail, probe):
    # IN-E1: one bad record fails no other, however many lie in the same transaction.
    sent = []
    for number, ((key, value), changed, _) in enumerate(BAD.values(), 1):
        sent += [row(probe, logged(numbers(number, number))), (key, value, probe.headers(**changed))]
    await tell(probe, *sent, row(probe, logged(numbers(len(BAD) + 1, len(BAD) + 1))))
    parked = Counter()
    async with CallReader(
        probe.kafka(probe.reader), trail.parts.db, probe.reader, probe.event, parked=parked
    ).running():
        await probe.all_committed()
    assert await kept(trail) == expected("w1", last=len(BAD) + 1)
    assert parked == {probe.topic: len(BAD)}, "as the alert counts them"
    assert sorted((await reasons(probe)).values()) == sorted(reason for _, _, reason in BAD.values())
    letters = await probe.dead()
    assert len(letters) == len(BAD), "each once"
    assert {letter.value for letter in letters} >= {value for (_, value), _, _ in BAD.values() if value}
    assert await trail.rows("select * from worker_gap") == []


async def test_another_body_under_a_known_id_is_refused_and_the_same_body_is_passed_over(trail, probe):
    """IN-E3: in one transaction and over several."""
    first, other = logged(numbers(1, 1)), logged(numbers(2, 2))
    known = {"ce_id": "0192f3a4-0000-7000-8000-000000000001"}
    await tell(probe, row(probe, first, **known), row(probe, first, **known), row(probe, other, **known))
    async with read(trail, probe):
        await probe.all_committed()
        await tell(probe, row(probe, first, **known), row(probe, logged(numbers(3, 3)), **known))
        await probe.all_committed()
    assert await kept(trail) == [("w1", 1)]
    assert list((await reasons(probe)).values()) == ["undecodable:id-reused"] * 2


async def test_while_something_is_away_nothing_is_let_go(trail, probe, monkeypatch):
    tries, well = [], service.keep_calls

    async def unwell(tx, groups):
        await well(tx, groups)
        tries.append(len(groups))
        if len(tries) < 4:
            raise Unwell("database")

    monkeypatch.setattr(service, "keep_calls", unwell)
    await tell(probe, *(logged(numbers(n, n)) for n in range(1, 6)))
    async with read(trail, probe):
        await eventually(lambda: _tried(tries, 3), what="tries")
        assert await probe.committed() == 0
        assert await kept(trail) == []
        await probe.all_committed()
    assert await kept(trail) == expected("w1", last=5)
    assert tries[1] == 1, "what is too slow for many is asked for one"
    assert await probe.dead() == []


async def _tried(tries, wanted):
    return len(tries) >= wanted


async def test_what_fails_for_unknown_reasons_is_tried_five_times_alone_before_it_is_dead_lettered(
    trail, probe, monkeypatch
):
    tries, well = [], service.keep_calls

    async def broken(tx, groups):
        tries.append([group.first for group in groups])
        if 2 in tries[-1]:
            raise ZeroDivisionError
        await well(tx, groups)

    monkeypatch.setattr(service, "keep_calls", broken)
    await tell(probe, *(logged(numbers(n, n)) for n in (1, 2, 3)))
    async with read(trail, probe):
        await probe.all_committed()
    assert await kept(trail) == [("w1", 1), ("w1", 3)]
    assert tries.count([2]) == 5
    (letter,) = await probe.dead()
    assert dict(letter.headers)["x-reason"] == b"error:ZeroDivisionError"
    assert dict(letter.headers)["x-attempts"] == b"5"


async def test_a_record_is_held_until_the_broker_has_its_dead_letter(trail, probe, monkeypatch):
    await tell(probe, (b"w1", b"{", probe.headers()), logged(numbers(1, 1)))
    real, failures = bus.Kafka.producer, []

    def producer(kafka):
        made = real(kafka)
        if len(failures) < 2:

            async def fails():
                failures.append(await probe.committed())
                raise KafkaConnectionError

            made.start = fails
        return made

    monkeypatch.setattr(bus.Kafka, "producer", producer)
    async with read(trail, probe):
        await probe.all_committed()
    assert failures == [0, 0]
    assert list((await reasons(probe)).values()) == ["undecodable:schema"]
    assert await kept(trail) == [("w1", 1)]


async def test_a_reader_that_breaks_begins_anew(trail, probe, monkeypatch):
    broken = [True]
    real = CallReader.consumer

    def consumer(self):
        if broken:
            broken.clear()
            raise KafkaConnectionError
        return real(self)

    monkeypatch.setattr(CallReader, "consumer", consumer)
    await tell(probe, logged(numbers(1, 1)))
    with capture_logs() as said:
        async with read(trail, probe):
            await probe.all_committed()
    assert await kept(trail) == [("w1", 1)]
    assert [one["error"] for one in said if one["event"] == "audit.calls_interrupted"] == ["KafkaConnectionError"]


async def test_two_readers_share_the_partitions_and_one_goes_on_when_the_other_ends(trail, probe):
    workers = [f"w{n}" for n in range(6)]
    async with read(trail, probe):
        async with read(trail, probe):
            await tell(probe, *(logged(numbers(n, n), worker=w) for n in range(1, 6) for w in workers))
            await probe.all_committed()
        await tell(probe, *(logged(numbers(n, n), worker=w) for n in range(6, 9) for w in workers))
        await probe.all_committed()
    assert await kept(trail) == expected(*workers, last=8)
    assert await trail.rows("select * from worker_gap") == []


async def test_the_consumer_commits_nothing_by_itself_and_begins_at_the_first_record(trail, probe):
    # PIT-F1, PIT-A9: what the walk over the subscribers asks of them.
    made = CallReader(probe.kafka(probe.reader), trail.parts.db, "audit").consumer()
    await made.stop()
    assert (made._group_id, made._enable_auto_commit, made._auto_offset_reset) == (
        "audit.access-logged",
        False,
        "earliest",
    )


def test_records_go_together_in_their_order_as_many_as_a_transaction_may_hold(monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 10)
    records = [SimpleNamespace(value=value) for value in (b"1" * 4, b"2" * 6, b"3", None, b"4" * 30, b"5", b"6")]
    found = [[records.index(one) for one in some] for some in reading.slices(records)]
    assert found == [[0, 1], [2, 3], [4], [5, 6]]
    assert list(reading.slices([])) == []
