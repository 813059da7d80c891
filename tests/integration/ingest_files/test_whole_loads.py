"""Files of any length, loaded whole where the resource allows it: the same findings, the same rows, one result."""

import csv
import io
from dataclasses import replace
from datetime import date

import pytest

from common.roles import Role
from ingest_files import service, whole
from sheets.limits import MIB
from tests.support.annex_files import FILE, NAME, ROWS, TITLES, annex
from tests.support.annex_files import whole as sheet_rows
from tests.support.annex_files import xlsx

CSV = f"{NAME}-20230630.csv"


def text(rows, titles=TITLES, encoding="utf-8"):
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(["序号", *titles])
    for number, cells in enumerate(rows, 1):
        shown = [f"{cell:%Y/%m/%d}" if isinstance(cell, date) else cell for cell in cells]
        writer.writerow([number, *shown])
    return made.getvalue().encode(encoding)


def streets(count, first=0):
    return [
        (f"{310105000 + n}", f"示例{n % 9}路街道", "310105", n, n % 100 / 4, date(2023, 6, 30))
        for n in range(first, first + count)
    ]


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
