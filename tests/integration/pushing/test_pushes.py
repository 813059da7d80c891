"""A service by which a provider's own system pushes rows in seconds (Annex 3 §2.2; REQ-A3)."""

import json
from datetime import datetime, timedelta

import pytest

from common.events import (
    BatchIngested,
    RecordKind,
)
from ingest_files.domain.pushes import MAX_ROWS
from tests.support.push_world import GOOD, findings, held, row, told


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
        kept = await at.ingest.desk.blobs.get(event.file.bucket, event.file.key, event.file.version, most=10_000)
        assert (kept.data, kept.sha256) == (sent, event.file.sha256)

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
        sent = json.dumps([row(people=9007199254740993)]).replace("2.04", "999999.99").encode()
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
        assert await held(at) == {"310105009"}

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
