"""Pushes in the protocol's order of checks, once for one push, and with something away (REQ-A3, IN-G26)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from common.events import (
    GrantedItem,
    GrantState,
    ItemMode,
    Quota,
    RecordKind,
    RowCondition,
    ServiceState,
    UnitState,
)
from tests.support.exchange_store import Store
from tests.support.push_world import GOOD, batch_of, findings, held, row, told


class TestOrderOfChecks:
    async def test_a_body_over_a_mebibyte_is_413(self, at):
        assert (await at.push(b"[" + b" " * (1024 * 1024) + b"]")).status == 413

    async def test_the_codes_come_in_the_order_of_the_protocol(self, at):
        keys = at.door.world.keys("mzj", "streets-push")
        headers = {"Content-Type": "application/vnd.shuqiao.rows+json"}

        async def code(path="/streets-push", mode="wrong", **changed):
            params = {**keys, "mode": mode, **changed}
            return (await at.door.ask("POST", path, params=params, headers=headers, content=b"x")).code

        assert await code(unitKey="") == "101"
        assert await code(unitKey="x", methodKey="x", path="/nothing") == "201"
        assert await code(path="/nothing", methodKey="x") == "205"
        assert await code(methodKey="x") == "202"
        assert await code(mode="upsert", page="1") == "101"
        assert await code(mode="upsert", rsStructure="SR") == "101"
        assert await code() == "206"
        at.granted(quota=Quota(per_day=0))
        assert await code() == "207"
        at.granted(quota=Quota(per_day=0), state=GrantState.SUSPENDED)
        assert await code() == "203"
        assert at.between.passed == 0

    @pytest.mark.parametrize("missing", ["mode", "rows"])
    async def test_both_parameters_are_required(self, at, missing):
        given = {"mode": "upsert", "rows": "[]"}
        del given[missing]
        assert (await at.door.call("streets-push", unit="mzj", **given)).code == "101"

    async def test_rows_sent_to_a_service_that_is_asked_are_an_undeclared_parameter(self, at):
        keys = at.door.world.keys("jyj", "streets")
        headers = {"Content-Type": "application/vnd.shuqiao.rows+json"}
        assert (await at.door.ask("POST", "/streets", params=keys, headers=headers, content=b"[]")).code == "101"
        wrong = {**keys, "unitKey": "x"}
        assert (await at.door.ask("POST", "/streets", params=wrong, headers=headers, content=b"[]")).code == "201"

    async def test_rows_in_json_that_is_not_flat_are_101_as_everywhere(self, at):
        body = {**at.door.world.keys("mzj", "streets-push"), "mode": "upsert", "rows": [row()]}
        assert (await at.door.ask("POST", "/streets-push", json=body)).code == "101"

    @pytest.mark.parametrize("key", ["", "a b", "k" * 65, "caf\u00e9"])
    async def test_a_key_of_the_push_is_short_and_printable(self, at, key):
        assert (await at.push([row()], key=key)).code == "101"

    async def test_another_unit_writes_nothing_whatever_it_was_granted(self, at):
        at.door.world.grant("jyj", "streets-push", ["street_code"])
        assert (await at.push([row()], unit="jyj")).code == "203"
        assert at.between.passed == 0

    @pytest.mark.parametrize(
        "terms",
        [
            {"row_filter": (RowCondition(item="area_code", values=("310105",)),)},
            {"items": (GrantedItem(code="street_name", mode=ItemMode.MASKED),)},
        ],
    )
    async def test_a_grant_with_terms_that_only_reading_has_is_not_honoured(self, at, terms):
        at.door.world.grant("mzj", "streets-push", **{"items": ["street_code"], **terms})
        assert (await at.push([row()])).code == "203"

    async def test_what_the_grant_demands_is_demanded_here_too(self, at):
        at.granted(demand_signature=True)
        assert (await at.push([row()])).code == "203"
        at.granted(required_headers=("X-Operator",))
        assert (await at.push([row()])).code == "101"

    async def test_a_stopped_service_is_208(self, at):
        at.door.world.service(
            "streets-push", at.resource.items, {}, resource=at.resource, source="write", state=ServiceState.STOPPED
        )
        assert (await at.push([row()])).code == "208"

    async def test_a_push_is_charged_as_a_call_bad_rows_too_and_trouble_not(self, at):
        at.granted(quota=Quota(per_day=2))
        at.between.lose = 1
        assert (await at.push([row()])).reason == "store"
        assert [(await at.push([row()])).code, (await at.push([])).code, (await at.push([row()])).code] == [
            "1",
            "206",
            "207",
        ]


class TestOnce:
    async def test_the_same_key_with_the_same_rows_is_the_same_batch(self, at):
        first = await at.push([row()], key="k1")
        await at.push([row(people=1)], key="k2")
        assert (await at.push([row()], key="k1")).data == first.data
        assert [one["people"] for one in await at.rows()] == [1]
        assert len(await told(at)) == 2

    @pytest.mark.parametrize("other", [{"rows": [row(people=1)]}, {"mode": "replace"}])
    async def test_the_same_key_with_something_else_is_refused_and_the_first_stays(self, at, other):
        first = await at.push([row()], key="k1")
        assert findings(await at.push(**{"rows": [row()], "key": "k1", **other})) == [(None, None, "push-differs")]
        assert (await at.push([row()], key="k1")).data == first.data
        assert await at.rows() == [GOOD]

    async def test_a_refused_push_uses_up_no_key(self, at):
        assert (await at.push([row(people="x")], key="k1")).code == "206"
        assert (await at.push([row()], key="k1")).code == "1"

    async def test_without_a_key_the_same_rows_again_are_the_same_batch_while_nothing_came_between(self, at):
        first = await at.push([row()])
        assert (await at.push([row()])).data == first.data
        await at.push([row(people=1)])
        again = await at.push([row()])
        assert batch_of(again) != batch_of(first)
        assert await at.rows() == [GOOD], "on, off and on again is on"

    async def test_without_a_key_the_same_rows_after_a_file_are_another_push(self, at):
        first = await at.push([row()])
        await at.ingest.store.load(at.resource, [("310105009", "新泾镇", None, None, None, None)])
        assert batch_of(await at.push([row()])) != batch_of(first)
        assert await held(at) == {"310105001", "310105009"}

    async def test_without_a_key_the_same_rows_much_later_are_another_push(self, at):
        first = await at.push([row()])
        at.ingest.running.clock.shows += timedelta(minutes=11)
        assert batch_of(await at.push([row()])) != batch_of(first)

    @pytest.mark.parametrize("key", [None, "k1"])
    async def test_after_a_lost_answer_the_same_again_finds_its_batch(self, at, key):
        at.between.lose = 1
        lost = await at.push([row()], "append", key=key)
        assert (lost.status, lost.reason) == (503, "store")
        found = await at.push([row()], "append", key=key)
        (event,) = await told(at)
        assert batch_of(found) == str(event.batch)
        kinds = [(one.kind, one.code) for one in await at.door.records() if one.trace_id == lost.trace_id]
        assert kinds == [(RecordKind.BEGIN, ""), (RecordKind.END, "500")]

    @pytest.mark.parametrize("key", [None, "k1"])
    async def test_the_same_many_times_at_once_is_one_batch(self, at, key):
        answers = await asyncio.gather(*(at.push([row()], "append", key=key) for _ in range(5)))
        assert len({batch_of(answer) for answer in answers}) == 1
        assert len(await told(at)) == 1

    async def test_pushes_of_one_resource_at_once_are_serial_and_each_whole(self, at):
        made = [[row(f"{n:09}", people=number) for n in range(30)] for number in range(4)]
        answers = await asyncio.gather(*(at.push(rows, "replace", key=f"k{n}") for n, rows in enumerate(made)))
        assert len({batch_of(answer) for answer in answers}) == 4
        asked = await at.door.call("streets", unit="jyj", pageSize="1000")
        assert len({one["people"] for one in asked.data}) == 1
        (batch,) = (await at.door.record_of(asked)).batches
        assert str(batch) in {batch_of(answer) for answer in answers}


class TestTrouble:
    async def test_a_begin_is_committed_before_anything_is_sent(self, at):
        seen = []

        async def looks():
            seen.extend(await at.door.records())

        at.between.before = looks
        await at.push([row()])
        assert [one.kind for one in seen] == [RecordKind.BEGIN]

    async def test_a_grant_that_is_suspended_before_the_effect_stops_it(self, at, monkeypatch):
        committing = at.door.gateway.recorder.record

        def suspends(made):
            done = committing(made)
            at.granted(state=GrantState.SUSPENDED)
            return done

        monkeypatch.setattr(type(at.door.gateway.recorder), "record", lambda _self, made: suspends(made))
        answer = await at.push([row()])
        assert (answer.code, at.between.passed) == ("203", 0)
        assert [one.kind for one in await at.door.records()] == [RecordKind.BEGIN, RecordKind.END]

    async def test_a_unit_that_the_ingest_knows_to_be_suspended_is_203(self, at):
        await at.ingest.suspend("mzj", UnitState.SUSPENDED)
        assert (await at.push([row()])).code == "203"

    async def test_a_resource_that_got_another_structure_is_503_and_one_that_is_gone_208(self, at):
        await at.ingest.running.hear(at.ingest.entry_event(version=2, structure=2))
        answer = await at.push([row()])
        assert (answer.status, answer.reason) == (503, "grants")
        await at.ingest.withdraw()
        assert (await at.push([row()])).code == "208"

    async def test_nobody_but_the_gateway_is_heard_and_it_asks_for_another_token(self, at):
        at.token.account = "service:catalog"
        assert (await at.push([row()])).reason == "store"
        at.token.account = "mzj.somebody"
        answer = await at.ingest.as_().post("/pushes", [row()])
        assert answer.status_code == 403
        assert await held(at) == set()

    async def test_more_at_once_than_a_worker_takes_is_503_at_once(self, at):
        waiting, go = asyncio.Barrier(9), asyncio.Event()

        async def waits():
            await waiting.wait()
            await go.wait()

        at.between.before = waits
        pushes = [asyncio.create_task(at.push([row(f"{n:09}")], key=f"k{n}")) for n in range(8)]
        await waiting.wait()
        refused = await at.push([row()])
        assert (refused.status, refused.reason) == (503, "overload")
        go.set()
        assert {answer.code for answer in await asyncio.gather(*pushes)} == {"1"}

    async def test_keys_and_values_are_in_no_record_and_in_no_event(self, at):
        await at.push([row(street_name="王某某")])
        await at.push([row(street_name="王某某", people="李某某")])
        records = "".join(one.model_dump_json() for one in await at.door.records())
        kept = await at.ingest.running.dump()
        secret = [*at.door.world.keys("mzj", "streets-push").values(), "王某某", "李某某"]
        assert not [one for one in secret if one in records or one in kept]


async def test_the_exchange_store_is_the_one_that_is_asked(at, store: Store):
    """The oracle of the tests above is no copy."""
    answer = await at.push([row()])
    async with store.connected() as admin:
        found = await admin.fetchrow("select mode, rows from exchange.batch where batch = $1", UUID(batch_of(answer)))
    assert tuple(found) == ("upsert", 1)
