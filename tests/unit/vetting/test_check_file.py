"""A file checked where it is, without any server: what is told, for whom, and that no file makes it fail."""

import io
import json
import zipfile
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from common.entry import EntryContent
from quality.model import RuleName
from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files
from vetting.checking import check_file
from vetting.report import Profile, Verdict

COLLEGES = Path(__file__).parents[2] / "files" / "全国成人高等学校名单-20250620.xls"
SCHEMA = json.loads(resources.files("shuqiao").joinpath("schemas/entry.json").read_text())
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


def checked(tmp_path, data, *, name="学校-20250620.xls", profile=Profile.GUIDED, entry=None):
    path = tmp_path / name
    path.write_bytes(data)
    return check_file(path, profile, entry)


def told(report):
    """(row, column, rule, severity) of all findings of the first sheet."""
    return [(one.row, one.column, one.rule.value, one.severity.value) for one in report.sheets[0].findings]


class TestForm:
    def test_the_report_has_the_documented_members_and_no_others(self):
        made = check_file(COLLEGES, Profile.GUIDED).to_json()
        assert list(made) == ["profile", "verdict", "reason", "sheets"]
        (sheet,) = made["sheets"]
        assert list(sheet) == [
            "sheet", "header_row", "columns", "records", "skipped", "findings", "not_run", "entry",
        ]  # fmt: skip
        assert sheet["columns"][2] == {"column": 3, "title": "学校标识码", "item": "xue_xiao_biao_shi_ma"}
        assert sheet["skipped"][0] == {"row": 1, "reason": "标题行"}
        assert (sheet["header_row"], sheet["records"], len(sheet["skipped"])) == (3, 248, 32)
        assert (made["verdict"], made["reason"]) == ("accepted", None)

    def test_with_an_entry_its_items_are_matched_and_none_is_proposed(self):
        report = check_file(COLLEGES, Profile.GUIDED, ENTRY)
        assert [column.item for column in report.sheets[0].columns] == [None, "XXMC", "XXBSM", "ZGBM", "BZ"]
        assert report.sheets[0].entry is None
        assert report.verdict is Verdict.ACCEPTED

    def test_a_finding_has_its_place_and_the_documented_members(self, tmp_path):
        report = checked(tmp_path, files.xls([*ROWS, [3, "", "4211050001", "市", ""]]), entry=ENTRY)
        assert report.verdict is Verdict.REJECTED
        found = report.to_json()["sheets"][0]["findings"]
        assert list(found[0]) == ["row", "column", "item", "rule", "severity", "message"]
        assert [(one["row"], one["column"], one["item"], one["rule"]) for one in found] == [
            (4, 2, "XXMC", "not_null"),
            (4, 3, "XXBSM", "unique"),
        ]


class TestNumbers:
    def test_a_whole_number_is_the_code_that_was_meant(self, tmp_path):
        # IN-X16 in the guided profile.
        assert checked(tmp_path, files.xls(ROWS), entry=ENTRY).verdict is Verdict.ACCEPTED

    def test_a_number_of_more_than_fifteen_digits_is_an_error_and_never_mended(self, tmp_path):
        entry = {"items": [{**ENTRY["items"][1], "length": 18}]}
        report = checked(
            tmp_path, files.xls([["学校标识码"], [310105199001010011.0], ["310105199001010012"]]), entry=entry
        )
        assert told(report) == [(2, 1, "type", "error")]

    def test_without_an_entry_such_a_number_is_an_error_too(self, tmp_path):
        rows = [["序号", "身份证号"], [1, 3.10105199001e17], [2, "310105199001010012"], [3, "310105199001010039"]]
        assert (2, 2, "type", "error") in told(checked(tmp_path, files.xls(rows)))

    def test_a_number_that_a_csv_has_in_powers_of_ten_has_lost_its_digits(self, tmp_path):
        data = "姓名,身份证号\n张三,3.10105E+17\n李四,310105199001010022\n".encode()
        report = checked(tmp_path, data, name="名单.csv")
        assert (report.verdict, told(report)) == (Verdict.REJECTED, [(2, 2, "type", "error")])

    def test_a_code_written_with_point_zero_in_a_csv_is_taken_with_a_warning(self, tmp_path):
        data = "学校标识码,学校名称\n4211050001.0,甲\n4211050002.0,乙\n".encode()
        entry = {"items": ENTRY["items"][:2]}
        report = checked(tmp_path, data, name="学校.csv", entry=entry)
        assert report.verdict is Verdict.ACCEPTED
        assert told(report) == [(2, 1, "type", "warning")]


