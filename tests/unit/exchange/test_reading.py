"""The statements behind calls: one per shape, values always bound, granted items only, for one call or for many."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Operator
from exchange.masks import Mask
from exchange.reading import After, Column, Condition, Order, Shape, Source
from tests.support.items import day, integer, key, moment, numeric, text

VIEW = '"u_civil"."r307001_000001_v1"'
VERSION = "307001-000001_v1"
CODE, NAME, DAY, COUNT = key(text("code", 9)), text("name"), day(), integer()
AS_OF = (
    """(select to_char(max(committed_at) at time zone 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+08:00"') as as_of"""
    f" from exchange.batch_heads where resource_version = '{VERSION}') _as_of"
)
BOUND = re.compile(r"\$([0-9]+)")


def source(*key_items, version=VERSION):
    return Source(view=VIEW, version=version, key=key_items)


def shape(columns=(NAME,), conditions=(), key_items=(CODE,)):
    shown = tuple(column if isinstance(column, Column) else Column(column) for column in columns)
    return Shape(source(*key_items), shown, tuple(Condition(item, operator) for item, operator in conditions))


def numbers(statement):
    return {int(number) for number in BOUND.findall(statement)}


class TestOneCall:
    def test_a_statement_shows_the_newest_batch_the_items_the_batch_of_the_row_and_its_place(self):
        assert shape().single() == (
            f"select _as_of.as_of, r.* from {AS_OF} left join lateral ("
            f"""select coalesce(to_json("name")::text, 'null'), _batch, "code"::text from {VIEW} s"""
            ' order by s."code" limit $1 offset $2) r on true'
        )

    def test_conditions_are_joined_by_and_with_their_values_bound_in_order(self):
        found = shape(
            conditions=[
                (CODE, Operator.IN),
                (DAY, Operator.GE),
                (DAY, Operator.LT),
                (COUNT, Operator.GT),
                (COUNT, Operator.LE),
                (text("area"), Operator.EQ),
                (NAME, Operator.PREFIX),
            ]
        ).single()
        assert (
            ' where "code" = any($1) and "day" >= $2 and "day" < $3 and "count" > $4 and "count" <= $5'
            ' and "area" = $6 and starts_with("name", $7) order by s."code" limit $8 offset $9'
        ) in found

    def test_rows_come_in_the_order_of_the_key_or_of_the_file(self):
        assert ' order by s."b", s."a" limit' in shape(key_items=(key(text("b")), key(text("a"), 2))).single()
        assert "order by s._batch, s._row limit" in shape(key_items=()).single()

    @pytest.mark.parametrize(
        ("descending", "shown"), [(False, 's."day" nulls last'), (True, 's."day" desc nulls last')]
    )
    def test_an_ordering_goes_before_the_key_with_nulls_last_either_way(self, descending, shown):
        found = shape().single(Order(DAY, descending))
        assert f' order by {shown}, s."code" limit $1 offset $2' in found
        assert '_batch, "day"::text, "code"::text from' in found

    def test_a_page_goes_on_behind_the_key_of_the_last_row(self):
        found = shape(conditions=[(NAME, Operator.PREFIX)], key_items=(CODE, key(COUNT, 2))).single(after=After.VALUE)
        assert (
            ' where starts_with("name", $1) and ("code", "count") > (($2::text)::text, ($3::text)::bigint)'
            ' order by s."code", s."count" limit $4)'
        ) in found
        assert "offset" not in found

    def test_without_a_key_it_goes_on_behind_the_place_in_the_file(self):
        found = shape(key_items=()).single(after=After.VALUE)
        assert "(_batch, _row) > (($1::text)::uuid, ($2::text)::integer)" in found

    @pytest.mark.parametrize(("descending", "sign"), [(False, ">"), (True, "<")])
    def test_behind_a_value_of_an_ordering_are_greater_ones_then_ties_by_key_and_the_nulls(self, descending, sign):
        found = shape().single(Order(DAY, descending), After.VALUE)
        assert (
            f' where ("day" {sign} ($1::text)::date or "day" is null'
            ' or ("day" = ($1::text)::date and ("code") > (($2::text)::text)))'
        ) in found
        assert found.endswith(" limit $3) r on true")

    def test_behind_a_null_of_an_ordering_are_only_nulls(self):
        found = shape().single(Order(DAY, descending=True), After.NULL)
        assert ' where ("day" is null and ("code") > (($1::text)::text))' in found
        assert numbers(found) == {1, 2}

    def test_a_claimed_item_is_compared_and_never_shown(self):
        found = shape([Column(NAME, claimed=True)], [(CODE, Operator.EQ)]).single()
        assert """case when "name" = $2 then '"1"' else '"0"' end, _batch""" in found
        assert "to_json" not in found
        assert "limit $3 offset $4" in found


class TestManyCalls:
    def test_values_are_arrays_with_one_of_each_call(self):
        made = shape(conditions=[(CODE, Operator.EQ), (DAY, Operator.EQ)])
        assert made.many(made.columns) == (
            f"select q.n, _as_of.as_of, r.* from {AS_OF}"
            " cross join rows from (unnest($1::text[]), unnest($2::date[])) with ordinality q(v0, v1, n)"
            f""" left join lateral (select coalesce(to_json("name")::text, 'null'), _batch from {VIEW}"""
            ' where "code" = q.v0 and "day" = q.v1) r on true'
        )

    def test_a_list_of_values_is_a_part_of_one_array(self):
        """A grant's condition on rows with several values: every call has its own list."""
        made = shape(conditions=[(CODE, Operator.EQ), (NAME, Operator.IN), (COUNT, Operator.EQ)])
        found = made.many(made.columns)
        assert "(unnest($1::text[]), unnest($3::int[]), unnest($4::int[]), unnest($5::bigint[]))" in found
        assert "q(v0, a1, b1, v2, n)" in found
        assert '"name" = any(($2::text[])[q.a1:q.b1]) and "count" = q.v2' in found

    def test_claims_are_bound_behind_the_conditions(self):
        made = shape([Column(NAME, claimed=True), Column(DAY, claimed=True)], [(CODE, Operator.EQ)])
        found = made.many(made.columns)
        assert "unnest($1::text[]), unnest($2::text[]), unnest($3::date[])" in found
        assert """case when "name" = q.v1 then '"1"' else '"0"' end""" in found
        assert """case when "day" = q.v2 then '"1"' else '"0"' end""" in found

    @pytest.mark.parametrize(
        ("item", "kind"),
        [
            (text("x"), "text"),
            (integer("x"), "bigint"),
            (numeric("x"), "numeric"),
            (day("x"), "date"),
            (moment("x"), "timestamp"),
        ],
    )
    def test_values_have_their_items_type(self, item, kind):
        made = shape(conditions=[(item, Operator.EQ)])
        assert f"unnest($1::{kind}[])" in made.many(made.columns)


class TestOneAtMost:
    @pytest.mark.parametrize(
        ("conditions", "one"),
        [
            ([(CODE, Operator.EQ), (COUNT, Operator.EQ)], True),
            ([(CODE, Operator.EQ), (COUNT, Operator.EQ), (NAME, Operator.PREFIX)], True),
            ([(CODE, Operator.EQ)], False),
            ([(CODE, Operator.EQ), (COUNT, Operator.IN)], False),
            ([(CODE, Operator.EQ), (COUNT, Operator.GE)], False),
            ([], False),
        ],
    )
    def test_one_row_at_most_is_found_where_the_whole_key_is_given(self, conditions, one):
        assert shape(conditions=conditions, key_items=(CODE, key(COUNT, 2))).finds_one is one

    def test_without_a_key_many_may_be_found(self):
        assert not shape(conditions=[(CODE, Operator.EQ)], key_items=()).finds_one


class TestLanes:
    def test_shapes_that_differ_in_what_they_show_alone_go_together(self):
        one = shape([NAME], [(CODE, Operator.EQ)])
        assert one.lane == shape([Column(NAME, Mask.NAME), DAY], [(CODE, Operator.EQ)]).lane

    def test_shapes_that_bind_other_values_do_not(self):
        other_resource = Shape(source(CODE, version="307001-000002_v1"), (Column(NAME),), ())
        lanes = [
            shape(),
            other_resource,
            shape(conditions=[(CODE, Operator.EQ)]),
            shape(conditions=[(CODE, Operator.IN)]),
            shape(conditions=[(NAME, Operator.EQ)]),
            shape(conditions=[(CODE, Operator.EQ), (NAME, Operator.EQ)]),
            shape([Column(NAME, claimed=True)], [(CODE, Operator.EQ)]),
            shape([Column(DAY, claimed=True)], [(CODE, Operator.EQ)]),
            shape([Column(DAY, claimed=True), Column(NAME, claimed=True)], [(CODE, Operator.EQ)]),
        ]
        assert len({made.lane for made in lanes}) == len(lanes)


def test_a_version_is_quoted_as_a_text():
    found = Shape(source(CODE, version="x' or true --"), (Column(NAME),), ())
    assert "resource_version = 'x'' or true --'" in found.single()


ITEMS = [text("a"), integer("b"), numeric("c"), day("d"), text("w"), text("x"), integer("y"), day("z")]
COLUMNS = st.builds(Column, st.sampled_from(ITEMS[:4]), st.sampled_from([None, *Mask]), st.booleans())
CONDITIONS = st.lists(st.builds(Condition, st.sampled_from(ITEMS[4:]), st.sampled_from(list(Operator))), max_size=4)


@given(st.lists(COLUMNS, min_size=1, unique_by=lambda column: column.item.code), CONDITIONS)
def test_a_statement_selects_no_item_but_those_of_the_shape_and_binds_every_value(columns, conditions):
    made = Shape(source(key(text("k"))), tuple(columns), tuple(conditions))
    if made.conditions:
        many = made.many(made.columns)
        shown = many.partition("lateral (select ")[2].partition(" from ")[0]
        assert {item.code for item in ITEMS if f'"{item.code}"' in shown} == {column.item.code for column in columns}
        lists = sum(made.is_in(n) for n in range(len(made.named)))
        assert numbers(many) == set(range(1, len(made.named) + 2 * lists + 1))
    for order in (None, Order(ITEMS[0])):
        for after in After if order is not None else (After.START, After.VALUE):
            one = made.single(order, after)
            places = 1 + (order is not None and after is After.VALUE) if after is not After.START else 1
            assert numbers(one) == set(range(1, len(made.named) + places + 2))
            shown = one.partition("lateral (select ")[2].partition(", _batch")[0]
            assert {i.code for i in ITEMS if f'"{i.code}"' in shown} == {column.item.code for column in columns}
