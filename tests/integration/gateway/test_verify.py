"""Truth verification: whether values that the caller has are true of somebody, and never a value that is stored."""

import asyncio
from datetime import date
from decimal import Decimal
from itertools import product

import asyncpg
import pytest

from common.events import GrantedItem, ItemMode, MaskRule, Mode
from exchange.layout import READER
from gateway.store import claims as counting
from gateway.store.claims import MOST, Claims
from tests.support.gateway_door import opened
from tests.support.items import day, integer, key, numeric, text
from tests.support.waiting import eventually

ITEMS = (
    key(text("id_number", 18)),
    text("name", 40),
    day("born"),
    numeric("income", 12, 2),
    integer("children"),
    text("area", 6),
)
ROWS = [
    ("110105194912310020", "示例甲", date(1949, 12, 31), Decimal("100.50"), 2, "310105"),
    ("110105194912310021", "示例乙", None, None, None, "310105"),
    ("110105194912310022", None, date(9999, 12, 31), None, 0, "310104"),
]
ID = ROWS[0][0]
TRUE = {"name": "示例甲", "born": "1949/12/31", "income": "100.50", "children": "2"}
GRANTED = ["name", "born", "income", "children"]


@pytest.fixture(scope="module")
async def people(store):
    made = await store.made(*ITEMS, provider="verify")
    await store.load(made, ROWS)
    return made


@pytest.fixture
def world(world, people):
    told = {"mode": Mode.VERIFY, "identity": ("id_number",), "claims": ("name", "born", "income", "children", "area")}
    world.service("check", ITEMS, {}, resource=people, **told)
    world.service("check-area", ITEMS, {}, resource=people, **{**told, "identity": ("area",)})
    # A unit of its own for each test: what it claims today counts until midnight.
    for unit in ("edu", "health"):
        world.unit(unit)
        world.grant(unit, "check", GRANTED)
        world.grant(unit, "check-area", GRANTED)
    return world


@pytest.fixture(autouse=True)
async def nothing_claimed_yet(outbox):
    connection = await asyncpg.connect(outbox.admin_url())
    await connection.execute("delete from claim")
    await connection.close()


async def test_each_claim_is_true_or_false_and_only_what_was_claimed_is_told(door):
    answer = await door.call("check", id_number=ID, name="示例甲", born="1950/01/01", income="100.5")
    assert answer.data == [{"name": "1", "born": "0", "income": "1"}]
    assert "示例甲" not in answer.response.text
    record = await door.record_of(answer)
    assert (record.rows, record.items) == (1, ("name", "born", "income"))


async def test_of_nobody_and_of_a_null_every_claim_is_false_alike(door):
    nobody = await door.call("check", id_number="110105194912319999", born="1949/12/31", income="1")
    null = await door.call("check", id_number=ROWS[1][0], born="1949/12/31", income="1")
    assert nobody.response.content == null.response.content
    assert null.data == [{"born": "0", "income": "0"}]
    assert [(await door.record_of(answer)).rows for answer in (nobody, null)] == [0, 1]


@pytest.mark.parametrize(("name", "value"), TRUE.items())
async def test_values_of_every_type_are_true_of_whom_they_are_true(door, name, value):
    assert (await door.call("check", id_number=ID, **{name: value})).data == [{name: "1"}]
    assert (await door.call("check", id_number=ROWS[1][0], **{name: value})).data == [{name: "0"}]


async def test_the_last_day_of_the_calendar_is_as_true_as_any(door):
    assert (await door.call("check", id_number=ROWS[2][0], born="9999/12/31")).data == [{"born": "1"}]


@pytest.mark.parametrize("value", ["示例", "示%", "%", "示例甲 ", "示例乙", "' or 1=1--"])
async def test_nearly_true_is_false(door, value):
    assert (await door.call("check", id_number=ID, name=value)).data == [{"name": "0"}]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"rsStructure": "LM"}, [{"name": "1", "born": "0"}]),
        ({"rsStructure": "KV"}, {"name": "1", "born": "0"}),
        ({"rsStructure": "MA"}, {"name": ["1"], "born": ["0"]}),
    ],
)
async def test_the_answer_is_one_record_in_every_structure(door, options, shown):
    answer = await door.call("check", id_number=ID, name="示例甲", born="1950/01/01", **options)
    assert answer.data == shown
    assert "x-total-count" not in answer.response.headers
    assert "x-next-cursor" not in answer.response.headers


