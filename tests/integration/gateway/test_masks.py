"""What a grant does not show in clear is nowhere in clear: many grants are asked together, each sees its own."""

import asyncio
import json
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import GrantedItem, ItemMode, MaskRule, Mode, RowCondition
from exchange.layout import Resource
from tests.support.exchange_store import Store
from tests.support.items import day, integer, key, text

ITEMS = (
    key(text("id", 4)),
    text("name", 20, standard="XM"),
    text("id_number", 18, standard="ZJHM"),
    text("telephone", 20, standard="telephone"),
    text("home", 40, standard="JZDXZ"),
    text("remark", 40),
    day("born"),
    integer("children"),
)
CODES = [item.code for item in ITEMS]


def row(n):
    """Values that are nowhere else: a clear one in an answer would be found."""
    if n % 6 == 5:
        return (f"{n:04}", None, None, None, None, None, None, None)
    return (
        f"{n:04}",
        f"甲{n}乙丙",
        f"110105{19490000 + n}002X",
        f"138{n:04}5678",
        f"上海市示例路{n}号",
        f"备注{n}",
        date(2000 + n, 2, 28),
        70_000 + n,
    )


ROWS = [row(n) for n in range(24)]
SHOWN = {
    "name": lambda value: value[0] + "*" * (len(value) - 1),
    "id_number": lambda value: value[:6] + "********" + value[-4:],
    "telephone": lambda value: value[:3] + "****" + value[-4:],
    "home": lambda value: value[:3] + "****",
    "remark": lambda _: "****",
    "born": lambda _: "****",
    "children": lambda _: "****",
    "id": lambda _: "****",
}


@pytest.fixture(scope="session")
async def people(store: Store) -> Resource:
    made = await store.made(*ITEMS, provider="masked")
    await store.load(made, ROWS)
    return made


@pytest.fixture
def world(world, people):
    world.service(
        "people", ITEMS, {"id": "eq in", "name": "eq", "born": "ge"}, resource=people, orderings=("born", "name")
    )
    return world


def in_clear(code, value):
    if value is None:
        return None
    return f"{value:%Y/%m/%d}" if code == "born" else value


def masked(code):
    return GrantedItem(code=code, mode=ItemMode.MASKED, mask=None)


ASKED = [
    (code, parameters)
    for code in CODES
    for parameters in ({"id": "0003"}, {"id__in": "0003"}, {})
    if code != "id" or not parameters  # a masked item cannot be filtered on
]


@pytest.mark.parametrize(("code", "parameters"), ASKED)
async def test_an_item_is_masked_by_its_standard_field_however_it_is_asked_for(door, code, parameters):
    door.world.grant("edu", "people", [masked(code)])
    answer = await door.call("people", **parameters)
    value = SHOWN[code](in_clear(code, ROWS[3][CODES.index(code)]))
    assert {code: value} in answer.data
    text_ = answer.response.text
    assert not [r for r in ROWS if in_clear(code, r[CODES.index(code)]) not in {None, value} and _in(code, r, text_)]


def _in(code, told, text_):
    return str(in_clear(code, told[CODES.index(code)])) in text_


@pytest.mark.parametrize("rule", MaskRule)
async def test_the_rule_that_the_grant_names_goes_before_the_standard_field(door, rule):
    door.world.grant("edu", "people", [GrantedItem(code="id_number", mode=ItemMode.MASKED, mask=rule)])
    (shown,) = (await door.call("people", id="0003")).data
    value = ROWS[3][2]
    wanted = {
        MaskRule.NAME: value[0] + "*" * 17,
        MaskRule.ID_NUMBER: value[:6] + "********" + value[-4:],
        MaskRule.PHONE: value[:3] + "****" + value[-4:],
        MaskRule.ADDRESS: value[:3] + "****",
    }
    assert shown == {"id_number": wanted[rule]}


async def test_null_stays_null(door):
    door.world.grant("edu", "people", [masked(code) for code in CODES[1:]])
    for parameters in ({"id": "0005"}, {"id__in": "0005"}):
        assert (await door.call("people", **parameters)).data == [dict.fromkeys(CODES[1:])]


@pytest.mark.parametrize("mode", [ItemMode.MASKED, ItemMode.VERIFY])
async def test_what_is_not_in_clear_cannot_be_found_by_asking(door, mode):
    """Neither by filters nor by the order of the rows."""
    door.world.grant("edu", "people", ["id", GrantedItem(code="name", mode=mode, mask=None)])
    assert (await door.call("people", name="甲3乙丙")).code == "101"
    assert (await door.call("people", orderBy="name")).code == "206"
    assert (await door.call("people", orderBy="-name")).code == "206"
    assert (await door.call("people", orderBy="born")).code == "1"


