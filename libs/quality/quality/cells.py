"""What a cell of a sheet, or a member of a pushed row, can hold before it is read."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Protocol


class Broken(Protocol):
    """A cell that shows an error, `#REF!` and the like; `sheets.cells.ErrorCell` is one as it is."""

    @property
    def code(self) -> str: ...


@dataclass(frozen=True, slots=True)
class BrokenCell:
    """A cell whose formula ended in an error."""

    code: str


Cell = str | int | float | bool | date | datetime | time | timedelta | Broken | None
"""What a sheet's cell holds."""
Value = str | int | Decimal | date | datetime
"""What it means, once it is read."""
