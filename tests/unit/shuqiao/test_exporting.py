"""An export: every page a call, files when all are there, gone on with after a cut, never of two states of the data."""

import csv
import json
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import xlrd

from sheets.export import Form
from shuqiao.errors import Away, BadArgument, Falsified, Refused
from shuqiao.exporting import Wanted, export
from tests.support.scripted_gateway import METHOD_KEY, answer, away, failure, scripted, success

AT = datetime(2023, 6, 30, 23, 59, 59, tzinfo=ZoneInfo("Asia/Shanghai"))
OF = "2023-06-30T12:00:00.000+08:00"
LATER = "2023-06-30T12:00:01.000+08:00"


def wanted(folder, form=Form.CSV, **more):
    return Wanted(**{"service": "s", "parameters": {"a": "1"}, "form": form, "folder": folder, "name": "街道", **more})


def page(rows, cursor=None, as_of=OF):
    more = {"X_Next_Cursor": cursor} if cursor else {"X_Total_Count": str(len(rows))}
    return success(rows, X_Data_As_Of=as_of, **more)


def row(number):
    return {"code": f"{number:04}", "amount": number}


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def taken(told, folder, **more):
    with told.gateway() as gateway:
        return export(gateway, METHOD_KEY, wanted(folder, **more), at=AT)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_page_is_a_call_and_all_rows_are_in_the_file(tmp_path):
    told = scripted(page([row(1), row(2)], "c1"), page([row(3)]))
    (path,) = taken(told, tmp_path)
    assert path.name == "街道-20230630235959.csv"
    assert read(path) == [["序号", "code", "amount"], ["1", "0001", "1"], ["2", "0002", "2"], ["3", "0003", "3"]]
    assert [told.form(n).get("cursor") for n in range(2)] == [None, "c1"]
    assert told.form(0)["pageSize"] == "1000"
    assert left(tmp_path) == [path.name], "nothing else is left"


def test_the_first_row_has_the_names_where_they_are_known(tmp_path):
    (path,) = taken(scripted(page([row(1)])), tmp_path, titles={"code": "=代码"})
    assert read(path)[0] == ["序号", "'=代码", "amount"]


def test_xls_comes_in_files_of_two_thousand_rows_each_with_a_name_of_the_annex(tmp_path):
    told = scripted(page([row(n) for n in range(3000)], "c1"), page([row(n) for n in range(3000, 4001)]))
    paths = taken(told, tmp_path, form=Form.XLS)
    stamps = ["20230630235959", "20230701000000", "20230701000001"]
    assert [path.name for path in paths] == [f"街道-{stamp}.xls" for stamp in stamps]
    sheets = [xlrd.open_workbook(path).sheet_by_index(0) for path in paths]
    assert [sheet.nrows - 1 for sheet in sheets] == [2000, 2000, 1]
    assert [sheet.cell_value(1, 1) for sheet in sheets] == ["0000", "2000", "4000"]


def test_digits_and_texts_come_through_as_they_were(tmp_path):
    first = b'{"n":12345678901234567890.120,"t":"-1","x":null,"y":"\\ud800"}'
    body = b'{"SUCCESS":"1","DATA":[' + first + b',{"n":-0.5,"t":"","x":1,"y":"z"}]}'
    (path,) = taken(scripted(answer(body, X_Data_As_Of=OF)), tmp_path, form=Form.XLSX)
    rows = [[cell.value for cell in line] for line in openpyxl.load_workbook(path).active.iter_rows(min_row=2)]
    assert rows == [[1, "12345678901234567890.120", "'-1", None, "\ufffd"], [2, -0.5, "", 1, "z"]]


@pytest.mark.parametrize("cut", [away(), failure("207", "服务调用已超过预警值"), success("no list", X_Data_As_Of=OF)])
def test_what_was_broken_off_is_gone_on_with_behind_the_last_whole_page(tmp_path, cut):
    told = scripted(page([row(1)], "c1"), page([row(2)], "c2"), cut)
    with pytest.raises((Away, Refused, Falsified)):
        taken(told, tmp_path)
    assert not list(tmp_path.glob("*.csv"))
    again = scripted(page([row(3)]))
    (path,) = taken(again, tmp_path)
    assert again.form(0)["cursor"] == "c2"
    assert [line[1] for line in read(path)[1:]] == ["0001", "0002", "0003"]
    assert left(tmp_path) == [path.name]


