"""Rows of several sheets of one file in one check: each has a number of its own, which says its sheet and its row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SPAN: Final = 2_000_000
"""Above any row of a sheet. A row of the first sheet has its own number, one of the next has so much more, and so on;
the exchange store keeps these numbers, and 256 sheets stay within what its column holds."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Rows by their numbers, for a file of these sheets in their order."""

    sheets: Sequence[str | None]

    def number(self, place: int, row: int) -> int:
        return place * SPAN + row

    def place(self, number: int) -> int:
        return number // SPAN

    def sheet(self, number: int) -> str | None:
        return self.sheets[self.place(number)]

    def row(self, number: int) -> int:
        return number % SPAN

    def named(self, number: int) -> str:
        """What people call the row."""
        plain = f"第{self.row(number)}行"
        return f"工作表“{self.sheet(number)}”{plain}" if len(self.sheets) > 1 else plain
