"""The sheets of one file are judged together: keys, thresholds, and findings in the sheet where they stand."""

import io

import openpyxl

from quality.model import RuleName
from vetting.checking import check_file
from vetting.report import Profile, Verdict

ENTRY = {
    "name": "学校",
    "items": [
        {"code": "XXMC", "name": "学校名称", "type": "text", "length": 50, "nullable": False},
        {"code": "XXBSM", "name": "学校标识码", "type": "text", "length": 10, "key_place": 1},
        {"code": "ZGBM", "name": "主管部门", "type": "text", "length": 50},
        {"code": "BZ", "name": "备注", "type": "text", "length": 200},
    ],
}
ROWS = [
    ["序号", "学校名称", "学校标识码", "主管部门", "备注"],
    [1, "甲校", "4211050001", "市", ""],
    [2, "乙校", 4211050002, "市", ""],
]


def checked(folder, *sheets, entry=ENTRY):
    made = openpyxl.Workbook()
    made.remove(made.active)
    for place, rows in enumerate(sheets, 1):
        page = made.create_sheet(f"表{place}")
        for row in rows:
            page.append(row)
    written = io.BytesIO()
    made.save(written)
    path = folder / "学校.xlsx"
    path.write_bytes(written.getvalue())
    return check_file(path, Profile.GUIDED, entry)


def test_a_key_of_another_sheet_is_a_repetition_and_names_it(tmp_path):
    again = [ROWS[0], [1, "丙校", "4211050001", "市", ""], [2, "丁校", "4211050003", "市", ""]]
    report = checked(tmp_path, ROWS, again)
    assert [len(sheet.findings) for sheet in report.sheets] == [0, 1]
    found = report.sheets[1].findings[0]
    assert (found.row, found.column, found.rule) == (2, 3, RuleName.UNIQUE)
    assert found.message == "“学校标识码”与工作表“表1”第2行重复"


def test_a_sheet_that_lacks_a_column_hides_nothing_of_the_others(tmp_path):
    lacking = [["序号", "学校名称", "主管部门", "备注"], [1, "丙校", "市", ""]]
    long = [ROWS[0], [1, "甲" * 51, "4211050001", "市", ""], [2, "乙校", "4211050001", "市", ""]]
    report = checked(tmp_path, long, lacking)
    assert [one.rule for one in report.sheets[0].findings] == [RuleName.LENGTH, RuleName.UNIQUE]
    assert RuleName.STRUCTURE in {one.rule for one in report.sheets[1].findings}


def test_thresholds_count_the_rows_of_all_sheets(tmp_path):
    bad = [ROWS[0], [1, "甲" * 51, "4211050008", "市", ""], [2, "乙校", "4211050009", "市", ""]]
    entry = {**ENTRY, "thresholds": {"bad_rows": 1}}
    other = [ROWS[0], [1, "丙校", "4211050005", "市", ""], [2, "乙" * 51, "4211050006", "市", ""]]
    assert checked(tmp_path, bad, ROWS, entry=entry).verdict is Verdict.ACCEPTED
    assert checked(tmp_path, bad, other, entry=entry).verdict is Verdict.REJECTED
