"""Cells keep what the file says, through the child (IN-X13 to X18)."""

import io
import struct
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest
import xlwt

from sheets.cells import CellRange, ErrorCell, SheetTitle, Value, Visibility
from sheets.limits import Limits, Scope
from sheets.reading import read
from tests.support import sheet_files as files
from tests.support.sheet_files import label_cell, number_cell, ods, ods_cell, record, small_xls, small_xlsx

LONG = "长" * 32_767
VALUES: list[Value] = [
    " 前后有空格 ",
    "第一行\n第二行",
    "=1+1",
    "0012",
    True,
    1.5,
    -0.000001,
    123456789.125,
    date(2023, 1, 2),
    datetime.fromisoformat("2023-01-02T03:04:05"),
    LONG,
]


def cells(data: bytes, limits: Limits | None = None) -> dict[str, Value]:
    sheet = read(data, limits=limits or Limits()).sheets[0]
    return {cell.place: cell.value for row in sheet.rows for cell in row.cells()}


def test_an_xlsx_keeps_every_value_and_its_place():
    book = openpyxl.Workbook()
    for column, value in enumerate(VALUES, 2):
        cell = book.active.cell(3, column, value)
        cell.data_type = "s" if value == "=1+1" else cell.data_type
    book.active.cell(3, 20, time(1, 2, 3))
    book.active.cell(3, 21, timedelta(hours=30))
    row = read(files.saved(book)).sheets[0].rows[0]
    assert (row.number, row.value(1)) == (3, None)
    assert list(row.values[1:12]) == VALUES
    assert (row.value(20), row.value(21), row.value(99)) == (time(1, 2, 3), timedelta(hours=30), None)


def test_an_xls_keeps_every_value_and_its_place():
    book = xlwt.Workbook()
    sheet = book.add_sheet("数据")
    styles = {
        date: xlwt.easyxf(num_format_str="yyyy/mm/dd"),
        datetime: xlwt.easyxf(num_format_str="yyyy/mm/dd hh:mm:ss"),
    }
    for column, value in enumerate(VALUES, 1):
        sheet.write(2, column, value, styles.get(type(value), xlwt.Style.default_style))
    row = read(files.saved(book)).sheets[0].rows[0]
    assert (row.number, row.value(1)) == (3, None)
    assert list(row.values[1:]) == VALUES


def test_a_whole_number_in_an_xls_may_be_an_int_and_in_an_xlsx_is_a_float():
    assert (
        repr(cells(files.xls([[1, 2**40, 310105199001011234]])))
        == "{'A1': 1, 'B1': 1099511627776.0, 'C1': 3.1010519900101126e+17}"
    )
    assert (
        repr(cells(small_xlsx('<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>1e400</v></c></row>')))
        == "{'A1': 1.0, 'B1': inf}"
    )


def test_an_ods_keeps_every_value():
    body = (
        ods_cell(" a<text:s text:c='3'/>b</text:p><text:p>c")
        + '<table:table-cell office:value-type="float" office:value="12.50"/>'
        + '<table:table-cell office:value-type="boolean" office:boolean-value="true"/>'
        + '<table:table-cell office:value-type="date" office:date-value="2023-01-02"/>'
        + '<table:table-cell office:value-type="date" office:date-value="2023-01-02T03:04:05"/>'
        + '<table:table-cell office:value-type="time" office:time-value="PT03H04M05S"/>'
        + '<table:table-cell office:value-type="time" office:time-value="PT33H04M05S"/>'
        + '<table:table-cell calcext:value-type="error" office:value-type="string" office:string-value="">'
        "<text:p>#N/A</text:p></table:table-cell>"
    )
    empty = '<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>'
    sheet = f'<table:table table:name="S">{empty}<table:table-row>{body}</table:table-row></table:table>'
    assert list(cells(ods(sheet)).items()) == [
        ("A3", " a   b\nc"),
        ("B3", 12.5),
        ("C3", True),
        ("D3", date(2023, 1, 2)),
        ("E3", datetime.fromisoformat("2023-01-02T03:04:05")),
        ("F3", time(3, 4, 5)),
        ("G3", timedelta(hours=33, minutes=4, seconds=5)),
        ("H3", ErrorCell("#N/A")),
    ]


ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}


def test_an_error_stays_an_error_and_a_text_that_reads_like_one_a_text():
    # IN-X15: the parser alone shows errors as empty.
    def formula(row: int, number: int) -> bytes:
        return record(0x0006, struct.pack("<HHHBBBBLHLH", row, 2, 0, 2, 0, number, 0, 0xFFFF0000, 0, 0, 0))

    records, body, expected = b"", "", {}
    for row, (number, code) in enumerate(ERRORS.items()):
        records += files.error_cell(row, 0, number) + label_cell(row, 1, code) + formula(row, number)
        error = f'{{0}}{row + 1}" t="{{1}}"><v>{code}</v></c>'.format
        body += f'<row r="{row + 1}"><c r="{error("A", "e")}<c r="{error("B", "str")}<c r="{error("C", "e")}</row>'
        expected |= {f"A{row + 1}": ErrorCell(code), f"B{row + 1}": code, f"C{row + 1}": ErrorCell(code)}
    assert cells(small_xls(records)) == expected
    assert cells(small_xlsx(body)) == expected


