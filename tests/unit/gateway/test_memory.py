"""What the gateway holds: the newest telling of each thing, in whatever order the tellings come (IN-E4, IN-E10)."""

from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import (
    ExchangeState,
    GrantState,
    Mode,
    Operator,
    Quota,
    ResourceState,
    ServiceState,
    SourceKind,
    UnitState,
)
from common.keys import KeyKind, generate
from gateway.domain.memory import Memory
from tests.support.begun_world import ITEMS, RESOURCE, begun, ref
from tests.support.gateway_world import EPOCH, World
from tests.support.items import key, text


@pytest.fixture
def world():
    return begun()


def tellings(build):
    """Events in the order of their versions, caught on their way to a memory."""
    caught = []

    class Catching(Memory):
        def apply(self, event):
            caught.append(event)

    build(World(memory=Catching()))
    return caught


class TestUnits:
    def test_a_unit_is_found_by_the_hash_of_its_key(self, world):
        assert world.memory.unit_keys[ref(world.unit_keys["edu"])][0] == "edu"

    def test_a_rotated_key_is_gone_and_the_new_one_is_there(self, world):
        old, new = world.unit_keys["edu"], generate(KeyKind.UNIT)
        world.unit("edu", keys=[old, new])  # two live keys while the unit changes over
        assert {ref(old), ref(new)} <= set(world.memory.unit_keys)
        world.unit("edu", keys=[new])
        assert ref(old) not in world.memory.unit_keys
        assert world.memory.unit_keys[ref(new)][0] == "edu"

    def test_a_withdrawn_unit_has_no_keys_even_if_the_telling_lists_them(self, world):
        world.unit("edu", UnitState.WITHDRAWN)
        assert world.memory.unit_keys == {}

    def test_a_suspended_unit_keeps_its_keys(self, world):
        """It is known who calls: 203, not 201."""
        world.unit("edu", UnitState.SUSPENDED)
        assert ref(world.unit_keys["edu"]) in world.memory.unit_keys

    def test_one_unit_takes_no_key_from_another(self, world):
        world.unit("health")
        world.unit("edu", UnitState.WITHDRAWN)
        assert [held[0] for held in world.memory.unit_keys.values()] == ["health"]


class TestOrder:
    def grants(self):
        def build(world):
            for state in (GrantState.ACTIVE, GrantState.SUSPENDED, GrantState.REVOKED):
                world.grant("edu", "streets", ["street_code"], state=state)

        return tellings(build)

    def test_the_newest_telling_holds_whatever_the_order_in_which_they_come(self):
        """IN-E10: a late creation does not undo a revocation."""
        for order in permutations(self.grants()):
            memory = Memory()
            for event in (*order, *order):
                memory.apply(event)
            (held,) = memory.grants.values()
            assert not held.active
            assert len(memory.method_keys) == 1

    @pytest.mark.parametrize(
        ("build", "read"),
        [
            (
                lambda w: (w.unit("edu"), w.unit("edu", UnitState.SUSPENDED), w.unit("edu", UnitState.WITHDRAWN)),
                lambda m: m.units["edu"].state is UnitState.WITHDRAWN and not m.unit_keys,
            ),
            (
                lambda w: [w.service("s", ITEMS, {}, ready=False, state=state) for state in ServiceState],
                lambda m: m.services["s"].version == len(ServiceState) and not m.services["s"].in_use,
            ),
            (
                lambda w: (w.ready(RESOURCE), w.ready(RESOURCE, ResourceState.DROPPED)),
                lambda m: not m.readable(RESOURCE.version),
            ),
            (
                lambda w: (w.exchange(ExchangeState.STOPPED), w.exchange(ExchangeState.RUNNING)),
                lambda m: m.running,
            ),
        ],
    )
    def test_an_older_telling_changes_nothing(self, build, read):
        told = tellings(build)
        for order in permutations(told):
            memory = Memory()
            for event in order:
                memory.apply(event)
            assert read(memory)

    def test_every_telling_counts_as_a_change(self, world):
        before = world.memory.changes
        world.unit("edu")
        assert world.memory.changes == before + 1


