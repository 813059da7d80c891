"""Files of the world as their publishers left them; read where SHUQIAO_REAL_FILES names their folder."""

import os
from pathlib import Path

import pytest

from sheets.annex import NotAnnexForm, read_annex
from sheets.errors import Unreadable
from sheets.findings import Rule
from sheets.kinds import Kind
from sheets.limits import Limits
from sheets.reading import read

FOLDER = os.environ.get("SHUQIAO_REAL_FILES")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="SHUQIAO_REAL_FILES names no folder of real files")
COLLEGES = "全国成人高等学校名单-20250620.xls"


def test_the_ministrys_list_is_read_cell_by_cell():
    book = read(Path(FOLDER) / COLLEGES)
    sheet = book.sheets[0]
    assert (book.kind, sheet.name, len(sheet.rows)) == (Kind.XLS, "全国成人高等学校名单", 281)
    assert sheet.rows[2].values == ("序号", "学校名称", "学校标识码", "主管部门", "备注")
    assert sheet.rows[4].values == (1.0, "北京市海淀区职工大学", "4211050001", "北京市")
    records = [row for row in sheet.rows if isinstance(row.value(1), float)]
    assert len(records) == 248
    assert "A1:E1" in map(str, sheet.merged)


def test_it_has_not_the_annexs_form_and_every_place_is_named():
    with pytest.raises(NotAnnexForm) as refusal:
        read_annex(read(Path(FOLDER) / COLLEGES))
    rules = {finding.rule for finding in refusal.value.findings}
    assert {Rule.FIRST_COLUMN, Rule.MERGED_CELLS, Rule.SEQUENCE_NOT_NUMBER} & rules >= {
        Rule.FIRST_COLUMN,
        Rule.MERGED_CELLS,
    }
    merged = [finding for finding in refusal.value.findings if finding.rule is Rule.MERGED_CELLS]
    assert len(merged) > 30


def test_every_file_there_is_read_or_refused():
    limits = Limits(data_rows=100_000, last_row=100_000)
    files = [path for path in Path(FOLDER).iterdir() if path.suffix in {".xls", ".xlsx", ".et", ".ods", ".csv"}]
    assert files
    for path in files:
        code = None
        try:
            assert read(path, limits=limits).sheets[0].rows
        except Unreadable as refusal:
            code = refusal.code
        assert code is None or not code.startswith("child-")