def test_an_error_that_the_parser_does_not_know_is_kept_too():
    body = '<row r="1"><c r="A1" t="e"><f>X()</f><v>#SPILL!</v></c><c r="B1"><v>1</v></c></row>'
    assert cells(small_xlsx(body, dimension="A1:B1")) == {"A1": ErrorCell("#SPILL!"), "B1": 1.0}


def test_an_error_alone_in_its_sheet_is_read_and_so_is_one_beyond_all_values():
    assert cells(small_xls(files.error_cell(4, 2, 0x2A))) == {"C5": ErrorCell("#N/A")}
    error = '<row r="{0}"><c r="{1}{0}" t="e"><v>#N/A</v></c></row>'.format
    body = '<row r="5"><c r="B5"><v>1</v></c></row>' + error(9, "C") + error(2, "A")
    assert cells(small_xlsx(body)) == {"A2": ErrorCell("#N/A"), "B5": 1.0, "C9": ErrorCell("#N/A")}


def test_a_formula_gives_its_result_and_without_one_an_error():
    # IN-X14
    computed = '<c r="A1"><f>1+1</f><v>2</v></c><c r="C1" t="str"><f>"a"</f><v>a</v></c>'
    assert cells(small_xlsx(f'<row r="1">{computed}<c r="B1"><f>1+1</f></c></row>')) == {
        "A1": 2.0,
        "B1": ErrorCell("#NOT-COMPUTED"),
        "C1": "a",
    }


def test_text_that_looks_like_something_else_stays_text():
    # IN-X14, X16, X24
    texts = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", "\t=1", "'=1", "1,234.50", "１２３", "<script>", "{{7*7}}"]
    assert list(cells(files.xls([texts])).values()) == texts


def serials(serials: list[float], format_code: str, *, epoch_1904: bool = False) -> dict[str, Value]:
    book = xlwt.Workbook()
    book.dates_1904 = epoch_1904
    sheet = book.add_sheet("x")
    for column, serial in enumerate(serials):
        sheet.write(0, column, serial, xlwt.easyxf(num_format_str=format_code))
    return cells(files.saved(book))


def test_serial_numbers_become_dates_only_where_there_is_such_a_date():
    # IN-X17; the parser alone makes 1900-02-28 of 60 and a time of -1.
    assert serials([59, 60, 60.5, 61, -1, 45000.25, 0.5], "yyyy/mm/dd hh:mm:ss") == {
        "A1": date(1900, 2, 28),
        "B1": 60.0,
        "C1": 60.5,
        "D1": date(1900, 3, 1),
        "E1": -1.0,
        "F1": datetime.fromisoformat("2023-03-15T06:00:00"),
        "G1": time(12, 0),
    }


def test_the_epoch_of_1904_is_honoured():
    assert serials([60, 43_538], "yyyy/mm/dd", epoch_1904=True) == {"A1": date(1904, 3, 1), "B1": date(2023, 3, 15)}
    styles = '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    body = '<row r="1"><c r="A1" s="1"><v>43538</v></c><c r="B1" s="1"><v>60</v></c><c r="C1" s="1"><v>-1</v></c></row>'
    found = cells(small_xlsx(body, styles=styles, epoch_1904=True))
    assert found == {"A1": date(2023, 3, 15), "B1": date(1904, 3, 1), "C1": -1.0}


def test_the_date_formats_that_chinese_excel_names_by_number_alone_are_dates():
    numbers = [27, 31, 36, 57, 58]
    expected = {f"{letter}1": date(2023, 3, 15) for letter in "ABCDE"}
    records = b"".join(number_cell(0, column, 45000, column) for column in range(5))
    assert cells(small_xls(records, shared=map(files.cell_format, numbers))) == expected
    formats = "".join(f'<xf numFmtId="{number}"/>' for number in numbers)
    row = "".join(f'<c r="{letter}1" s="{place}"><v>45000</v></c>' for place, letter in enumerate("ABCDE"))
    styles = f"<styleSheet><cellXfs>{formats}</cellXfs></styleSheet>"
    assert cells(small_xlsx(f'<row r="1">{row}</row>', styles=styles)) == expected


