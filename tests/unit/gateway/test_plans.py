"""What a call that may be answered reads and shows: filters bound, rows limited, granted items in catalogue order."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Operator
from common.keys import Pepper
from gateway.domain import decisions
from gateway.domain.decisions import MAX_CURSOR, Decided, Format, Structure, Style, wanted_format
from gateway.errors import Code, Refused
from tests.support.gateway_world import World
from tests.support.street_calls import INPUTS, ITEMS, conditions, made, planned


def refused(world=None, **parameters):
    with pytest.raises(Refused) as found:
        planned(world, **parameters)
    return found.value.code


def test_without_options_a_call_is_a_list_as_complex_json_of_at_most_a_hundred():
    plan = planned()
    assert (plan.output.format, plan.output.style, plan.output.structure) == (Format.JSON, Style.COMPLEX, Structure.LM)
    assert not plan.output.single
    assert (plan.paging.limit, plan.paging.skip, plan.paging.order, plan.paging.cursor) == (100, 0, None, None)
    assert plan.template.shape.source.view == '"u_civil_affairs"."r307001_000001_v1"'
    assert plan.template.shape.source.version == "307001-000001_v1"
    assert plan.template.shape.source.key == (ITEMS[0],)


def test_granted_items_come_in_the_order_of_the_catalogue():
    template = planned().template
    assert [item.code for item in template.items] == ["street_code", "street_name"]
    assert template.codes == ("street_code", "street_name")
    assert tuple(column.item for column in template.shape.columns) == template.items
    assert template.record % ("1", "2") == '{"street_code":1,"street_name":2}'


@pytest.mark.parametrize(
    ("name", "value", "operator", "bound"),
    [
        ("street_code", "310105001", Operator.EQ, "310105001"),
        ("street_code__in", "310105001,310105002", Operator.IN, ["310105001", "310105002"]),
        ("street_name__prefix", "新%", Operator.PREFIX, "新%"),
        ("street_name", " 新 ", Operator.EQ, " 新 "),
        ("area_code__prefix", "31", Operator.PREFIX, "31"),
        ("updated__ge", "2023/06/30", Operator.GE, date(2023, 6, 30)),
        ("updated", "2023/06/30", Operator.EQ, date(2023, 6, 30)),
        ("area__gt", "-0.50", Operator.GT, Decimal("-0.50")),
        ("count", "-7", Operator.EQ, -7),
    ],
)
def test_a_filter_is_bound_as_a_value_of_its_items_type(name, value, operator, bound):
    plan = planned(**{name: value})
    item = name.partition("__")[0]
    assert conditions(plan) == [(item, operator)]
    assert plan.values == [bound]
    assert [(n, f.item.code, f.operator) for n, f in plan.template.filters.items()] == [(name, item, operator)]


def test_an_item_that_is_not_granted_may_be_filtered_on_and_is_not_shown():
    plan = planned(area_code="310105")
    assert conditions(plan) == [("area_code", Operator.EQ)]
    assert "area_code" not in plan.template.codes


def test_a_prefix_asks_for_no_code_but_an_exact_value_and_each_of_a_list_do():
    assert planned(area_code__prefix="99").values == ["99"]
    assert refused(area_code="99") == Code.VALUE
    assert refused(area_code__in="310105,99") == Code.VALUE


@pytest.mark.parametrize("value", ["", ",", "a,", ",a", "a,,b", "3101050011", "\u200b", ",".join(["a"] * 101)])
def test_a_list_of_values_is_of_1_to_100_and_none_is_empty(value):
    assert refused(street_code__in=value) == Code.VALUE


def test_a_list_of_a_hundred_values_is_taken():
    assert len(planned(street_code__in=",".join(f"{n:09}" for n in range(100))).values[0]) == 100


@pytest.mark.parametrize(
    "name", ["street_code__ge", "street_code__", "street_code__IN", "street_name__in", "_batch", ""]
)
def test_what_is_not_declared_is_101_and_no_column(name):
    """IN-G20, IN-G27."""
    assert refused(**{name: "x"}) == Code.PARAMETERS


class TestPages:
    @pytest.mark.parametrize(
        ("given_", "limit", "skip"),
        [
            ({"pageSize": "1"}, 1, 0),
            ({"pageSize": "1000"}, 1000, 0),
            ({"page": "3"}, 100, 200),
            ({"page": "2", "pageSize": "2"}, 2, 2),
            ({"page": "10", "pageSize": "1000"}, 1000, 9000),
            ({"page": "10000", "pageSize": "1"}, 1, 9999),
        ],
    )
    def test_pages_count_from_one(self, given_, limit, skip):
        plan = planned(**given_)
        assert (plan.paging.limit, plan.paging.skip) == (limit, skip)

    @pytest.mark.parametrize(
        "given_",
        [
            *({"pageSize": text_} for text_ in ("0", "1001", "-1", "1.0", "", " 1", "01", "1e2", "１", "٣", "9" * 400)),
            *({"page": text_} for text_ in ("0", "-1", "", "x", "１", "10001")),
            {"page": "11", "pageSize": "1000"},
            {"page": "101"},
        ],
    )
    def test_what_is_no_page_or_beyond_ten_thousand_rows_is_206(self, given_):
        assert refused(**given_) == Code.VALUE

    def test_a_service_may_have_shorter_pages(self):
        plan = planned(made(page_limit=10), pageSize="1000", page="2")
        assert (plan.paging.limit, plan.paging.skip) == (10, 10)
        assert planned(made(page_limit=10)).paging.limit == 10
        assert planned(made(page_limit=10), format="json").paging.limit == 10

    @pytest.mark.parametrize("structure", ["KV", "SR"])
    def test_one_record_is_asked_for(self, structure):
        assert planned(made(["street_name"]), rsStructure=structure).output.single

    def test_a_cursor_is_kept_as_it_came_and_none_is_longer_than_any_of_ours(self):
        assert planned(cursor="x" * MAX_CURSOR).paging.cursor == "x" * MAX_CURSOR
        assert refused(cursor="x" * (MAX_CURSOR + 1)) == Code.VALUE
        assert refused(cursor="") == Code.VALUE

    @pytest.mark.parametrize("page", ["1", "2", ""])
    def test_a_page_with_a_cursor_is_101(self, page):
        assert refused(page=page, cursor="x") == Code.PARAMETERS


class TestReservedNames:
    @pytest.mark.parametrize(
        ("name", "values"),
        [("format", ["json", "xml"]), ("rsStyle", ["complex", "simple"]), ("rsStructure", ["LM", "KV", "SR", "MA"])],
    )
    def test_their_values_are_listed_and_case_sensitive(self, name, values):
        """IN-G11."""
        for value in values:
            plan = planned(made(["street_name"]), **{name: value})
            assert value in {plan.output.format, plan.output.style, plan.output.structure}
            for other in (value.swapcase(), value + " ", f"{value},{value}", value + "\x00"):
                assert refused(**{name: other}) == Code.VALUE
        assert refused(**{name: ""}) == Code.VALUE

    @pytest.mark.parametrize(
        ("given_", "output"), [({}, Format.JSON), ({"format": "xml"}, Format.XML), ({"format": "yaml"}, Format.JSON)]
    )
    def test_a_failure_is_in_the_format_asked_for_if_it_is_one(self, given_, output):
        assert wanted_format(given_) is output


class TestWhoIsKnown:
    def identified(self, world, service="streets", **changed):
        given_ = {**world.keys("edu", "streets"), **changed}
        try:
            return decisions.identify(given_, service, world.memory, (world.pepper,))
        except Decided as decided:
            return decided.who

    def test_a_record_names_what_was_known_when_a_check_failed(self):
        world = made()
        nobody = self.identified(world, unitKey="cnu_nobody")
        assert (nobody.unit, nobody.service, nobody.grant) == (None, None, None)
        no_service = self.identified(world, "none")
        assert (no_service.unit, no_service.service, no_service.grant) == ("edu", None, None)
        no_grant = self.identified(world, methodKey="cnm_nothing")
        assert (no_grant.unit, no_grant.service.code, no_grant.grant) == ("edu", "streets", None)
        known = self.identified(world)
        assert known.grant.unit == "edu"
        assert known.unit_key.startswith("k-")
        assert known.method_key.startswith("k-")

    def test_another_units_method_key_tells_nothing_of_its_grant(self):
        world = made()
        world.unit("health")
        world.grant("health", "streets", ["street_code"])
        stranger = world.method_keys["health", "streets"]
        with pytest.raises(Decided) as decided:
            decisions.identify(
                {**world.keys("edu", "streets"), "methodKey": stranger}, "streets", world.memory, (world.pepper,)
            )
        assert decided.value.code == Code.METHOD_KEY
        assert decided.value.who.grant is None

    def test_keys_of_either_pepper_are_known_while_one_takes_over_from_the_other(self):
        old, new = Pepper("p0", b"o" * 32), Pepper("p1", b"n" * 32)
        world = World(pepper=old)
        world.unit("edu")
        world.service("streets", ITEMS, INPUTS)
        world.pepper = new
        world.grant("edu", "streets", ["street_code"])
        given_ = world.keys("edu", "streets")
        assert decisions.identify(given_, "streets", world.memory, (new, old)).grant is not None
        with pytest.raises(Decided):
            decisions.identify(given_, "streets", world.memory, (new,))

    def test_a_hash_under_another_peppers_name_opens_nothing(self):
        world = made()
        with pytest.raises(Decided):
            decisions.identify(
                world.keys("edu", "streets"), "streets", world.memory, (Pepper("p9", world.pepper.secret),)
            )

    @pytest.mark.parametrize("change", [str.lower, str.upper, lambda k: k + " ", lambda k: k[:-1], lambda k: k[::-1]])
    def test_a_key_that_is_nearly_right_is_wrong(self, change):
        world = made()
        with pytest.raises(Decided) as decided:
            decisions.identify(
                {**world.keys("edu", "streets"), "unitKey": change(world.unit_keys["edu"])},
                "streets",
                world.memory,
                (world.pepper,),
            )
        assert decided.value.code == Code.UNIT_KEY


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_for_keys_are_refused_by_the_annexes_codes(unit_key, method_key):
    world = made()
    with pytest.raises(Decided) as decided:
        decisions.identify({"unitKey": unit_key, "methodKey": method_key}, "streets", world.memory, (world.pepper,))
    assert decided.value.code == (Code.UNIT_KEY if unit_key and method_key else Code.PARAMETERS)