async def test_one_value_is_the_one_claims(door):
    assert (await door.call("check", id_number=ID, name="示例甲", rsStructure="SR")).data == "1"
    xml = await door.call("check", id_number=ID, name="示例乙", rsStructure="SR", format="xml")
    assert "<DATA>0</DATA>" in xml.response.text
    assert (await door.call("check", id_number=ID, name="示例甲", born="1949/12/31", rsStructure="SR")).code == "101"


async def test_an_identity_of_several_is_301_and_tells_nothing(door):
    for options in ({}, {"rsStructure": "KV"}, {"rsStructure": "MA"}):
        answer = await door.call("check-area", area="310105", name="示例甲", **options)
        assert (answer.code, "DATA" in answer.response.text) == ("301", False)
    assert (await door.call("check-area", area="310104", children="0")).data == [{"children": "1"}]


@pytest.mark.parametrize("mode", ItemMode)
async def test_an_item_granted_in_any_mode_is_verified_and_never_shown(door, mode):
    mask = MaskRule.NAME if mode is ItemMode.MASKED else None
    door.world.grant("edu", "check", [GrantedItem(code="name", mode=mode, mask=mask)])
    assert (await door.call("check", id_number=ID, name="示例甲")).data == [{"name": "1"}]


@pytest.mark.parametrize(
    "given_",
    [{"id_number": ID}, {"name": "示例甲"}, {"id_number": ID, "area": "310105"}, {"id_number__in": ID, "name": "x"}],
)
async def test_without_identity_or_a_granted_claim_it_is_101(door, given_):
    assert (await door.call("check", **given_)).code == "101"


