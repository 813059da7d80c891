"""`shuqiao file check`: exit codes and what is printed, for programs and for people; no server, no account."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shuqiao import cli
from tests.support import sheet_files as files

COLLEGES = Path(__file__).parents[2] / "files" / "全国成人高等学校名单-20250620.xls"


def run(*arguments):
    return CliRunner().invoke(cli.app, ["file", "check", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def entry(tmp_path):
    path = tmp_path / "entry.json"
    items = [
        {"code": "MC", "name": "名称", "type": "text", "length": 10, "nullable": False},
        {"code": "SL", "name": "数量", "type": "integer"},
    ]
    path.write_text(json.dumps({"name": "名单", "items": items}, ensure_ascii=False))
    return path


def sheet(tmp_path, rows):
    path = tmp_path / "名单-20250620.xls"
    path.write_bytes(files.xls(rows))
    return path


def test_a_good_file_ends_with_zero_and_one_json_document():
    ended = run(COLLEGES, "--json")
    assert ended.exit_code == 0
    told = json.loads(ended.stdout)
    assert (told["profile"], told["verdict"], told["sheets"][0]["records"]) == ("guided", "accepted", 248)


def test_a_file_with_an_error_ends_with_one(tmp_path, entry):
    ended = run(sheet(tmp_path, [["名称", "数量"], ["甲", "两个"], ["", 3]]), "--entry", entry, "--json")
    assert ended.exit_code == 1
    found = json.loads(ended.stdout)["sheets"][0]["findings"]
    assert [(one["row"], one["column"], one["rule"]) for one in found] == [(2, 2, "type"), (3, 1, "not_null")]


def test_what_cannot_be_read_ends_with_two_and_a_reason(tmp_path):
    path = tmp_path / "a.xls"
    path.write_bytes(b"%PDF-1.7 nothing")
    ended = run(path, "--json")
    assert ended.exit_code == 2
    assert json.loads(ended.stdout) == {
        "profile": "guided",
        "verdict": "unreadable",
        "reason": "文件内容是 PDF，不是电子表格；请提供原始的电子表格",
        "sheets": [],
    }
    assert run(tmp_path / "none.xls").exit_code == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"items": [{"code": 1}]}', '{"items": 3}', "{"])
def test_an_entry_that_is_none_ends_with_two_and_says_so(tmp_path, content):
    path = tmp_path / "entry.json"
    path.write_text(content)
    ended = run(sheet(tmp_path, [["名称", "数量"], ["甲", 2]]), "--entry", path, "--json")
    assert ended.exit_code == 2
    assert "条目" in json.loads(ended.stdout)["reason"]


def test_the_strict_profile_is_asked_for_by_name(tmp_path, entry):
    ended = run(sheet(tmp_path, [["名称", "数量"], ["甲", 2]]), "--entry", entry, "--profile", "strict", "--json")
    assert ended.exit_code == 1
    assert {one["rule"] for one in json.loads(ended.stdout)["sheets"][0]["findings"]} == {"structure"}


def test_people_see_columns_skipped_rows_findings_and_the_proposal(tmp_path, entry):
    shown = run(COLLEGES).stdout
    for part in ("通过", "248 条记录", "分组行", "xue_xiao_biao_shi_ma", "按内容提出的条目"):
        assert part in shown
    shown = run(sheet(tmp_path, [["名称", "数量"], ["甲", "x"]]), "--entry", entry).stdout
    for part in ("不通过", "类型", "错误", "应为整数"):
        assert part in shown


def test_what_stands_in_a_file_is_never_markup(tmp_path):
    # IN-X24: a title that reads as markup of the terminal is shown as it stands.
    shown = run(sheet(tmp_path, [["[red]名称[/red]", "数量"], ["[/]", 2], ["[link=x]", 3]])).stdout
    assert "[red]名称[/red]" in shown
