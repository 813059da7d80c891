"""The record of a call: everything that evidence needs, and nothing personal or secret in clear (REQ-T1)."""

import hashlib
import json
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import CallRecord, Mode, RowCondition
from common.keys import KeyKind, generate
from gateway.domain import records
from gateway.domain.quotas import Charge, Leases
from gateway.domain.records import MAX_BATCHES, Call, claimed, content_digest, subject_digest
from gateway.domain.requests import Notes
from gateway.errors import Refused
from tests.support.gateway_calls import decide
from tests.support.gateway_world import EPOCH, EVIDENCE, World
from tests.support.items import day, key, text

ITEMS = (key(text("born_in", 6), 2), key(text("id_number", 18), 1), text("name", 40), day("born"))
INPUTS = {"born_in": "eq", "id_number": "eq in", "name": "eq prefix", "born": "ge eq"}
TRACE = "0af7651916cd43dd8448eb211c80319c"

ONLY_WHERE_DEMANDED = {"signing_key", "certificate", "unproven"}


def called(world=None, **parameters):
    """A call that was decided."""
    world = world or made()
    call = Call(method="POST", address="198.51.100.7", trace_id=TRACE, received_at=EPOCH, service_name="people")
    given_ = {**world.keys("edu", "people"), **parameters}
    call.who, call.plan = decide(world, "people", given_)
    return call


def made(items=("name", "id_number"), **more):
    world = World()
    world.unit("edu")
    world.service("people", ITEMS, INPUTS)
    world.grant("edu", "people", items, **more)
    return world


def verifying(**more):
    world = World()
    world.unit("edu")
    told = {"identity": ("id_number", "born_in"), "claims": ("name", "born"), **more}
    world.service("people", ITEMS, {}, mode=Mode.VERIFY, **told)
    world.grant("edu", "people", ["name", "born"])
    return world


def record(call, digest=None, pepper=EVIDENCE):
    return records.record(call, digest, pepper, EPOCH + timedelta(seconds=3))


def told(call):
    """The record as JSON."""
    return json.loads(record(call))


def read(made_record):
    """As the trail reads it: with its number, and not a member too many or too few."""
    written = b'{"number":1,' + made_record[1:]
    found = CallRecord.model_validate_json(written)
    assert set(json.loads(written)) == set(CallRecord.model_fields) - {"count", *ONLY_WHERE_DEMANDED}
    return found


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
        found = told(called(id_number="11010519491231002X", born_in="110105", name="x"))
        expected = subject_digest("307001-000001", ["11010519491231002X", "110105"], EVIDENCE)
        assert found["subject"] == expected
        assert expected != subject_digest("307001-000001", ["110105", "11010519491231002X"], EVIDENCE)

    def test_the_values_of_the_identity_are_that_of_a_verification(self):
        call = called(verifying(), born_in="110105", name="x", id_number="11010519491231002X")
        assert told(call)["subject"] == subject_digest("307001-000001", ["11010519491231002X", "110105"], EVIDENCE)

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
        assert told(called(**given_))["subject"] is None

    def test_the_grants_own_conditions_are_no_part_of_it(self):
        condition = RowCondition(item="born_in", values=("110105",))
        assert told(called(made(row_filter=(condition,)), id_number="1"))["subject"] is None

    def test_without_a_key_there_is_no_subject(self):
        world = World()
        world.unit("edu")
        world.service("people", (text("name"),), {"name": "eq"})
        world.grant("edu", "people", ["name"])
        assert told(called(world, name="x"))["subject"] is None

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
        written = record(call).decode()
        unescaped = json.dumps(json.loads(written), ensure_ascii=False)
        for canary in (*self.VALUES, "canary-row-filter", *world.keys("edu", "people").values()):
            assert canary not in written
            assert canary not in unescaped

    def test_no_plain_digest_of_them_either(self):
        world, call = self.call()
        written = record(call).decode()
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


