"""Rows that sum up the others without the word 合计: told by their figures, not only by their words."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sheets.cells import Value
from sheets.guided import texts
from sheets.guided.grid import CellKind, Grid, kind_of

_LEAST_ADDENDS: Final = 2
_ROUNDED: Final = 0.01
"""By so much each addend may have been rounded."""


def sums_among(grid: Grid, records: Sequence[int], columns: Collection[int], needed: Collection[int]) -> list[int]:
    """Those of the records that sum or average the others.

    Only the first and the last record of a table and the last one before a gap or a skipped row are looked at. A row
    without a word, or one called 全市, is a sum if its figures are; one called 平均 is an average unless 最大值 and the
    like are listed too.
    """
    if len(records) <= _LEAST_ADDENDS:
        return []
    found: list[int] = []
    ends = {records[0], records[-1]}
    start = 0
    for place, row in enumerate(records):
        is_last = place + 1 == len(records) or records[place + 1] != row + 1
        cells = {column: value for column, value in grid.rows[row].items() if column in columns}
        if row in ends and (word := _first_word(cells)):
            others = [other for other in records if other != row]
            if (texts.is_whole(word) and _is_sum(grid, cells, others)) or (
                texts.is_average(word) and not _lists_extremes(grid, others, columns)
            ):
                found.append(row)
        elif is_last and _is_bare(grid, row, cells, records[place - 1], needed):
            inside = [other for other in records[start:place] if other not in found]
            before = [other for other in records[:place] if other not in found]
            if _is_sum(grid, cells, inside) or _is_sum(grid, cells, before):
                found.append(row)
        if is_last:
            start = place + 1
    return found


def _first_word(cells: Mapping[int, Value]) -> str:
    first = cells[min(cells)] if cells else None
    return first if isinstance(first, str) and kind_of(first) is CellKind.TEXT else ""


def _is_bare(grid: Grid, row: int, cells: Mapping[int, Value], before: int, needed: Collection[int]) -> bool:
    """Numbers alone, where the row before begins with a word or a count in a column that is always filled."""
    if not cells or any(_number(value) is None for value in cells.values()) or grid.merges(row):
        return False
    left = {column for column in grid.rows[before] if column < min(cells)}
    return any(column in needed and grid.value(before, column) is not None for column in left)


def _is_sum(grid: Grid, cells: Mapping[int, Value], rows: Sequence[int]) -> bool:
    """Whether the figures of a row are the sums of those of the others: most of them, and one that is not zero."""
    if len(rows) < _LEAST_ADDENDS:
        return False
    agreed = told = 0
    for column, value in cells.items():
        figure = _number(value)
        if figure is None:
            continue
        addends = [number for row in rows if (number := _number(grid.value(row, column))) is not None]
        if not addends:
            continue
        told += figure != 0
        agreed += figure != 0 and abs(sum(addends) - figure) <= _ROUNDED * len(addends)
    return agreed >= 1 and agreed * 2 >= told


def _number(value: Value) -> float | None:
    if kind_of(value) is not CellKind.NUMBER:
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(texts.folded(str(value)).replace(",", ""))
    except ValueError:
        return None


def _lists_extremes(grid: Grid, rows: Sequence[int], columns: Collection[int]) -> bool:
    return any(
        isinstance(value, str) and texts.is_extreme(value)
        for row in rows
        for column, value in grid.rows[row].items()
        if column in columns
    )
