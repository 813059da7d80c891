"""Workbooks of Excel 5.0 and 95 (BIFF5): texts in a code page, which the main parser takes for single characters.

They are read whole by xlrd, in the same confined child and within the same limits; what it cannot read is damage.
"""

import contextlib
import io
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sheets.cells import CellRange, ErrorCell, Row, SheetTitle, Value, Visibility
from sheets.errors import Reason, Unreadable, damaged
from sheets.kinds import Kind
from sheets.limits import Feature, Limits
from sheets.precheck.biff.records import BOUNDSHEET, CODEPAGE, EOF
from sheets.precheck.surveys import (
    Extent,
    SheetSurvey,
    Survey,
    check_area,
    check_extent,
    check_features,
    check_names,
    choose,
)

_VISIBILITIES = (Visibility.VISIBLE, Visibility.HIDDEN, Visibility.VERY_HIDDEN)
_CHINESE = "gb18030"
"""For files that name no code page: then it was that of the machine, and here these write Chinese."""
_EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001  cells have no zone
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001  as above
_FIRST_SURE_DAY = 61
"""From here on serial numbers of the epoch of 1900 are days: 60 is a 29 February that never was."""
_MACRO_SHEET = 1
_LAST_SERIAL = 2_958_466


def survey_old_xls(stream: bytes, features: set[Feature], limits: Limits) -> Survey:
    """Read the workbook stream of an Excel 5.0/95 file.

    Raises:
        Unreadable: it is broken, or holds more than the limits allow.
    """
    if not limits.lenient:
        raise Unreadable(Reason.BIFF5)
    import xlrd  # noqa: PLC0415 -- after the child's limits are set

    quiet = io.StringIO()
    encoding, macros = _globals(stream)
    try:
        with contextlib.redirect_stdout(quiet):
            book = xlrd.open_workbook(file_contents=stream, logfile=quiet, ragged_rows=True, encoding_override=encoding)
            sheets = tuple(_sheet(book, place, limits) for place in range(book.nsheets))
    except (Unreadable, MemoryError):
        raise
    except Exception:  # noqa: BLE001 -- a parser of hostile bytes fails in any way
        raise damaged("biff5") from None
    titles = [survey.title for survey, _ in sheets]
    check_names(titles)
    chosen = choose(titles, limits)
    for place in chosen:
        check_extent(sheets[place][0].extent, limits)
    check_area([survey for survey, _ in sheets], limits)
    return Survey(
        kind=Kind.XLS,
        clean=b"",
        sheets=tuple(survey for survey, _ in sheets),
        chosen=chosen,
        holds_only_chosen=False,
        features=check_features(features | macros, limits),
        rows=tuple(rows for _, rows in sheets),
    )


def _globals(stream: bytes) -> tuple[str | None, set[Feature]]:
    """How texts are encoded - Chinese code pages as the wider GB18030, others as the file says - and macro sheets."""
    at, page = 0, None
    features: set[Feature] = set()
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<2H", stream, at)
        body = stream[at + 4 : at + 4 + length]
        if kind == CODEPAGE and length >= 2:
            page = int.from_bytes(body[:2], "little")
        elif kind == BOUNDSHEET and length >= 6 and body[5] == _MACRO_SHEET:
            features.add(Feature.MACRO_SHEETS)
        elif kind == EOF:
            break
        at += 4 + length
    return (_CHINESE if page in {None, 936, 54936} else None), features


def _sheet(book: Any, place: int, limits: Limits) -> tuple[SheetSurvey, tuple[Row, ...]]:
    sheet = book.sheet_by_index(place)
    rows = tuple(_rows(book, sheet))
    extent = Extent(len(rows), rows[-1].number if rows else 0, max((len(row.values) for row in rows), default=0))
    for row in rows:
        for column, value in enumerate(row.values, 1):
            if isinstance(value, str) and len(value) > limits.cell_characters:
                raise Unreadable(
                    Reason.CELL_TOO_LONG,
                    row=row.number,
                    column=column,
                    characters=len(value),
                    limit=limits.cell_characters,
                )
    merged = tuple(CellRange(top + 1, left + 1, bottom, right) for top, bottom, left, right in sheet.merged_cells)
    title = SheetTitle(sheet.name, _VISIBILITIES[min(sheet.visibility, 2)], has_cells=True)
    return SheetSurvey(title=title, extent=extent, merged=merged), rows


def _rows(book: Any, sheet: Any) -> Iterator[Row]:
    for number in range(sheet.nrows):
        values: list[Value] = [
            _value(kind, value, book.datemode)
            for kind, value in zip(sheet.row_types(number), sheet.row_values(number), strict=True)
        ]
        while values and values[-1] is None:
            values.pop()
        if values:
            yield Row(number + 1, tuple(values))


def _value(kind: int, value: str | float, datemode: int) -> Value:
    """A cell by its type as xlrd numbers them: 0 empty, 1 text, 2 number, 3 date, 4 boolean, 5 error, 6 blank."""
    match kind:
        case 1:
            return str(value) or None
        case 2:
            return float(value)
        case 3:
            return _moment(float(value), datemode)
        case 4:
            return bool(value)
        case 5:
            return ErrorCell(_ERRORS.get(int(value), "#N/A"))
        case _:
            return None


_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}


def _moment(serial: float, datemode: int) -> Value:
    """The moment of a number that is shown as one; a number that is none stays a number."""
    if datemode == 0 and not _FIRST_SURE_DAY <= serial < _LAST_SERIAL:
        return serial
    if serial < 0 or serial >= _LAST_SERIAL:
        return serial
    epoch = _EPOCH_1904 if datemode == 1 else _EPOCH_1900
    return epoch + timedelta(seconds=round(serial * 86_400))
