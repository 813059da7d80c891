"""Sheets as they are read, made from rows in a test: no file, no parser."""

from collections.abc import Sequence
from typing import Any

from sheets.cells import CellRange, Network, Row, Sheet, SheetTitle, Visibility, Workbook, column_number
from sheets.guided.detecting import Layout, detect
from sheets.guided.tables import Detection, Table
from sheets.kinds import Kind


def sheet(rows: Sequence[Sequence[Any]], *merged: str, name: str = "Sheet1") -> Sheet:
    """A sheet whose first row is row 1; an empty row in `rows` is a gap. Merged ranges as `A1:C1`."""
    made = []
    for number, cells in enumerate(rows, 1):
        values = [None if cell == "" else cell for cell in cells]
        while values and values[-1] is None:
            values.pop()
        if values:
            made.append(Row(number, tuple(values)))
    return Sheet(name=name, rows=tuple(made), merged=tuple(map(cell_range, merged)))


def cell_range(text: str) -> CellRange:
    """`A1:C2` as a range."""
    first, last = (_place(corner) for corner in text.split(":"))
    return CellRange(first[0], first[1], last[0], last[1])


def _place(text: str) -> tuple[int, int]:
    letters = text.rstrip("0123456789")
    return int(text[len(letters) :]), column_number(letters)


def workbook(*sheets: Sheet, hidden: Sequence[str] = (), kind: Kind = Kind.XLS) -> Workbook:
    """A workbook of these sheets; hidden ones have been left unread."""
    titles = [SheetTitle(one.name, Visibility.VISIBLE, has_cells=True) for one in sheets]
    titles += [SheetTitle(name, Visibility.HIDDEN, has_cells=True) for name in hidden]
    return Workbook(
        kind=kind,
        sheets=tuple(sheets),
        titles=tuple(titles),
        features=frozenset(),
        encoding=None,
        delimiter=None,
        network=Network.NAMESPACE,
    )


def detected(rows: Sequence[Sequence[Any]], *merged: str) -> Table:
    """The one table of one sheet of these rows."""
    found = detect(workbook(sheet(rows, *merged)))
    assert len(found.tables) == 1, found
    return found.tables[0]


def corrected(rows: Sequence[Sequence[Any]], *merged: str, header: Sequence[int]) -> Table:
    """The table under a header that was named."""
    book = workbook(sheet(rows, *merged))
    return detect(book, {"Sheet1": Layout(tuple(header))}).tables[0]


def all_found(*sheets: Sheet, hidden: Sequence[str] = ()) -> Detection:
    """What is found in a workbook of these sheets."""
    return detect(workbook(*sheets, hidden=hidden))


def titles(table: Table) -> list[str]:
    """The titles of a table, left to right."""
    return [column.title for column in table.columns]


def rows_of(table: Table) -> list[int]:
    """The rows of its records."""
    return [record.row for record in table.records]


def skipped(table: Table) -> dict[int, str]:
    """Its other rows with their reasons."""
    return {one.row: one.reason.value for one in table.skipped}