DATED = {
    "items": [
        {"code": "MC", "name": "名称", "type": "text", "length": 10},
        {"code": "RQ", "name": "日期", "type": "date"},
    ]
}


class TestDates:
    @pytest.mark.parametrize(
        "text", ["2023-1-5", "2023.01.05", "2023年1月5日", "20230105", "2023/1/5", "2023-01-05 00:00:00"]
    )
    def test_common_forms_are_read_with_a_warning(self, tmp_path, text):
        # IN-X17 in the guided profile.
        report = checked(tmp_path, files.xls([["名称", "日期"], ["甲", text]]), entry=DATED)
        assert (report.verdict, told(report)) == (Verdict.ACCEPTED, [(2, 2, "type", "warning")])

    @pytest.mark.parametrize("text", ["2023/13/01", "2023-02-30", "23-1-5", "去年", "2023年1月", "1/5/2023"])
    def test_what_is_no_day_or_could_be_two_is_an_error(self, tmp_path, text):
        report = checked(tmp_path, files.xls([["名称", "日期"], ["甲", text]]), entry=DATED)
        assert told(report) == [(2, 2, "type", "error")]

    def test_the_annexs_form_is_read_without_a_word(self, tmp_path):
        assert told(checked(tmp_path, files.xls([["名称", "日期"], ["甲", "2023/01/05"]]), entry=DATED)) == []


class TestColumns:
    def test_titles_meet_items_by_code_name_and_synonym_whatever_their_dress(self, tmp_path):
        entry = {
            "items": [
                {"code": "XM", "name": "姓名", "type": "text", "length": 20},
                {"code": "uni_sc_id", "name": "统一社会信用代码", "type": "text", "length": 18},
                {"code": "reg_capital", "name": "注册资金", "type": "numeric", "precision": 20, "scale": 6},
                {"code": "bz", "name": "备注", "type": "text", "length": 20},
            ]
        }
        rows = [
            ["姓 名", "UNI_SC_ID", "注册资金\n（万元）", "备　注"],
            ["张三", "x", 1.5, "a"],
            ["李四", "y", 2.5, "b"],
        ]
        report = checked(tmp_path, files.xls(rows), entry=entry)
        assert [column.item for column in report.sheets[0].columns] == ["XM", "uni_sc_id", "reg_capital", "bz"]

    def test_a_column_too_many_and_one_too_few_are_each_told_once(self, tmp_path):
        rows = [
            ["序号", "学校名称", "学校标识码", "备注", "邮箱"],
            [1, "甲", "4211050001", "", "x"],
            [2, "乙", "4211050002", "", "y"],
        ]
        report = checked(tmp_path, files.xls(rows), entry=ENTRY)
        assert told(report) == [(1, None, "structure", "error"), (1, 5, "structure", "error")]
        assert report.verdict is Verdict.REJECTED

    def test_two_columns_of_one_item_are_told(self, tmp_path):
        rows = [["学校名称", "学校标识码", "主管部门", "备注", "备 注"], ["甲", "4211050001", "市", "", "x"]]
        report = checked(tmp_path, files.xls(rows), entry=ENTRY)
        assert told(report) == [(1, 5, "structure", "error")]
        assert "出现了两列" in report.sheets[0].findings[0].message

    def test_blanks_apostrophes_and_line_breaks_are_taken_off_with_one_warning_a_column(self, tmp_path):
        rows = [ROWS[0], [1, " 甲校 ", "'4211050001", "市\n局", ""], [2, "乙校　", "'4211050002", "市", ""]]
        report = checked(tmp_path, files.xls(rows), entry=ENTRY)
        assert report.verdict is Verdict.ACCEPTED
        assert told(report) == [
            (2, 2, "pattern", "warning"),
            (2, 3, "pattern", "warning"),
            (2, 4, "pattern", "warning"),
        ]


