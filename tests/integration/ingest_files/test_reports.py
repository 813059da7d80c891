"""A checked file's reports over HTTP: the annotated copy by a link, the summary as a page (REQ-A1, IN-X24)."""

import io

import httpx2
import openpyxl

from common.events import QualityRule, QualityThresholds, RuleName
from ingest_files import service
from tests.support.annex_files import annex, with_cell, xls

BROKEN = xls(with_cell(3, 2, "310105001"))


async def taken(ingest, data):
    event, meta = await ingest.received(data)
    await service.take_file(event, meta, ingest.desk)
    return event.upload


async def test_the_annotated_copy_is_fetched_by_a_link_and_the_page_runs_nothing(ingest):
    upload = await taken(ingest, BROKEN)
    answer = await ingest.as_().get(f"/uploads/{upload}/annotated")
    assert answer.status_code == 200
    async with httpx2.AsyncClient() as client:
        fetched = await client.get(answer.json()["url"])
    assert fetched.status_code == 200
    assert "attachment" in fetched.headers["content-disposition"]
    made = openpyxl.load_workbook(io.BytesIO(fetched.content))
    assert "与第2行重复" in made.worksheets[1]["B3"].comment.text
    page = await ingest.as_().get(f"/uploads/{upload}/summary")
    assert page.status_code == 200
    assert "sandbox" in page.headers["content-security-policy"]
    assert "唯一性" in page.text
    # Nobody else's.
    for what in ("annotated", "summary"):
        assert (await ingest.as_("jyj").get(f"/uploads/{upload}/{what}")).status_code == 404


async def test_what_the_thresholds_tolerate_is_left_out_and_told(ingest):
    rule = QualityRule(name=RuleName.RANGE, items=("people",), maximum="60000")
    told = ingest.entry_event(version=2, rules=(rule,), thresholds=QualityThresholds(bad_rows=1))
    await ingest.running.hear(told)
    upload = await taken(ingest, annex())
    held = await ingest.upload(upload)
    assert (held["state"], held["rows"], held["findings"]) == ("loaded", 2, 1)
    (found,) = (await ingest.as_().get(f"/uploads/{upload}/findings")).json()
    assert (found["row"], found["item"], found["rule"], found["severity"]) == (2, "people", "range", "error")
