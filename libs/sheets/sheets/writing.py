"""The way out: granted data as a file of the annex's form.

The counterpart of `annex`: a header row, a first column 序号, dates as text YYYY/MM/DD[ hh:mm:ss], at most 2,000 rows
(Annex 3 chapter 6). Text that a spreadsheet program could take for a formula is made harmless (ASVS 1.2.10, IN-X14).
"""

import io
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import xlwt

from sheets.annex import MAX_ROWS, SEQUENCE_TITLE
from sheets.cells import ErrorCell
from sheets.errors import SheetsError

Written = str | int | float | Decimal | bool | date | datetime | time | timedelta | ErrorCell | None
"""What a cell may be given."""

MAX_COLUMNS = 255
"""Columns beside 序号: the width of the .xls format less one."""
MAX_CHARACTERS = 32_767
"""Text of one cell in .xls."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""ASVS 1.2.10: a text that begins so is given an apostrophe; programs in Chinese take the full-width forms too."""
_SHEET_NAME_CHARACTERS = 31
_NOT_IN_SHEET_NAMES = re.compile(r"[\x00-\x1f\[\]:*?/\\]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_EXACT_DIGITS = 15
"""Significant digits that a number cell is sure to keep."""


class Unwritable(SheetsError):  # noqa: N818 -- a refusal is an answer, not a malfunction
    """The data does not fit into a file of the annex's form."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def write_annex_xls(title: str, columns: Sequence[str], rows: Sequence[Sequence[Written]]) -> bytes:
    """An .xls with one sheet named `title`: a column 序号, then `columns`; one row per element of `rows`.

    Dates become text in the annex's form. Numbers stay numbers as long as a number cell keeps all their digits, and
    become text otherwise.

    Raises:
        Unwritable: too many rows or columns, a row of another width, or a text that no cell can hold.
    """
    if len(rows) > MAX_ROWS:
        raise Unwritable("too-many-rows", f"数据行数{len(rows)}超过{MAX_ROWS}行上限")
    if len(columns) > MAX_COLUMNS:
        raise Unwritable("too-many-columns", f"列数{len(columns)}超过{MAX_COLUMNS}列上限")
    workbook = xlwt.Workbook(encoding="utf-8")
    sheet = workbook.add_sheet(sheet_name(title))
    for column, name in enumerate((SEQUENCE_TITLE, *columns)):
        sheet.write(0, column, cell(0, column, name))
    for number, values in enumerate(rows, 1):
        if len(values) != len(columns):
            raise Unwritable("row-width", f"第{number}条记录有{len(values)}列，应为{len(columns)}列")
        sheet.write(number, 0, number)
        for column, value in enumerate(values, 1):
            if value is not None:
                sheet.write(number, column, cell(number, column, value))
    made = io.BytesIO()
    workbook.save(made)
    return made.getvalue()


def escaped(text: str) -> str:
    """The text so that no spreadsheet program takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def cell(row: int, column: int, value: Written, *, exact: bool = False) -> str | float | bool | None:
    """What a cell holds: text made harmless, a number, or nothing. Row and column are counted from 0.

    With `exact` a number is written with all its digits, which only text formats can.

    Raises:
        Unwritable: a text that no cell can hold.
    """
    plain = _plain(value)
    if exact and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if isinstance(plain, str):
        plain = escaped(plain)
        if len(plain) > MAX_CHARACTERS:
            message = f"第{row + 1}行第{column + 1}列的文本有{len(plain)}字，超过{MAX_CHARACTERS}字上限"
            raise Unwritable("cell-too-long", message)
        if _SURROGATE.search(plain):
            raise Unwritable("text-characters", f"第{row + 1}行第{column + 1}列的文本含有非法字符")
    return plain


def _plain(value: Written) -> str | float | bool | None:
    match value:
        case datetime():
            return f"{_day(value)} {value.hour:02}:{value.minute:02}:{value.second:02}"
        case date():
            return _day(value)
        case time() | timedelta():
            return _clock(value)
        case ErrorCell():
            return value.code
        case bool() | str() | None:
            return value
        case _:
            return _number(value)


def _day(value: date) -> str:
    return f"{value.year:04}/{value.month:02}/{value.day:02}"


def _clock(value: time | timedelta) -> str:
    if isinstance(value, time):
        return f"{value.hour:02}:{value.minute:02}:{value.second:02}"
    hours, rest = divmod(int(value.total_seconds()), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def _number(value: float | Decimal) -> str | float:
    """The number itself, or its digits as text where a number cell would round them."""
    exact = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    if not exact.is_finite():
        return str(value)
    if isinstance(value, float) or len(exact.normalize().as_tuple().digits) <= _EXACT_DIGITS:
        return float(exact)
    return format(exact, "f")


def sheet_name(title: str, most: int = _SHEET_NAME_CHARACTERS) -> str:
    """A name that every spreadsheet program accepts for a sheet: of `most` UTF-16 units at most, as they count."""
    plain = _NOT_IN_SHEET_NAMES.sub("_", title).strip("'")
    cut = plain.encode("utf-16-le", "surrogatepass")[: 2 * most].decode("utf-16-le", "ignore").strip("'")
    # Excel keeps this one for itself.
    return f"{cut}_" if cut.casefold() == "history" else cut or "Sheet1"