def test_killed_within_a_page_it_goes_on_behind_the_last_whole_one(tmp_path):
    with pytest.raises(Away):
        taken(scripted(page([row(1)], "c1"), away()), tmp_path)
    (spool,) = tmp_path.glob(".*.rows.part")
    assert spool.stat().st_mode & 0o077 == 0
    with spool.open("ab") as file:
        file.write(b'{"code": "half' * 100)
    (path,) = taken(scripted(page([row(2)])), tmp_path)
    assert [line[1] for line in read(path)[1:]] == ["0001", "0002"]


@pytest.mark.parametrize("broken", ["rows", "state", "nonsense"])
def test_what_is_left_of_an_export_and_cannot_be_relied_on_is_fetched_anew(tmp_path, broken):
    with pytest.raises(Away):
        taken(scripted(page([row(1)], "c1"), away()), tmp_path)
    (rows,), (state,) = tmp_path.glob(".*.rows.part"), tmp_path.glob(".*.state.part")
    match broken:
        case "rows":
            rows.unlink()
        case "state":
            state.unlink()
        case _:
            state.write_text(json.dumps({"x": 1}))
    again = scripted(page([row(1)], "c1"), page([row(2)]))
    (path,) = taken(again, tmp_path)
    assert "cursor" not in again.form(0)
    assert [line[1] for line in read(path)[1:]] == ["0001", "0002"]


def test_another_question_does_not_go_on_with_this_one(tmp_path):
    with pytest.raises(Away):
        taken(scripted(page([row(1)], "c1"), away()), tmp_path)
    other = scripted(page([row(7)]))
    (path,) = taken(other, tmp_path, parameters={"a": "2"})
    assert "cursor" not in other.form(0)
    assert [line[1] for line in read(path)[1:]] == ["0007"]


def test_data_that_change_meanwhile_are_fetched_anew_never_mixed(tmp_path):
    told = scripted(
        page([row(1)], "c1"), page([row(2)], as_of=LATER), page([row(8)], "c3", LATER), page([row(9)], as_of=LATER)
    )
    (path,) = taken(told, tmp_path)
    assert [line[1] for line in read(path)[1:]] == ["0008", "0009"]


def test_data_that_change_all_the_time_are_given_up(tmp_path):
    answers = []
    for second in range(3):
        answers += [page([row(1)], "c1", OF), page([row(2)], None, LATER.replace("01.000", f"0{second + 1}.000"))]
    with pytest.raises(Falsified, match="更新"):
        taken(scripted(*answers), tmp_path)


def test_a_providers_own_pages_by_number_are_fetched_to_the_end(tmp_path):
    told = scripted(success([row(1)], X_Total_Count="2"), success([row(2)], X_Total_Count="2"))
    (path,) = taken(told, tmp_path)
    assert len(read(path)) == 3


def test_nothing_to_export_is_a_file_with_its_first_row_alone(tmp_path):
    (path,) = taken(scripted(page([])), tmp_path)
    assert read(path) == [["序号"]]


def test_what_cannot_be_written_is_told_before_or_after_but_never_half(tmp_path):
    with pytest.raises(BadArgument):
        taken(scripted(page([])), tmp_path / "none")
    with pytest.raises(BadArgument):
        taken(scripted(page([{"x": "y" * 40_000}])), tmp_path)
    assert not list(tmp_path.glob("*.csv"))
    with pytest.raises(Falsified):
        taken(scripted(page([{"a": 1}, {"b": 1}])), tmp_path, parameters={"b": "1"})


def test_a_number_without_a_point_and_one_with_keep_their_kind(tmp_path):
    body = b'{"SUCCESS":"1","DATA":[{"n":10.50,"i":7,"b":true}]}'
    (path,) = taken(scripted(answer(body, X_Data_As_Of=OF)), tmp_path)
    assert read(path)[1] == ["1", "10.50", "7", "True"]
    assert Decimal("10.50") == Decimal(read(path)[1][1])
