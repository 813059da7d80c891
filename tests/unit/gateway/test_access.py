"""What a grant lets one see of a service: items by mode, conditions on rows, orderings, claims; and what is shared."""

from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import GrantedItem, ItemMode, MaskRule, Mode, Operator, RowCondition
from exchange.masks import Mask
from exchange.reading import Order
from gateway.domain.access import MAX_TEMPLATES
from gateway.domain.decisions import Decided
from gateway.errors import Code, Refused
from tests.support.gateway_calls import decided
from tests.support.gateway_world import World
from tests.support.street_calls import ITEMS, conditions, made, planned, shown


def refused(world=None, **parameters):
    with pytest.raises(Refused) as found:
        planned(world, **parameters)
    return found.value.code


class TestTemplates:
    def test_calls_with_the_same_parameters_share_one(self):
        world = made()
        one = planned(world, updated__ge="2023/06/30", area_code="310105")
        other = planned(world, updated__ge="2020/01/01", area_code="310104")
        assert one.template is other.template
        assert one.values == ["310105", date(2023, 6, 30)]
        assert other.values == ["310104", date(2020, 1, 1)]

    def test_in_whatever_order_they_come_the_same_is_bound_in_the_same_places(self):
        world = made()
        one = planned(world, updated__ge="2023/06/30", area_code="310105")
        other = planned(world, area_code="310105", updated__ge="2023/06/30")
        assert one.values == other.values
        assert one.template.shape.lane == other.template.shape.lane
        assert one.template.shape.single() == other.template.shape.single()

    def test_options_make_no_other(self):
        world = made(orderings=("updated",))
        plain = planned(world, street_code="1").template
        for option in (
            {"format": "xml"},
            {"page": "2"},
            {"rsStructure": "MA"},
            {"orderBy": "updated"},
            {"cursor": "x"},
        ):
            assert planned(world, street_code="1", **option).template is plain

    def test_other_parameters_do(self):
        world = made()
        asked = [{}, {"street_code": "1"}, {"street_code__in": "1"}, {"count": "1"}, {"count": "1", "street_code": "1"}]
        templates = {id(planned(world, **given_).template) for given_ in asked}
        assert len(templates) == len(asked)

    def test_units_with_the_same_items_share_them(self):
        world = made()
        world.unit("health")
        world.grant("health", "streets", ["street_name", "street_code"])
        _, other = decided(world, "health", "streets", {"street_code": "1"})
        assert other.template is planned(world, street_code="1").template

    def test_whoever_sends_them_in_ever_other_orders_is_served_from_bounded_memory(self):
        world = made()
        values = {"street_code": "1", "street_name": "x", "area_code": "310105", "count": "7", "updated": "2023/06/30"}
        bound = {
            "street_code": "1",
            "street_name": "x",
            "area_code": "310105",
            "count": 7,
            "updated": date(2023, 6, 30),
        }
        for order in permutations(values):
            plan = planned(world, **{name: values[name] for name in order})
            assert plan.values == [bound[name] for name in sorted(bound)]
        assert len(plan.template.shape.conditions) == 5
        scope = world.memory.grants[world.grants["edu", "streets"]].access.scope
        assert len(scope._templates) == MAX_TEMPLATES

    @pytest.mark.parametrize(
        ("parameters", "one"),
        [
            ({"street_code": "1"}, True),
            ({"street_code": "1", "count": "7"}, True),
            ({"street_code__in": "1"}, False),
            ({"street_name": "x"}, False),
            ({}, False),
        ],
    )
    def test_the_whole_key_finds_one_at_most(self, parameters, one):
        assert planned(**parameters).template.shape.finds_one is one


