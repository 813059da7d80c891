"""Several sheets of one file are one file: judged together, loaded together, each finding in its own sheet (REQ-A1)."""

import io

import httpx2
import openpyxl
import pytest

from common.events import QualityRule, QualityThresholds, RuleName
from ingest_files import service
from tests.support.annex_files import FILE, ITEMS, ROWS, TITLES
from vetting.turns import SPAN

NAME = FILE.replace(".xls", ".xlsx")
FIRST, SECOND = "城区", "郊区"


def book(**sheets):
    """An .xlsx whose sheets have a title row, the header and these rows; the second has its columns turned round."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for place, (name, rows) in enumerate(sheets.items()):
        page = made.create_sheet(name)
        turned = -1 if place % 2 else 1
        for cells in (["街道镇名录"], list(TITLES[::turned]), *(list(row[::turned]) for row in rows)):
            page.append(cells)
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


async def taken(ingest, data):
    event, meta = await ingest.received(data, NAME)
    await service.take_file(event, meta, ingest.desk)
    return await ingest.upload(event.upload)


async def findings(ingest, upload):
    rows = (await ingest.as_().get(f"/uploads/{upload['id']}/findings", params={"limit": 1000})).json()
    return [(one["sheet"], one["row"], one["column"], one["item"], one["rule"]) for one in rows], rows


@pytest.fixture
async def guided(ingest):
    answer = await ingest.as_().put(f"/entries/{ingest.entry}/intake", {"profile": "guided"})
    assert answer.status_code == 200
    return ingest


def street(number, **more):
    values = {"people": 1, "area": 1.5, "updated": "2023/06/30", **more}
    return (f"{number:09}", f"街{number}", "310105", *values.values())


async def test_rows_of_all_sheets_are_one_batch_and_each_row_says_where_it_stands(guided):
    held = await taken(guided, book(**{FIRST: ROWS[:2], SECOND: ROWS[2:]}))
    assert (held["state"], held["rows"]) == ("loaded", 3)
    async with guided.store.connected() as admin:
        rows = await admin.fetch(f"select street_code, _row from {guided.resource.qualified_table} order by _row")
        sheet = await admin.fetchval("select sheet from exchange.batch where batch = $1", held["id"])
    assert [tuple(row) for row in rows] == [(ROWS[0][0], 3), (ROWS[1][0], 4), (ROWS[2][0], SPAN + 3)]
    assert sheet == f"{FIRST}、{SECOND}"


async def test_rows_of_a_resource_without_key_stand_beside_each_other(guided):
    items = tuple(item.model_copy(update={"key_place": None}) for item in ITEMS)
    await guided.running.hear(guided.entry_event(version=2, structure=2, items=items))
    held = await taken(guided, book(**{FIRST: ROWS[:2], SECOND: ROWS[:2]}))
    assert (held["state"], held["rows"]) == ("loaded", 4)


async def test_what_is_to_be_there_once_is_looked_for_in_all_sheets_and_the_first_place_is_named(guided):
    rule = QualityRule(name=RuleName.UNIQUE, items=("street_name",))
    await guided.running.hear(guided.entry_event(version=2, rules=(rule,)))
    same_name = ("310105102", "江苏路街道", "310105", None, None, None)
    held = await taken(guided, book(**{FIRST: ROWS[:2], SECOND: [ROWS[0], same_name]}))
    assert (held["state"], held["reason"]) == ("rejected", "quality")
    found, rows = await findings(guided, held)
    assert found == [
        (SECOND, 3, 5, "street_name", "unique"),
        (SECOND, 3, 6, "street_code", "unique"),
        (SECOND, 4, 5, "street_name", "unique"),
    ]
    assert rows[1]["message"] == f"“街道代码”与工作表“{FIRST}”第3行重复"
    assert await guided.store.rows(guided.resource) == []


async def test_thresholds_count_the_rows_of_all_sheets(guided):
    await guided.running.hear(guided.entry_event(version=2, thresholds=QualityThresholds(bad_rows=1)))
    bad = [street(7, people="x"), street(8)]
    held = await taken(guided, book(**{FIRST: [street(1), street(2)], SECOND: bad}))
    assert (held["state"], held["rows"]) == ("loaded", 3)
    held = await taken(guided, book(**{FIRST: [street(1, people="x"), street(2)], SECOND: bad}))
    assert held["state"] == "rejected"


async def test_a_file_of_more_rows_than_the_annex_has_is_one_batch_with_one_result(guided):
    sheets = {FIRST: [street(n) for n in range(2_500)], SECOND: [street(n) for n in range(2_500, 4_600)]}
    held = await taken(guided, book(**sheets))
    assert (held["state"], held["rows"]) == ("loaded", 4_600)
    sheets[SECOND][2_050] = street(4, people="x")
    held = await taken(guided, book(**sheets))
    assert held["state"] == "rejected"
    assert (await findings(guided, held))[0] == [
        (SECOND, 2_053, 3, "people", "type"),
        (SECOND, 2_053, 6, "street_code", "unique"),
    ]
    assert len(await guided.store.rows(guided.resource)) == 4_600


async def test_the_copy_marks_each_sheet_and_the_page_tells_by_sheet(guided):
    held = await taken(guided, book(**{FIRST: [street(1, people="x")], SECOND: [street(2), street(1)]}))
    link = (await guided.as_().get(f"/uploads/{held['id']}/annotated")).json()["url"]
    async with httpx2.AsyncClient() as client:
        made = openpyxl.load_workbook(io.BytesIO((await client.get(link)).content))
    assert made.sheetnames[1:] == [FIRST, SECOND]
    assert made[FIRST]["D3"].comment is not None
    assert f"工作表“{FIRST}”第3行重复" in made[SECOND]["F4"].comment.text
    assert [page[place].comment for page in (made[FIRST], made[SECOND]) for place in ("A3", "C3", "E3")] == [None] * 6
    assert {row[0].value for row in made.worksheets[0].iter_rows(min_row=3)} == {FIRST, SECOND}
    page = (await guided.as_().get(f"/uploads/{held['id']}/summary")).text
    assert "按工作表" in page
    assert page.count(f"<td>{SECOND}</td>") == 1
