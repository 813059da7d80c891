"""The way out of many rows: files that are written as the rows come, in constant memory, and carry no formulas.

The counterpart of `writing`, which makes one file of the annex: .xls in parts of at most 2,000 rows (Annex 3 chapter 6,
1), .xlsx and .csv for those who take more at a time. In all, the first row holds the names and the first column 序号;
text that a spreadsheet program could take for a formula is made harmless (ASVS 1.2.10, IN-X14), numbers stay numbers.
"""

import csv
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import xlsxwriter

from sheets.annex import MAX_ROWS, SEQUENCE_TITLE
from sheets.writing import MAX_COLUMNS, Unwritable, Written, cell, sheet_name, write_annex_xls

XLSX_ROWS: Final = 1_000_000
"""Rows of an .xlsx: the format ends at 1,048,576."""
XLSX_COLUMNS: Final = 16_383
"""Columns beside 序号: the width of the .xlsx format less one."""
_BOM: Final = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the machine."""


class Form(StrEnum):
    """What files are written."""

    XLS = "xls"
    XLSX = "xlsx"
    CSV = "csv"

    @property
    def rows(self) -> int | None:
        """Rows of one file at most; None where any number will do."""
        return {Form.XLS: MAX_ROWS, Form.XLSX: XLSX_ROWS, Form.CSV: None}[self]

    @property
    def extension(self) -> str:
        return f".{self.value}"


def write(path: Path, form: Form, title: str, columns: Sequence[str], rows: Iterable[Sequence[Written]]) -> int:
    """Write one file; how many rows it holds. Of more rows than the form takes the caller makes several files.

    Raises:
        Unwritable: too many rows or columns, a row of another width, or a text that no cell can hold.
    """
    match form:
        case Form.XLS:
            held = list(rows)
            path.write_bytes(write_annex_xls(title, columns, held))
            return len(held)
        case Form.XLSX:
            return _write_xlsx(path, title, columns, rows)
        case Form.CSV:
            return _write_csv(path, columns, rows)


def _write_xlsx(path: Path, title: str, columns: Sequence[str], rows: Iterable[Sequence[Written]]) -> int:
    _check_columns(columns, XLSX_COLUMNS)
    # Each cell is written as what it is: nothing is guessed from a text, neither a formula nor an address.
    options = {"constant_memory": True, "tmpdir": str(path.parent)}
    number = 0
    with xlsxwriter.Workbook(path, options) as workbook:
        sheet = workbook.add_worksheet(sheet_name(title))
        for column, name in enumerate((SEQUENCE_TITLE, *columns)):
            sheet.write_string(0, column, str(cell(0, column, name)))
        for number, values in enumerate(rows, 1):
            if number > XLSX_ROWS:
                raise Unwritable("too-many-rows", f"数据行数超过{XLSX_ROWS}行上限")
            _check_width(number, values, columns)
            sheet.write_number(number, 0, number)
            for column, value in enumerate(values, 1):
                match cell(number, column, value):
                    case None:
                        pass
                    case bool(plain):
                        sheet.write_boolean(number, column, plain)
                    case str(plain):
                        sheet.write_string(number, column, plain)
                    case plain:
                        sheet.write_number(number, column, plain)
    return number


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Written]]) -> int:
    _check_columns(columns, MAX_COLUMNS)
    number = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(_BOM)
        writer = csv.writer(file)
        writer.writerow([SEQUENCE_TITLE, *(cell(0, column, name) for column, name in enumerate(columns, 1))])
        for number, values in enumerate(rows, 1):
            _check_width(number, values, columns)
            writer.writerow([number, *(cell(number, c, value, exact=True) for c, value in enumerate(values, 1))])
    return number


def _check_columns(columns: Sequence[str], most: int) -> None:
    if len(columns) > most:
        raise Unwritable("too-many-columns", f"列数{len(columns)}超过{most}列上限")


def _check_width(number: int, values: Sequence[Written], columns: Sequence[str]) -> None:
    if len(values) != len(columns):
        raise Unwritable("row-width", f"第{number}条记录有{len(values)}列，应为{len(columns)}列")