class TestRules:
    def test_a_code_set_that_only_the_platform_knows_is_not_run(self, tmp_path):
        items = [*ENTRY["items"][:3], {**ENTRY["items"][3], "code_set": {"id": "house-set", "version": 1}}]
        report = checked(tmp_path, files.xls(ROWS), entry={**ENTRY, "items": items})
        assert report.sheets[0].not_run == (RuleName.CODE_SET,)
        assert report.verdict is Verdict.ACCEPTED

    def test_declared_rules_run_and_those_of_other_resources_do_not(self, tmp_path):
        rules = [
            {"name": "pattern", "items": ["XXBSM"], "pattern": "42[0-9]{8}"},
            {"name": "reference", "items": ["XXBSM"], "resource": "310105/school", "target_items": ["code"]},
        ]
        rows = [*ROWS, [3, "丙校", "5211050003", "市", ""]]
        report = checked(tmp_path, files.xls(rows), entry={**ENTRY, "rules": rules})
        assert told(report) == [(4, 3, "pattern", "error")]
        assert report.sheets[0].not_run == (RuleName.REFERENCE,)


class TestFiles:
    def test_a_csv_under_another_name_is_accepted_with_a_warning(self, tmp_path):
        # IN-X4 in the guided profile.
        report = checked(tmp_path, "序号,名称\n1,甲\n2,乙\n".encode("gb18030"), name="名单.xls")
        assert (report.verdict, report.sheets[0].sheet, report.sheets[0].records) == (Verdict.ACCEPTED, "", 2)
        assert told(report) == [(None, None, "structure", "warning")]

    def test_macros_are_told_beside_everything_else_and_refuse_the_file(self, tmp_path):
        # IN-X6.
        made = io.BytesIO(files.xlsx(ROWS))
        with zipfile.ZipFile(made, "a") as package:
            package.writestr("xl/vbaProject.bin", b"x")
        for profile in Profile:
            report = checked(tmp_path, made.getvalue(), name="学校-20250620.xlsx", profile=profile, entry=ENTRY)
            assert report.verdict is Verdict.REJECTED
            assert (None, None, "structure", "error") in told(report)
            assert report.sheets[0].records == 2

    @pytest.mark.parametrize(
        "data", [b"", b"<html><table></table></html>", b"%PDF-1.4", b"\x00\x01\x02", b"PK\x03\x04"]
    )
    def test_what_is_no_spreadsheet_is_unreadable_with_a_reason(self, tmp_path, data):
        report = checked(tmp_path, data)
        assert report.verdict is Verdict.UNREADABLE
        assert report.reason
        assert report.sheets == ()

    def test_a_file_that_is_not_there_is_unreadable(self, tmp_path):
        absent = check_file(tmp_path / "nothing.xls", Profile.GUIDED)
        assert (absent.verdict, absent.reason) == (Verdict.UNREADABLE, "文件打不开：没有这个文件")
        assert check_file(tmp_path, Profile.GUIDED).verdict is Verdict.UNREADABLE

    @pytest.mark.parametrize("profile", list(Profile))
    @pytest.mark.parametrize(
        "make",
        [
            hostile.billion_laughs, hostile.nested_zip, hostile.huge_difat, hostile.encrypted_package, hostile.filepass,
            hostile.flipped_bit, lambda: hostile.far_cell("XFD1048576"),
            lambda: hostile.lying_string_count(4_000_000_000),
        ],
    )  # fmt: skip
    def test_no_hostile_file_makes_it_fail(self, tmp_path, make, profile):
        assert checked(tmp_path, make(), profile=profile).verdict in {Verdict.UNREADABLE, Verdict.REJECTED}

    def test_a_workbook_without_records_is_rejected(self, tmp_path):
        report = checked(tmp_path, files.xls([["关于填报的说明"], ["一、请填写。"]]))
        assert (report.verdict, report.sheets) == (Verdict.REJECTED, ())
        assert report.reason


