"""Forms: sheets of labels with values beside them (姓名 | 张三 | 性别 | 女), which have no records to load."""

from collections.abc import Mapping, Sequence
from typing import Final

from sheets.cells import Value
from sheets.guided import texts
from sheets.guided.grid import Grid, is_year

_MOST_ROWS: Final = 80
"""A form is filled by hand; what is longer is a list."""
_LEAST_ROWS: Final = 3
_FORM_SHARE: Final = 0.7
_LEADING_WEIGHT: Final = 0.8
_OTHER_WEIGHT: Final = 0.35


def is_form(grid: Grid, header: Sequence[int]) -> bool:
    """Whether nearly every row begins with a label of its own and has no more values than labels.

    `header` is what was taken for one: a full row of titles is believed, since a list of indicators has labels too.
    """
    if len(grid.numbers) > _MOST_ROWS or _names_every_column(grid, header):
        return False
    told = [grid.rows[row] for row in grid.numbers if len(grid.rows[row]) > 1 or _leads(grid.rows[row])]
    led = [cells for cells in told if _leads(cells)]
    firsts = {texts.folded(str(cells[min(cells)])) for cells in led}
    alternating = sum(_labels(cells) * 2 >= len(cells) for cells in led)
    return (
        len(led) >= _LEAST_ROWS
        and len(firsts) >= _FORM_SHARE * len(led)
        and alternating >= max(_LEAST_ROWS, _FORM_SHARE * len(told))
    )


def _names_every_column(grid: Grid, header: Sequence[int]) -> bool:
    """Whether the columns of a header stand side by side, each under words that a title has."""
    titled: dict[int, Value] = {}
    for row in header:
        titled |= grid.shown_row(row)
    used = {column for row in grid.numbers if not header or row >= header[0] for column in grid.rows[row]}
    between = {column for column in used if titled and min(titled) <= column <= max(titled)}
    weighed = all(is_year(value) or texts.title_weight(texts.title_text(value)) > 0 for value in titled.values())
    contiguous = bool(titled) and len(titled) == max(titled) - min(titled) + 1
    return len(titled) > 1 and weighed and contiguous and used == between


def _is_label(value: Value, weight: float) -> bool:
    if not isinstance(value, str):
        return False
    plain = texts.visible_text(value)
    if texts.is_signature(plain):
        return False  # 2024年3月 begins an entry of a chronicle
    return plain.endswith(("：", ":")) or texts.title_weight(plain) >= weight or texts.is_label(plain)


def _leads(cells: Mapping[int, Value]) -> bool:
    return _is_label(cells[min(cells)], _LEADING_WEIGHT)


def _labels(cells: Mapping[int, Value]) -> int:
    return sum(_is_label(value, _OTHER_WEIGHT) for value in cells.values())