async def test_many_at_once_get_each_their_own_truth(door):
    """Claims are asked together: nobody gets another's."""
    asked = [
        (row, {name: value})
        for (row, (name, value)) in product(ROWS, [("name", "示例甲"), ("name", "示例乙"), ("children", "2")])
    ]
    answers = await asyncio.gather(
        *(door.call("check", unit, id_number=row[0], **claim) for row, claim in asked for unit in ("edu", "health"))
    )
    places = {"name": 1, "children": 4}
    for n, answer in enumerate(answers):
        row, claim = asked[n // 2]
        ((name, value),) = claim.items()
        assert answer.data == [{name: "1" if str(row[places[name]]) == value else "0"}]


class TestGuessing:
    """Whoever may ask whether a value is true could find it by asking: the sixth different set of a day is 207."""

    async def ask(self, door, *names, unit="edu", who=ID):
        return [(await door.call("check", unit, id_number=who, name=name)).code for name in names]

    async def test_five_different_sets_are_answered_and_the_sixth_is_207(self, door):
        names = [f"猜{n}" for n in range(MOST + 1)]
        assert await self.ask(door, *names) == ["1"] * MOST + ["207"]
        assert await self.ask(door, *names[:MOST]) == ["1"] * MOST, "what was asked before may be asked again"
        assert await self.ask(door, names[-1]) == ["207"]

    async def test_the_refused_one_is_on_record_and_true_or_not_is_not_told(self, door):
        await self.ask(door, *"甲乙丙丁戊")
        answer = await door.call("check", id_number=ID, name="示例甲")
        assert (answer.code, "DATA" in answer.response.text) == ("207", False)
        record = await door.record_of(answer)
        assert (record.code, record.rows, record.sourced_at) == ("207", 0, None)
        assert record.checked_at is not None

    async def test_each_unit_and_each_identity_has_its_own_five(self, door):
        names = [f"猜{n}" for n in range(MOST)]
        assert await self.ask(door, *names) == ["1"] * MOST
        assert await self.ask(door, "又", unit="health") == ["1"]
        assert await self.ask(door, "又", who=ROWS[1][0]) == ["1"]
        assert await self.ask(door, "又") == ["207"]

    async def test_nobody_is_guessed_about_as_little_as_somebody(self, door):
        nobody = "110105194912319999"
        assert await self.ask(door, *(f"猜{n}" for n in range(MOST + 1)), who=nobody) == ["1"] * MOST + ["207"]

    async def test_what_cannot_be_a_claim_does_not_count(self, door):
        for _ in range(10):
            assert (await door.call("check", id_number=ID, born="1949-12-31")).code == "206"
        assert await self.ask(door, *"甲乙丙丁戊己") == ["1"] * MOST + ["207"]

    async def test_of_many_at_once_five_are_answered_over_two_replicas(self, door, world, store, outbox):
        other = opened(
            world=world, store_url=store.database.url(READER), outbox_url=outbox.app_url, admin_url=outbox.admin_url()
        )
        async with other as second:
            answers = await asyncio.gather(
                *((door, second)[n % 2].call("check", id_number=ID, name=f"猜{n}") for n in range(40))
            )
        codes = sorted(answer.code for answer in answers)
        assert codes == ["1"] * MOST + ["207"] * 35

    async def test_yesterdays_do_not_count_and_are_forgotten(self, door, outbox):
        assert await self.ask(door, *"甲乙丙丁戊己") == ["1"] * MOST + ["207"]
        connection = await asyncpg.connect(outbox.admin_url())
        await connection.execute("update claim set day = day - 1")
        door.gateway.claims._together._cleaned_at = float("-inf")
        assert await self.ask(door, "己") == ["1"]

        async def left():
            return await connection.fetchval("select count(*) from claim") == 1

        await eventually(left, what="yesterday's claims are gone")
        await connection.close()

    async def test_nothing_that_is_kept_of_it_is_in_clear(self, door, outbox):
        await self.ask(door, "金丝雀")
        connection = await asyncpg.connect(outbox.admin_url())
        (row,) = await connection.fetch("select * from claim")
        await connection.close()
        assert row["unit"] == "edu"
        assert ID not in str(row)
        assert "金丝雀" not in str(row)
        assert len(row["identity"]) == len(row["claims"]) == 64

    async def test_where_they_cannot_be_counted_nothing_is_told(self, door, monkeypatch):
        door.gateway.claims._together._link._url = "postgresql://nobody@127.0.0.1:9/none"
        answer = await door.call("check", id_number=ID, name="示例甲")
        assert (answer.status, answer.reason) == (503, "grants")
        assert (await door.call()).code == "1", "queries need no count"

    async def test_two_replicas_count_in_one_order_and_do_not_lock_each_other_out(self, outbox):
        """Each identity stays locked until the last of its group is counted."""
        replicas = [Claims(outbox.app_url), Claims(outbox.app_url)]
        seen = []
        for replica in replicas:
            query = replica._together._link.query

            async def noted(sql, *values, query=query):
                seen.append(values[1])
                return await query(sql, *values)

            replica._together._link.query = noted
        names = [f"{n:03}" for n in range(50)]
        try:
            for round_ in range(10):
                await asyncio.gather(
                    *(replicas[0].admit("edu", name, f"a{round_}") for name in names if round_ < MOST),
                    *(replicas[1].admit("edu", name, f"a{round_}") for name in reversed(names) if round_ < MOST),
                )
        finally:
            for replica in replicas:
                await replica.stop()
        assert seen
        assert all(group == sorted(group) for group in seen)
        assert counting.MOST == 5

    async def test_callers_that_go_away_leave_the_others_counted(self, door):
        calls = [asyncio.create_task(door.call("check", id_number=ROWS[n % 3][0], name="x")) for n in range(30)]
        for call in calls[::2]:
            call.cancel()
        answers = await asyncio.gather(*calls[1::2])
        assert {answer.code for answer in answers} == {"1"}
        await eventually(lambda: _idle(door), what="nobody waits to be counted")


async def _idle(door):
    return not door.gateway.claims._together._waiting