class TestServices:
    def structure(self, world, *items, **more):
        world.service("s", items or ITEMS, more.pop("inputs", {}), **more)
        return world.memory.services["s"].structure

    def test_parameters_are_named_by_item_and_operator(self, world):
        held = world.memory.services["streets"].structure
        assert {name: (p.item.code, p.operator) for name, p in held.parameters.items()} == {
            "street_code": ("street_code", Operator.EQ),
            "street_code__in": ("street_code", Operator.IN),
            "street_name__prefix": ("street_name", Operator.PREFIX),
            "updated__ge": ("updated", Operator.GE),
            "updated__lt": ("updated", Operator.LT),
        }
        assert held.required == {"updated"}
        assert held.key == (ITEMS[0],)

    def test_the_key_is_in_the_order_of_its_places(self, world):
        held = self.structure(world, key(text("b"), 2), text("c"), key(text("a"), 1))
        assert [item.code for item in held.key] == ["a", "b"]

    def test_an_input_or_an_ordering_on_an_item_that_is_not_there_is_none(self, world):
        held = self.structure(world, inputs={"gone": "eq"}, orderings=("gone", "updated"))
        assert held.parameters == {}
        assert held.orderings == {"updated"}

    def test_a_query_has_neither_identity_nor_claims_whatever_is_told(self, world):
        held = self.structure(world, identity=("street_code",), claims=("street_name",))
        assert (held.identity, held.claims, held.required) == ((), frozenset(), frozenset())

    def test_a_verification_takes_its_identity_and_its_claims_for_equality_and_no_other_input(self, world):
        held = self.structure(
            world,
            mode=Mode.VERIFY,
            inputs={"updated": "ge required", "street_name": "prefix"},
            identity=("street_code", "gone"),
            claims=("street_name", "updated", "street_code", "gone"),
        )
        assert {name: (p.item.code, p.operator) for name, p in held.parameters.items()} == {
            code: (code, Operator.EQ) for code in ("street_code", "street_name", "updated")
        }
        assert (held.identity, held.required) == (("street_code",), {"street_code"})
        assert held.claims == {"street_name", "updated"}, "what is given to find somebody is no claim about them"

    @pytest.mark.parametrize(
        ("more", "in_use"),
        [
            ({}, True),
            ({"state": ServiceState.STOPPED}, False),
            ({"state": ServiceState.WITHDRAWN}, False),
            ({"source": SourceKind.PROVIDER}, False),
            ({"source": SourceKind.WRITE}, True),
            (
                {"source": SourceKind.WRITE, "mode": Mode.VERIFY, "identity": ("street_code",), "claims": ("updated",)},
                False,
            ),
            ({"mode": Mode.VERIFY}, False),
            ({"mode": Mode.VERIFY, "identity": ("street_code",)}, False),
            ({"mode": Mode.VERIFY, "claims": ("street_name",)}, False),
            ({"mode": Mode.VERIFY, "identity": ("gone",), "claims": ("street_name",)}, False),
            ({"mode": Mode.VERIFY, "identity": ("street_code",), "claims": ("street_code",)}, False),
            ({"mode": Mode.VERIFY, "identity": ("street_code",), "claims": ("street_name",)}, True),
        ],
    )
    def test_a_service_is_in_use_while_it_is_active_and_the_gateway_can_answer_it(self, world, more, in_use):
        """A verification that asks for nobody or of nothing would be open to all: it is out of use."""
        world.service("s", ITEMS, {}, **more)
        assert world.memory.services["s"].in_use is in_use

    def test_services_of_one_resource_with_the_same_inputs_share_their_structure(self, world):
        for code in ("one", "two"):
            world.service(code, ITEMS, {"street_code": "eq"})
        world.service("other", ITEMS, {"street_code": "eq in"})
        world.service("ordered", ITEMS, {"street_code": "eq"}, orderings=("updated",))
        held = {code: service.structure for code, service in world.memory.services.items()}
        assert held["one"] is held["two"]
        assert len({id(structure) for structure in held.values()}) == 4

    def test_a_view_is_known_from_when_it_is_ready_until_it_is_dropped(self, world):
        assert world.memory.readable(RESOURCE.version)
        assert not world.memory.readable("307001-000001_v2")
        world.ready(RESOURCE, ResourceState.DROPPED)
        assert not world.memory.readable(RESOURCE.version)


