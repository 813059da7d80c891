"""The way out: files of the annex's form that carry no formulas (Annex 3 chapter 6; IN-X14; ASVS 1.2.10)."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
import xlrd
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets.annex import read_annex
from sheets.cells import ErrorCell
from sheets.reading import read
from sheets.writing import Unwritable, escaped, sheet_name, write_annex_xls

MOMENT = datetime.fromisoformat("2023-01-02T03:04:05")


def written(*values) -> list[object]:
    """The cells of one record, as another reader sees them."""
    data = write_annex_xls("表", [f"列{number}" for number in range(len(values))], [values])
    return xlrd.open_workbook(file_contents=data).sheet_by_index(0).row_values(1)[1:]


def test_what_is_written_has_the_form_that_is_read():
    data = write_annex_xls(
        "企业基本信息", ["名称", "成立日期", "注册资金"], [["某厂", date(2017, 12, 20), 1.5], [None, None, None]]
    )
    table = read_annex(read(data))
    assert table.sheet == "企业基本信息"
    assert [dict(record.cells) for record in table.records] == [
        {"名称": "某厂", "成立日期": "2017/12/20", "注册资金": 1.5},
        {"名称": None, "成立日期": None, "注册资金": None},
    ]


def test_dates_are_text_in_the_annexs_form():
    values = (date(2023, 1, 2), MOMENT, date(999, 1, 2), time(3, 4, 5), timedelta(hours=30, seconds=5))
    assert written(*values) == ["2023/01/02", "2023/01/02 03:04:05", "0999/01/02", "03:04:05", "30:00:05"]


def test_numbers_stay_numbers_while_a_number_cell_keeps_their_digits():
    values = (
        7,
        1.5,
        Decimal("123456789012.345"),
        True,
        Decimal("12345678901234.123456"),
        310105199001011234,
        Decimal("NaN"),
    )
    assert written(*values) == [7.0, 1.5, 123456789012.345, 1, "12345678901234.123456", "310105199001011234", "NaN"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\0"])
def test_text_that_could_be_a_formula_is_given_an_apostrophe(start):
    # ASVS 1.2.10; titles too.
    assert written(f"{start}cmd|' /C calc'!A0")[0] == f"'{start}cmd|' /C calc'!A0"
    data = write_annex_xls("x", [f"{start}x"], [["y"]])
    assert xlrd.open_workbook(file_contents=data).sheet_by_index(0).cell_value(0, 1) == f"'{start}x"


@given(st.text(max_size=10))
def test_no_text_leaves_as_a_formula(text):
    assert not escaped(text).startswith(("=", "+", "-", "@", "\t"))
    assert escaped(text) in {text, f"'{text}"}


def test_errors_are_written_as_what_they_show():
    assert written(ErrorCell("#REF!")) == ["#REF!"]


@pytest.mark.parametrize(
    ("columns", "rows", "code"),
    [
        (["a"], [["x"]] * 2_001, "too-many-rows"),
        (["a"] * 256, [], "too-many-columns"),
        (["a"], [["x", "y"]], "row-width"),
        (["a"], [["x" * 32_768]], "cell-too-long"),
        (["a"], [["=" + "x" * 32_767]], "cell-too-long"),
        (["a"], [["\ud800"]], "text-characters"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_cut(columns, rows, code):
    with pytest.raises(Unwritable) as refusal:
        write_annex_xls("x", columns, rows)
    assert refusal.value.code == code


def test_two_thousand_rows_fit():
    data = write_annex_xls("x", ["a"] * 3, [["x", 1, MOMENT]] * 2_000)
    assert xlrd.open_workbook(file_contents=data).sheet_by_index(0).nrows == 2_001


@given(st.text(max_size=60))
@settings(max_examples=30)
def test_any_title_names_a_sheet(title):
    names = xlrd.open_workbook(file_contents=write_annex_xls(title.replace("\ud800", ""), ["a"], [["x"]])).sheet_names()
    assert len(names) == 1
    assert 0 < len(names[0].encode("utf-16-le")) <= 62
    assert names[0] == names[0].strip("'")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("表" * 28 + "𖼀𝐀", "表" * 28 + "𖼀"),
        ("a" * 30 + "'b", "a" * 30),
        ("History", "History_"),
        ("''", "Sheet1"),
        ("a/b", "a_b"),
    ],
)
def test_a_name_is_cut_where_spreadsheet_programs_count(title, name):
    assert sheet_name(title) == name
