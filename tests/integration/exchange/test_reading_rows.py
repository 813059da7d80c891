"""What the statements of calls give back from a real table: order, operators, digits, literal wildcards, pages."""

from datetime import date, datetime
from decimal import Decimal

import asyncpg
import pytest

from common.events import Operator
from exchange.layout import READER
from exchange.reading import AS_OF, After, Column, Condition, Order, Shape, Source
from tests.support.items import day, integer, key, moment, numeric, text

CODE, NAME, COUNT, AMOUNT, DAY, MOMENT = ITEMS = (
    key(text("code", 9)),
    text("name", 40),
    integer(),
    numeric(),
    day(),
    moment(),
)


@pytest.fixture(scope="module")
async def resource(store):
    made = await store.made(*ITEMS, provider="reading")
    at, midnight = date(2020, 2, 29), datetime.fromisoformat("2020-02-29 00:00:00")
    await store.load(
        made,
        [
            ("b", "50%_\\x", -7, Decimal("0.5"), at, midnight),
            ("B", "𠮷祥\"'<&>\\", 2**63 - 1, Decimal("12345678901234.567890"), date(1, 1, 1), None),
            ("a10", "新泾镇", 0, Decimal(-1), None, None),
            ("a9", "新华路街道", None, None, date(9999, 12, 31), None),
            ("中", None, None, None, None, None),
        ],
    )
    return made


def shape(resource, items, conditions=()):
    by_code = {item.code: item for item in resource.items}
    source = Source(
        view=resource.qualified_view, version=resource.version, key=tuple(by_code[code] for code in resource.key)
    )
    columns = tuple(item if isinstance(item, Column) else Column(item) for item in items)
    return Shape(source, columns, tuple(Condition(item, operator) for item, operator in conditions))


async def asked(store, sql, *values):
    async with store.connected(READER) as reader:
        return await reader.fetch(sql, *values)


async def fetched(store, resource, items, conditions=(), values=(), limit=100, skip=0, order=None):
    made = shape(resource, items, conditions)
    rows = await asked(store, made.single(order), *values, limit, skip)
    return [tuple(row)[1 : len(items) + 1] for row in rows if row["_batch"] is not None]


def plain(rows):
    return [row[0].strip('"') for row in rows]


async def test_rows_come_in_byte_order_of_the_key(store, resource):
    assert plain(await fetched(store, resource, [CODE])) == ["B", "a10", "a9", "b", "中"]


async def test_values_are_json_with_all_their_digits(store, resource):
    rows = await fetched(store, resource, ITEMS, [(CODE, Operator.IN)], [["B", "b"]])
    assert rows == [
        ('"B"', '"𠮷祥\\"\'<&>\\\\"', "9223372036854775807", "12345678901234.567890", '"0001/01/01"', "null"),
        ('"b"', '"50%_\\\\x"', "-7", "0.500000", '"2020/02/29"', '"2020/02/29 00:00:00"'),
    ]


@pytest.mark.parametrize(
    ("condition", "value", "codes"),
    [
        ((NAME, Operator.EQ), "新泾镇", ["a10"]),
        ((NAME, Operator.EQ), "新%", []),  # IN-G18
        ((NAME, Operator.EQ), "' OR 1=1--", []),  # IN-G14
        ((NAME, Operator.PREFIX), "新", ["a10", "a9"]),
        ((NAME, Operator.PREFIX), "%", []),
        ((NAME, Operator.PREFIX), "50%_\\", ["b"]),
        ((NAME, Operator.PREFIX), "5__", []),
        ((CODE, Operator.IN), ["a9", "B", "none"], ["B", "a9"]),
        ((COUNT, Operator.GE), 0, ["B", "a10"]),
        ((COUNT, Operator.GT), 0, ["B"]),
        ((COUNT, Operator.LE), 0, ["a10", "b"]),
        ((COUNT, Operator.LT), 0, ["b"]),
        ((AMOUNT, Operator.EQ), Decimal("0.5"), ["b"]),
        ((AMOUNT, Operator.GT), Decimal("12345678901234.567889"), ["B"]),
        ((DAY, Operator.EQ), date(2020, 2, 29), ["b"]),
        ((DAY, Operator.IN), [date(1, 1, 1)], ["B"]),
        ((DAY, Operator.IN), [date(9999, 12, 31)], ["a9"]),
        ((DAY, Operator.LT), date(2020, 2, 29), ["B"]),
        ((DAY, Operator.GE), date(9999, 12, 31), ["a9"]),
        ((DAY, Operator.LT), date(9999, 12, 31), ["B", "b"]),
        ((MOMENT, Operator.EQ), datetime.fromisoformat("2020-02-29 00:00:00"), ["b"]),
    ],
)
async def test_conditions_find_what_they_say_and_null_is_never_found(store, resource, condition, value, codes):
    assert plain(await fetched(store, resource, [CODE], [condition], [value])) == codes