class TestRowFilters:
    def test_the_grants_conditions_are_bound_beside_the_callers(self):
        world = made(row_filter=(RowCondition(item="area_code", values=("310104", "310105")),))
        plan = planned(world, street_code="310105001")
        assert conditions(plan) == [("street_code", Operator.EQ), ("area_code", Operator.IN)]
        assert plan.values == ["310105001", ["310104", "310105"]]
        # The record names what the caller asked, not what the grant hides.
        assert list(plan.template.filters) == ["street_code"]

    def test_a_caller_cannot_widen_them(self):
        world = made(row_filter=(RowCondition(item="area_code", values=("310105",)),))
        plan = planned(world, area_code="310104")
        assert conditions(plan) == [("area_code", Operator.EQ), ("area_code", Operator.EQ)]
        assert plan.values == ["310104", "310105"]

    def test_their_values_have_the_items_type(self):
        world = made(row_filter=(RowCondition(item="updated", values=("2023/06/30",)),))
        assert planned(world).values == [date(2023, 6, 30)]

    def test_each_grant_has_its_own_values_with_the_template_that_it_shares(self):
        world = made(row_filter=(RowCondition(item="area_code", values=("310105",)),))
        world.unit("health")
        other = RowCondition(item="area_code", values=("310104",))
        world.grant("health", "streets", ["street_name", "street_code"], row_filter=(other,))
        mine, theirs = planned(world, street_code="1"), decided(world, "health", "streets", {"street_code": "1"})[1]
        assert mine.template is theirs.template
        assert (mine.values, theirs.values) == (["1", "310105"], ["1", "310104"])


class TestModes:
    """Each item clear, masked or to verify, as it is granted (protocol page, Answer)."""

    MASKED = GrantedItem(code="street_name", mode=ItemMode.MASKED, mask=MaskRule.ADDRESS)
    VERIFIED = GrantedItem(code="street_name", mode=ItemMode.VERIFY)

    def test_a_masked_item_is_shown_masked(self):
        assert shown(planned(made(["street_code", self.MASKED]))) == [
            ("street_code", None),
            ("street_name", Mask.ADDRESS),
        ]

    def test_without_a_rule_and_a_standard_field_nothing_of_it_is_seen(self):
        masked = GrantedItem(code="street_name", mode=ItemMode.MASKED, mask=None)
        assert shown(planned(made([masked]))) == [("street_name", Mask.HIDDEN)]

    def test_an_item_to_verify_is_not_in_the_data_of_a_query(self):
        assert shown(planned(made(["street_code", self.VERIFIED]))) == [("street_code", None)]

    def test_it_is_not_counted_where_one_value_is_asked_for(self):
        assert planned(made(["street_code", self.VERIFIED]), rsStructure="SR").template.codes == ("street_code",)

    @pytest.mark.parametrize("granted", [MASKED, VERIFIED])
    @pytest.mark.parametrize("name", ["street_name", "street_name__prefix"])
    def test_neither_can_be_filtered_on(self, granted, name):
        assert refused(made(["street_code", granted]), **{name: "x"}) == Code.PARAMETERS

    @pytest.mark.parametrize("granted", [MASKED, VERIFIED])
    @pytest.mark.parametrize("direction", ["", "-"])
    def test_nor_ordered_on(self, granted, direction):
        world = made(["street_code", granted], orderings=("street_name",))
        assert refused(world, orderBy=f"{direction}street_name") == Code.VALUE

    def test_the_grants_own_condition_on_it_holds_all_the_same(self):
        condition = RowCondition(item="street_name", values=("x",))
        plan = planned(made(["street_code", self.MASKED], row_filter=(condition,)))
        assert (conditions(plan), plan.values) == ([("street_name", Operator.EQ)], ["x"])


class TestOrderings:
    @pytest.mark.parametrize(("asked", "descending"), [("updated", False), ("-updated", True)])
    def test_a_declared_one_is_taken_either_way(self, asked, descending):
        plan = planned(made(orderings=("updated",)), orderBy=asked)
        assert plan.paging.order == Order(ITEMS[3], descending)

    def test_its_item_need_not_be_granted(self):
        assert "updated" not in planned(made(orderings=("updated",)), orderBy="updated").template.codes

    @pytest.mark.parametrize(
        "asked", ["street_name", "", "-", "--updated", "+updated", "Updated", "updated,count", "x"]
    )
    def test_any_other_is_206(self, asked):
        assert refused(made(orderings=("updated",)), orderBy=asked) == Code.VALUE


