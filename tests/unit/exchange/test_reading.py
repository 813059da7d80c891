"""The statement behind a call: one per shape, values always bound, granted items only."""

from hypothesis import given
from hypothesis import strategies as st

from common.events import Operator
from exchange.reading import Condition, Shape
from tests.support.items import day, integer, numeric, text

VIEW = '"u_civil"."r307001_000001_v1"'


NAME = text("name")


def sql(items=(NAME,), conditions=(), key=("code",)):
    return Shape(VIEW, tuple(items), tuple(conditions), tuple(key)).sql()


def test_a_statement_shows_the_items_of_the_shape_and_the_batch_of_each_row():
    assert sql() == (
        """select coalesce(to_json("name")::text, 'null'), _batch from "u_civil"."r307001_000001_v1" """
        """order by "code" limit $1"""
    )


def test_conditions_are_joined_by_and_with_their_values_bound_in_order():
    found = sql(
        conditions=[
            Condition("code", Operator.IN),
            Condition("day", Operator.GE),
            Condition("day", Operator.LT),
            Condition("n", Operator.GT),
            Condition("n", Operator.LE),
            Condition("area", Operator.EQ),
            Condition("name", Operator.PREFIX),
        ]
    )
    assert (
        'where "code" = any($1) and "day" >= $2 and "day" < $3 and "n" > $4 and "n" <= $5 and "area" = $6'
        ' and starts_with("name", $7) order by "code" limit $8'
    ) in found


def test_rows_come_in_the_order_of_the_key_or_of_the_file():
    assert 'order by "b", "a" limit' in sql(key=("b", "a"))
    assert "order by _batch, _row limit" in sql(key=())


def test_shapes_that_are_equal_share_a_statement():
    one = Shape(VIEW, (text(), day()), (Condition("name", Operator.EQ),), ("name",))
    same = Shape(VIEW, (text(), day()), (Condition("name", Operator.EQ),), ("name",))
    assert one == same
    assert hash(one) == hash(same)
    assert one.sql() == same.sql()


@given(
    st.lists(
        st.sampled_from([text("a"), integer("b"), numeric("c"), day("d")]), min_size=1, unique_by=lambda i: i.code
    ),
    st.lists(st.builds(Condition, st.sampled_from("wxyz"), st.sampled_from(list(Operator)))),
)
def test_a_statement_selects_no_item_but_those_of_the_shape(items, conditions):
    shown = sql(items, conditions).partition(" from ")[0]
    assert {name for name in "abcdwxyz" if f'"{name}"' in shown} == {item.code for item in items}
