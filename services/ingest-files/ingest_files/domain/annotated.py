"""The annotated copy of a provider's file: every cell as it was, those with findings coloured and with a note.

It is written from what the confined child read, as xlsx whatever the file was: the service itself never parses a
provider's file, and .xls knows no writer of notes. Values are the provider's own and stay as they are; looks and
formulas of the original are not in it. A text is written as a text, so that nothing in it can become a formula.
"""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import xlsxwriter

from ingest_files.domain.judgement import Finding
from ingest_files.domain.summary import RULE_NAMES
from quality.model import Severity
from sheets.cells import Sheet, Value, Workbook
from sheets.writing import sheet_name

RESULTS: Final = "检查结果"
MAX_NOTES: Final = 20_000
"""Notes in one file; cells beyond are coloured, and all findings stand in the sheet of results."""
_NOTE_LENGTH: Final = 1000
_EXCEL_ROWS: Final = 1_048_576
_EXCEL_COLUMNS: Final = 16_384
_CELL_LENGTH: Final = 32_767
_ROOM: Final = 25
"""Of the name of a sheet, before the number that tells it from another."""
_FROM: Final = datetime(1900, 3, 1)  # noqa: DTZ001  sheets know no zone; before it Excel's days are ambiguous
_NAMES: Final = {Severity.ERROR: "错误", Severity.WARNING: "提醒"}
_COLOURS: Final = {Severity.ERROR: "#F8CBAD", Severity.WARNING: "#FFE699"}
_FORMATS: Final = {date: "yyyy/mm/dd", datetime: "yyyy/mm/dd hh:mm:ss", time: "hh:mm:ss", timedelta: "[h]:mm:ss"}


