"""What a provider gives is shown and masked here exactly as the database would show it: both are asked."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.layout import READER
from exchange.masks import Mask, masked
from exchange.reading import Column
from exchange.values import fragment
from gateway.domain import provided
from quality.values import visible
from tests.support.items import day, integer, moment, numeric, text

READABLE = st.text(min_size=1, max_size=40).filter(visible)
CASES = {
    "text": (text("v", 40), "text", READABLE),
    "integer": (integer("v"), "bigint", st.integers(-(2**63), 2**63 - 1)),
    "numeric": (
        numeric("v", 20, 6),
        "numeric(20,6)",
        st.decimals(-(10**13), 10**13, allow_nan=False, places=6) | st.decimals(-9, 9, allow_nan=False, places=1),
    ),
    "date": (day("v"), "date", st.dates()),
    "datetime": (moment("v"), "timestamp", st.datetimes().map(lambda found: found.replace(microsecond=0))),
}
SOME = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


async def asked(store, shown, kind, values):
    """What the database makes of values, as a JSON fragment each."""
    async with store.connected(READER) as reader:
        rows = await reader.fetch(
            f"select {shown} from (select u.v::{kind} as v, u.n from unnest($1::{kind.partition('(')[0]}[])"
            " with ordinality u(v, n)) t order by n",
            values,
        )
    return [row[0] for row in rows]


@pytest.mark.parametrize("mask", list(Mask))
@SOME
@given(values=st.lists(READABLE | st.none(), min_size=1, max_size=20))
async def test_masked(store, mask, values):
    column = Column(text("v", 40), mask)
    stored = await asked(store, f"coalesce(to_json({masked(mask, 'v')})::text, 'null')", "text", values)
    assert [provided.fragment(column, value) for value in values] == stored


@pytest.mark.parametrize("kind", CASES)
@SOME
@given(data=st.data())
async def test_clear(store, kind, data):
    item, bound, each = CASES[kind]
    values = data.draw(st.lists(each | st.none(), min_size=1, max_size=20))
    # A negative zero is no number of the protocol: reading refuses it.
    values = [abs(value) if isinstance(value, Decimal) and value == 0 else value for value in values]
    stored = await asked(store, fragment(item, "v"), bound, values)
    assert [provided.fragment(Column(item), value) for value in values] == stored


@given(found=st.dates() | st.datetimes().map(lambda one: one.replace(microsecond=0)))
def test_a_day_is_read_as_it_is_written(found):
    item = moment("v") if isinstance(found, datetime) else day("v")
    for style in provided.DateStyle:
        told = provided.written(found, style)
        assert provided._value(item, told, style) == found
    assert isinstance(found, date)
