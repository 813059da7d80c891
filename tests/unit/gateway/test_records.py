"""The record of a call: everything that evidence needs, and nothing personal or secret in clear (REQ-T1)."""

import hashlib
import json
from datetime import timedelta
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import CallRecord, RowCondition
from gateway.domain import decisions, records
from gateway.domain.records import MAX_BATCHES, Call, content_digest, subject_digest
from gateway.domain.requests import Notes
from tests.support.gateway_world import EPOCH, EVIDENCE, World
from tests.support.items import day, key, text

ITEMS = (key(text("born_in", 6), 2), key(text("id_number", 18), 1), text("name", 40), day("born"))
INPUTS = {"born_in": "eq", "id_number": "eq in", "name": "eq prefix", "born": "ge eq"}
TRACE = "0af7651916cd43dd8448eb211c80319c"


def called(world=None, **parameters):
    """A call that was decided."""
    world = world or made()
    call = Call(method="POST", address="198.51.100.7", trace_id=TRACE, received_at=EPOCH, service_name="people")
    given_ = {**world.keys("edu", "people"), **parameters}
    call.who = decisions.identify(given_, "people", world.memory, (world.pepper,))
    view = decisions.admit(call.who, world.memory, address=call.address, at=EPOCH)
    call.plan = decisions.plan(given_, {}, call.who, view, world.memory)
    return call


def made(**more):
    world = World()
    world.unit("edu")
    world.service("people", ITEMS, INPUTS)
    world.grant("edu", "people", ["name", "id_number"], **more)
    return world


def record(call, digest=None, pepper=EVIDENCE):
    return records.record(call, digest, pepper, EPOCH + timedelta(seconds=3))


def read(made_record):
    """As the trail reads it."""
    return CallRecord.model_validate_json(orjson.dumps({"number": 1, **made_record}))


def test_a_record_names_who_asked_for_what_under_which_grant_and_decision():
    world = made()
    call = called(world, name="示例甲")
    call.notes = Notes("staff-7", "one-net", "2026-0001")
    call.batches, call.rows, call.code, call.status = (UUID(int=1), UUID(int=2)), 2, "1", 200
    call.checked_at, call.sourced_at = EPOCH + timedelta(seconds=1), EPOCH + timedelta(seconds=2)
    found = read(record(call, "ab" * 32))
    assert (found.unit, found.service, found.entry) == ("edu", "people", "307001-000001")
    assert (found.service_version, found.resource_version) == (1, "307001-000001_v1")
    assert (found.grant, found.grant_version) == (world.grants["edu", "people"], 1)
    assert (found.application, found.edition, found.article) == ("CNZYSQ230001", "2021", "§17")
    assert (found.operator, found.using_system, found.matter) == ("staff-7", "one-net", "2026-0001")
    assert found.items == ("id_number", "name"), "in the order of the catalogue"
    assert (found.batches, found.batch_count, found.batch_digest, found.rows) == (
        (UUID(int=1), UUID(int=2)),
        2,
        None,
        2,
    )
    assert (found.method, found.source_address, found.trace_id) == ("POST", "198.51.100.7", TRACE)
    assert (found.status, found.code, found.answer) == (200, "1", "ab" * 32)
    times = [found.received_at, found.checked_at, found.sourced_at, found.recorded_at]
    assert times == [EPOCH + timedelta(seconds=n) for n in range(4)]


def test_a_refused_call_has_a_record_too_with_what_was_known():
    call = Call(method="GET", address="", trace_id=TRACE, received_at=EPOCH, status=405, code="405")
    found = read(record(call))
    assert (found.unit, found.service, found.grant, found.items, found.filters) == (None, None, None, (), ())
    assert (found.checked_at, found.sourced_at, found.answer, found.subject) == (None, None, None, None)
    assert (found.method, found.status, found.code) == ("GET", 405, "405")


def test_the_service_that_a_stranger_named_is_on_record():
    call = Call(method="POST", address="", trace_id=TRACE, received_at=EPOCH, service_name="no-such-service")
    assert read(record(call)).service == "no-such-service"


