"""What no handler can ever do: parked once with its reason, and the partition goes on (PIT-F1 to F16, IN-E)."""

import json

import pytest
import sqlalchemy as sa

from common import bus, inbox
from common.errors import Conflict, Refusal
from common.events import base
from common.ids import uuid7
from provision import topics
from provision.plan import Right, TopicPlan
from tests.support.probe import admin, admin_client, header, producer, records, send
from tests.support.reading import reading
from tests.support.service_log import service_log

CANARY = "canary-张三-310105199001010018"


class Broken(Refusal):
    code = "rule-broken"


@pytest.fixture
def quick(monkeypatch):
    """Shorter pauses between tries; their number is what it is."""
    monkeypatch.setattr(bus, "_BACKOFF_FIRST", 0.01)


def good(probe, name, **more):
    return (name.encode(), base.dump(probe.told(name, 1, **more)), probe.headers())


def hostile(probe):
    """Every kind of record that is refused, by its name: the record, and the reason that its dead letter gives."""
    value = base.dump(probe.told("h", 1, text=CANARY))
    head = probe.headers()
    nested = b'{"name":"h","number":' + b"[" * 200_000
    return {
        "bad json": ((b"h", b"{bad json " + CANARY.encode(), head), "undecodable:schema"),
        "wrong schema": ((b"h", json.dumps({"name": "h", "number": CANARY}).encode(), head), "undecodable:schema"),
        "null": ((b"h", b"null", head), "undecodable:schema"),
        "array": ((b"h", b"[]", head), "undecodable:schema"),
        "empty": ((b"h", b"", head), "undecodable:schema"),
        "tombstone": ((b"h", None, head), "undecodable:tombstone"),
        "no utf-8": ((b"h", b"\xff\xfe\x00", head), "undecodable:schema"),
        "nested": ((b"h", nested, head), "undecodable:schema"),
        "too large": ((b"h", value + b" " * base.MAX_BYTES, head), "undecodable:too-large"),
        "another key": ((b"other", value, head), "undecodable:key"),
        "no key": ((None, value, head), "undecodable:key"),
        "no head": ((b"h", value, []), "undecodable:ce-specversion"),
        "another type": ((b"h", value, probe.headers(ce_type="unit-changed")), "undecodable:ce-type"),
        "another owner": ((b"h", value, probe.headers(ce_source="/shuqiao/registry")), "undecodable:ce-source"),
        "no id": ((b"h", value, probe.headers(ce_id=None)), "undecodable:ce-id-or-time"),
        "header of no utf-8": (
            (b"h", value, [*probe.headers(ce_id=None), ("ce_id", b"\xff\xfe")]),
            "undecodable:ce-id-or-time",
        ),
        "null header": ((b"h", value, [*probe.headers(ce_id=None), ("ce_id", None)]), "undecodable:ce-id-or-time"),
        "10,000 headers": (
            (b"h", value, [(f"x{n}", b"v") for n in range(10_000)] + head),
            "undecodable:ce-specversion",
        ),
        "64 headers": ((b"h", b"{", [(f"h{n}", b"v") for n in range(64)]), "undecodable:schema"),
        "headers without end": ((b"h", b"{", [("n" * 100_000, b"v"), ("a", b"v" * 100_000)]), "undecodable:schema"),
        "rule broken": ((b"refuse", base.dump(probe.told("refuse", 1, text=CANARY)), head), "rule-broken"),
        "rule broken with a reason": ((b"detail", base.dump(probe.told("detail", 1)), head), "conflict:late"),
    }


async def refuse(event, meta):
    if event.name == "refuse":
        raise Broken(f"no: {CANARY}")
    if event.name == "detail":
        raise Conflict(CANARY, reason="late")


async def test_whatever_comes_is_parked_once_with_reason_and_origin_and_the_partition_goes_on(probe, quick):
    kinds = hostile(probe)
    sent = [good(probe, "first")]
    for number, (record, _) in enumerate(kinds.values()):
        sent += [record, good(probe, f"good-{number}")]
    with service_log() as log:
        async with reading(probe, refuse) as reader:
            await send(probe.kafka(probe.owner), probe.topic, sent)
            await reader.has_handled(f"good-{len(kinds) - 1}", within=60)
            await probe.all_committed()
        assert reader.handled == ["first", *(f"good-{number}" for number in range(len(kinds)))], "each once, in order"
        dead = await probe.dead()
        assert len(dead) == len(kinds)
        for number, (name, (record, reason)) in enumerate(kinds.items()):
            letter = dead[number]
            assert header(letter, "x-reason") == reason, name
            assert header(letter, "x-origin") == f"{probe.topic}/0/{2 * number + 1}", name
            assert header(letter, "x-attempts") == "1", name
            assert letter.key == record[0], name
            if name != "too large":
                assert letter.value == (record[1] or b""), name
        # A dead letter's own origin is in the log, with its reason; nothing of what was in it is (PIT-F5, REQ on logs).
        assert reader.parked == {probe.topic: len(kinds)}, "counted for the metrics"
        parked = log.events("bus.dead_lettered")
        assert [line["reason"] for line in parked] == [reason for _, reason in kinds.values()]
        assert CANARY not in log.text
        assert "张三" not in log.text
        assert "input_value" not in log.text

    # PIT-F16: nothing is met again at the next start, though the last record was refused.
    await send(probe.kafka(probe.owner), probe.topic, [(b"h", None, [("ce_id", None)])])
    async with reading(probe, refuse):
        await probe.all_committed()
    async with reading(probe, refuse) as again:
        await send(probe.kafka(probe.owner), probe.topic, [good(probe, "after")])
        await again.has_handled("after")
    assert again.tried == ["after"]
    assert len(await probe.dead()) == len(kinds) + 1


