"""A ministry's list as its publisher left it, kept with its source in tests/files."""

from pathlib import Path

import pytest

from sheets.annex import NotAnnexForm, read_annex
from sheets.findings import Rule
from sheets.guided.detecting import detect
from sheets.guided.tables import SkipReason
from sheets.kinds import Kind
from sheets.limits import GUIDED
from sheets.reading import read

COLLEGES = Path(__file__).parents[2] / "files" / "全国成人高等学校名单-20250620.xls"


def test_the_ministrys_list_is_read_cell_by_cell():
    book = read(COLLEGES)
    sheet = book.sheets[0]
    assert (book.kind, sheet.name, len(sheet.rows)) == (Kind.XLS, "全国成人高等学校名单", 281)
    assert sheet.rows[2].values == ("序号", "学校名称", "学校标识码", "主管部门", "备注")
    assert sheet.rows[4].values == (1.0, "北京市海淀区职工大学", "4211050001", "北京市")
    assert "A1:E1" in map(str, sheet.merged)


def test_it_has_not_the_annexs_form_and_every_place_is_named():
    with pytest.raises(NotAnnexForm) as refusal:
        read_annex(read(COLLEGES))
    rules = {finding.rule for finding in refusal.value.findings}
    assert rules >= {Rule.FIRST_COLUMN, Rule.MERGED_CELLS}
    merged = [finding for finding in refusal.value.findings if finding.rule is Rule.MERGED_CELLS]
    assert len(merged) > 30


def test_its_records_are_found_and_no_title_or_group_row_is_taken_for_one():
    (table,) = detect(read(COLLEGES, limits=GUIDED)).tables
    assert table.header_rows == (3,)
    assert [column.title for column in table.columns] == ["序号", "学校名称", "学校标识码", "主管部门", "备注"]
    assert [record.values[0] for record in table.records] == [float(number) for number in range(1, 249)]
    # A few of the codes are numbers where text was meant.
    codes = [
        code if isinstance(code, str) else f"{code:.0f}" for code in (record.values[2] for record in table.records)
    ]
    assert all(len(code) == 10 and code.startswith("42") for code in codes)
    reasons = [one.reason for one in table.skipped]
    assert reasons == [SkipReason.TITLE, SkipReason.TITLE, *[SkipReason.GROUP] * 30]
    assert table.remarks == ()
