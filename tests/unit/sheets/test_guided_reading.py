"""What the guided profile reads and the strict one refuses: all visible sheets, many rows, Unicode text, features."""

import io

import openpyxl
import pytest
import xlwt

from sheets.cells import Visibility
from sheets.guided.detecting import detect
from sheets.kinds import Kind
from sheets.limits import GUIDED, Feature
from sheets.reading import read
from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files


def test_unicode_text_of_excel_is_a_csv():
    text = "序号\t名称\r\n1\t甲\r\n2\t“乙”\r\n"
    for encoding, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        book = read(mark + text.encode(encoding), limits=GUIDED)
        assert (book.kind, book.encoding, book.delimiter) == (Kind.CSV, "utf-16", "\t")
        assert book.sheets[0].rows[1].values == ("1", "甲")


def test_more_rows_than_the_annex_allows_are_read():
    # IN-X1 in the guided profile.
    book = read(files.xls([["序号", "名称"], *([number, "甲"] for number in range(1, 2_501))]), limits=GUIDED)
    assert len(detect(book).tables[0].records) == 2_500


def test_every_visible_sheet_is_read():
    # IN-X13 in the guided profile.
    book = read(files.xls([["序号", "名称"], [1, "甲"]], more=["二", "三"]), limits=GUIDED)
    assert [title.visibility for title in book.titles] == [Visibility.VISIBLE] * 3
    assert len(book.sheets) == 3


def test_what_a_workbook_carries_is_read_past_and_named():
    # IN-X6: the profile's rules refuse the file for it.
    assert read(hostile.with_part("xl/vbaProject.bin"), limits=GUIDED).features == {Feature.MACROS}
    assert read(hostile.supbook("\1other.xls"), limits=GUIDED).features == {Feature.EXTERNAL_LINKS}


def _with_zeros(kind: str) -> bytes:
    rows = [("编码", "数量"), (1001, 5), (23, 6), (120456, 7)]
    made = io.BytesIO()
    if kind == "xls":
        book = xlwt.Workbook()
        page = book.add_sheet("数据")
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                form = "000000" if column == 0 and number else "General"
                page.write(number, column, value, xlwt.easyxf(num_format_str=form))
        book.save(made)
    else:
        workbook = openpyxl.Workbook()
        for number, row in enumerate(rows, 1):
            workbook.active.append(row)
            if number > 1:
                workbook.active.cell(number, 1).number_format = "000000"
        workbook.save(made)
    return made.getvalue()


@pytest.mark.parametrize("kind", ["xls", "xlsx"])
def test_zeros_that_only_a_number_format_shows_belong_to_the_code(kind):
    sheet = read(_with_zeros(kind), limits=GUIDED).sheets[0]
    assert [row.values for row in sheet.rows[1:]] == [("001001", 5), ("000023", 6), (120456, 7)]