class TestSubjects:
    def test_the_values_of_the_whole_key_are_the_subject_in_the_order_of_the_key(self):
        found = record(called(id_number="11010519491231002X", born_in="110105", name="x"))
        expected = subject_digest("307001-000001", ["11010519491231002X", "110105"], EVIDENCE)
        assert found["subject"] == expected
        assert expected != subject_digest("307001-000001", ["110105", "11010519491231002X"], EVIDENCE)

    @pytest.mark.parametrize(
        "given_",
        [
            {},
            {"id_number": "11010519491231002X"},
            {"born_in": "110105", "name": "x"},
            {"id_number__in": "11010519491231002X", "born_in": "110105"},
        ],
    )
    def test_a_part_of_the_key_or_a_list_of_values_is_no_subject(self, given_):
        assert record(called(**given_))["subject"] is None

    def test_without_a_key_there_is_no_subject(self):
        world = World()
        world.unit("edu")
        world.service("people", (text("name"),), {"name": "eq"})
        world.grant("edu", "people", ["name"])
        assert record(called(world, name="x"))["subject"] is None

    def test_the_same_subject_is_found_again_under_the_same_secret_and_resource_alone(self):
        one = subject_digest("307001-000001", ["1"], EVIDENCE)
        assert one == subject_digest("307001-000001", ["1"], EVIDENCE)
        assert one != subject_digest("307001-000002", ["1"], EVIDENCE)
        assert one != hashlib.sha256(b"307001-000001\x1f1").hexdigest(), "not without the secret"


class TestCanary:
    """Nothing personal and no key stands in a record: neither in clear nor as a digest that anybody could compute."""

    VALUES = ("11010519491231002X", "示例甲", "110105")

    def call(self):
        world = made(row_filter=(RowCondition(item="name", values=("canary-row-filter",)),))
        return world, called(world, id_number=self.VALUES[0], name=self.VALUES[1], born_in=self.VALUES[2])

    def test_no_value_of_filters_subject_or_row_filter_and_no_key_is_in_it(self):
        world, call = self.call()
        call.answer = "canary-answer 示例甲".encode()
        written = orjson.dumps(record(call)).decode()
        told = json.dumps(json.loads(written), ensure_ascii=False)
        for canary in (*self.VALUES, "canary-row-filter", "canary-answer", *world.keys("edu", "people").values()):
            assert canary not in written
            assert canary not in told

    def test_no_plain_digest_of_them_either(self):
        world, call = self.call()
        written = orjson.dumps(record(call)).decode()
        for canary in (*self.VALUES, *world.keys("edu", "people").values()):
            for text_ in (canary, f"id_number\x1f{canary}", f"name\x1f{canary}"):
                assert hashlib.sha256(text_.encode()).hexdigest() not in written
                assert world.pepper.digest(text_) not in written, "nor the hash that opens the door"

    def test_filters_are_told_by_item_operator_and_keyed_hash(self):
        _, call = self.call()
        found = read(record(call)).filters
        assert [(f.item, f.operator) for f in found] == [("born_in", "eq"), ("id_number", "eq"), ("name", "eq")]
        assert len({f.value for f in found}) == 3
        assert found[1].value == EVIDENCE.digest("id_number\x1f11010519491231002X")


@pytest.mark.parametrize("count", [0, 1, MAX_BATCHES, MAX_BATCHES + 1, 1000])
def test_so_many_batches_are_named_and_of_more_their_number_and_digest(count):
    call = called()
    call.batches = tuple(uuid4() for _ in range(count))
    found = read(record(call))
    assert found.batches == call.batches[:MAX_BATCHES]
    assert found.batch_count == count
    assert (found.batch_digest is None) is (count <= MAX_BATCHES)
    if count > MAX_BATCHES:
        call.batches = call.batches[::-1]
        assert read(record(call)).batch_digest == found.batch_digest, "whatever their order"


def test_the_digest_of_an_answer_is_in_the_record_and_in_the_header_of_rfc_9530():
    assert content_digest(b'{"hello": "world"}') == (
        "5f8f04f6a3a892aaabbddb6cf273894493773960d4a325b105fee46eef4304f1",
        b"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
    )


@given(
    st.text(st.characters(min_codepoint=0x21, exclude_categories=["C", "Z", "M"]), min_size=1, max_size=20),
    st.sampled_from(["name", "name__prefix"]),
    st.integers(0, 10**9),
    st.sampled_from(["1", "101", "206", "301", "500"]),
)
def test_any_record_is_one_that_the_trail_can_read(value, name, rows, code):
    try:
        call = called(**{name: value})
    except decisions.Refused:
        call = called()
    call.rows, call.code = rows, code
    assert read(record(call)).rows == rows
