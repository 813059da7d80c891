"""From checked bytes to rows: the parser, and what is put over its answer. Runs in the child only.

The parser (calamine) is imported by the functions that use it, so that a child has its limits before that happens.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheets.cells import MERGED_RANGES, CellRange, Row, Value
from sheets.errors import damaged
from sheets.kinds import Kind
from sheets.precheck.surveys import SheetSurvey, Survey
from sheets.precheck.text import UTF8, records

if TYPE_CHECKING:
    from python_calamine import CalamineSheet


@dataclass(frozen=True, slots=True)
class ParsedSheet:
    """A sheet whose rows come one after another."""

    name: str
    merged: tuple[CellRange, ...]
    rows: Iterator[Row]


def parse(survey: Survey) -> Iterator[ParsedSheet]:
    """The sheets that the survey chose, in the order of the workbook.

    Raises:
        Unreadable: the parser finds the content broken. It may also panic or abort: that ends the child.
    """
    if survey.kind is Kind.CSV:
        yield ParsedSheet("", (), _csv_rows(survey))
        return
    if survey.rows is not None:
        for chosen in survey.chosen:
            yield ParsedSheet(
                survey.sheets[chosen].title.name, survey.sheets[chosen].merged or (), iter(survey.rows[chosen])
            )
        return
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 -- after the child's limits are set

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(survey.clean))
        listed = len(survey.chosen) if survey.holds_only_chosen else len(survey.sheets)
        if len(workbook.sheet_names) != listed:
            raise damaged("sheet-list")
        for place, chosen in enumerate(survey.chosen):
            sheet = workbook.get_sheet_by_index(place if survey.holds_only_chosen else chosen)
            yield _parsed(sheet, survey.sheets[chosen])
    except CalamineError:
        raise damaged("content") from None


def plain_rows(survey: Survey) -> Iterator[Sequence[Value]] | None:
    """The rows of the only sheet that was chosen, as the parser has them, from row 1 on with empty texts for no value.

    None where a value has to be put over the parser's, or where its rows do not begin at the first cell: then `parse`.

    Raises:
        Unreadable: as `parse`.
    """
    if survey.kind is Kind.CSV or len(survey.chosen) != 1:
        return None
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 -- after the child's limits are set

    (chosen,) = survey.chosen
    if survey.sheets[chosen].overlay:
        return None
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(survey.clean))
        if len(workbook.sheet_names) != (1 if survey.holds_only_chosen else len(survey.sheets)):
            raise damaged("sheet-list")
        sheet = workbook.get_sheet_by_index(0 if survey.holds_only_chosen else chosen)
        if sheet.start != (0, 0) or (survey.sheets[chosen].merged is None and sheet.merged_cell_ranges):
            return None
        return iter(sheet.iter_rows())
    except CalamineError:
        raise damaged("content") from None


def _parsed(sheet: "CalamineSheet", survey: SheetSurvey) -> ParsedSheet:
    merged = survey.merged
    if merged is None:
        ranges = (sheet.merged_cell_ranges or [])[:MERGED_RANGES]
        merged = tuple(CellRange(top + 1, left + 1, bottom + 1, right + 1) for (top, left), (bottom, right) in ranges)
    return ParsedSheet(survey.title.name, merged, _rows(sheet, survey))


def _rows(sheet: "CalamineSheet", survey: SheetSurvey) -> Iterator[Row]:
    """The rows with content. The parser's rows begin at its first used cell; the overlay is put over them."""
    overlay: dict[int, dict[int, Value]] = {}
    for (row, column), value in survey.overlay.items():
        overlay.setdefault(row, {})[column] = value
    start = sheet.start
    first_row, first_column = (start[0] + 1, start[1] + 1) if start is not None else (1, 1)
    number = first_row - 1
    for above in sorted(row for row in overlay if row < first_row):
        yield _row(above, [], overlay[above])
    for number, values in enumerate(sheet.to_python(skip_empty_area=True), first_row):
        cells: list[Value] = [None] * (first_column - 1)
        cells += [None if value == "" else value for value in values]
        read = _row(number, cells, overlay.get(number, {}))
        if read.values:
            yield read
    for below in sorted(row for row in overlay if row > number):
        yield _row(below, [], overlay[below])


def _row(number: int, cells: list[Value], overlay: dict[int, Value]) -> Row:
    for column, value in overlay.items():
        cells.extend([None] * (column - len(cells)))
        cells[column - 1] = value
    while cells and cells[-1] is None:
        cells.pop()
    return Row(number, tuple(cells))


def _csv_rows(survey: Survey) -> Iterator[Row]:
    for number, record in records(survey.clean.decode(UTF8), survey.delimiter or ","):
        row = _row(number, [field or None for field in record], {})
        if row.values:
            yield row
