"""The guided profile of a resource: chosen, shown, corrected once, remembered (REQ-A1)."""

from datetime import date
from decimal import Decimal

from common.roles import Role
from ingest_files import service
from tests.support.annex_files import FILE, xls

MESSY = [
    ["长宁区街道镇名录"],
    ["填报单位：某局", None, None, "单位：人"],
    ["序号", "街道\n代码", "街 道 名 称", "区划代码", "人口（人）", "面积", "更新时间"],
    ["浦东片"],
    [1, 310105001, "华阳路街道", 310105, 70_000, 2.04, "2023-06-30"],
    [2, "310105002", " 江苏路街道", "310105", 50_000, 1.52, "2023年6月30日"],
    ["合计", None, None, None, 120_000],
    ["注：数据来自某处。"],
]
VALUES = [
    ("310105001", "华阳路街道", "310105", 70_000, Decimal("2.04"), date(2023, 6, 30)),
    ("310105002", "江苏路街道", "310105", 50_000, Decimal("1.52"), date(2023, 6, 30)),
]


async def taken(ingest, rows, name=FILE):
    """The end of an upload of these rows."""
    event, meta = await ingest.received(xls(rows), name)
    await service.take_file(event, meta, ingest.desk)
    return await ingest.upload(event.upload)


async def choose(ingest, profile="guided"):
    answer = await ingest.as_().put(f"/entries/{ingest.entry}/intake", {"profile": profile})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def correct(ingest, **body):
    return await ingest.as_().post(f"/entries/{ingest.entry}/corrections", body)


class TestChoosing:
    async def test_a_resource_is_strict_until_its_provider_says_otherwise(self, ingest):
        told = (await ingest.as_().get(f"/entries/{ingest.entry}/intake")).json()
        assert (told["profile"], told["titles"], told["set_by"]) == ("strict", {}, None)
        assert (await taken(ingest, MESSY))["state"] == "rejected"
        told = await choose(ingest)
        assert (told["profile"], told["set_by"]) == ("guided", "mzj.somebody")

    async def test_whether_files_may_have_any_length_is_said_elsewhere(self, ingest):
        answer = await ingest.as_().put(f"/entries/{ingest.entry}/intake", {"profile": "guided", "whole": True})
        assert answer.status_code == 422

    async def test_only_the_provider_may_choose_and_correct(self, ingest):
        for path, body in (("intake", {"profile": "guided"}), ("corrections", {"titles": {}})):
            way = "put" if path == "intake" else "post"
            other = await getattr(ingest.as_("jyj"), way)(f"/entries/{ingest.entry}/{path}", body)
            assert (other.status_code, other.json()["code"]) == (404, "entry-unknown")
            viewer = await getattr(ingest.as_("mzj", Role.AUDITOR), way)(f"/entries/{ingest.entry}/{path}", body)
            assert viewer.status_code == 403


class TestDetecting:
    async def test_a_file_as_departments_fill_it_is_loaded_once_its_titles_are_known(self, ingest):
        await choose(ingest)
        refused = await taken(ingest, MESSY)
        assert (refused["state"], refused["reason"]) == ("rejected", "structure-mismatch")

        (sheet,) = (await ingest.as_().get(f"/uploads/{refused['id']}/detection")).json()
        assert (sheet["sheet"], sheet["header_rows"], sheet["records"]) == ("表1", [3], 2)
        assert [(one["title"], one["item"]) for one in sheet["columns"]] == [
            ("序号", None),
            ("街道代码", "street_code"),
            ("街道名称", "street_name"),
            ("区划代码", "area_code"),
            ("人口（人）", "people"),
            ("面积", "area"),
            ("更新时间", None),
        ]
        assert [one["row"] for one in sheet["skipped"]] == [1, 2, 4, 7, 8]

        told = await correct(ingest, titles={"更新时间": "updated"})
        assert told.json()["titles"] == {"更新时间": "updated"}
        loaded = await taken(ingest, MESSY)
        assert (loaded["state"], loaded["rows"]) == ("loaded", 2)
        assert await ingest.store.rows(ingest.resource) == VALUES

    async def test_what_was_corrected_holds_for_the_next_file(self, ingest):
        await choose(ingest)
        await correct(ingest, titles={"更新时间": "updated"})
        fewer = [row for row in MESSY if row[0] != 2]
        assert (await taken(ingest, fewer))["rows"] == 1

    async def test_a_header_row_that_was_named_is_taken(self, ingest):
        await choose(ingest)
        rows = [["街道代码", "街道名称", "区划代码", "人口", "面积", "更新日期"], *([list(row) for row in VALUES])]
        rows = [[cell if not isinstance(cell, Decimal) else float(cell) for cell in row] for row in rows]
        await correct(ingest, headers={"表1": [2]})
        refused = await taken(ingest, rows)
        assert refused["reason"] == "structure-mismatch"
        assert (await correct(ingest, headers={"表1": []})).json()["headers"] == {}
        assert (await taken(ingest, rows))["state"] == "loaded"

    async def test_more_rows_than_the_annex_allows_are_loaded(self, ingest):
        # IN-X1 in the guided profile.
        await choose(ingest)
        header = ["街道代码", "街道名称", "区划代码", "人口", "面积", "更新日期"]
        rows = [
            header,
            *([f"310105{n:03}" if n < 1000 else f"31010{n:04}", "某", "310105", n, 1.5, None] for n in range(2_500)),
        ]
        loaded = await taken(ingest, rows)
        assert (loaded["state"], loaded["rows"]) == ("loaded", 2_500)

    async def test_every_finding_is_told_with_its_place(self, ingest):
        await choose(ingest)
        await correct(ingest, titles={"更新时间": "updated"})
        rows = [list(row) for row in MESSY]
        rows[4][3], rows[5][6] = "999999", "2023-02-30"
        refused = await taken(ingest, rows)
        assert refused["reason"] == "quality"
        found = (await ingest.as_().get(f"/uploads/{refused['id']}/findings")).json()
        wrong = [(one["row"], one["column"], one["item"], one["rule"]) for one in found]
        assert (5, 4, "area_code", "code_set") in wrong
        assert (6, 7, "updated", "type") in wrong


class TestCorrecting:
    async def test_an_item_that_is_none_or_two_titles_for_one_are_refused(self, ingest):
        for body in (
            {"titles": {"甲": "no_such_item"}},
            {"titles": {"甲": "people", "乙": "people"}},
            {"headers": {"表1": [2, 4]}},
        ):
            answer = await correct(ingest, **body)
            assert (answer.status_code, answer.json()["code"]) == (422, "bad-mapping"), body

    async def test_an_item_with_a_new_title_leaves_its_old_one(self, ingest):
        await correct(ingest, titles={"人数": "people"})
        told = await correct(ingest, titles={"总人口": "people"})
        assert told.json()["titles"] == {"总人口": "people"}