class TestClaims:
    GIVEN: Final = {"id_number": "11010519491231002X", "born_in": "110105", "name": "示例甲", "born": "1949/12/31"}

    def test_claims_are_told_beside_the_identity_as_keyed_hashes(self):
        found = read(record(called(verifying(), **self.GIVEN)))
        assert [(f.item, f.operator) for f in found.filters] == [
            ("born_in", "eq"),
            ("id_number", "eq"),
            ("name", "claim"),
            ("born", "claim"),
        ]
        assert found.filters[2].value == EVIDENCE.digest("name\x1f示例甲")
        assert found.items == ("name", "born")

    def sets(self, *given_):
        world = verifying()
        return [claimed(call, call.plan, EVIDENCE) for call in (called(world, **one) for one in given_)]

    def test_the_same_claims_about_the_same_one_are_one_set_in_whatever_order_they_come(self):
        one, other = self.sets(self.GIVEN, dict(reversed(self.GIVEN.items())))
        assert one == other

    @pytest.mark.parametrize("changed", [{"name": "示例乙"}, {"born": "1949/12/30"}])
    def test_another_value_is_another_set_about_the_same_one(self, changed):
        one, other = self.sets(self.GIVEN, {**self.GIVEN, **changed})
        assert one[0] == other[0]
        assert one[1] != other[1]

    def test_fewer_claims_are_another_set(self):
        one, other = self.sets(self.GIVEN, {name: value for name, value in self.GIVEN.items() if name != "born"})
        assert one[1] != other[1]

    @pytest.mark.parametrize("changed", [{"id_number": "1"}, {"born_in": "1"}])
    def test_another_identity_is_somebody_else(self, changed):
        one, other = self.sets(self.GIVEN, {**self.GIVEN, **changed})
        assert one[0] != other[0]

    def test_nothing_of_it_is_in_clear(self):
        (found,) = self.sets(self.GIVEN)
        assert all(len(part) == 64 and set(part) <= set("0123456789abcdef") for part in found)


class TestCharges:
    """Whoever settles for a replica that died counts its records by the lease that they were charged to."""

    def test_the_lease_of_the_day_is_in_the_record(self):
        call = called()
        leases, holder = Leases(), uuid4()
        call.charge = Charge(leases, call.who.grant, 0.0, f"{holder}:19700")
        assert read(record(call)).charged == f"{holder}:19700"

    def test_a_call_that_is_not_charged_to_one_says_so(self):
        call = called()
        assert read(record(call)).charged is None
        call.charge = Charge(Leases(), call.who.grant, 0.0, None)
        assert read(record(call)).charged is None


class TestWrittenOnce:
    """What is the same in all records of a grant is written once; it is never another's."""

    def names(self, call):
        found = read(record(call))
        return (found.unit, found.unit_key, found.service, found.method_key, found.grant_version, found.items)

    def test_calls_of_different_kinds_by_turns_are_each_on_record_as_they_were(self):
        world = made()
        world.unit("health")
        world.service("other", ITEMS, INPUTS)
        for unit, service, items in (("edu", "other", ["born"]), ("health", "people", ["name"])):
            world.grant(unit, service, items)
        kinds = [("edu", "people"), ("edu", "other"), ("health", "people")]
        shown = {("edu", "people"): ("id_number", "name"), ("edu", "other"): ("born",), ("health", "people"): ("name",)}
        for unit, service in kinds * 3:
            for given_ in ({}, {"name": "x"}, {"name__prefix": "x"}):
                call = Call(method="POST", address="", trace_id=TRACE, received_at=EPOCH, service_name=service)
                call.who, call.plan = decide(world, service, {**world.keys(unit, service), **given_})
                found = read(record(call))
                assert (found.unit, found.service, found.items) == (unit, service, shown[unit, service])
                assert found.grant == world.grants[unit, service]
                assert [(f.item, f.operator) for f in found.filters] == [
                    (name.partition("__")[0], name.partition("__")[2] or "eq") for name in given_
                ]

    def test_a_new_telling_of_grant_service_or_key_is_in_the_next_record(self):
        world = made()
        before = self.names(called(world))
        world.grant("edu", "people", ["born"])
        granted = self.names(called(world))
        assert (granted[4], granted[5]) == (before[4] + 1, ("born",))
        world.unit("edu", keys=[world.unit_keys["edu"], new := generate(KeyKind.UNIT)])
        rotated = self.names(called(world, unitKey=new))
        assert rotated[1] == f"k-{new[-6:]}"
        assert self.names(called(world))[1] == before[1]
        world.service("people", ITEMS, INPUTS, ready=False)
        assert read(record(called(world))).service_version == 2

    def test_a_refused_call_between_two_others_leaves_its_own_items_and_not_theirs(self):
        world = made()
        whole = self.names(called(world))
        refused = called(world)
        refused.plan = None
        assert self.names(refused)[5] == ()
        assert self.names(called(world)) == whole


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
    except Refused:
        call = called()
    call.rows, call.code = rows, code
    assert read(record(call)).rows == rows