class TestVerification:
    """Identity to find one, claims to be told true or false of (protocol page, truth verification)."""

    def world(self, granted=("street_name", "updated"), **more):
        world = World()
        world.code_set("areas", ["310104", "310105"])
        world.unit("edu")
        told = {"mode": Mode.VERIFY, "identity": ("street_code",), "claims": ("updated", "street_name", "area_code")}
        world.service("streets", ITEMS, {}, **{**told, **more})
        world.grant("edu", "streets", granted)
        return world

    def test_claims_are_bound_behind_the_identity_and_shown_in_the_order_of_the_catalogue(self):
        plan = planned(self.world(), updated="2023/06/30", street_name="x", street_code="1")
        assert [column.claimed for column in plan.template.shape.columns] == [True, True]
        assert plan.template.codes == ("street_name", "updated")
        assert conditions(plan) == [("street_code", Operator.EQ)]
        assert plan.values == ["1", "x", date(2023, 6, 30)]

    def test_only_what_is_claimed_is_answered(self):
        assert planned(self.world(), street_code="1", updated="2023/06/30").template.codes == ("updated",)

    @pytest.mark.parametrize("mode", ItemMode)
    def test_a_claim_may_be_granted_in_any_mode_and_nothing_is_masked(self, mode):
        mask = MaskRule.NAME if mode is ItemMode.MASKED else None
        world = self.world([GrantedItem(code="street_name", mode=mode, mask=mask)])
        plan = planned(world, street_code="1", street_name="x")
        assert [(c.item.code, c.claimed, c.mask) for c in plan.template.shape.columns] == [("street_name", True, None)]

    def test_the_identity_needs_no_grant(self):
        assert planned(self.world(["street_name"]), street_code="1", street_name="x").values == ["1", "x"]

    @pytest.mark.parametrize(
        "given_",
        [
            {"street_code": "1"},
            {"street_name": "x"},
            {"street_code": "1", "street_name": "x", "area_code": "310105"},
            {"street_code": "1", "area_code": "310105"},
            {"street_code__in": "1", "street_name": "x"},
            {"street_code": "1", "street_name__prefix": "x"},
            {"street_code": "1", "street_name": "x", "count": "7"},
            {"street_code": "1", "street_name": "x", "updated": "2023/06/30", "rsStructure": "SR"},
        ],
    )
    def test_without_identity_or_claim_or_with_one_that_is_not_granted_it_is_101(self, given_):
        assert refused(self.world(), **given_) == Code.PARAMETERS

    @pytest.mark.parametrize("given_", [{"street_name": ""}, {"updated": "2023-06-30"}, {"street_name": "x" * 41}])
    def test_a_claim_that_cannot_be_is_206(self, given_):
        assert refused(self.world(), street_code="1", **given_) == Code.VALUE

    def test_an_exact_claim_is_of_its_code_set(self):
        assert refused(self.world(["area_code"]), street_code="1", area_code="999999") == Code.VALUE

    def test_nothing_can_be_ordered(self):
        world = self.world(orderings=("updated",))
        assert refused(world, street_code="1", street_name="x", orderBy="updated") == Code.VALUE

    def test_the_subject_is_the_identity(self):
        template = planned(self.world(), street_code="1", street_name="x").template
        assert template.subject == (0,)


@given(
    st.sets(st.sampled_from([item.code for item in ITEMS]), min_size=1),
    st.sampled_from(["LM", "KV", "MA"]),
    st.dictionaries(st.sampled_from(["street_code", "street_name", "count"]), st.just("7"), max_size=3),
)
def test_what_is_read_is_what_is_granted(granted, structure, filters):
    plan = planned(made(sorted(granted)), rsStructure=structure, **filters)
    assert {column.item.code for column in plan.template.shape.columns} == granted
    assert list(plan.template.codes) == [item.code for item in ITEMS if item.code in granted]


@given(st.data())
def test_of_items_granted_in_any_modes_those_in_clear_alone_are_read_in_clear(data):
    modes = data.draw(
        st.dictionaries(st.sampled_from([item.code for item in ITEMS]), st.sampled_from(list(ItemMode)), min_size=1)
    )
    granted = [
        GrantedItem(code=code, mode=mode, mask=MaskRule.NAME if mode is ItemMode.MASKED else None)
        for code, mode in modes.items()
    ]
    asked = data.draw(
        st.dictionaries(st.sampled_from(["street_code", "street_name", "count"]), st.just("7"), max_size=3)
    )
    try:
        answered, plan = Code.SUCCESS, planned(made(granted), **asked)
    except (Decided, Refused) as refused_:
        answered, plan = refused_.code, None
    seen = [code for code, mode in modes.items() if mode is not ItemMode.VERIFY]
    hidden = {code for code, mode in modes.items() if mode is not ItemMode.CLEAR}
    assert answered == (Code.GRANT if not seen else Code.PARAMETERS if hidden & asked.keys() else Code.SUCCESS)
    for code, mask in shown(plan) if plan else ():
        assert modes[code] is (ItemMode.CLEAR if mask is None else ItemMode.MASKED)