def test_a_format_with_a_text_is_what_the_text_says():
    # The parser drops the text of formats whose number it does not expect.
    told = [
        (400, 'yyyy"年"m"月"d"日"', date(2023, 3, 15)),
        (31, "yyyy/m/d", date(2023, 3, 15)),
        (401, "0.00", 45000.0),
        (402, 'G/通用格式"元"', 45000.0),
        (403, "0.00E+00", 45000.0),
        (404, "[h]:mm", timedelta(days=45000)),
        (176, "[DBNum1][$-804]yyyy年m月d日;@", date(2023, 3, 15)),
        (405, "#,##0.00_);[Red](#,##0.00)", 45000.0),
    ]
    shared = [files.format_text(number, code) for number, code, _ in told]
    shared += [files.cell_format(number) for number, _, _ in told]
    records = b"".join(number_cell(0, column, 45000, column) for column in range(len(told)))
    assert list(cells(small_xls(records, shared=shared)).values()) == [value for _, _, value in told]


@pytest.mark.parametrize("codepage", [936, 1252, 1200, 950, 10008])
def test_text_of_an_xls_is_right_whatever_its_code_page_says(codepage):
    # IN-X18: the parser alone makes rubbish of Unicode text when the code page says GBK.
    data = small_xls(
        label_cell(0, 0, "姓名"),
        record(0x00FD, struct.pack("<HHHL", 0, 1, 0, 0)),
        shared=[
            record(0x0042, struct.pack("<H", codepage)),
            record(0x00FC, struct.pack("<LLHB", 1, 1, 2, 1) + "张某".encode("utf-16-le")),
        ],
    )
    assert cells(data) == {"A1": "姓名", "B1": "张某"}


def test_odd_characters_are_kept_for_the_rules_to_find():
    # IN-X18: NUL and U+FFFE; a surrogate alone is no character and comes as U+FFFD.
    surrogate = record(0x0204, struct.pack("<HHHHB", 0, 2, 0, 1, 1) + b"\x00\xd8")
    found = cells(small_xls(label_cell(0, 0, "张\0三"), label_cell(0, 1, "a\ufffe"), surrogate))
    assert found == {"A1": "张\0三", "B1": "a\ufffe", "C1": "\ufffd"}


def test_only_the_first_visible_sheet_is_read_and_all_are_named():
    # IN-X13
    book = xlwt.Workbook()
    for name, visibility in (("藏", 1), ("甲", 0), ("深藏", 2), ("乙", 0)):
        sheet = book.add_sheet(name)
        sheet.write(0, 0, name)
        sheet.visibility = visibility
    data = files.saved(book)
    found = read(data)
    assert [sheet.name for sheet in found.sheets] == ["甲"]
    assert found.titles == (
        SheetTitle("藏", Visibility.HIDDEN, has_cells=True),
        SheetTitle("甲", Visibility.VISIBLE, has_cells=True),
        SheetTitle("深藏", Visibility.VERY_HIDDEN, has_cells=True),
        SheetTitle("乙", Visibility.VISIBLE, has_cells=True),
    )
    both = read(data, limits=Limits(scope=Scope.ALL_VISIBLE))
    assert [(sheet.name, sheet.rows[0].values) for sheet in both.sheets] == [("甲", ("甲",)), ("乙", ("乙",))]


def test_merged_cells_are_named_in_every_format():
    # IN-X13
    book = xlwt.Workbook()
    book.add_sheet("x").write_merge(1, 2, 0, 3, "m")
    merged = (CellRange(2, 1, 3, 4),)
    assert read(files.saved(book)).sheets[0].merged == merged
    made = openpyxl.Workbook()
    made.active["A2"] = "m"
    made.active.merge_cells("A2:D3")
    assert read(files.saved(made)).sheets[0].merged == merged
    spanned = ods_cell("m", 'table:number-columns-spanned="4" table:number-rows-spanned="2"')
    rows = f"<table:table-row><table:table-cell/></table:table-row><table:table-row>{spanned}</table:table-row>"
    assert read(ods(f'<table:table table:name="S">{rows}</table:table>')).sheets[0].merged == merged
    assert str(merged[0]) == "A2:D3"


def test_hidden_rows_and_columns_are_read_like_all_others():
    # IN-X13 leaves them to the reader: hiding is a matter of looks, and what is hidden was still sent.
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.row_dimensions[1].hidden = True
    book.active.column_dimensions["B"].hidden = True
    assert cells(files.saved(book)) == {"A1": "a", "B1": "b"}


def test_shared_strings_that_are_empty_shift_none_of_the_others():
    strings = (
        "<sst><si/><si><t/></si><si><t>a</t></si><si><r><t>b</t></r><r><t>c</t></r><rPh><t>ふ</t></rPh></si></sst>"
    )
    row = "".join(f'<c r="{letter}1" t="s"><v>{place}</v></c>' for place, letter in enumerate("ABCD"))
    assert cells(small_xlsx(f'<row r="1">{row}</row>', strings=strings)) == {"C1": "a", "D1": "bc"}


def test_a_workbook_of_empty_sheets_has_no_rows():
    assert read(files.xls([])).sheets[0].rows == ()
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    assert read(book.getvalue()).sheets[0].rows == ()
