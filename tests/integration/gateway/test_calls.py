"""Calls as units make them, over the real application and a real store (REQ-G1, REQ-S4)."""

import asyncio
import hashlib
from base64 import b64encode
from datetime import datetime, timedelta

import pytest

from common.clock import now
from common.events import (
    ExchangeState,
    GrantedItem,
    GrantState,
    ItemMode,
    MaskRule,
    Quota,
    ResourceState,
    RowCondition,
    ServiceState,
    UnitState,
)
from exchange import making
from exchange.layout import Resource
from tests.support.streets import STREETS
from tests.support.waiting import eventually

HUAYANG = {"street_code": "310105001", "street_name": "华阳路街道"}


async def test_a_call_is_answered_with_its_trace_its_digest_and_nothing_to_cache(door):
    answer = await door.call(street_code="310105001")
    assert answer.data == [HUAYANG]
    headers = answer.response.headers
    digest = b64encode(hashlib.sha256(answer.response.content).digest()).decode()
    assert headers["content-digest"] == f"sha-256=:{digest}:"
    assert len(headers["x-trace-id"]) == 32
    assert headers["cache-control"] == "no-store"
    assert headers["content-length"] == str(len(answer.response.content))


async def test_the_age_of_the_data_is_told_from_the_first_batch_on(door, store):
    made = await store.made(*STREETS)
    door.world.service("streets", STREETS, {"street_code": "eq"}, resource=made)
    for parameters in ({}, {"street_code": "1"}):
        assert "x-data-as-of" not in (await door.call(**parameters)).response.headers
    loaded = await store.load(made, [("1", "旧", None, None)])
    for parameters in ({}, {"street_code": "1"}, {"street_code": "none"}, {"format": "xml"}):
        told = (await door.call(**parameters)).response.headers["x-data-as-of"]
        assert told.endswith("+08:00")
        assert abs((datetime.fromisoformat(told) - loaded.committed_at).total_seconds()) < 0.001
    assert "x-data-as-of" not in (await door.call(street_code="")).response.headers, "of a refusal there is no age"


async def test_a_trace_goes_on_and_a_malformed_one_begins_anew(door):
    trace = "0af7651916cd43dd8448eb211c80319c"
    keys = door.world.keys("edu", "streets")
    for given, kept in ((f"00-{trace}-b7ad6b7169203331-01", True), (f"00-{trace}-0-01", False), ("x" * 5000, False)):
        answer = await door.ask("POST", "/streets", params=keys, headers={"traceparent": given})
        assert (answer.trace_id == trace) is kept
        assert (await door.record_of(answer)).trace_id == answer.trace_id


