"""A service by which a provider's own system pushes rows in seconds (Annex 3 §2.2; REQ-A3)."""

import asyncio
import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from common.events import (
    BatchIngested,
    BatchRejected,
    GrantedItem,
    GrantState,
    ItemMode,
    Quota,
    RecordKind,
    RowCondition,
    ServiceState,
    UnitState,
)
from ingest_files.domain.pushes import MAX_ROWS
from tests.support.exchange_store import Store
from tests.support.push_world import GOOD, row


def findings(answer):
    """(row, item, rule) of everything that was found."""
    told = answer.response.json()
    assert (answer.status, told["SUCCESS"], told["ERROR"]["ERROR_CODE"]) == (200, "0", "206"), answer.response.text
    assert told["DATA"]["count"] >= len(told["DATA"]["findings"])
    assert all(one["message"] for one in told["DATA"]["findings"])
    return [(one["row"], one["item"], one["rule"]) for one in told["DATA"]["findings"]]


def batch_of(answer):
    (record,) = answer.data
    return record["batch"]


async def told(at):
    return [one.event for one in await at.ingest.running.told() if isinstance(one.event, BatchIngested | BatchRejected)]


async def lineage(at):
    rows = await at.ingest.store.rows(at.resource)
    return {one[0] for one in rows}


class TestGoodRows:
    async def test_what_was_pushed_is_there_for_others_with_its_batch_in_the_answer_and_in_the_trail(self, at):
        answer = await at.push([row(), row("310105002", people=None, area="1.50")])
        (record,) = answer.data
        assert (record["rows"], set(record)) == (2, {"batch", "rows", "committed_at"})
        asked = await at.door.call("streets", unit="jyj")
        assert asked.data == [GOOD, {**GOOD, "street_code": "310105002", "people": None, "area": 1.5}]
        assert asked.response.headers["x-data-as-of"].startswith(record["committed_at"][:19])
        assert datetime.fromisoformat(record["committed_at"]).utcoffset() == timedelta(hours=8)
        # From the call of the other unit to the batch, and from the batch to the call that brought it.
        assert [str(one) for one in (await at.door.record_of(asked)).batches] == [record["batch"]]
        begin, end = [one for one in await at.door.records() if one.trace_id == answer.trace_id]
        assert (begin.kind, begin.code, begin.charged) == (RecordKind.BEGIN, "", None)
        assert (end.kind, end.code, end.rows, end.unit, end.service) == (RecordKind.END, "1", 2, "mzj", "streets-push")
        assert ([str(one) for one in end.batches], begin.call) == ([record["batch"]], end.call)
        (event,) = await told(at)
        assert (str(event.batch), event.rows, event.mode) == (record["batch"], 2, "upsert")
        assert event.uploaded_by == f"call:{end.call}"

    async def test_what_was_sent_lies_in_the_object_store_as_evidence(self, at):
        sent = json.dumps([row()], ensure_ascii=False).encode()
        await at.push(sent)
        (event,) = await told(at)
        held = await at.ingest.desk.blobs.get(event.file.bucket, event.file.key, event.file.version, most=10_000)
        assert (held.data, held.sha256) == (sent, event.file.sha256)

    async def test_the_event_is_in_the_trace_of_the_call(self, at):
        answer = await at.push([row()])
        (one,) = await at.ingest.running.told(BatchIngested)
        assert one.meta.traceparent.split("-")[1] == answer.trace_id

    async def test_upsert_changes_those_rows_and_no_others(self, at):
        await at.push([row(), row("310105002")])
        await at.push([row("310105002", people=1), row("310105003")])
        assert [(one["street_code"], one["people"]) for one in await at.rows()] == [
            ("310105001", 70_000),
            ("310105002", 1),
            ("310105003", 70_000),
        ]

    async def test_append_takes_new_rows_only(self, at):
        assert (await at.push([row()], "append")).code == "1"
        assert findings(await at.push([row("310105002"), row(people=5)], "append")) == [(None, None, "unique")]
        assert [one["street_code"] for one in await at.rows()] == ["310105001"]

    async def test_replace_takes_the_place_of_all(self, at):
        await at.push([row(), row("310105002")])
        await at.push([row("310105003")], "replace")
        assert [one["street_code"] for one in await at.rows()] == ["310105003"]

    async def test_a_number_keeps_every_digit(self, at):
        sent = b'[{"street_code":"1","street_name":"a","area_code":null,"people":9007199254740993,"area":999999.99,"updated":null}]'
        assert (await at.push(sent)).code == "1"
        ((_, _, _, people, area, _),) = await at.ingest.store.rows(at.resource)
        assert (people, str(area)) == (9007199254740993, "999999.99")

    async def test_as_parameters_of_a_form_and_of_flat_json_too(self, at):
        keys = at.door.world.keys("mzj", "streets-push")
        rows = json.dumps([row()])
        for number, way in enumerate(("data", "json")):
            body = {**keys, "mode": "upsert", "rows": json.dumps([row(people=number)])}
            assert (await at.door.ask("POST", "/streets-push", **{way: body})).code == "1", rows
        assert [one["people"] for one in await at.rows()] == [1]

    @pytest.mark.parametrize(
        ("asked", "begin"),
        [
            ({"rsStructure": "KV"}, '{"SUCCESS":"1","DATA":{"batch":'),
            ({"rsStructure": "MA"}, '{"SUCCESS":"1","DATA":{"batch":["'),
            ({"rsStyle": "simple"}, '[{"batch":'),
            ({"format": "xml"}, "<RESULT><SUCCESS>1</SUCCESS><DATA><ROW><batch>"),
            ({"format": "xml", "rsStyle": "simple", "rsStructure": "KV"}, "<DATA><batch>"),
            ({"format": "xml", "rsStructure": "MA"}, "<RESULT><SUCCESS>1</SUCCESS><DATA><batch><V>"),
        ],
    )
    async def test_the_answer_comes_in_every_form_of_the_annex(self, at, asked, begin):
        assert (await at.push([row()], **asked)).response.text.startswith(begin)