class TestStrict:
    def test_the_annexs_form_is_accepted(self, tmp_path):
        rows = [row[:4] for row in ROWS]
        entry = {**ENTRY, "items": ENTRY["items"][:3]}
        report = checked(tmp_path, files.xls(rows), profile=Profile.STRICT, entry=entry)
        assert (report.verdict, told(report)) == (Verdict.ACCEPTED, [])

    def test_a_breach_of_form_is_a_finding_of_structure(self):
        report = check_file(COLLEGES, Profile.STRICT)
        assert report.verdict is Verdict.REJECTED
        rules = {finding.rule for finding in report.sheets[0].findings}
        assert rules == {RuleName.STRUCTURE}
        assert report.sheets[0].header_row == 1

    def test_form_and_cells_are_told_in_one_pass(self, tmp_path):
        rows = [[*ROWS[0][:4]], [1, "甲校", "4211050001", "市"], [3, "", "4211050001", "市"]]
        entry = {**ENTRY, "items": ENTRY["items"][:3]}
        report = checked(tmp_path, files.xls(rows), profile=Profile.STRICT, entry=entry)
        assert told(report) == [
            (3, 1, "structure", "error"), (3, 2, "not_null", "error"), (3, 3, "unique", "error"),
        ]  # fmt: skip

    def test_a_row_too_many_is_rejected_with_the_count(self, tmp_path):
        # IN-X1.
        rows = [["序号", "名称"], *([number, f"甲{number}"] for number in range(1, 2_002))]
        report = checked(tmp_path, files.xls(rows), profile=Profile.STRICT)
        assert report.verdict is Verdict.REJECTED
        assert any("2001" in one.message and "2000" in one.message for one in report.sheets[0].findings)

    def test_a_name_that_is_not_the_annexs_is_told(self, tmp_path):
        report = checked(tmp_path, files.xls([["序号", "名称"], [1, "甲"]]), name="名单.xls", profile=Profile.STRICT)
        assert report.verdict is Verdict.REJECTED


LEGAL_PERSONS = [
    ["法人单位名单"],
    [
        "序号",
        "统一社会信用代码",
        "企业名称",
        "成立日期",
        "注册资本（万元）",
        "职工人数",
        "邮编",
        "备注",
        "备注",
        "2023年",
    ],
    [1, "91310000132260250X", "甲公司", "2001-01-01", 100.5, 10, "200050", "", "x", 1],
    [2, "913100001322602500", "乙公司", "2002-02-02", 200, 20, "200051", "甲", "", 2.25],
]