def annotate(workbook: Workbook, findings: Sequence[Finding], names: Mapping[str, str] | None = None) -> bytes:
    """The copy, as xlsx: a sheet of results first, then the sheets that were read, each with what was found in it.

    A finding that names no sheet stands in the first that holds anything: the annex's form has one. `names` are those
    of the items by their codes.
    """
    written = io.BytesIO()
    book = xlsxwriter.Workbook(written, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    writer = _Writer(book)
    with_cells = [sheet for sheet in workbook.sheets if sheet.rows]
    by_sheet = _by_sheet(findings, [sheet.name for sheet in with_cells])
    taken = {RESULTS.casefold()}
    results = book.add_worksheet(RESULTS)
    for place, sheet in enumerate(with_cells):
        page = book.add_worksheet(_unused(sheet.name or "数据", taken))
        found = by_sheet.get(place, {})
        writer.sheet(page, sheet, found)
        if found:
            page.set_tab_color(_COLOURS[_worst(one for here in found.values() for one in here)])
    writer.results(results, findings, names or {})
    book.close()
    return written.getvalue()


Cells = dict[tuple[int, int], list[Finding]]


def _by_sheet(findings: Sequence[Finding], names: Sequence[str]) -> dict[int, Cells]:
    """Findings by their sheet's place and their cell.

    One of a whole row stands at the row's first cell, one of a column at its header.
    """
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    found: dict[int, Cells] = {}
    for finding in findings:
        if finding.row is not None or finding.column is not None:
            here = found.setdefault(places.get(finding.sheet or "", 0), {})
            here.setdefault((finding.row or 1, finding.column or 1), []).append(finding)
    return found


def _worst(found: Iterable[Finding]) -> Severity:
    return Severity.ERROR if any(one.severity is Severity.ERROR for one in found) else Severity.WARNING


def _unused(name: str, taken: set[str]) -> str:
    """A name that Excel takes, and that no sheet has yet."""
    plain = "".join(char if char.isprintable() else "_" for char in name)
    shown, number = sheet_name(plain), 1
    while shown.casefold() in taken:
        number += 1
        shown = f"{sheet_name(plain, _ROOM)} ({number})"
    taken.add(shown.casefold())
    return shown


class _Writer:
    def __init__(self, book: Any) -> None:
        self._book = book
        self._formats: dict[tuple[Severity | None, type | None], Any] = {}
        self._notes = 0

    def _format(self, severity: Severity | None, kind: type | None) -> Any:
        if (severity, kind) not in self._formats:
            looks: dict[str, Any] = {}
            if severity is not None:
                looks |= {"bg_color": _COLOURS[severity], "border": 1, "border_color": "#C00000"}
            if kind is not None:
                looks["num_format"] = _FORMATS[kind]
            self._formats[severity, kind] = self._book.add_format(looks) if looks else None
        return self._formats[severity, kind]

    def sheet(self, page: Any, sheet: Sheet, found: Mapping[tuple[int, int], list[Finding]]) -> None:
        widths: dict[int, int] = {}
        seen: set[tuple[int, int]] = set()
        for row in sheet.rows:
            # A title stands alone in its row and flows over the columns beside it.
            alone = sum(value is not None for value in row.values) == 1
            for column, value in enumerate(row.values, 1):
                here = found.get((row.number, column), [])
                if here:
                    seen.add((row.number, column))
                self._cell(page, row.number, column, value, here)
                if row.number <= 50 and value is not None and not alone:
                    widths[column] = max(widths.get(column, 0), _width(value))
        for (number, column), here in found.items():
            if (number, column) not in seen:
                self._cell(page, number, column, None, here)
        for column, width in widths.items():
            if column <= _EXCEL_COLUMNS:
                page.set_column(column - 1, column - 1, min(max(width + 2, 8), 40))

    def _cell(self, page: Any, row: int, column: int, value: Value, found: Sequence[Finding]) -> None:
        if row > _EXCEL_ROWS or column > _EXCEL_COLUMNS:
            return
        severity = None
        if found:
            severity = _worst(found)
        self._value(page, row - 1, column - 1, value, severity)
        if found and self._notes < MAX_NOTES:
            self._notes += 1
            text = "\n".join(f"[{_NAMES[one.severity]}] {one.message}" for one in found)[:_NOTE_LENGTH]
            lines = sum(1 + len(line) // 16 for line in text.splitlines())
            page.write_comment(row - 1, column - 1, text, {"x_scale": 1.8, "height": min(20 + 18 * lines, 300)})

    def _value(self, page: Any, row: int, column: int, value: Value, severity: Severity | None) -> None:
        plain = self._format(severity, None)
        match value:
            case None:
                if plain is not None:
                    page.write_blank(row, column, None, plain)
            case bool():
                page.write_boolean(row, column, value, plain)
            case str():
                page.write_string(row, column, value[:_CELL_LENGTH], plain)
            case int() | float():
                if abs(value) < 10**15 and math.isfinite(value):
                    page.write_number(row, column, value, plain)
                else:
                    page.write_string(row, column, str(value), plain)
            case datetime() if value.replace(tzinfo=None) >= _FROM:
                page.write_datetime(row, column, value, self._format(severity, datetime))
            case date() if not isinstance(value, datetime) and value >= _FROM.date():
                page.write_datetime(row, column, value, self._format(severity, date))
            case timedelta():
                page.write_datetime(row, column, value, self._format(severity, timedelta))
            case time():
                page.write_datetime(row, column, value, self._format(severity, time))
            case date():
                page.write_string(row, column, str(value), plain)
            case _:
                page.write_string(row, column, value.code, plain)

    def results(self, page: Any, findings: Sequence[Finding], names: Mapping[str, str]) -> None:
        head = self._book.add_format({"bold": True, "bg_color": "#D9E1F2", "bottom": 1})
        wrapped = self._book.add_format({"text_wrap": True, "valign": "top"})
        middle = self._book.add_format({"align": "center", "valign": "top"})
        errors = sum(one.severity is Severity.ERROR for one in findings)
        titles = ("工作表", "行", "列", "信息项", "规则", "程度", "值（已遮盖）", "说明")
        page.merge_range(
            0, 0, 0, len(titles) - 1, f"共{len(findings)}处：错误{errors}处，提醒{len(findings) - errors}处", head
        )
        for column, title in enumerate(titles):
            page.write_string(1, column, title, head)
        for number, one in enumerate(findings[: _EXCEL_ROWS - 2], 2):
            page.write_string(number, 0, one.sheet or "", wrapped)
            for column, place in enumerate((one.row, one.column), 1):
                if place is not None:
                    page.write_number(number, column, place, middle)
            rule, severity = RULE_NAMES.get(one.rule, one.rule), _NAMES[one.severity]
            item = names.get(one.item or "", one.item or "")
            for column, text in enumerate((item, rule, severity, one.value or "", one.message), 3):
                page.write_string(number, column, text, wrapped)
        for column, width in enumerate((14, 6, 6, 18, 10, 6, 16, 60)):
            page.set_column(column, column, width)
        page.freeze_panes(2, 0)
        # On paper one page wide, the titles on each.
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        page.repeat_rows(0, 1)


def _width(value: Value) -> int:
    if isinstance(value, date):
        return 19 if isinstance(value, datetime) else 10
    shown = str(getattr(value, "code", value))
    return sum(2 if ord(char) > 0x2E80 else 1 for char in shown[:40])
