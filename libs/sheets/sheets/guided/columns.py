"""The columns of a table: which they are, what they hold, and which of them only counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Final

from sheets.cells import Value
from sheets.guided import texts
from sheets.guided.grid import CellKind, Grid, kind_of, whole_number
from sheets.guided.headers import joined_titles
from sheets.guided.tables import ColumnKind

_COUNTS_SHARE: Final = 0.7
_SAMPLE_ROWS: Final = 200


def table_columns(grid: Grid, header: Sequence[int], body: Sequence[int]) -> tuple[list[int], tuple[int, int] | None]:
    """The columns of the table, and first and last column of another one beside it."""
    titled = {column for row in header for column in grid.shown_row(row)}
    filled: Counter[int] = Counter(column for row in body for column in grid.rows[row])
    tabular = sum(1 for row in body if len(grid.rows[row]) >= 2)
    kept = titled | {column for column, count in filled.items() if count >= max(2, 0.05 * tabular)}
    if not kept:
        return [], None
    titled_min, titled_max = min(titled, default=1), max(titled, default=1)
    used = sorted(
        column
        for column in kept
        if column in titled
        or titled_min <= column <= titled_max
        or (column in {titled_min - 1, titled_max + 1} and filled[column] >= 0.3 * max(1, tabular))
    )
    own_titles = joined_titles(grid, header, used)
    gap = next(
        (
            place
            for place in range(1, len(used))
            if used[place] - used[place - 1] > 1 and _repeats(own_titles, used, place)
        ),
        None,
    )
    if gap is None:
        gap = next((place for place in range(2, len(used) - 1) if _repeats(own_titles, used, place, whole=True)), None)
    if gap is None:
        return used, None
    return used[:gap], (used[gap], used[-1])


def _repeats(titles: Mapping[int, str], used: Sequence[int], place: int, *, whole: bool = False) -> bool:
    """Whether the columns from here on bear the titles of those before, as a list that was folded."""
    left = [texts.folded(titles[column]) for column in used[:place]]
    right = [texts.folded(titles[column]) for column in used[place:] if titles[column]]
    if not right:
        return False
    if whole:
        first = used[place]
        width = len(left)
        return (
            len(right) % width == 0
            and all(right[at] == left[at % width] for at in range(len(right)))
            and texts.is_sure_sequence_title(titles[first])
        )
    again = sum(title in left for title in right)
    return again >= max(1, 0.6 * len(right)) or (
        texts.is_sure_sequence_title(titles[used[place]]) and texts.is_sure_sequence_title(titles[used[0]])
    )


def sequence_column(grid: Grid, titles: Mapping[int, str], body: Sequence[int]) -> int | None:
    """The column that counts the rows: by its title, or by counting under a title that allows it."""
    for column in list(titles)[:2]:
        parts = titles[column].split("/")
        if any(texts.is_sure_sequence_title(part) for part in parts):
            return column
        if any(texts.is_sequence_title(part) for part in parts) or not titles[column]:
            found = [whole_number(grid.value(row, column)) for row in body if grid.value(row, column) is not None]
            numbers = [number for number in found if number is not None]
            if any(_is_padded(grid.value(row, column)) for row in body[:_SAMPLE_ROWS]):
                continue  # 001 names something
            if _counts(numbers, len(found)):
                return column
    return None


def _is_padded(value: Value) -> bool:
    return isinstance(value, str) and len(value.strip()) > 1 and value.strip().startswith("0")


def _counts(numbers: Sequence[int], cells: int) -> bool:
    """1, 2, 3, …: with few exceptions each number is one more than the last, or begins anew."""
    if len(numbers) < 2 or len(numbers) < _COUNTS_SHARE * cells or numbers[0] not in {0, 1}:
        return False
    steps = sum(after == before + 1 or after == 1 for before, after in pairwise(numbers))
    return steps >= 0.9 * (len(numbers) - 1)


def column_kind(grid: Grid, records: Sequence[int], column: int) -> ColumnKind:
    """What most cells of a column hold, marks left aside."""
    kinds: Counter[ColumnKind] = Counter()
    for row in records:
        value = grid.value(row, column)
        if (kind := _kind_of(value)) is not None:
            kinds[kind] += 1
    if not kinds:
        return ColumnKind.EMPTY
    total = sum(kinds.values())
    for kind in (ColumnKind.DATE, ColumnKind.DATETIME, ColumnKind.INTEGER):
        if kinds[kind] >= 0.9 * total:
            return kind
    if kinds[ColumnKind.INTEGER] + kinds[ColumnKind.NUMBER] >= 0.9 * total:
        return ColumnKind.NUMBER
    if kinds[ColumnKind.DATE] + kinds[ColumnKind.DATETIME] >= 0.9 * total:
        return ColumnKind.DATETIME
    coded = kinds[ColumnKind.CODE] + kinds[ColumnKind.INTEGER]
    return ColumnKind.CODE if coded >= 0.9 * total else ColumnKind.TEXT


def _kind_of(value: Value) -> ColumnKind | None:  # noqa: PLR0911  one answer a kind
    if isinstance(value, datetime):
        return ColumnKind.DATE if (value.hour, value.minute, value.second) == (0, 0, 0) else ColumnKind.DATETIME
    if isinstance(value, date):
        return ColumnKind.DATE
    match kind_of(value):
        case CellKind.EMPTY | CellKind.MARK:
            return None
        case CellKind.NUMBER if isinstance(value, int | float):
            return ColumnKind.INTEGER if float(value).is_integer() else ColumnKind.NUMBER
        case CellKind.NUMBER:
            text = texts.visible_text(str(value))
            if (text.startswith("0") and len(text) > 1 and "." not in text) or (text.isdecimal() and len(text) > 15):
                return ColumnKind.CODE
            return (
                ColumnKind.INTEGER
                if text.lstrip("-").isdecimal()
                else ColumnKind.NUMBER
                if _is_plain(text)
                else ColumnKind.TEXT
            )
        case CellKind.DATE:
            return ColumnKind.DATETIME if ":" in str(value) else ColumnKind.DATE
        case CellKind.CODE:
            return ColumnKind.CODE
        case _:
            return ColumnKind.TEXT


def _is_plain(text: str) -> bool:
    whole, _, fraction = text.lstrip("-").partition(".")
    return whole.isdecimal() and fraction.isdecimal()