class TestProposal:
    def test_it_is_valid_and_names_standard_fields_types_and_a_key(self, tmp_path):
        entry = checked(tmp_path, files.xls(LEGAL_PERSONS)).sheets[0].entry
        assert list(Draft202012Validator(SCHEMA).iter_errors(entry)) == []
        EntryContent.model_validate(entry)
        assert entry["name"] == "法人单位名单"
        items = {item["name"]: item for item in entry["items"]}
        assert {name: item.get("standard") for name, item in items.items() if item.get("standard")} == {
            "统一社会信用代码": "uni_sc_id",
            "企业名称": "corp_name",
            "成立日期": "establish_date",
            "注册资本（万元）": "reg_capital",
            "邮编": "zip",
        }
        assert items["统一社会信用代码"]["key_place"] == 1
        assert items["职工人数"]["type"] == "integer"
        assert (items["2023年"]["type"], items["2023年"]["scale"]) == ("numeric", 2)

    def test_the_ministrys_list_has_its_codes_as_texts(self):
        entry = check_file(COLLEGES, Profile.GUIDED).sheets[0].entry
        EntryContent.model_validate(entry)
        code = next(item for item in entry["items"] if item["name"] == "学校标识码")
        assert (code["type"], code["length"], code["key_place"]) == ("text", 10, 1)

    def test_days_written_in_many_ways_are_dates(self, tmp_path):
        days = ["2023年6月30日", "2023.6.30", "2023-06-30", "2023/6/30", "20230630"]
        rows = [["名称", "发证日期"], *([f"甲{number}", day] for number, day in enumerate(days))]
        report = checked(tmp_path, files.xls(rows))
        assert [item["type"] for item in report.sheets[0].entry["items"]] == ["text", "date"]
        assert told(report) == [(row, 2, "type", "warning") for row in range(2, 7)]

    def test_numbers_of_eight_digits_are_dates_only_where_their_title_says_so(self, tmp_path):
        rows = [["名称", "办结日期", "编次"], *([f"甲{n}", 20230630 + 0 * n, 20230601 + n] for n in range(3))]
        entry = checked(tmp_path, files.xls(rows)).sheets[0].entry
        assert [item["type"] for item in entry["items"]] == ["text", "date", "integer"]

    def test_one_word_among_the_days_leaves_them_texts(self, tmp_path):
        rows = [["名称", "有效期至"], ["甲", "2023.6.30"], ["乙", "2024年1月1日"], ["丙", "长期"]]
        entry = checked(tmp_path, files.xls(rows)).sheets[0].entry
        assert entry["items"][1]["type"] == "text"

    def test_the_name_of_any_unit_is_a_legal_persons_only_beside_another_of_its_fields(self, tmp_path):
        areas = [["行政区划代码", "单位名称"], [110000, "北京市"], [110101, "   东城区"], [110102, "   西城区"]]
        items = checked(tmp_path, files.xls(areas)).sheets[0].entry["items"]
        assert [item.get("standard") for item in items] == [None, None]
        units = [["统一社会信用代码", "单位名称"], ["91310000132260250X", "甲公司"], ["913100001322602500", "乙公司"]]
        items = checked(tmp_path, files.xls(units)).sheets[0].entry["items"]
        assert [item.get("standard") for item in items] == ["uni_sc_id", "corp_name"]

    def test_what_a_dash_stands_for_may_be_empty(self, tmp_path):
        rows = [["地区", "同比"], ["甲", 1.5], ["乙", "-"], ["丙", 2.5], *([f"丁{n}", n + 0.5] for n in range(9))]
        report = checked(tmp_path, files.xls(rows))
        assert report.verdict is Verdict.ACCEPTED
        assert report.sheets[0].entry["items"][1]["nullable"] is True

    def test_a_code_that_a_csv_has_as_a_formula_of_a_text_is_that_text(self, tmp_path):
        data = '编号,名称\n"=""001""",甲\n"=""002""",乙\n'.encode()
        report = checked(tmp_path, data, name="名单.csv")
        assert (report.verdict, told(report)) == (Verdict.ACCEPTED, [(2, 1, "pattern", "warning")])
        assert report.sheets[0].entry["items"][0]["length"] == 10

    def test_its_own_file_passes_it(self, tmp_path):
        first = checked(tmp_path, files.xls(LEGAL_PERSONS[1:]))
        again = checked(tmp_path, files.xls(LEGAL_PERSONS[1:]), entry=first.sheets[0].entry)
        assert [one for one in again.sheets[0].findings if one.severity.value == "error"] == [
            one for one in first.sheets[0].findings if one.severity.value == "error"
        ]
