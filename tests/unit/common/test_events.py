"""How events travel: CloudEvents 1.0 in binary mode, a JSON value, a key; and what is no event."""

import contextlib
import json
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import events
from common.errors import Undecodable
from common.events import Event, Nature, Part, StateEvent, TooLarge, base
from common.schemas import FOLDER
from tests.support.schema_values import values


class Inner(Part):
    value: int


class Told(StateEvent):
    topic: ClassVar[str] = "told"
    owner: ClassVar[str] = "registry"

    name: str
    text: str = ""
    inner: Inner = Inner(value=1)

    @property
    def key(self) -> str:
        return self.name


EVENT_ID = UUID("0190b3f2-7c1a-7d4e-9a3b-3f0a5e6b7c8d")
TIME = datetime(2026, 11, 23, 1, 12, 0, 5, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DIGEST = b"digest"
HEADERS = {
    name: value.decode()
    for name, value in base.headers("told", event_id=EVENT_ID, source="registry", time=TIME, traceparent=TRACEPARENT)
}
VALUE = b'{"version":3,"name":"a","text":"","inner":{"value":1}}'
EVERY = pytest.mark.parametrize("event_type", events.ALL, ids=lambda event_type: event_type.topic)


def reason(refused) -> str:
    return refused.value.details["reason"]


# --- The head of a record -------------------------------------------------------------------------------------------


def test_a_record_carries_cloudevents_1_0_in_binary_mode():
    assert {
        "ce_specversion": "1.0",
        "ce_id": str(EVENT_ID),
        "ce_type": "told",
        "ce_source": "/shuqiao/registry",
        "ce_time": "2026-11-23T01:12:00.000005+00:00",
        "traceparent": TRACEPARENT,
        "content-type": "application/json",
    } == HEADERS


def test_what_was_written_in_the_head_is_read_from_it():
    meta = base.read_meta(Told, HEADERS, DIGEST)
    assert (meta.id, meta.type, meta.source, meta.time) == (EVENT_ID, "told", "registry", TIME)
    assert (meta.traceparent, meta.digest) == (TRACEPARENT, DIGEST)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"ce_specversion": None}, "ce-specversion"),
        ({"ce_specversion": "0.3"}, "ce-specversion"),
        ({"ce_type": None}, "ce-type"),
        ({"ce_type": "told.v2"}, "ce-type"),
        ({"ce_type": "unit-changed"}, "ce-type"),
        ({"ce_source": None}, "ce-source"),
        ({"ce_source": "/shuqiao/catalog"}, "ce-source"),
        ({"ce_source": "registry"}, "ce-source"),
        ({"ce_id": None}, "ce-id-or-time"),
        ({"ce_id": "17"}, "ce-id-or-time"),
        ({"ce_time": None}, "ce-id-or-time"),
        ({"ce_time": "yesterday"}, "ce-id-or-time"),
        ({"ce_time": "2026-11-23T01:12:00"}, "ce-id-or-time"),  # without a zone it is no instant
    ],
)
def test_a_head_of_another_type_or_owner_or_a_broken_one_is_refused(changed, why):
    # IN-E2, IN-E7: an unknown type, an unknown version, a forged producer.
    found = {name: value for name, value in {**HEADERS, **changed}.items() if value is not None}
    with pytest.raises(Undecodable) as refused:
        base.read_meta(Told, found, DIGEST)
    assert reason(refused) == why


@pytest.mark.parametrize("claimed", ["2036-11-23T00:00:00Z", "1970-01-01T00:00:00+00:00"])
def test_a_time_far_away_is_kept_as_it_is_claimed(claimed):
    # IN-E6: order comes from versions, never from the claimed time.
    assert base.read_meta(Told, HEADERS | {"ce_time": claimed}, DIGEST).time == datetime.fromisoformat(claimed)


def test_a_record_without_a_trace_is_an_event_all_the_same():
    found = {name: value for name, value in HEADERS.items() if name != "traceparent"}
    assert base.read_meta(Told, found, DIGEST).traceparent is None


# --- The value ------------------------------------------------------------------------------------------------------


def test_the_value_is_json_and_comes_back_as_it_went():
    event = Told(version=3, name="a")
    assert base.dump(event) == VALUE
    assert base.read(Told, b"a", VALUE) == event
    assert event.order == 3


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "tombstone"),
        (b"", "schema"),
        (b"null", "schema"),
        (b"[]", "schema"),
        (b"3", "schema"),
        (b'"told"', "schema"),
        (b"{bad json", "schema"),
        (b"{}", "schema"),
        (b'{"version":3}', "schema"),
        (b'{"version":"three","name":"a"}', "schema"),
        (b'{"version":NaN,"name":"a"}', "schema"),
        (b'{"version":3,"name":null}', "schema"),
        (VALUE + b"x", "schema"),
        (b"\xff\xfe" + VALUE, "schema"),
        (VALUE.decode().encode("utf-16"), "schema"),
        (b'{"version":3,"name":"a","inner":' + b"[" * 100_000, "schema"),
        (b'{"version":' + b"9" * 5000 + b',"name":"a"}', "schema"),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(value, why):
    # IN-E1, IN-E2, PIT-F4: whatever came, it ends in one kind of refusal.
    with pytest.raises(Undecodable) as refused:
        base.read(Told, b"a", value)
    assert reason(refused) == why


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_an_event_or_a_refusal(value):
    with contextlib.suppress(Undecodable):
        assert isinstance(base.read(Told, b"a", value), Told)