async def test_all_conditions_must_hold(store, resource):
    conditions = [(NAME, Operator.PREFIX), (COUNT, Operator.GE)]
    assert await fetched(store, resource, [CODE], conditions, ["新", 0]) == [('"a10"',)]


async def test_the_last_day_of_the_calendar_is_a_day(store, resource):
    assert await fetched(store, resource, [DAY], [(CODE, Operator.EQ)], ["a9"]) == [('"9999/12/31"',)]


async def test_a_limit_ends_the_rows_and_others_are_skipped(store, resource):
    assert plain(await fetched(store, resource, [CODE], limit=2)) == ["B", "a10"]
    assert plain(await fetched(store, resource, [CODE], limit=2, skip=3)) == ["b", "中"]
    assert await fetched(store, resource, [CODE], limit=2, skip=5) == []


class TestBatchAndAge:
    async def test_each_row_names_its_batch_and_the_time_of_the_newest(self, store, resource):
        rows = await asked(store, shape(resource, [NAME]).single(), 10, 0)
        async with store.connected(READER) as reader:
            head = await reader.fetchrow(
                "select batch, committed_at from exchange.batch_heads where resource_version = $1", resource.version
            )
        assert {row["_batch"] for row in rows} == {head["batch"]}
        (told,) = {row["as_of"] for row in rows}
        assert told.endswith("+08:00")
        assert abs((datetime.fromisoformat(told) - head["committed_at"]).total_seconds()) < 0.001

    async def test_without_a_hit_the_age_is_told_all_the_same_and_no_row_is_there(self, store, resource):
        made = shape(resource, [NAME], [(CODE, Operator.EQ)])
        (one,) = await asked(store, made.single(), "nobody", 10, 0)
        (among_many,) = await asked(store, made.many(made.columns), ["nobody"])
        assert one["as_of"] == among_many["as_of"] is not None
        assert one["_batch"] is among_many["_batch"] is None

    async def test_before_the_first_batch_there_is_no_age(self, store):
        made = shape(await store.made(*ITEMS), [NAME])
        (row,) = await asked(store, made.single(), 10, 0)
        assert (row[0], row["_batch"]) == (None, None)
        assert AS_OF == "_as_of"

    async def test_the_age_is_that_of_the_resource_that_is_read(self, store, resource):
        other = await store.made(*ITEMS)
        await store.load(other, [])
        ages = {(await asked(store, shape(r, [NAME]).single(), 1, 0))[0][0] for r in (resource, other)}
        assert len(ages) == 2


class TestWithoutKey:
    async def test_rows_come_in_the_order_of_their_file(self, store):
        made = await store.made(text("name"))
        await store.load(made, [("b",), ("a",), ("c",)])
        assert plain(await fetched(store, made, made.items)) == ["b", "a", "c"]

    async def test_a_page_goes_on_behind_the_place_in_the_file(self, store):
        made = await store.made(text("name"))
        await store.load(made, [(f"{n}",) for n in (3, 1, 2, 1)])
        assert plain(await walked(store, made, made.items, size=1)) == ["3", "1", "2", "1"]


async def walked(store, resource, items, *, size, order=None, conditions=(), values=()):
    """All rows, page by page, each page behind the last row of the one before."""
    made = shape(resource, items, conditions)
    width = len(items)
    rows = await asked(store, made.single(order), *values, size, 0)
    found = []
    while rows and rows[0]["_batch"] is not None:
        found += [tuple(row)[1 : width + 1] for row in rows]
        place = tuple(rows[-1])[width + 2 :]
        null = order is not None and place[0] is None
        sql = made.single(order, After.NULL if null else After.VALUE)
        rows = await asked(store, sql, *values, *(place[1:] if null else place), size)
    return found


