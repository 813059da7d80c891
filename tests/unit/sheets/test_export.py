"""Files written as rows come: no formulas, numbers stay numbers, read back by another program (IN-X14, ASVS 1.2.10)."""

import csv
import tracemalloc
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest
import xlrd
from hypothesis import given, settings
from hypothesis import strategies as st

from sheets.annex import MAX_ROWS
from sheets.export import Form, write
from sheets.writing import Unwritable

HARMFUL = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
]
"""IN-X14."""
FORMULA_STARTS = tuple("=+-@\t\r\n\0＝＋－＠")
OTHERS = [form for form in Form if form is not Form.XLS]


def back(path, form):
    """The rows of a file as another program reads them."""
    match form:
        case Form.CSV:
            with path.open(encoding="utf-8-sig", newline="") as file:
                return list(csv.reader(file))
        case Form.XLSX:
            sheet = openpyxl.load_workbook(path).active
            return [[cell.value for cell in row] for row in sheet.iter_rows()]
        case Form.XLS:
            sheet = xlrd.open_workbook(path).sheet_by_index(0)
            return [sheet.row_values(row) for row in range(sheet.nrows)]


def made(tmp_path, form, columns, rows):
    path = tmp_path / f"a{form.extension}"
    assert write(path, form, "街道", columns, iter(rows)) == len(rows)
    return back(path, form)


@pytest.mark.parametrize("form", Form)
def test_the_first_row_holds_names_and_the_first_column_the_sequence(tmp_path, form):
    rows = made(tmp_path, form, ["代码", "名称"], [["a", "甲"], ["b", None]])
    assert rows[0] == ["序号", "代码", "名称"]
    assert [str(row[0]).removesuffix(".0") for row in rows[1:]] == ["1", "2"]
    assert rows[2][2] in {None, ""}


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("harmful", HARMFUL)
def test_what_a_program_could_take_for_a_formula_is_text(tmp_path, form, harmful):
    rows = made(tmp_path, form, ["x", harmful], [[harmful, "ok"]])
    for text in (rows[0][2], rows[1][1]):
        assert text.startswith("'")
        # Line ends within a cell are the reading program's own.
        assert text.replace("_x000D_", "\n").replace("\r", "\n").removeprefix("'") == harmful.replace("\r", "\n")


def test_no_cell_of_a_workbook_is_a_formula_or_a_link(tmp_path):
    path = tmp_path / "a.xlsx"
    write(path, Form.XLSX, "x", ["x"], [[text] for text in (*HARMFUL, "http://example.org", "12345", "{=1}")])
    sheet = openpyxl.load_workbook(path).active
    assert {cell.data_type for row in sheet.iter_rows(min_row=2, min_col=2) for cell in row} == {"s"}
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.hyperlink]


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
@settings(max_examples=60)
def test_no_text_whatever_begins_as_a_formula_does(tmp_path_factory, text):
    for form in OTHERS:
        rows = made(tmp_path_factory.mktemp("x"), form, ["x"], [[text]])
        assert not str(rows[1][1] or "").startswith(FORMULA_STARTS)


@pytest.mark.parametrize("number", [-3, 0, 10**14, Decimal("-10.50"), Decimal("0.000001")])
def test_numbers_stay_numbers_negative_ones_too(tmp_path, number):
    assert made(tmp_path, Form.XLSX, ["x"], [[number]])[1][1] == pytest.approx(float(number))
    assert Decimal(made(tmp_path, Form.CSV, ["x"], [[number]])[1][1]) == number
    assert made(tmp_path, Form.XLS, ["x"], [[number]])[1][1] == pytest.approx(float(number))


def test_a_number_that_a_cell_would_round_keeps_its_digits_as_text(tmp_path):
    long = Decimal("12345678901234567890.123456")
    assert made(tmp_path, Form.XLSX, ["x"], [[long]])[1][1] == str(long)
    assert made(tmp_path, Form.CSV, ["x"], [[long]])[1][1] == str(long)


@pytest.mark.parametrize("form", Form)
def test_dates_are_text_in_the_annexs_form(tmp_path, form):
    rows = made(tmp_path, form, ["d", "t"], [[date(2023, 1, 2), datetime.fromisoformat("2023-01-02T03:04:05")]])
    assert rows[1][1:] == ["2023/01/02", "2023/01/02 03:04:05"]


def test_a_csv_quotes_what_csv_must_and_tells_excel_its_code(tmp_path):
    hard = 'a,"b"\r\nc'
    assert made(tmp_path, Form.CSV, ["x", "y"], [[hard, "z"]])[1] == ["1", hard, "z"]
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_form_takes_no_more_rows_than_it_may(tmp_path):
    """Annex 3 chapter 6, 1."""
    assert (Form.XLS.rows, Form.CSV.rows) == (MAX_ROWS, None)
    with pytest.raises(Unwritable) as refused:
        write(tmp_path / "a.xls", Form.XLS, "x", ["x"], [[1]] * (MAX_ROWS + 1))
    assert refused.value.code == "too-many-rows"


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(("columns", "row"), [(["x"], [1, 2]), (["x"], []), (["x"] * 20_000, [1] * 20_000)])
def test_rows_of_another_width_and_too_many_columns_are_refused(tmp_path, form, columns, row):
    with pytest.raises(Unwritable):
        write(tmp_path / "a", form, "x", columns, [row])


@pytest.mark.parametrize("form", OTHERS)
def test_many_rows_take_no_more_memory_than_few(tmp_path, form):
    def peak(count):
        tracemalloc.start()
        write(tmp_path / "a", form, "x", ["x", "y"], (["text", 1] for _ in range(count)))
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(6000) < peak(600) + 500_000