class TestMethodsAndBodies:
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
    async def test_any_method_but_post_is_405_with_allow_and_on_record(self, door, method):
        """IN-G10."""
        keys = door.world.keys("edu", "streets")
        answer = await door.ask(method, "/streets", params=keys)
        assert (answer.status, answer.response.headers["allow"], answer.response.content) == (405, "POST", b"")
        (record,) = await door.records()
        assert (record.method, record.status, record.code, record.rows) == (method, 405, "405", 0)

    @pytest.mark.parametrize(
        ("status", "headers", "content"),
        [
            (415, {"Content-Type": "text/plain"}, b"x"),
            (415, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"\x1f\x8b"),
            (413, {"Content-Type": "application/json"}, b'{"a":"' + b"x" * 1024 * 1024 + b'"}'),
        ],
    )
    async def test_a_body_that_is_not_taken_is_a_transport_refusal_on_record(self, door, status, headers, content):
        answer = await door.ask("POST", "/streets", headers=headers, content=content)
        assert (answer.status, answer.response.content) == (status, b"")
        (record,) = await door.records()
        assert (record.status, record.code, record.answer) == (status, str(status), None)

    async def test_a_body_without_a_length_is_cut_off_at_the_limit(self, door):
        """IN-G21: chunked without end."""
        sent = 0

        async def endless():
            nonlocal sent
            while True:
                sent += 1
                yield b"x" * 65_536

        answer = await door.ask(
            "POST", "/streets", content=endless(), headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status == 413
        assert sent <= 1024 * 1024 // 65_536 + 2

    async def test_a_body_that_never_comes_is_408(self, door, monkeypatch):
        monkeypatch.setattr("gateway.api.BODY_WITHIN", 0.05)

        async def silent():
            await asyncio.Event().wait()
            yield b""

        answer = await door.ask(
            "POST", "/streets", content=silent(), headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert (answer.status, (await door.records())[0].code) == (408, "408")

    async def test_a_header_that_comes_twice_with_two_keys_is_101(self, door):
        """IN-G3."""
        keys = door.world.keys("edu", "streets")
        unit = ("X-Unit-Key", keys["unitKey"])
        method = ("X-Method-Key", keys["methodKey"])
        assert (await door.ask("POST", "/streets", headers=[unit, method, unit])).code == "1"
        for first, second in ((unit, ("X-Unit-Key", "x")), (("X-Unit-Key", "x"), unit)):
            assert (await door.ask("POST", "/streets", headers=[first, method, second])).code == "101"

    @pytest.mark.parametrize(
        "path", ["/streets/", "//streets", "/svc%2F..%2Fstreets", "/%73treets", "/streets;x=1", "/STREETS", "/"]
    )
    async def test_no_other_path_reaches_a_service(self, door, path):
        """IN-G9."""
        answer = await door.ask("POST", path, params=door.world.keys("edu", "streets"))
        assert answer.code == "205"


class TestGrants:
    @pytest.mark.parametrize(
        ("blocks", "address", "code"),
        [
            (("198.51.100.0/24",), "198.51.100.7", "1"),
            (("198.51.100.0/24",), "203.0.113.7", "203"),
            (("198.51.100.0/24", "203.0.113.7/32"), "203.0.113.7", "1"),
            (("2001:db8::/32",), "2001:db8::7", "1"),
        ],
    )
    async def test_calls_come_from_the_addresses_that_the_grant_names(self, door, blocks, address, code):
        door.world.grant("edu", "streets", ["street_code"], source_addresses=blocks)
        keys = door.world.keys("edu", "streets")
        # IN-G24: what a caller says of its address counts for nothing.
        spoofed = {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7", "X-Real-IP": "198.51.100.7"}
        answer = await door.ask("POST", "/streets", params=keys, address=address, headers=spoofed)
        assert answer.code == code
        assert (await door.record_of(answer)).source_address == address

    async def test_required_headers_are_there_and_kept(self, door):
        door.world.grant("edu", "streets", ["street_code"], required_headers=("X-Matter", "X-Operator"))
        keys = door.world.keys("edu", "streets")
        for headers in (
            {},
            {"X-Matter": "1"},
            {"X-Matter": "1", "X-Operator": ""},
            {"X-Matter": "1", "X-Operator": "x" * 65},
        ):
            assert (await door.ask("POST", "/streets", params=keys, headers=headers)).code == "101"
        given = {"X-Matter": "2026-0001", "X-Operator": "staff 7", "X-Using-System": "one-net"}
        answer = await door.ask("POST", "/streets", params=keys, headers=given)
        record = await door.record_of(answer)
        assert (record.matter, record.operator, record.using_system) == ("2026-0001", "staff 7", "one-net")

    async def test_rows_outside_the_grants_filter_are_not_there(self, door):
        condition = RowCondition(item="area_code", values=("310105",))
        door.world.grant("edu", "streets", ["street_code"], row_filter=(condition,))
        assert [row["street_code"] for row in (await door.call()).data] == ["310105001", "310105002", "310105102"]
        assert (await door.call(street_code="310104003")).data == []
        assert (await door.call(area_code="310104")).data == []
        both = RowCondition(item="updated", values=("2023/06/30",))
        door.world.grant("edu", "streets", ["street_code"], row_filter=(condition, both))
        assert [row["street_code"] for row in (await door.call()).data] == ["310105001"]

    async def test_a_filter_on_several_values_shows_the_rows_of_each(self, door):
        condition = RowCondition(item="street_code", values=("310104003", "310105102"))
        door.world.grant("edu", "streets", ["street_name"], row_filter=(condition,))
        assert [row["street_name"] for row in (await door.call()).data] == ["天平路街道", "新泾镇"]

    @pytest.mark.parametrize(
        ("terms", "code"),
        [
            ({"valid_from": now() - timedelta(hours=1)}, "1"),
            ({"valid_from": now() + timedelta(hours=1)}, "203"),
            ({"valid_until": now() + timedelta(hours=1)}, "1"),
            ({"valid_until": now() - timedelta(hours=1)}, "203"),
            ({"state": GrantState.SUSPENDED}, "203"),
            ({"state": GrantState.REVOKED}, "203"),
            ({"demand_signature": True}, "203"),
            ({"demand_certificate": True}, "203"),
            ({"quota": Quota(per_day=1000)}, "1"),
            ({"quota": Quota(per_second=1000, per_day=1000)}, "1"),
            ({"quota": Quota(per_day=0)}, "207"),
        ],
    )
    async def test_a_grant_counts_in_its_time_and_state_and_if_all_its_demands_are_enforced(self, door, terms, code):
        door.world.grant("edu", "streets", ["street_code"], **terms)
        assert (await door.call()).code == code

    async def test_suspended_and_resumed_at_once(self, door):
        """REQ-R2: unit, service, grant and the whole exchange, each with its code."""
        world = door.world
        changes = [
            (lambda on: world.unit("edu", UnitState.ACTIVE if on else UnitState.SUSPENDED), "203"),
            (
                lambda on: world.grant(
                    "edu", "streets", ["street_code"], state=GrantState.ACTIVE if on else GrantState.SUSPENDED
                ),
                "203",
            ),
            (lambda on: world.exchange(ExchangeState.RUNNING if on else ExchangeState.STOPPED), "208"),
        ]
        for change, code in changes:
            change(False)
            assert (await door.call()).code == code
            change(True)
            assert (await door.call()).code == "1"

    async def test_a_service_is_stopped_or_its_resource_is_not_ready(self, door, streets):
        door.world.service("streets", STREETS, {}, resource=streets, state=ServiceState.STOPPED)
        assert (await door.call()).code == "208"
        door.world.service("streets", STREETS, {}, resource=streets)
        assert (await door.call()).code == "1"
        door.world.ready(streets, ResourceState.DROPPED)
        assert (await door.call()).code == "208"

    async def test_a_rotated_key_works_beside_the_old_one_and_then_alone(self, door):
        world, old = door.world, door.world.method_keys["edu", "streets"]
        del world.method_keys["edu", "streets"]
        world.grant("edu", "streets", ["street_code"])
        new = world.method_keys["edu", "streets"]
        world.grant("edu", "streets", ["street_code"], keys=[old, new])
        for key in (old, new):
            assert (await door.call(methodKey=key)).code == "1"
        world.grant("edu", "streets", ["street_code"], keys=[new])
        assert [(await door.call(methodKey=key)).code for key in (old, new)] == ["202", "1"]


class TestReadAgain:
    """Fresh grants: the grant is read again just before the answer."""

    async def changed_meanwhile(self, door, change, **parameters):
        """A call whose rows are held back until the change is told."""
        query, reading, told = door.gateway.reader.query, asyncio.Event(), asyncio.Event()

        async def slowly(*args):
            rows = await query(*args)
            reading.set()
            await told.wait()
            return rows

        door.gateway.reader.query = slowly
        calling = asyncio.create_task(door.call(**parameters))
        await reading.wait()
        change(door.world)
        told.set()
        return await calling

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda w: w.grant("edu", "streets", ["street_code"], state=GrantState.SUSPENDED), "203"),
            (lambda w: w.unit("edu", UnitState.SUSPENDED), "203"),
            (lambda w: w.unit("edu", keys=[]), "201"),
            (lambda w: w.exchange(ExchangeState.STOPPED), "208"),
            (lambda w: w.unit("somebody-else"), "1"),
        ],
    )
    @pytest.mark.parametrize(("parameters", "rows"), [({}, 4), ({"street_code": "310105001"}, 1)])
    async def test_what_was_taken_back_meanwhile_is_not_given(self, door, change, code, parameters, rows):
        """Of calls that are asked by themselves and of those that are asked together."""
        answer = await self.changed_meanwhile(door, change, **parameters)
        assert answer.code == code
        record = await door.record_of(answer)
        assert (record.code, record.rows) == (code, rows if code == "1" else 0)

    @pytest.mark.parametrize("parameters", [{}, {"street_code": "310105001"}])
    async def test_an_item_masked_meanwhile_is_masked_in_the_answer(self, door, parameters):
        masked = GrantedItem(code="street_name", mode=ItemMode.MASKED, mask=MaskRule.NAME)
        answer = await self.changed_meanwhile(
            door, lambda w: w.grant("edu", "streets", ["street_code", masked]), **parameters
        )
        assert answer.data
        assert all(row["street_name"].endswith("**") for row in answer.data)

    @pytest.mark.parametrize("parameters", [{}, {"street_code": "310105001"}])
    async def test_rows_that_are_hidden_meanwhile_are_not_in_the_answer(self, door, parameters):
        condition = RowCondition(item="area_code", values=("310104",))
        answer = await self.changed_meanwhile(
            door,
            lambda w: w.grant("edu", "streets", ["street_code"], row_filter=(condition,)),
            **parameters,
        )
        assert [row["street_code"] for row in answer.data] == ([] if parameters else ["310104003"])

    @pytest.mark.parametrize("parameters", [{}, {"street_code": "310105001"}])
    async def test_an_item_taken_back_meanwhile_is_not_in_the_answer(self, door, parameters):
        answer = await self.changed_meanwhile(door, lambda w: w.grant("edu", "streets", ["street_code"]), **parameters)
        assert answer.data
        assert all(set(row) == {"street_code"} for row in answer.data)
        assert (await door.record_of(answer)).items == ("street_code",)