class TestOrderings:
    @pytest.mark.parametrize(
        ("item", "descending", "codes"),
        [
            (NAME, False, ["b", "a9", "a10", "B", "中"]),
            (NAME, True, ["B", "a10", "a9", "b", "中"]),
            (COUNT, False, ["b", "a10", "B", "a9", "中"]),
            (COUNT, True, ["B", "a10", "b", "a9", "中"]),
            (AMOUNT, True, ["B", "b", "a10", "a9", "中"]),
            (DAY, False, ["B", "b", "a9", "a10", "中"]),
            (DAY, True, ["a9", "b", "B", "a10", "中"]),
            (MOMENT, False, ["b", "B", "a10", "a9", "中"]),
            (MOMENT, True, ["b", "B", "a10", "a9", "中"]),
            (CODE, True, ["中", "b", "a9", "a10", "B"]),
        ],
    )
    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    async def test_a_walk_by_pages_gives_every_row_once_in_order_nulls_last_ties_by_key(
        self, store, resource, item, descending, codes, size
    ):
        order = Order(item, descending)
        assert plain(await fetched(store, resource, [CODE], order=order)) == codes
        assert plain(await walked(store, resource, [CODE], size=size, order=order)) == codes

    async def test_places_keep_all_digits_and_every_day(self, store):
        made = await store.made(CODE, AMOUNT, DAY, MOMENT)
        at = datetime.fromisoformat("9999-12-31 23:59:59")
        rows = [
            (f"{n}", Decimal(f"12345678901234.56789{n}"), date(9999, 12, 31 - n), at.replace(second=n))
            for n in range(5)
        ]
        await store.load(made, rows)
        for item, codes in ((AMOUNT, "01234"), (DAY, "43210"), (MOMENT, "01234")):
            for descending in (False, True):
                found = plain(await walked(store, made, [CODE], size=1, order=Order(item, descending)))
                assert "".join(found) == (codes[::-1] if descending else codes)

    async def test_conditions_hold_on_every_page(self, store, resource):
        found = await walked(
            store, resource, [CODE], size=1, order=Order(DAY), conditions=[(NAME, Operator.PREFIX)], values=["新"]
        )
        assert plain(found) == ["a9", "a10"]

    async def test_numbers_in_the_key_are_in_the_order_of_numbers(self, store):
        made = await store.made(key(integer("n")), text("name"))
        await store.load(made, [(n, f"{n}") for n in (10, 9, -1, 100, -20)])
        name = made.items[1]
        assert plain(await fetched(store, made, [name])) == ["-20", "-1", "9", "10", "100"]
        assert plain(await walked(store, made, [name], size=2)) == ["-20", "-1", "9", "10", "100"]

    async def test_items_may_be_called_like_what_sql_calls_its_columns(self, store):
        made = await store.made(key(integer("coalesce")), integer("n"), integer("as_of"), text("case"))
        await store.load(made, [(n, -n, n, f"{n}") for n in (10, 9, 1)])
        shown = made.items[3]
        assert plain(await fetched(store, made, [shown])) == ["1", "9", "10"]
        for item in made.items[1:3]:
            order = Order(item, descending=item.code == "n")
            assert plain(await walked(store, made, [shown], size=1, order=order)) == ["1", "9", "10"]
        found = shape(made, made.items, [(made.items[0], Operator.EQ), (made.items[1], Operator.EQ)])
        rows = await asked(store, found.many(found.columns), [9, 9], [-9, 9])
        assert {row[0]: tuple(row)[2:6] for row in rows if row["_batch"] is not None} == {1: ("9", "-9", "9", '"9"')}

    async def test_a_key_of_several_items_is_gone_through_as_a_whole(self, store):
        made = await store.made(key(integer("n"), 2), key(text("letter"), 1), text("name"))
        rows = [(n, letter, f"{letter}{n}") for n in (10, 9, 2) for letter in "ba"]
        await store.load(made, rows)
        name = made.items[2]
        for size in (1, 2, 5):
            found = plain(await walked(store, made, [name], size=size))
            assert found == ["a2", "a9", "a10", "b2", "b9", "b10"]


