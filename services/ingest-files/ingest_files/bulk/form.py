"""The annex's form (Annex 3 chapter 6), block by block: the rules of `sheets.annex` in the memory of a block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sheets.annex import SEQUENCE_TITLE, check_header, check_row, empty_rows, is_blank
from sheets.annex import Sequence as Numbering
from sheets.cells import Row
from sheets.findings import Finding, Rule


@dataclass(frozen=True, slots=True)
class Block:
    """Records with their rows in the file, column by column from the first one on."""

    numbers: Sequence[int]
    columns: Sequence[Sequence[Any]]


class Form:
    """The form of one sheet while it is read from top to bottom; what is wrong with it gathers in `findings`."""

    def __init__(self, *, is_text: bool) -> None:
        self.findings: list[Finding] = []
        self.titles: dict[int, str] = {}
        self.records = 0
        self.last_row = 1
        self._is_text = is_text
        self._numbering = Numbering(is_text=is_text)
        self._numbered = False

    @property
    def width(self) -> int:
        return max(self.titles, default=0)

    def head(self, row: Row) -> None:
        """The first row of the sheet."""
        if row.number != 1 or is_blank(row):
            self.findings.append(Finding(1, None, Rule.HEADER_ROW, "第1行为空；第1行应为字段名称行"))
            return
        self.titles = {column: str(value) for column, value in enumerate(row.values, 1) if value not in {None, ""}}
        self.findings.extend(check_header(row))
        self._numbered = self.titles.get(1, "").strip() == SEQUENCE_TITLE

    def take(self, numbers: Sequence[int], rows: Sequence[Sequence[Any]]) -> Block:
        """The records of the next rows; plain ones are seen to be so at once."""
        if set(map(len, rows)) == {self.width}:
            return self.take_columns(numbers, list(zip(*rows, strict=True)))
        return self._one_by_one(numbers, rows)

    def take_columns(self, numbers: Sequence[int], columns: Sequence[Sequence[Any]]) -> Block:
        """The records of the next rows, which all have as many cells, as their columns."""
        if not self._goes_on(numbers, columns):
            return self._one_by_one(numbers, list(zip(*columns, strict=True)))
        self._numbering.pass_over(numbers[0], len(numbers))
        self.records += len(numbers)
        self.last_row = numbers[-1]
        return Block(numbers, columns)

    def _goes_on(self, numbers: Sequence[int], columns: Sequence[Sequence[Any]]) -> bool:
        """Whether nothing but records follows, each with the next 序号 in the next row."""
        if not self._numbered or numbers[0] != self.last_row + 1 or numbers[-1] - numbers[0] != len(numbers) - 1:
            return False
        if not len(columns) == self.width == len(self.titles):
            return False
        first = self._numbering.expected
        wanted = range(first, first + len(numbers))
        return list(columns[0]) == (list(map(str, wanted)) if self._is_text else list(wanted))

    def _one_by_one(self, numbers: Sequence[int], rows: Sequence[Sequence[Any]]) -> Block:
        kept = [self._record(number, row) for number, row in zip(numbers, rows, strict=True)]
        found = [row for row in kept if row is not None]
        cells = [row.values + (None,) * (self.width - len(row.values)) for row in found]
        return Block([row.number for row in found], list(zip(*cells, strict=True)))

    def _record(self, number: int, values: Sequence[Any]) -> Row | None:
        """One row, looked at by itself; None if it is no record."""
        row = Row(number, tuple(None if value == "" else value for value in values))
        if is_blank(row):
            return None
        if number > self.last_row + 1:
            self.findings.append(empty_rows(self.last_row + 1, number - 1, number))
        self.last_row = number
        self.records += 1
        self.findings.extend(check_row(row, self.titles, header_known=bool(self.titles)))
        if self._numbered:
            self.findings.extend(self._numbering.take(row))
        return Row(number, row.values[: self.width])

    def end(self) -> Iterator[Finding]:
        """What is wrong with the whole."""
        if not self.records:
            yield Finding(None, None, Rule.NO_DATA, "没有数据行")
