"""The SDK before the real gateway, store and trail: calls, pages, verification, refusals, what is on record."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import asyncpg
import pytest

from common.clock import now
from common.events import Mode
from shuqiao import Away, BadArgument, Gateway, Notes, Patience, Refused, Structure
from tests.support import edge_server
from tests.support.items import day, key, numeric, text
from tests.support.streets import ROWS

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
ITEMS = (key(text("id", 12)), text("name", 20), numeric("amount", 20, 2), day("born"))
PEOPLE = [(f"{n:06}", f"示例{n % 9}", Decimal(n) / 4, date(2000, 1, 1) + timedelta(days=n)) for n in range(2, 2 + 253)]


@pytest.fixture(scope="module")
async def people(store):
    made = await store.made(*ITEMS, provider="callers-side")
    await store.load(made, PEOPLE)
    return made


@pytest.fixture
def world(world, people):
    inputs = {"id": "eq in", "name": "eq", "born": "ge lt"}
    world.service("people", ITEMS, inputs, resource=people, orderings=("amount", "born"))
    world.grant("edu", "people", ["id", "name", "amount"])
    world.service("check", ITEMS, {}, resource=people, mode=Mode.VERIFY, identity=("id",), claims=("name", "amount"))
    world.grant("edu", "check", ["name", "amount"])
    return world


@pytest.fixture
async def asked(door, world):
    """Asks by the SDK, over HTTP, in a thread of its own."""
    async with edge_server.beside(door.app) as edge:
        with Gateway(f"http://127.0.0.1:{edge.server.port}", world.unit_keys["edu"]) as gateway:

            async def ask(method, service, *parameters, **more):
                def whole():
                    found = getattr(gateway, method)(service, world.method_keys["edu", service], *parameters, **more)
                    return list(found) if method in {"pages", "records"} else found

                return await asyncio.to_thread(whole)

            yield ask


async def test_a_call_is_answered_with_rows_and_what_is_known_of_them(asked):
    found = await asked("call", "streets", {"area_code": "310105"})
    assert found.data == [{"street_code": r[0], "street_name": r[1]} for r in ROWS if r[2] == "310105"]
    assert (found.ok, found.total, found.next_cursor) == (True, 3, None)
    assert timedelta() <= now() - found.as_of < timedelta(minutes=10)


async def test_numbers_come_with_the_digits_that_are_stored(asked):
    (row,) = (await asked("call", "people", {"id": "000003"})).data
    assert (row["amount"], str(row["amount"])) == (Decimal("0.75"), "0.75")


@pytest.mark.parametrize(
    ("structure", "shown"),
    [
        (Structure.KV, {"street_code": ROWS[0][0], "street_name": ROWS[0][1]}),
        (Structure.MA, {"street_code": [ROWS[0][0]], "street_name": [ROWS[0][1]]}),
    ],
)
async def test_structures_are_as_asked_for(asked, structure, shown):
    assert (await asked("call", "streets", {"street_code": ROWS[0][0]}, structure=structure)).data == shown


@pytest.mark.parametrize("size", [1000, 253, 100, 11])
@pytest.mark.parametrize("order", [None, "-amount"])
async def test_every_row_comes_once_whatever_the_pages(asked, size, order):
    found = await asked("records", "people", page_size=size, order_by=order)
    assert [row["id"] for row in found] == [row[0] for row in (PEOPLE[::-1] if order else PEOPLE)]
    pages = await asked("pages", "people", {"born__ge": "2000/01/03"}, page_size=size, structure=Structure.MA)
    assert len(pages) == -(-len(PEOPLE) // size)
    assert [code for page in pages for code in page.data["id"]] == [row[0] for row in PEOPLE]


async def test_claims_are_true_or_false(asked, outbox):
    connection = await asyncpg.connect(outbox.admin_url())
    await connection.execute("delete from claim")
    await connection.close()
    found = await asked("verify", "check", {"id": "000003"}, {"name": "示例3", "amount": "0.76"})
    assert found == {"name": True, "amount": False}
    assert await asked("verify", "check", {"id": "nobody"}, {"name": "示例3"}) == {"name": False}
    for n in range(4):
        await asked("verify", "check", {"id": "000003"}, {"name": f"猜{n}"})
    with pytest.raises(Refused) as sixth:
        await asked("verify", "check", {"id": "000003"}, {"name": "猜猜"})
    assert sixth.value.code == "207"


async def test_what_the_call_says_of_itself_is_on_record_and_its_trace_goes_on(asked, door):
    notes = Notes(operator="S-01", using_system="grants", matter="A 1/2", traceparent=TRACEPARENT)
    found = await asked("call", "streets", {"street_code": ROWS[0][0]}, notes=notes)
    assert found.trace_id == TRACE
    (record,) = [one for one in await door.records() if one.trace_id == TRACE]
    assert (record.operator, record.using_system, record.matter) == ("S-01", "grants", "A 1/2")


@pytest.mark.parametrize("note", ["x" * 64, "!", "~", "a b"])
async def test_what_the_sdk_lets_out_the_gateway_takes(asked, note):
    found = await asked("call", "streets", {"street_code": ROWS[0][0]}, notes=Notes(matter=note, operator=note))
    assert found.code == "1"


@pytest.mark.parametrize(
    ("parameters", "more", "code"),
    [
        ({"nothing": "1"}, {}, "101"),
        ({"street_code": ""}, {}, "206"),
        ({}, {"page_size": 1001}, "206"),
        ({}, {"order_by": "street_name"}, "206"),
        ({}, {"cursor": "x"}, "206"),
        ({}, {"cursor": "x", "page": 1}, "101"),
        ({}, {"structure": Structure.KV}, "301"),
        ({}, {"structure": Structure.SR}, "101"),
    ],
)
async def test_refusals_come_as_answers_and_once(asked, door, parameters, more, code):
    found = await asked("call", "streets", parameters, **more)
    assert (found.ok, found.code, found.data) == (False, code, None)
    assert found.memo
    assert [one.code for one in await door.records() if one.trace_id == found.trace_id] == [code]


async def test_a_suspended_service_stops_a_walk_with_its_code(asked, world, people):
    world.service("people", ITEMS, {}, resource=people, state="stopped")
    with pytest.raises(Refused) as found:
        await asked("records", "people")
    assert found.value.code == "208"


class TestUncertainGrants:
    """A gateway that does not know whether grants still stand says 503 with Retry-After, and charges nobody."""

    async def call(self, door, world, sleep):
        async with edge_server.beside(door.app) as edge:
            url, patience = f"http://127.0.0.1:{edge.server.port}", Patience(sleep=sleep)
            with Gateway(url, world.unit_keys["edu"], patience=patience) as gateway:
                return await asyncio.to_thread(gateway.call, "streets", world.method_keys["edu", "streets"])

    async def test_three_tries_and_then_it_is_away(self, door, world):
        slept = []
        door.gateway.fresh.clock = lambda: 1e6
        with pytest.raises(Away, match="grants"):
            await self.call(door, world, slept.append)
        assert slept == [1.0, 1.0]
        assert [record.code for record in await door.records()] == ["500"] * 3

    async def test_once_it_knows_again_the_call_is_answered(self, door, world):
        def known_again(_seconds):
            door.gateway.fresh.clock = lambda: 0.0

        door.gateway.fresh.clock = lambda: 1e6
        assert (await self.call(door, world, known_again)).ok


async def test_too_many_bad_keys_are_429_and_not_tried_again(door, world):
    async with edge_server.beside(door.app) as edge:
        with Gateway(f"http://127.0.0.1:{edge.server.port}", "cnu_" + "x" * 49) as gateway:

            def flood():
                for _ in range(2000):
                    gateway.call("streets", world.method_keys["edu", "streets"])

            with pytest.raises(Refused) as found:
                await asyncio.to_thread(flood)
    assert found.value.code == "http-429"


async def test_a_key_given_as_a_parameter_leaves_nothing_behind(asked, door):
    before = len(await door.records())
    with pytest.raises(BadArgument):
        await asked("call", "streets", {"unitKey": "cnu_x"})
    assert len(await door.records()) == before