@pytest.mark.parametrize("key", [None, b"", b"b", b"A", b"a ", b"\xff"])
def test_the_key_of_another_aggregate_is_refused(key):
    # IN-E5: order holds within the key, so a wrong one is no small matter.
    with pytest.raises(Undecodable) as refused:
        base.read(Told, key, VALUE)
    assert reason(refused) == "key"


def test_a_refusal_repeats_nothing_of_the_value():
    with pytest.raises(Undecodable) as refused:
        base.read(Told, b"a", b'{"version":"canary","name":"canary"}')
    assert "canary" not in str(refused.value)
    assert "canary" not in str(refused.value.details)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_fields_of_a_later_form_are_ignored_at_every_depth():
    # The rule by which an event may gain optional fields.
    later = json.loads(VALUE) | {"new": {"deep": [1]}, "inner": {"value": 1, "more": "x"}}
    assert base.read(Told, b"a", json.dumps(later).encode()) == Told(version=3, name="a")


def test_512_kib_to_the_byte_may_travel_and_one_more_may_not():
    empty = len(base.dump(Told(version=3, name="a")))
    most = base.MAX_BYTES - empty
    value = base.dump(Told(version=3, name="a", text="x" * most))
    assert len(value) == 512 * 1024
    assert base.read(Told, b"a", value).text == "x" * most
    with pytest.raises(TooLarge) as refused:
        base.dump(Told(version=3, name="a", text="x" * (most + 1)))
    assert refused.value.details == {"topic": "told", "bytes": 512 * 1024 + 1, "limit": 512 * 1024}
    with pytest.raises(Undecodable) as unread:
        base.read(Told, b"a", value + b" ")
    assert reason(unread) == "too-large"


def test_the_limit_counts_bytes_not_characters():
    with pytest.raises(TooLarge):
        base.dump(Told(version=1, name="a", text="数" * (base.MAX_BYTES // 3)))


# --- Every event ----------------------------------------------------------------------------------------------------


@EVERY
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_event_that_its_locked_schema_allows_comes_back_as_it_went(event_type, data):
    schema = json.loads((FOLDER / f"{event_type.topic}.json").read_text())
    made = data.draw(values(schema))
    event = event_type.model_validate_json(json.dumps(made))
    value = base.dump(event)
    assert base.read(event_type, event.key.encode(), value) == event
    jsonschema.validate(json.loads(value), schema, cls=jsonschema.Draft202012Validator)


@EVERY
@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_event_ignores_unknown_fields_and_refuses_another_key(event_type, data):
    made = data.draw(values(json.loads((FOLDER / f"{event_type.topic}.json").read_text())))
    event = event_type.model_validate_json(json.dumps(made))
    grown = json.dumps(made | {"a_field_of_tomorrow": [1]}).encode()
    assert base.read(event_type, event.key.encode(), grown) == event
    with pytest.raises(Undecodable) as refused:
        base.read(event_type, event.key.encode() + b"x", grown)
    assert reason(refused) == "key"


@EVERY
def test_every_event_refuses_the_lack_of_any_required_field(event_type):
    schema = base.schema(event_type)
    example = values(schema).filter(lambda made: set(made) >= set(schema["required"]))
    made = _first(example)
    for name in schema["required"]:
        less = {key: value for key, value in made.items() if key != name}
        with pytest.raises(Undecodable):
            base.read(event_type, None, json.dumps(less).encode())


def _first(strategy):
    found = []

    @settings(max_examples=1, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def take(value):
        found.append(value)

    take()
    return found[0]


@EVERY
def test_every_event_is_frozen_and_hides_its_input_in_errors(event_type):
    assert event_type.model_config["frozen"] is True
    assert event_type.model_config["hide_input_in_errors"] is True
    assert event_type.model_config["extra"] == "ignore"


def test_every_event_has_a_topic_of_its_own_and_an_owner():
    assert len({event.topic for event in events.ALL}) == len(events.ALL)
    assert {event.topic: event for event in events.ALL} == events.BY_TOPIC
    assert {event.owner for event in events.ALL} == {"registry", "catalog", "sharing", "ingest-files", "gateway"}


def test_state_events_and_no_others_carry_a_version():
    for event in events.ALL:
        assert issubclass(event, StateEvent) is (event.nature is Nature.STATE) is ("version" in event.model_fields)


def test_the_root_has_no_key_of_its_own():
    class Keyless(Event):
        topic: ClassVar[str] = "keyless"
        owner: ClassVar[str] = "registry"

    with pytest.raises(NotImplementedError):
        _ = Keyless().key
    assert Keyless().order is None
