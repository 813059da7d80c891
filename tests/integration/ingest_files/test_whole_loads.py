"""Files of any length, loaded whole where the resource allows it: the same findings, the same rows, one result."""

from dataclasses import replace
from datetime import date

import pytest

from common.roles import Role
from ingest_files import service, whole
from sheets.limits import MIB
from tests.support.annex_files import FILE, ROWS, TITLES, annex, xlsx
from tests.support.annex_files import whole as sheet_rows
from tests.support.street_texts import CSV, streets, text


@pytest.fixture
async def anything(ingest):
    """A resource whose publisher lets files of any length come in every way."""
    publisher = ingest.as_("mzj", Role.PUBLISHER)
    body = {"ways": ["replace", "append", "upsert", "delete"], "whole": True}
    answer = await publisher.put(f"/entries/{ingest.entry}/loading", body)
    assert answer.status_code == 200, answer.text
    return ingest


async def take(ingest, data, name=CSV, **changed):
    event, meta = await ingest.received(data, name)
    await service.take_file(event, meta, replace(ingest.desk, **changed))
    return await ingest.upload(event.upload)


@pytest.mark.parametrize(("data", "name"), [(text(ROWS), CSV), (xlsx(sheet_rows()), FILE), (annex(), FILE)])
async def test_the_rows_are_those_of_a_short_file(anything, data, name):
    held = await take(anything, data, name)
    assert (held["state"], held["rows"], held["message"]) == ("loaded", 3, None)
    whole_rows = await anything.store.rows(anything.resource)
    body = {"ways": ["replace"], "whole": False}
    await anything.as_("mzj", Role.PUBLISHER).put(f"/entries/{anything.entry}/loading", body)
    await take(anything, annex(ROWS[:1]), FILE)
    held = await take(anything, data, name)
    assert held["state"] == "loaded"
    assert await anything.store.rows(anything.resource) == whole_rows


async def test_more_rows_than_the_annex_has(anything):
    held = await take(anything, text(streets(20_000)))
    assert (held["state"], held["rows"]) == ("loaded", 20_000)


async def findings_of(ingest, upload):
    answer = await ingest.as_().get(f"/uploads/{upload}/findings", params={"limit": 1000})
    return [(one["row"], one["column"], one["item"], one["rule"], one["message"]) for one in answer.json()]


BAD = [
    ("310105001", "华阳路街道", "310105", "7x", 2.04, "2023/06/30"),
    ("310105001", None, "999999", 1, "1.234", "2023/02/29"),
    ("310105003", "a" * 11, "310105", 2, 1, "2023/06/30"),
]


async def test_what_is_wrong_is_said_as_of_a_short_file(anything):
    """All of it, row by row; repeated keys are named by themselves, once everything else is right."""
    short = anything.as_("mzj", Role.PUBLISHER)
    told = []
    for body in ({"ways": ["replace"], "whole": True}, {"ways": ["replace"], "whole": False}):
        await short.put(f"/entries/{anything.entry}/loading", body)
        held = await take(anything, text(BAD))
        assert (held["state"], held["reason"]) == ("rejected", "quality")
        told.append(await findings_of(anything, held["id"]))
    whole_told, short_told = told
    assert whole_told == [one for one in short_told if one[3] != "unique"]
    assert len(whole_told) == 6
    assert await anything.store.rows(anything.resource) == []


async def test_repeated_keys_are_all_named_with_the_row_above_and_nothing_changes(anything):
    await take(anything, text(ROWS))
    before = await anything.store.rows(anything.resource)
    rows = streets(6_000)
    rows[4_000], rows[5_999] = (rows[7][0], *rows[4_000][1:]), (rows[7][0], *rows[5_999][1:])
    held = await take(anything, text(rows))
    assert held["reason"] == "quality"
    message = "“街道代码”与第9行重复"
    assert await findings_of(anything, held["id"]) == [
        (4_002, 2, "street_code", "unique", message),
        (6_001, 2, "street_code", "unique", message),
    ]
    assert await anything.store.rows(anything.resource) == before
    assert await anything.store.stages() == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (text(ROWS, (*TITLES[:-1], "更新日")), "structure-mismatch"),
        (text(ROWS)[:-1] + b"\xff\n", "unreadable:text-encoding"),
        (text(ROWS) + b'4,"open', "unreadable:csv-quotes"),
        (text(ROWS).replace(b"\n2,", b"\n5,"), "not-annex-form"),
        (text([]), "not-annex-form"),
        (b"<html>no sheet</html>", "unreadable:not-a-spreadsheet"),
    ],
)
async def test_whatever_is_wrong_is_the_reason(anything, data, reason):
    held = await take(anything, data)
    assert (held["state"], held["reason"]) == ("rejected", reason)
    assert held["message"]


async def test_the_difference_of_structure_is_data_too(anything):
    """REQ-A5: what is missing, what is extra, and what may have been renamed."""
    held = await take(anything, text(ROWS, (*TITLES[:-1], "更新日")))
    assert held["difference"] == {
        "missing": ["updated"],
        "extra": [{"column": 7, "title": "更新日"}],
        "repeated": [],
        "renamed": [{"column": 7, "title": "更新日", "item": "updated"}],
        "retyped": [],
    }


async def test_gb18030_and_every_day_of_the_calendar(anything):
    rows = [(*ROWS[0][:5], "0001/01/01"), (*ROWS[1][:5], "9999/12/31"), ROWS[2]]
    held = await take(anything, text(rows, encoding="gb18030"))
    assert held["state"] == "loaded"
    days = [row[5] for row in await anything.store.rows(anything.resource)]
    assert days == [date(1, 1, 1), date(9999, 12, 31), None]


async def test_values_that_copy_would_take_for_something_else_come_back_as_they_were(anything):
    rows = [("310105001", r"a\b\N", None, None, None, None), ("310105002", r"\.", None, None, None, None)]
    held = await take(anything, text(rows))
    assert held["state"] == "loaded"
    assert [row[1] for row in await anything.store.rows(anything.resource)] == [r"a\b\N", r"\."]


async def test_a_child_that_lies_changes_nothing(anything, monkeypatch):
    """Rows of another batch, and values that are none: the table and its owner refuse them."""
    await take(anything, text(ROWS))
    before = await anything.store.rows(anything.resource)
    for lie in ("01890000-0000-7000-8000-000000000000", "no batch"):
        monkeypatch.setattr(whole.Loader, "_plan", lying(whole.Loader._plan, lie))
        held = await take(anything, text(streets(4)))
        assert (held["state"], held["reason"]) == ("rejected", "unreadable:child-crashed")
        assert await anything.store.rows(anything.resource) == before
        monkeypatch.undo()


def lying(plan, batch):
    def made(self, _batch):
        return replace(plan(self, _batch), batch=batch)

    return made


async def test_a_child_without_memory_or_time_is_refused_and_the_next_file_is_fine(anything, monkeypatch):
    """FAULT-32."""
    limits = (replace(whole.WHOLE, child_memory_bytes=16 * MIB), replace(whole.WHOLE, wall_seconds=0.05))
    for narrow, reasons in zip(limits, ({"child-memory", "child-crashed"}, {"child-timeout"}), strict=True):
        monkeypatch.setattr(whole, "WHOLE", narrow)
        held = await take(anything, text(streets(30_000)))
        assert held["state"] == "rejected"
        assert held["reason"].removeprefix("unreadable:") in reasons
        monkeypatch.undo()
    assert (await take(anything, text(streets(30_000))))["state"] == "loaded"
