"""The rows of one sheet of a file, as they go into its check."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from quality.cells import Cell


@dataclass(frozen=True, slots=True)
class Turn:
    """The rows of one sheet, and the columns of the items there."""

    places: Mapping[str, int]
    rows: Iterable[tuple[int, Sequence[Cell]]]
    sheet: str | None = None
    """None: the file has one, or none that has a name."""
