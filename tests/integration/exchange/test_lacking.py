"""What a resource does not have: asked by values that one has, and answered of the named items alone (REQ-A7)."""

from datetime import date, datetime
from decimal import Decimal

import asyncpg
import pytest

from exchange import lacking as asking
from exchange.lacking import compares, lacking
from exchange.layout import LOADER, READER
from provision.secrets import KEEPER
from tests.support.items import day, integer, key, moment, numeric, text

ITEMS = (key(text("code", 3)), text("name"), integer("n"), numeric("x", 8, 2), day("d"), moment("m"))
ROW = ("001", "甲", 7, Decimal("2.50"), date(2023, 6, 30), datetime(2023, 6, 30, 12))  # noqa: DTZ001  as it lies there


@pytest.fixture(scope="module")
async def resource(store):
    made = await store.made(*ITEMS, provider="asked")
    await store.load(made, [ROW, ("002", None, None, None, None, None)])
    return made


async def asked(store, resource, codes, values):
    items = [item for code in codes for item in resource.items if item.code == code]
    async with store.connected(LOADER) as loader:
        return await lacking(loader, version=resource.version, items=items, values=values)


@pytest.mark.parametrize(
    ("code", "there", "lacks"),
    [
        # One character more than the column holds is another value, and none that is cut to fit.
        ("code", "001", "0011"),
        ("name", "甲", "甲 "),
        ("n", 7, 8),
        ("n", Decimal("7.00"), Decimal("7.5")),
        ("n", 7, 10**30),
        ("x", Decimal("2.5"), Decimal("2.501")),
        ("x", Decimal("2.5"), 10**30),
        ("d", date(2023, 6, 30), date(2023, 7, 1)),
        ("m", datetime(2023, 6, 30, 12), datetime(2023, 6, 30, 12, 0, 1)),  # noqa: DTZ001
    ],
)
async def test_a_value_is_there_in_the_items_own_type_or_it_lacks(store, resource, code, there, lacks):
    assert await asked(store, resource, [code], {(there,), (lacks,)}) == {(lacks,)}


async def test_values_of_several_items_stand_together_in_one_row(store, resource):
    values = {("001", "甲"), ("002", "甲"), ("001", "'; drop table x; --")}
    assert await asked(store, resource, ["code", "name"], values) == values - {("001", "甲")}


async def test_more_values_than_one_question_holds_are_asked_in_several(store, resource, monkeypatch):
    monkeypatch.setattr(asking, "AT_ONCE", 7)
    values = {(f"{n:03}",) for n in range(50)}
    assert await asked(store, resource, ["code"], values) == values - {("001",), ("002",)}
    assert await asked(store, resource, ["code"], set()) == set()


QUESTION = "select exchange.lacking($1, $2, $3::jsonb)"


async def test_the_question_names_columns_of_a_resource_in_the_books_and_nothing_else(store, resource):
    async with store.connected(LOADER) as loader:
        for items in (["_batch"], ["ctid"], ["code", "nothing"], ['code" is not null or "code'], [None]):
            with pytest.raises(asyncpg.UndefinedColumnError):
                await loader.fetch(QUESTION, resource.version, items, '[["001"]]')
        for items, values in (([], "[]"), (None, "[]"), (["code"], "{}"), (["code"], None), (["code"] * 17, "[]")):
            with pytest.raises(asyncpg.InvalidParameterValueError):
                await loader.fetch(QUESTION, resource.version, items, values)
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await loader.fetch(QUESTION, resource.version, ["code"], f"[{','.join(['1'] * 50_001)}]")
        for version in ("", "exchange.batch", f"{resource.version}' or true --"):
            with pytest.raises(asyncpg.NoDataFoundError):
                await loader.fetch(QUESTION, version, ["code"], '[["001"]]')


@pytest.mark.parametrize("role", [READER, KEEPER])
async def test_nobody_but_the_loader_may_ask(store, resource, role):
    async with store.connected(role) as other:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await other.fetch(QUESTION, resource.version, ["code"], '[["001"]]')


def test_texts_compare_with_texts_numbers_with_numbers_days_with_days():
    code, _, n, x, d, m = ITEMS
    assert compares(n, x)
    assert compares(code, text("other", 80))
    for one, other in ((code, n), (d, m), (x, d)):
        assert not compares(one, other)