async def test_a_record_that_unpacks_larger_than_we_could_write_is_parked_all_the_same(probe):
    # IN-E1: compressed it fits through every limit; its dead letter says how large it was and where it lies.
    bomb = b"0" * 4_000_000
    async with producer(probe.kafka(probe.owner), compression_type="gzip", max_request_size=8_000_000) as sending:
        await sending.send_and_wait(probe.topic, bomb, b"h" * 5_000, headers=probe.headers())
        await sending.send_and_wait(probe.topic, base.dump(probe.told("good")), b"good", headers=probe.headers())
    async with reading(probe) as reader:
        await reader.has_handled("good")
        await probe.all_committed()
    (letter,) = await probe.dead()
    assert header(letter, "x-reason") == "undecodable:too-large"
    assert header(letter, "x-omitted") == "4000000"
    assert header(letter, "x-origin") == f"{probe.topic}/0/0"
    assert (letter.key, letter.value) == (None, b"")


async def test_a_reply_to_header_makes_us_publish_nothing_anywhere(probe, installation):
    # PIT-F15. The reader may even write to that topic, so that an answer would arrive.
    reply = f"{probe.topic}-reply"
    client = admin_client(installation)
    topics._topics(client, [TopicPlan(name=reply, partitions=1, config={})], 1)
    topics._rights(client, [Right(principal=probe.reader, topic=reply, write=True)])
    async with producer(probe.kafka(probe.reader)) as sending:
        await sending.send_and_wait(reply, b"it can be written", b"k")

    async def answer(event, meta):
        return {"secret": 42}

    name, value, head = good(probe, "asks")
    async with reading(probe, answer) as reader:
        asked = (name, value, [*head, ("reply_to", reply.encode()), ("correlation_id", b"c")])
        bad = (name, b"{", [*head, ("reply_to", reply.encode())])
        await send(probe.kafka(probe.owner), probe.topic, [asked, bad, good(probe, "last")])
        await reader.has_handled("asks", "last")
        await probe.all_committed()
    assert [record.value for record in await records(admin(installation), reply)] == [b"it can be written"]
    (letter,) = await probe.dead()
    assert header(letter, "reply_to") is None


async def test_headers_beside_the_event_do_not_disturb_it(probe):
    name, value, head = good(probe, "a")
    odd = [("x-null", None), ("x-bad", b"\xff"), ("ce_id", b"\xff"), ("traceparent", b"garbage"), *head]
    async with reading(probe) as reader:
        await send(probe.kafka(probe.owner), probe.topic, [(name, value, odd)])
        await reader.has_handled("a")
        await probe.all_committed()
    assert await probe.dead() == []


async def test_the_same_id_twice_is_one_effect_and_the_same_id_with_another_body_is_parked(probe, shared_db):
    # IN-E3: through the inbox, as every handler does it.
    effects = []

    async def effect(event, meta):
        async with shared_db.begin() as tx:
            if await inbox.first_time(tx, probe.reader, meta):
                effects.append((event.name, event.number))

    head = probe.headers(ce_id=str(uuid7()))
    one, other = base.dump(probe.told("a", 1)), base.dump(probe.told("a", 2))
    async with reading(probe, effect) as reader:
        await send(probe.kafka(probe.owner), probe.topic, [(b"a", one, head), (b"a", one, head), (b"a", other, head)])
        await send(probe.kafka(probe.owner), probe.topic, [good(probe, "z")])
        await reader.has_handled("z")
        await probe.all_committed()
    assert effects == [("a", 1), ("z", 1)]
    (letter,) = await probe.dead()
    assert header(letter, "x-reason") == "undecodable:id-reused"
    assert header(letter, "x-origin") == f"{probe.topic}/0/2"


async def test_an_unknown_error_is_tried_five_times_and_then_parked_by_its_class_alone(probe, quick):
    async def fail(event, meta):
        if event.name == "fails":
            raise ZeroDivisionError(CANARY)

    with service_log() as log:
        async with reading(probe, fail) as reader:
            await send(probe.kafka(probe.owner), probe.topic, [good(probe, n) for n in ("a", "fails", "b")])
            await reader.has_handled("a", "b")
            await probe.all_committed()
        assert reader.tried == ["a", *["fails"] * 5, "b"]
        (letter,) = await probe.dead()
        assert (header(letter, "x-reason"), header(letter, "x-attempts")) == ("error:ZeroDivisionError", "5")
        assert CANARY not in log.text
        assert [line["attempt"] for line in log.events("bus.trying_again")] == [1, 2, 3, 4]


async def test_what_a_database_can_never_take_is_no_outage(probe, shared_db, quick):
    # A number out of range, a null byte: the same again will not work, so the partition must not wait for it.
    async def store(event, meta):
        async with shared_db.begin() as tx:
            statement = "select cast(:number as bigint), cast(:text as text)"
            await tx.execute(sa.text(statement), {"number": event.number, "text": event.text})

    value = base.dump(probe.told("big", 2**80))
    zero = base.dump(probe.told("zero", 1, text="a\0b"))
    async with reading(probe, store) as reader:
        await send(
            probe.kafka(probe.owner),
            probe.topic,
            [(b"big", value, probe.headers()), (b"zero", zero, probe.headers()), good(probe, "z")],
        )
        await reader.has_handled("z")
        await probe.all_committed()
    assert [header(letter, "x-reason") for letter in await probe.dead()] == ["error:DBAPIError"] * 2