class TestBadRows:
    @pytest.mark.parametrize(
        ("bad", "found"),
        [
            (row(people="many"), (1, "people", "type")),
            (row(people=1.5), (1, "people", "type")),
            (row(people=True), (1, "people", "type")),
            (row(people=[1]), (1, "people", "type")),
            (row(people={"a": 1}), (1, "people", "type")),
            (row(street_code=310105001), (1, "street_code", "type")),
            (row(updated=20230630), (1, "updated", "type")),
            (row(updated="2023-06-30"), (1, "updated", "type")),
            (row(street_name=None), (1, "street_name", "not_null")),
            (row(street_name=""), (1, "street_name", "not_null")),
            (row(street_name="长" * 11), (1, "street_name", "length")),
            (row(street_name="a\u200bb"), (1, "street_name", "pattern")),
            (row(area_code="999999"), (1, "area_code", "code_set")),
            (row(area="1234567.001"), (1, "area", "range")),
            (row(area=1e300), (1, "area", "type")),
            ({**row(), "surprise": "x"}, (1, None, "structure")),
            ({name: value for name, value in row().items() if name != "people"}, (1, "people", "structure")),
            (["310105001"], (1, None, "structure")),
            ("310105001", (1, None, "structure")),
        ],
    )
    async def test_one_bad_value_is_found_and_nothing_of_the_push_is_taken(self, at, bad, found):
        await at.push([row("310105009")])
        assert findings(await at.push([bad, row("310105002")])) == [found]
        assert await lineage(at) == {"310105009"}

    async def test_every_finding_is_told_and_the_trail_has_their_number_by_rule(self, at):
        bad = [row(people="x", area_code="9"), row("310105002"), row("310105003", street_name=None)]
        answer = await at.push(bad)
        assert findings(answer) == [
            (1, "area_code", "code_set"),
            (1, "people", "type"),
            (3, "street_name", "not_null"),
        ]
        (event,) = await told(at)
        assert {one.rule: one.count for one in event.findings} == {"code_set": 1, "type": 1, "not_null": 1}
        records = [one for one in await at.door.records() if one.trace_id == answer.trace_id]
        assert [(one.kind, one.code, one.rows, one.batches) for one in records] == [
            (RecordKind.BEGIN, "", 0, ()),
            (RecordKind.END, "206", 0, ()),
        ]
        assert await at.rows() == []

    async def test_no_finding_repeats_a_value_or_a_name_that_was_sent(self, at):
        answer = await at.push([{**row(people="王小二", area_code="李四"), "张三项": "x"}])
        assert not [word for word in ("王小二", "李四", "张三") if word in answer.response.text]

    async def test_a_key_twice_in_one_push(self, at):
        assert findings(await at.push([row(), row(people=1)])) == [(2, "street_code", "unique")]

    async def test_a_member_twice_in_one_row(self, at):
        sent = json.dumps([row()])[:-2] + ',"people":7}]'
        assert findings(await at.push(sent.encode())) == [(1, "people", "structure")]

    @pytest.mark.parametrize(
        "sent", [b"x", b"[", b"{}", b"7", b"null", b"[NaN]", b'{"rows":[]}', b"[" * 5000, b'[{"people":NaN}]']
    )
    async def test_what_is_no_list_of_rows(self, at, sent):
        assert findings(await at.push(sent)) == [(None, None, "unreadable")]

    async def test_no_rows_at_all_would_empty_the_resource_by_a_slip(self, at):
        await at.push([row()])
        assert findings(await at.push([], "replace")) == [(None, None, "no-rows")]
        assert len(await at.rows()) == 1

    async def test_half_a_character_is_no_text(self, at):
        sent = json.dumps([row(street_name="?")]).replace("?", "\\ud800").encode()
        assert findings(await at.push(sent)) == [(1, "street_name", "type")]

    async def test_as_many_rows_as_a_file_of_the_annex_and_no_more(self, at):
        rows = [row(f"{number:09}", street_name="a") for number in range(MAX_ROWS + 1)]
        assert findings(await at.push(rows)) == [(None, None, "too-many-rows")]
        assert (await at.push(rows[:-1])).data[0]["rows"] == MAX_ROWS

    async def test_findings_in_xml(self, at):
        answer = await at.push([row(people="x")], format="xml")
        assert answer.response.text.startswith("<RESULT><SUCCESS>0</SUCCESS><ERROR><ERROR_CODE>206</ERROR_CODE>")
        assert "<DATA><COUNT>1</COUNT><FINDING><ROW>1</ROW><ITEM>people</ITEM><RULE>type</RULE>" in answer.response.text

    async def test_a_thousand_findings_are_told_and_the_number_of_all(self, at):
        answer = await at.push([row(f"{number:09}", people="x", area="x") for number in range(600)])
        assert (len(findings(answer)), answer.response.json()["DATA"]["count"]) == (1000, 1200)


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
        held = []

        async def looks():
            held.extend(await at.door.records())

        at.between.before = looks
        await at.push([row()])
        assert [one.kind for one in held] == [RecordKind.BEGIN]

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
        assert await lineage(at) == set()

    async def test_more_at_once_than_a_worker_takes_is_503_at_once(self, at):
        waiting, go = asyncio.Event(), asyncio.Event()

        async def waits():
            waiting.set()
            await go.wait()

        at.between.before = waits
        pushes = [asyncio.create_task(at.push([row(f"{n:09}")], key=f"k{n}")) for n in range(8)]
        await waiting.wait()
        while at.door.gateway.pushing.ingest.free:
            await asyncio.sleep(0)
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