class TestStructures:
    async def test_the_order_and_the_batch_of_the_rows_are_on_record(self, door, store, streets):
        answer = await door.call(area_code="310105", rsStructure="MA")
        assert answer.data["street_code"] == ["310105001", "310105002", "310105102"]
        record = await door.record_of(answer)
        async with store.connected() as admin:
            head = await admin.fetchval("select batch from exchange.head where version = $1", streets.version)
        assert (record.batches, record.batch_count, record.rows) == ((head,), 1, 3)
        assert record.answer == hashlib.sha256(answer.response.content).hexdigest()
        assert (record.status, record.code) == (200, "1")
        assert record.received_at <= record.checked_at <= record.sourced_at <= record.recorded_at

    async def test_several_where_one_was_asked_for_is_301_and_shows_nothing(self, door):
        answer = await door.call(rsStructure="KV")
        assert (answer.code, "DATA" in answer.response.text) == ("301", False)
        record = await door.record_of(answer)
        assert (record.code, record.rows, record.batches) == ("301", 0, ())

    async def test_pages_go_through_all_rows(self, door):
        pages = [await door.call(pageSize="3", page=str(page)) for page in (1, 2, 3)]
        assert [len(page.data) for page in pages] == [3, 1, 0]

    async def test_new_rows_are_in_the_next_answer(self, door, store):
        made = await store.made(*STREETS)
        await store.load(made, [("1", "旧", None, None)])
        door.world.service("streets", STREETS, {}, resource=made)
        assert (await door.call()).data == [{"street_code": "1", "street_name": "旧"}]
        await store.load(made, [("2", "新", None, None)])
        assert (await door.call()).data == [{"street_code": "2", "street_name": "新"}]

    async def test_another_version_of_the_resource_is_read_from_when_the_service_names_it(self, door, store, streets):
        wider = (*STREETS, STREETS[1].model_copy(update={"code": "town", "name": "镇", "nullable": True}))
        second = Resource(provider=streets.provider, version=streets.version.replace("_v1", "_v2"), items=wider)
        async with store.connected("exchange_keeper") as keeper:
            await making.make(keeper, second)
        await store.load(second, [("9", "新", None, None, "是")])
        assert len((await door.call()).data) == 4
        door.world.service("streets", wider, {}, resource=second)
        door.world.grant("edu", "streets", ["street_code", "town"])
        assert (await door.call()).data == [{"street_code": "9", "town": "是"}]


async def test_counts_are_told_to_whoever_measures(door):
    await door.call()
    await door.call(unitKey="cnu_x")
    await door.ask("GET", "/streets")
    assert door.counted == [(200, "1"), (200, "201"), (405, "405")]


async def test_calls_at_once_get_each_their_own_rows(door):
    codes = ["310104003", "310105001", "310105002", "310105102"] * 10
    answers = await asyncio.gather(*(door.call(street_code=code) for code in codes))
    assert [answer.data[0]["street_code"] for answer in answers] == codes
    await eventually(lambda: _has(door, len(codes)), what="all records")


async def _has(door, count):
    return len(await door.records()) == count
