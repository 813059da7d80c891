"""What was read: a workbook of sheets of rows of typed values, numbered from 1 as the sheet shows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from sheets.kinds import Kind
from sheets.limits import Feature

NOT_COMPUTED = "#NOT-COMPUTED"
"""Code of the error cell that stands for a formula whose result the file does not hold: empty would be a lie.

Known for xlsx and ods. In .xls a formula that was never computed looks like one that yields an empty text.
"""


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """A cell that shows an error (`#REF!`, `#N/A`, …), or `NOT_COMPUTED`."""

    code: str


MERGED_RANGES = 100_000
"""Merged ranges of one sheet that are reported; a sheet with more is no data."""

Value = str | int | float | bool | date | datetime | time | timedelta | ErrorCell | None
"""One cell as the file has it.

Text is verbatim: not trimmed, not normalised. A number cell stays a number: `float` as a rule (the formats know nothing
else; a whole float may be a code that lost its form), `int` where .xls says so; what a `float` cannot hold was lost
before we saw it. A number that is shown as a date but is none (negative, 1900-02-29) stays a number. `None` is empty;
an empty text is empty too, since the parsers do not tell them apart.
"""


class Visibility(StrEnum):
    """Whether people see a sheet."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    VERY_HIDDEN = "very-hidden"
    """Hidden so that the user interface does not offer to show it."""


class Network(StrEnum):
    """How the parsing child was kept off the network."""

    NAMESPACE = "network-namespace"
    USER_NAMESPACE = "user-namespace"
    NONE = "none"
    """Neither kind of namespace was to be had: the child could have reached the network."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value with its place; row and column from 1."""

    row: int
    column: int
    value: Value

    @property
    def place(self) -> str:
        """The place as the sheet shows it: `B3`."""
        return f"{column_letters(self.column)}{self.row}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row with at least one value. `values[0]` stands in column 1; empty cells at the end are left out."""

    number: int
    values: tuple[Value, ...]

    def value(self, column: int) -> Value:
        """The value in this column (from 1); None where the row has none."""
        return self.values[column - 1] if column <= len(self.values) else None

    def cells(self) -> Iterator[Cell]:
        """The cells that hold something, left to right."""
        for column, value in enumerate(self.values, 1):
            if value is not None:
                yield Cell(self.number, column, value)


@dataclass(frozen=True, slots=True)
class CellRange:
    """A rectangle of cells, both corners included, counted from 1."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    def __str__(self) -> str:
        """As the sheet shows it: `A1:C1`."""
        first, last = column_letters(self.first_column), column_letters(self.last_column)
        return f"{first}{self.first_row}:{last}{self.last_row}"


@dataclass(frozen=True, slots=True)
class SheetTitle:
    """A sheet of the workbook by name, read or not."""

    name: str
    visibility: Visibility
    has_cells: bool
    """False for sheets that are a chart, a dialog or a macro."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet that was read. Rows without any content are not listed: gaps in the numbers show them."""

    name: str
    rows: tuple[Row, ...]
    merged: tuple[CellRange, ...]
    """Merged ranges. Known for xls, xlsx and ods; a csv cannot have any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbook:
    """A file that was read."""

    kind: Kind
    sheets: tuple[Sheet, ...]
    """The sheets within the scope of the limits, in the order of the workbook; a csv is one sheet without a name."""
    titles: tuple[SheetTitle, ...]
    """All sheets of the workbook in its order."""
    features: frozenset[Feature]
    """What the file carries beside cells, as far as the limits allowed it."""
    encoding: str | None
    """csv only: `utf-8`, `gb18030`, or `utf-16` with its mark."""
    delimiter: str | None
    """csv only."""
    network: Network
    """How the child that read this file was kept off the network."""


def column_letters(column: int) -> str:
    """The name of a column counted from 1: 1 is A, 28 is AB."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """The column, from 1, of a name in capital letters: AB is 28."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
