"""What the statements of calls give back from a real table: order, operators, digits, literal wildcards."""

from datetime import date
from decimal import Decimal

import pytest

from common.events import Operator
from exchange.layout import READER
from exchange.reading import Condition, Shape
from tests.support.items import day, integer, key, moment, numeric, text

CODE, NAME = key(text("code", 9)), text("name", 40)
ITEMS = (CODE, NAME, integer(), numeric(), day(), moment())


@pytest.fixture(scope="module")
async def resource(store):
    made = await store.made(*ITEMS, provider="reading")
    at = date(2020, 2, 29)
    await store.load(
        made,
        [
            ("b", "50%_\\x", -7, Decimal("0.5"), at, None),
            ("B", "𠮷祥\"'<&>\\", 2**63 - 1, Decimal("12345678901234.567890"), date(1, 1, 1), None),
            ("a10", "新泾镇", 0, Decimal(-1), None, None),
            ("a9", "新华路街道", None, None, date(9999, 12, 31), None),
            ("中", None, None, None, None, None),
        ],
    )
    return made


async def fetched(store, resource, items, conditions=(), values=(), limit=100):
    shape = Shape(resource.qualified_view, tuple(items), tuple(conditions), resource.key)
    async with store.connected(READER) as reader:
        return [tuple(row)[:-1] for row in await reader.fetch(shape.sql(), *values, limit)]


async def test_rows_come_in_byte_order_of_the_key(store, resource):
    assert [row[0] for row in await fetched(store, resource, [CODE])] == ['"B"', '"a10"', '"a9"', '"b"', '"中"']


async def test_values_are_json_with_all_their_digits(store, resource):
    rows = await fetched(store, resource, ITEMS, [Condition("code", Operator.IN)], [["B", "b"]])
    assert rows == [
        ('"B"', '"𠮷祥\\"\'<&>\\\\"', "9223372036854775807", "12345678901234.567890", '"0001/01/01"', "null"),
        ('"b"', '"50%_\\\\x"', "-7", "0.500000", '"2020/02/29"', "null"),
    ]


@pytest.mark.parametrize(
    ("condition", "value", "codes"),
    [
        (Condition("name", Operator.EQ), "新泾镇", ["a10"]),
        (Condition("name", Operator.EQ), "新%", []),  # IN-G18
        (Condition("name", Operator.EQ), "' OR 1=1--", []),  # IN-G14
        (Condition("name", Operator.PREFIX), "新", ["a10", "a9"]),
        (Condition("name", Operator.PREFIX), "%", []),
        (Condition("name", Operator.PREFIX), "50%_\\", ["b"]),
        (Condition("name", Operator.PREFIX), "5__", []),
        (Condition("code", Operator.IN), ["a9", "B", "none"], ["B", "a9"]),
        (Condition("count", Operator.GE), 0, ["B", "a10"]),
        (Condition("count", Operator.GT), 0, ["B"]),
        (Condition("count", Operator.LE), 0, ["a10", "b"]),
        (Condition("count", Operator.LT), 0, ["b"]),
        (Condition("amount", Operator.EQ), Decimal("0.5"), ["b"]),
        (Condition("amount", Operator.GT), Decimal("12345678901234.567889"), ["B"]),
        (Condition("day", Operator.EQ), date(2020, 2, 29), ["b"]),
        (Condition("day", Operator.IN), [date(1, 1, 1)], ["B"]),
        (Condition("day", Operator.IN), [date(9999, 12, 31)], ["a9"]),
        (Condition("day", Operator.LT), date(2020, 2, 29), ["B"]),
        (Condition("day", Operator.GE), date(9999, 12, 31), ["a9"]),
        (Condition("day", Operator.LT), date(9999, 12, 31), ["B", "b"]),
    ],
)
async def test_conditions_find_what_they_say_and_null_is_never_found(store, resource, condition, value, codes):
    assert [row[0].strip('"') for row in await fetched(store, resource, [CODE], [condition], [value])] == codes


async def test_all_conditions_must_hold(store, resource):
    conditions = [Condition("name", Operator.PREFIX), Condition("count", Operator.GE)]
    assert await fetched(store, resource, [CODE], conditions, ["新", 0]) == [('"a10"',)]


async def test_the_last_day_of_the_calendar_is_a_day(store, resource):
    assert await fetched(store, resource, [ITEMS[4]], [Condition("code", Operator.EQ)], ["a9"]) == [('"9999/12/31"',)]


async def test_a_limit_ends_the_rows(store, resource):
    assert len(await fetched(store, resource, [CODE], limit=2)) == 2


async def test_each_row_names_its_batch(store, resource):
    shape = Shape(resource.qualified_view, (NAME,), (), resource.key)
    async with store.connected(READER) as reader:
        found = {row[1] for row in await reader.fetch(shape.sql(), 10)}
        head = await reader.fetchval(
            "select batch from exchange.batch_heads where resource_version = $1", resource.version
        )
    assert found == {head}


async def test_a_resource_without_key_is_read_in_the_order_of_its_file(store):
    made = await store.made(text("name"))
    await store.load(made, [("b",), ("a",), ("c",)])
    assert await fetched(store, made, made.items) == [('"b"',), ('"a"',), ('"c"',)]