async def test_in_every_format_and_structure_it_is_masked(door):
    door.world.grant("edu", "people", [masked("name")])
    for options in ({"format": "xml"}, {"rsStructure": "KV"}, {"rsStructure": "SR"}, {"rsStructure": "MA"}):
        for style in ("complex", "simple"):
            answer = await door.call("people", id="0003", rsStyle=style, **options)
            assert "甲***" in answer.response.text
            assert "甲3" not in answer.response.text


@dataclass(frozen=True)
class Seen:
    """A grant as a unit has it, and what may be seen with it."""

    unit: str
    modes: dict[str, ItemMode]
    rows: tuple[str, ...] | None

    def told(self, world):
        world.unit(self.unit)
        items = [GrantedItem(code=code, mode=mode, mask=None) for code, mode in self.modes.items()]
        conditions = (RowCondition(item="id", values=self.rows),) if self.rows else ()
        world.grant(self.unit, "people", items, row_filter=conditions)

    def expected(self, n):
        """What a call for one row gives: the data, or the code of a refusal."""
        if all(mode is ItemMode.VERIFY for mode in self.modes.values()):
            return "203"
        if self.modes.get("id", ItemMode.CLEAR) is not ItemMode.CLEAR:
            return "101"
        if n >= len(ROWS) or (self.rows and f"{n:04}" not in self.rows):
            return []
        shown = {}
        for code, value in zip(CODES, ROWS[n], strict=True):
            mode = self.modes.get(code)
            if mode is ItemMode.CLEAR or (mode is ItemMode.MASKED and value is None):
                shown[code] = in_clear(code, value)
            elif mode is ItemMode.MASKED:
                shown[code] = SHOWN[code](in_clear(code, value))
        return [shown]


modes = st.dictionaries(
    st.sampled_from(CODES),
    st.sampled_from([ItemMode.CLEAR, ItemMode.MASKED, ItemMode.MASKED, ItemMode.VERIFY]),
    min_size=1,
)
conditions = st.none() | st.lists(st.sampled_from([f"{n:04}" for n in range(26)]), min_size=1, max_size=5).map(tuple)
granted = st.lists(st.tuples(modes, conditions), min_size=2, max_size=6)
asked = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 25)), min_size=10, max_size=60)


@given(granted, asked)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_of_many_grants_that_are_asked_together_each_sees_its_own_items_and_nothing_in_clear_that_is_not(
    door, granted, asked
):
    """IN-G27: the keys of an answer are within the grant, and nothing masked is in clear; whoever calls beside it."""
    grants = [Seen(f"unit-{n}", items, rows) for n, (items, rows) in enumerate(granted)]
    for one in grants:
        one.told(door.world)
    calls = [(grants[g % len(grants)], n) for g, n in asked]
    answers = await asyncio.gather(*(door.call("people", one.unit, id=f"{n:04}") for one, n in calls))
    for (one, n), answer in zip(calls, answers, strict=True):
        wanted = one.expected(n)
        if isinstance(wanted, str):
            assert answer.code == wanted
            assert "DATA" not in answer.response.text
            continue
        assert answer.data == wanted
        assert [list(shown) for shown in answer.data] == [[code for code in CODES if code in r] for r in wanted]
        assert all(set(shown) <= set(one.modes) for shown in answer.data)
        hidden = [code for code, mode in one.modes.items() if mode is not ItemMode.CLEAR]
        for code in {*hidden, *(set(CODES) - set(one.modes))} - {"id"}:
            value = in_clear(code, ROWS[n][CODES.index(code)]) if n < len(ROWS) else None
            assert value is None or str(value) not in json.dumps(answer.data, ensure_ascii=False)
    records = {record.trace_id: record for record in await door.records()}
    for (one, _), answer in zip(calls, answers, strict=True):
        assert records[answer.trace_id].unit == one.unit
        assert set(records[answer.trace_id].items) <= set(one.modes)


@given(asked)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_queries_and_verifications_at_once_do_not_mix(door, people, asked):
    claims = tuple(code for code in CODES if code != "id")
    door.world.service("check", ITEMS, {}, resource=people, mode=Mode.VERIFY, identity=("id",), claims=claims)
    door.world.grant("edu", "people", CODES)
    door.world.grant("edu", "check", CODES)
    calls = [
        door.call("check", id=f"{n:04}", remark="备注3") if g % 2 else door.call("people", id=f"{n:04}")
        for g, n in asked
    ]
    answers = await asyncio.gather(*calls)
    for (g, n), answer in zip(asked, answers, strict=True):
        if g % 2:
            assert answer.data == [{"remark": "1" if n == 3 else "0"}]
        else:
            wanted = [dict(zip(CODES, map(in_clear, CODES, ROWS[n]), strict=True))] if n < len(ROWS) else []
            assert answer.data == wanted
