"""A sheet as a grid: what each cell holds and shows, with blanks as nothing and merged cells known."""

import functools
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum, auto

from sheets.cells import CellRange, ErrorCell, Sheet, Value
from sheets.guided.texts import visible_text

_NUMBER = re.compile(
    r"[+-]?[0-9０-９]{1,3}(?:[,，][0-9０-９]{3})+(?:\.[0-9]+)?%?|[+-]?[0-9０-９]+(?:[.．][0-9０-９]+)?(?:[eE][+-]?[0-9]+)?[%％‰]?"
)
_DATE = re.compile(
    r"(?:1[89]|20|21)[0-9]{2}(?:[-/.][0-9]{1,2}[-/.][0-9]{1,2}|年[0-9]{1,2}月[0-9]{1,2}日?)(?:[ T][0-9:.]{3,12})?"
)
_CODE = re.compile(r"(?=[^0-9]*[0-9])[0-9A-Za-z\-_.〔〕()（）*]{4,40}")
_PLACEHOLDER = frozenset(
    {"-", "--", "—", "——", "/", "\\", "…", "……", "...", "*", "×", "√", "○", "无", "N/A", "n/a", "●", "☆"}
)
_CODE_DIGITS = 5
_YEARS = range(1900, 2101)
_MONTH = re.compile(r"(?:19|20)[0-9]{2}[.](?:0[1-9]|1[0-2]?)")
_PERIODS = 3
_DAYS = 5


class CellKind(Enum):
    """What a cell looks like."""

    EMPTY = auto()
    TEXT = auto()
    NUMBER = auto()
    DATE = auto()
    CODE = auto()
    MARK = auto()
    """A dash, a tick: stands for a value of any kind."""

    @property
    def is_typed(self) -> bool:
        """More than words."""
        return self in {CellKind.NUMBER, CellKind.DATE, CellKind.CODE}


def kind_of(value: Value) -> CellKind:
    """The look of one value."""
    if value is None:
        return CellKind.EMPTY
    if isinstance(value, bool | ErrorCell):
        return CellKind.MARK
    if isinstance(value, int | float):
        return CellKind.NUMBER
    if isinstance(value, date | datetime | time | timedelta):
        return CellKind.DATE
    return _kind_of_text(value)


@functools.lru_cache(maxsize=100_000)
def _kind_of_text(value: str) -> CellKind:
    text = visible_text(value)
    if text in _PLACEHOLDER:
        return CellKind.MARK
    if _DATE.fullmatch(text):
        return CellKind.DATE
    if _NUMBER.fullmatch(text):
        return CellKind.NUMBER
    return CellKind.CODE if _CODE.fullmatch(text) else CellKind.TEXT


def is_year(value: Value) -> bool:
    """A number that can be the title of a column: a year."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        number = float(value)
    except ValueError:
        return False
    return number.is_integer() and int(number) in _YEARS


def periods(cells: Mapping[int, Value]) -> frozenset[int]:
    """The columns of a row that name months or days in order: dates, or months written 2023.01, at least three."""
    dated = {column: value for column, value in cells.items() if isinstance(value, date)}
    months = {column: value for column, value in cells.items() if _is_month(value)}
    for found in (dated, months):
        marks = [str(value) for _, value in sorted(found.items())]
        if len(found) < _PERIODS or len(set(marks)) < len(marks):
            continue
        if len(found) + sum(isinstance(value, str) for value in cells.values()) >= len(cells):
            return frozenset(found)
    return frozenset()


def days(cells: Mapping[int, Value]) -> frozenset[int]:
    """The columns of a row that count 1, 2, 3, … side by side beside words: the days of a month."""
    counted = [column for column, value in sorted(cells.items()) if whole_number(value) is not None]
    follows = all(
        column == counted[0] + place and whole_number(cells[column]) == place + 1
        for place, column in enumerate(counted)
    )
    words = sum(isinstance(value, str) and kind_of(value) is CellKind.TEXT for value in cells.values())
    if len(counted) < _DAYS or not follows or not words or words + len(counted) < len(cells):
        return frozenset()
    return frozenset(counted)


def _is_month(value: Value) -> bool:
    """2023.01, and 2023.1 for October."""
    if isinstance(value, bool) or not isinstance(value, float | str):
        return False
    return _MONTH.fullmatch(str(value).strip()) is not None


def whole_number(value: Value) -> int | None:
    """A whole number of 1 to 9 digits, as a number or a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if 0 <= value < 10**9 and value == value // 1 else None
    if isinstance(value, str):
        text = visible_text(value).rstrip(".．、").removesuffix(".0")
        return int(text) if text.isdecimal() and len(text) <= 9 else None
    return None


class Grid:
    """The rows with visible content of one sheet, by number, and their merged cells."""

    def __init__(self, sheet: Sheet) -> None:
        self.rows: dict[int, dict[int, Value]] = {}
        """Cells by column, blank ones left out; rows without any left out."""
        for row in sheet.rows:
            cells: dict[int, Value] = {
                column: value
                for column, value in enumerate(row.values, 1)
                if value is not None and not (isinstance(value, str) and not visible_text(value))
            }
            if cells:
                self.rows[row.number] = cells
        self.numbers: list[int] = sorted(self.rows)
        self.merged: tuple[CellRange, ...] = tuple(
            part for part in sheet.merged if part.last_row > part.first_row or part.last_column > part.first_column
        )
        self._by_row: dict[int, list[CellRange]] = {}
        for part in self.merged:
            for number in self._between(part.first_row, part.last_row):
                self._by_row.setdefault(number, []).append(part)

    def _between(self, first: int, last: int) -> Iterator[int]:
        place = bisect_left(self.numbers, first)
        while place < len(self.numbers) and self.numbers[place] <= last:
            yield self.numbers[place]
            place += 1

    def merges(self, row: int) -> list[CellRange]:
        """The merged ranges that touch a row."""
        return self._by_row.get(row, [])

    def merge_at(self, row: int, column: int) -> CellRange | None:
        """The merged range that covers a cell."""
        for part in self.merges(row):
            if part.first_column <= column <= part.last_column:
                return part
        return None

    def value(self, row: int, column: int) -> Value:
        """What the cell itself holds."""
        return self.rows.get(row, {}).get(column)

    def shown(self, row: int, column: int) -> Value:
        """What a person sees in the cell: its own value, or that of the merged cells it is part of."""
        own = self.value(row, column)
        if own is not None:
            return own
        part = self.merge_at(row, column)
        return self.value(part.first_row, part.first_column) if part else None

    def shown_row(self, row: int) -> dict[int, Value]:
        """All that a person sees in a row, by column; a merged range counts for each column it covers."""
        cells = dict(self.rows.get(row, {}))
        for part in self.merges(row):
            value = self.value(part.first_row, part.first_column)
            if value is not None:
                for column in range(part.first_column, min(part.last_column, part.first_column + _WIDEST) + 1):
                    cells.setdefault(column, value)
        return cells

    def span(self, row: int, column: int) -> int:
        """How many columns a cell is merged over: 1 if none."""
        part = self.merge_at(row, column)
        return part.last_column - part.first_column + 1 if part else 1


_WIDEST = 1024
"""Columns of a merged range that are looked at."""