class TestManyCalls:
    """What several calls that are asked together get is what each would get alone."""

    async def together(self, store, made, columns, *arrays):
        rows = await asked(store, made.many(columns), *arrays)
        return {row[0]: tuple(row)[2 : 2 + len(columns)] for row in rows if row["_batch"] is not None}

    async def test_each_gets_its_own_row_in_whatever_order(self, store, resource):
        made = shape(resource, [CODE, COUNT], [(CODE, Operator.EQ)])
        codes = ["b", "nobody", "a10", "b", "中"]
        found = await self.together(store, made, made.columns, codes)
        assert found == {1: ('"b"', "-7"), 3: ('"a10"', "0"), 4: ('"b"', "-7"), 5: ('"中"', "null")}

    async def test_every_call_has_one_row_at_least(self, store, resource):
        made = shape(resource, [CODE], [(CODE, Operator.EQ)])
        rows = await asked(store, made.many(made.columns), ["x"] * 64)
        assert sorted(row[0] for row in rows) == list(range(1, 65))

    async def test_each_has_its_own_list_of_values(self, store, resource):
        """Conditions on rows of grants: of one several values, of the other one; none widens the other's."""
        made = shape(resource, [CODE], [(CODE, Operator.EQ), (NAME, Operator.IN)])
        lists = [["新泾镇", "x"], ["x"], ["新华路街道", "y", "新泾镇"], ["新华路街道"]]
        flat = [name for names in lists for name in names]
        first, last = [1, 3, 4, 7], [2, 3, 6, 7]
        found = await self.together(store, made, made.columns, ["a10", "a10", "a9", "a10"], flat, first, last)
        assert found == {1: ('"a10"',), 3: ('"a9"',)}

    @pytest.mark.parametrize(
        ("item", "values"),
        [
            (NAME, ["50%_\\x", "新%", "新泾镇"]),
            (COUNT, [-7, 0, 2**63 - 1]),
            (AMOUNT, [Decimal("0.5"), Decimal("0.500001"), Decimal(-1)]),
            (DAY, [date(2020, 2, 29), date(9999, 12, 31), date(1, 1, 1)]),
            (MOMENT, [datetime.fromisoformat("2020-02-29 00:00:00")] * 3),
        ],
    )
    async def test_values_of_every_type_find_what_they_find_alone(self, store, resource, item, values):
        made = shape(resource, [CODE], [(CODE, Operator.EQ), (item, Operator.EQ)])
        codes = ["b", "b", "a10"]
        found = await self.together(store, made, made.columns, codes, values)
        for n, (code, value) in enumerate(zip(codes, values, strict=True), 1):
            alone = await fetched(store, resource, [CODE], [(CODE, Operator.EQ), (item, Operator.EQ)], [code, value])
            assert ([found[n]] if n in found else []) == alone

    async def test_other_columns_than_the_shapes_own_can_be_shown(self, store, resource):
        made = shape(resource, [CODE], [(CODE, Operator.EQ)])
        columns = (Column(NAME), Column(CODE), Column(DAY))
        assert await self.together(store, made, columns, ["a9"]) == {1: ('"新华路街道"', '"a9"', '"9999/12/31"')}


class TestClaims:
    @pytest.mark.parametrize(
        ("item", "true", "false"),
        [
            (NAME, "50%_\\x", "50%_\\X"),
            (NAME, "50%_\\x", "50%"),
            (COUNT, -7, 7),
            (AMOUNT, Decimal("0.50"), Decimal("0.500001")),
            (DAY, date(2020, 2, 29), date(9999, 12, 31)),
            (MOMENT, datetime.fromisoformat("2020-02-29 00:00:00"), datetime.fromisoformat("2020-02-29 00:00:01")),
        ],
    )
    async def test_an_equal_value_is_true_and_any_other_is_false(self, store, resource, item, true, false):
        made = shape(resource, [Column(item, claimed=True)], [(CODE, Operator.EQ)])
        for value, told in ((true, '"1"'), (false, '"0"')):
            (one,) = await asked(store, made.single(), "b", value, 2, 0)
            assert one[1] == told
        many = await asked(store, made.many(made.columns), ["b", "b"], [false, true])
        assert {row[0]: row[2] for row in many} == {1: '"0"', 2: '"1"'}

    async def test_of_a_null_every_claim_is_false(self, store, resource):
        made = shape(resource, [Column(NAME, claimed=True), Column(COUNT, claimed=True)], [(CODE, Operator.EQ)])
        (row,) = await asked(store, made.single(), "中", "null", 0, 2, 0)
        assert tuple(row)[1:3] == ('"0"', '"0"')

    async def test_of_nobody_there_is_no_row(self, store, resource):
        made = shape(resource, [Column(NAME, claimed=True)], [(CODE, Operator.EQ)])
        (row,) = await asked(store, made.single(), "nobody", "x", 2, 0)
        assert row["_batch"] is None

    async def test_values_are_bound_as_the_items_type_and_nothing_else(self, store, resource):
        made = shape(resource, [Column(COUNT, claimed=True)], [(CODE, Operator.EQ)])
        with pytest.raises(asyncpg.DataError):
            await asked(store, made.single(), "b", "-7", 2, 0)
