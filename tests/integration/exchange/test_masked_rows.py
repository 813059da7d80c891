"""Masking in the database, by rule and code point: no clear value leaves it (`gateway-protocol`, Answer)."""

import json

import pytest

from common.events import Operator
from exchange.layout import READER
from exchange.masks import Mask
from exchange.reading import Column, Condition, Shape, Source
from tests.support.items import day, integer, key, moment, numeric, text

NAME, ID, PHONE, ADDRESS, HIDDEN = Mask
SHOWN = [
    (NAME, "示例甲", "示**"),
    (NAME, "示", "示"),
    (NAME, "示例", "示*"),
    (NAME, "𠮷祥", "𠮷*"),
    (NAME, "e\u0301x", "e**"),
    (NAME, "欧阳示例·阿卜杜拉", "欧********"),
    (NAME, "Zhang San", "Z********"),
    (NAME, '"引"', '"**'),
    (ID, "11010519491231002X", "110105********002X"),
    (ID, "110105491231002", "110105********1002"),
    (ID, "11010549123100", "****"),
    (ID, "1", "****"),
    (ID, "𠮷" * 15, "𠮷" * 6 + "********" + "𠮷" * 4),
    (ID, "𠮷" * 14, "****"),
    (PHONE, "13812345678", "138****5678"),
    (PHONE, "02112345678", "021****5678"),
    (PHONE, "+8613812345678", "+86****5678"),
    (PHONE, "1381234567", "****"),
    (PHONE, "1", "****"),
    (ADDRESS, "上海市长宁区示例路1号", "上海市****"),
    (ADDRESS, "上海市长", "上海市****"),
    (ADDRESS, "上海市", "****"),
    (ADDRESS, "𠮷𠮷𠮷𠮷", "𠮷𠮷𠮷****"),
    (HIDDEN, "何物", "****"),
    (HIDDEN, "1", "****"),
]
CODE, TEXT = key(text("code", 9)), text("value", 40)


@pytest.fixture(scope="module")
async def resource(store):
    made = await store.made(CODE, TEXT, provider="masks")
    rows = [(f"{n}", clear) for n, (_, clear, _) in enumerate(SHOWN)]
    await store.load(made, [*rows, ("null", None), ("empty", "")])
    return made


async def masked(store, resource, mask, code, *, together, item=TEXT):
    """The fragment that one call gets, asked alone or together with others."""
    source = Source(view=resource.qualified_view, version=resource.version, key=(CODE,))
    shape = Shape(source, (Column(item, mask),), (Condition(CODE, Operator.EQ),))
    async with store.connected(READER) as reader:
        if together:
            rows = await reader.fetch(shape.many([Column(CODE), *shape.columns]), ["nobody", code, code])
            (found,) = {row[3] for row in rows if row[0] > 1}
            return found
        (row,) = await reader.fetch(shape.single(), code, 1, 0)
        return row[1]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("mask", "clear", "shown"), SHOWN)
async def test_a_value_is_shown_as_its_rule_says(store, resource, mask, clear, shown, together):
    code = next(f"{n}" for n, told in enumerate(SHOWN) if told == (mask, clear, shown))
    fragment = await masked(store, resource, mask, code, together=together)
    assert json.loads(fragment) == shown


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("mask", Mask)
async def test_null_stays_null(store, resource, mask, together):
    assert await masked(store, resource, mask, "null", together=together) == "null"


@pytest.mark.parametrize(("mask", "shown"), [(NAME, ""), *((mask, "****") for mask in (ID, PHONE, ADDRESS, HIDDEN))])
async def test_an_empty_text_shows_no_more_than_a_short_one(store, resource, mask, shown):
    assert json.loads(await masked(store, resource, mask, "empty", together=False)) == shown


@pytest.mark.parametrize("make", [integer, numeric, day, moment])
async def test_of_numbers_and_dates_nothing_is_seen_but_that_they_are_there(store, make):
    item = make("value")
    made = await store.made(CODE, item)
    values = {"integer": "7", "numeric": "7.5", "date": "2020-01-01", "datetime": "2020-01-01 10:00:00"}
    async with store.connected() as admin:
        await admin.execute(
            f"insert into {made.qualified_table} (code, value, _batch, _row)"
            f" values ('1', '{values[item.type.value]}', gen_random_uuid(), 1), ('2', null, gen_random_uuid(), 2)"
        )
    assert json.loads(await masked(store, made, HIDDEN, "1", together=False, item=item)) == "****"
    assert await masked(store, made, HIDDEN, "2", together=True, item=item) == "null"
