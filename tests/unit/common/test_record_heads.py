"""What is looked at of a record's headers, and what its dead letter carries: bounded, whatever came."""

import ssl
from types import SimpleNamespace

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from common import bus, events
from common.events import base

HEADERS = st.lists(
    st.tuples(
        st.text(max_size=8) | st.sampled_from(["ce_id", "x-reason", "reply_to"]), st.none() | st.binary(max_size=8)
    )
)


def record(*, key=b"k", value=b"v", headers=()):
    return ConsumerRecord("told", 3, 17, 0, 0, key, value, 0, 0, 0, tuple(headers))


@given(HEADERS)
def test_headers_are_text_by_name_and_the_first_usable_of_a_name_counts(raw):
    found = bus.text_headers(raw)
    usable = {}
    for name, value in raw[: bus.MAX_HEADERS]:
        try:
            usable.setdefault(name, value.decode())
        except (AttributeError, UnicodeDecodeError):
            continue
    assert found == usable


@pytest.mark.parametrize("raw", [None, (), [], "text", 7, {"a": b"b"}])
def test_no_headers_are_no_headers(raw):
    assert bus.text_headers(raw) == {}


def test_only_so_many_headers_and_only_short_ones_are_looked_at():
    # IN-E8
    many = [(f"h{n}", b"v") for n in range(10_000)]
    assert list(bus.text_headers(many)) == [f"h{n}" for n in range(64)]
    most = bus.MAX_HEADER_BYTES
    assert bus.text_headers([("a", b"v" * most), ("b", b"v" * (most + 1)), ("n" * (most + 1), b"v")]) == {
        "a": "v" * most
    }


async def test_a_record_is_parsed_whatever_its_headers_are_and_without_reply_to():
    # PIT-F15, PIT-F16
    given_headers = [("reply_to", b"elsewhere"), ("bad", b"\xff"), ("null", None), ("good", b"v")]
    seen = []

    async def original(parsed):
        seen.append(parsed)
        return "parsed"

    assert await bus.tolerant(record(headers=given_headers), original) == "parsed"
    assert seen[0].headers == (("good", b"v"),)
    assert (seen[0].value, seen[0].key, seen[0].offset) == (b"v", b"k", 17)


@given(HEADERS)
def test_a_dead_letter_says_why_and_whence_first_and_a_record_cannot_forge_it(raw):
    made = bus.dead_letter_headers(record(headers=raw), "conflict:late", 5)
    assert list(made.items())[:4] == [
        ("x-reason", "conflict:late"),
        ("x-origin", "told/3/17"),
        ("x-attempts", "5"),
        ("x-null", "0"),
    ]
    own = list(made)[4:]
    assert not any(name.startswith("x-") or name == "reply_to" for name in own)
    assert set(own) <= set(bus.text_headers(raw))


@pytest.mark.parametrize("value", [b"", b"x" * base.MAX_BYTES])
def test_a_value_of_any_size_that_an_event_can_have_is_carried(value):
    assert bus.carried(record(value=value)) == (b"k", value)
    assert "x-omitted" not in bus.dead_letter_headers(record(value=value), "r", 1)


def test_a_larger_one_stays_at_its_origin_and_its_size_is_told():
    large = record(value=b"x" * (base.MAX_BYTES + 1), key=b"k" * (bus.MAX_HEADER_BYTES + 1))
    assert bus.carried(large) == (None, b"")
    assert bus.dead_letter_headers(large, "r", 1)["x-omitted"] == str(base.MAX_BYTES + 1)


def test_a_tombstone_is_told_from_an_empty_value():
    assert bus.carried(record(value=None, key=None)) == (None, b"")
    assert bus.dead_letter_headers(record(value=None), "r", 1)["x-null"] == "1"
    assert bus.dead_letter_headers(record(value=b""), "r", 1)["x-null"] == "0"


@given(HEADERS, st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_no_dead_letter_is_larger_than_its_topic_takes(raw, value_size, key_size):
    large = record(headers=raw, value=bytes(value_size), key=bytes(key_size))
    key, value = bus.carried(large)
    heads = bus.dead_letter_headers(large, "r", 1)
    size = len(value) + len(key or b"") + sum(len(n.encode()) + len(v.encode()) for n, v in heads.items())
    # A name is bounded in characters, of up to four bytes each, a value in bytes; a few headers are the letter's own.
    most_heads = (bus.MAX_HEADERS * (4 + 1) + 8) * bus.MAX_HEADER_BYTES
    assert size <= base.MAX_BYTES + most_heads < 2 * base.MAX_BYTES


def test_one_topics_trouble_is_one_groups():
    names = {bus.group("catalog", event) for event in events.ALL}
    assert len(names) == len(events.ALL)
    assert all(name.startswith("catalog.") for name in names)


@pytest.mark.parametrize("tls", [False, True])
def test_who_speaks_to_the_broker_says_who_it_is_and_shows_its_password_to_nobody_else(tls):
    kafka = bus.Kafka.of(
        SimpleNamespace(kafka_servers="k:9092", kafka_user="catalog", kafka_password=SecretStr("canary"), kafka_tls=tls)
    )
    options = kafka.client_options()
    assert options["security_protocol"] == ("SASL_SSL" if tls else "SASL_PLAINTEXT")
    assert options["sasl_mechanism"] == "SCRAM-SHA-256"
    assert isinstance(options["ssl_context"], ssl.SSLContext) is tls
    if tls:
        assert options["ssl_context"].check_hostname
        assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert "canary" not in repr(kafka)