class TestGrants:
    def held(self, world, **more):
        return world.memory.grants[world.grant("edu", "streets", ["street_code"], **more).grant]

    def test_a_rotated_method_key_is_gone(self, world):
        new = generate(KeyKind.METHOD)
        world.grant("edu", "streets", ["street_code"], keys=[new])
        assert list(world.memory.method_keys) == [ref(new)]

    @pytest.mark.parametrize("state", set(GrantState) - {GrantState.ACTIVE})
    def test_only_an_active_grant_stands(self, world, state):
        assert not self.held(world, state=state).stands(EPOCH)
        assert ref(world.method_keys["edu", "streets"]) in world.memory.method_keys, "203 and not 202"

    def test_a_grant_stands_from_its_begin_until_before_its_end(self, world):
        """IN-G6."""
        millisecond, end = timedelta(milliseconds=1), EPOCH + timedelta(days=1)
        held = self.held(world, valid_from=EPOCH, valid_until=end)
        at = [EPOCH - millisecond, EPOCH, end - millisecond, end, end + millisecond]
        assert [held.stands(instant) for instant in at] == [False, True, True, False, False]
        assert self.held(world, valid_until=None).stands(EPOCH + timedelta(days=100_000))

    @pytest.mark.parametrize(
        ("blocks", "address", "admitted"),
        [
            ((), "203.0.113.9", True),
            ((), "", True),
            (("198.51.100.0/24",), "198.51.100.7", True),
            (("198.51.100.0/24",), "198.51.101.7", False),
            (("198.51.100.7",), "198.51.100.7", True),
            (("198.51.100.7/32", "203.0.113.0/24"), "203.0.113.9", True),
            (("2001:db8::/32",), "2001:db8::1", True),
            (("2001:db8::/32",), "198.51.100.7", False),
            (("198.51.100.0/24",), "2001:db8::1", False),
            (("198.51.100.0/24",), "", False),
            (("198.51.100.0/24",), "unix:", False),
            (("0.0.0.0/0",), "198.51.100.7, evil", False),
        ],
    )
    def test_calls_come_from_the_networks_that_are_named(self, world, blocks, address, admitted):
        held = self.held(world, source_addresses=blocks)
        assert held.admits(address) is admitted
        assert held.enforced

    @pytest.mark.parametrize("block", ["198.51.100.7/24", "198.51.100.0/33", "anywhere", ""])
    def test_a_grant_with_an_address_that_is_none_is_not_honoured(self, world, block):
        """A state reader that died over it would hold every later telling back, revocations among them."""
        assert not self.held(world, source_addresses=("198.51.100.0/24", block)).enforced

    @pytest.mark.parametrize(
        "demand",
        [
            {"demand_signature": True},
            {"demand_certificate": True},
        ],
    )
    def test_a_demand_is_seen_at_one_glance(self, world, demand):
        held = self.held(world, **demand)
        assert (held.signed, held.certified) == ("demand_signature" in demand, "demand_certificate" in demand)
        assert held.demanding
        assert held.enforced
        assert not self.held(world).demanding

    @pytest.mark.parametrize(
        ("quota", "per_second", "per_day", "metered"),
        [
            (Quota(), None, None, False),
            (Quota(per_day=100), None, 100, True),
            (Quota(per_second=0), 0, None, True),
            (Quota(per_second=5, per_day=0), 5, 0, True),
        ],
    )
    def test_a_quota_is_enforced_and_one_of_nothing_too(self, world, quota, per_second, per_day, metered):
        held = self.held(world, quota=quota)
        assert (held.per_second, held.per_day, held.metered, held.enforced) == (per_second, per_day, metered, True)

    def test_required_headers_are_looked_for_in_small_letters(self, world):
        assert self.held(world, required_headers=("X-Matter",)).required_headers == (b"x-matter",)


class TestCodeSets:
    PARTS = (["a", "b"], ["c"], ["d", "e"])

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_parts_come_in_any_order_and_the_set_is_known_when_it_is_whole(self, order):
        world = World()
        for told, part in enumerate(order, 1):
            world.code_set("areas", self.PARTS[part], part=part + 1, parts=3)
            assert (("areas", 1) in world.memory.code_sets) is (told == 3)
        assert world.memory.code_sets["areas", 1] == set("abcde")

    def test_a_part_told_twice_is_one_part(self):
        world = World()
        for _ in range(3):
            world.code_set("areas", ["a"], part=1, parts=2)
        assert world.memory.code_sets == {}
        world.code_set("areas", ["b"], part=2, parts=2)
        world.code_set("areas", ["a"], part=1, parts=2)
        assert world.memory.code_sets == {("areas", 1): frozenset("ab")}

    def test_editions_of_a_set_stand_side_by_side(self):
        world = World()
        world.code_set("areas", ["a"], edition=1)
        world.code_set("areas", ["b"], edition=2)
        assert world.memory.code_sets == {("areas", 1): frozenset("a"), ("areas", 2): frozenset("b")}


def test_the_exchange_runs_until_it_is_stopped():
    world = World()
    assert world.memory.running
    world.exchange(ExchangeState.STOPPED)
    assert not world.memory.running
    world.exchange(ExchangeState.RUNNING)
    assert world.memory.running


@given(st.permutations(range(5)))
def test_any_order_of_tellings_of_any_kind_leads_to_the_same_memory(order):
    method, unit = generate(KeyKind.METHOD), generate(KeyKind.UNIT)
    grant = uuid4()
    told = tellings(
        lambda w: (
            w.unit("edu", keys=[unit]),
            w.service("streets", ITEMS, {"street_code": "eq"}, ready=False),
            w.grant("edu", "streets", ["street_code"], grant=grant, keys=[method]),
            w.ready(RESOURCE),
            w.exchange(ExchangeState.RUNNING),
        )
    )
    memory, other = Memory(), Memory()
    for event in told:
        memory.apply(event)
    for place in order:
        other.apply(told[place])
    assert other == memory
