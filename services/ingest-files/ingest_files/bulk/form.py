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
        columns = self._plain(numbers, rows)
        if columns is not None:
            self._numbering.pass_over(numbers[0], len(rows))
            self.records += len(rows)
            self.last_row = numbers[-1]
            return Block(numbers, columns)
        kept = [self._record(number, row) for number, row in zip(numbers, rows, strict=True)]
        found = [row for row in kept if row is not None]
        cells = [row.values + (None,) * (self.width - len(row.values)) for row in found]
        return Block([row.number for row in found], list(zip(*cells, strict=True)))

    def _plain(self, numbers: Sequence[int], rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]] | None:
        if not self._numbered or numbers[0] != self.last_row + 1 or numbers[-1] - numbers[0] != len(rows) - 1:
            return None
        if set(map(len, rows)) != {self.width} or len(self.titles) != self.width:
            return None
        columns = list(zip(*rows, strict=True))
        first = self._numbering.expected
        wanted = range(first, first + len(rows))
        goes_on = list(columns[0]) == (list(map(str, wanted)) if self._is_text else list(wanted))
        return columns if goes_on else None

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
