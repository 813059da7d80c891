"""Where a table's header is: the row that names the columns of what stands below it, and the rows that belong to it.

Each of the first rows is weighed as the last row of a header by what can be seen: how many of the columns below it
names, that it is words over numbers, dates and codes, that no title is repeated below, that its words are such as
titles have. Rows above and below join the header by merged cells, by filling each other's blanks, or as units and
translations.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sheets.cells import Value
from sheets.guided import texts
from sheets.guided.grid import CellKind, Grid, days, is_year, kind_of, periods, whole_number

SEARCHED_ROWS: Final = 80
"""Rows with content in which a header is looked for: covers and titles above a table are shorter."""
SAMPLE_ROWS: Final = 250
"""Rows below a candidate whose cells are looked at."""
HEADER_ROWS: Final = 5
_WEEK: Final = 5
_VALUE_CHARACTERS: Final = 8
_LONGEST_TITLE: Final = 80
_TYPED_SHARE: Final = 0.6
_LEAST_SCORE: Final = 3.6
_NEARLY: Final = 2.5
"""How much less a header may weigh than one that stands further down, under records."""
_WEIGHTS: Final = {"coverage": 3.0, "words": 2.0, "unique": 1.0, "lexicon": 2.5, "contrast": 2.0}
_LATER: Final = 0.02
"""What each row further down costs: of two like rows the upper is the header."""


@dataclass(frozen=True, slots=True)
class ColumnLook:
    """What stands in one column below a row."""

    kinds: Mapping[CellKind, int]
    values: frozenset[str]
    filled: int

    @property
    def typed(self) -> CellKind | None:
        """The kind of most cells, if it is more than words."""
        words = sum(count for kind, count in self.kinds.items() if kind is not CellKind.MARK)
        for kind in (CellKind.NUMBER, CellKind.DATE, CellKind.CODE):
            if words and self.kinds.get(kind, 0) >= _TYPED_SHARE * words:
                return kind
        if words and sum(self.kinds.get(kind, 0) for kind in self.kinds if kind.is_typed) >= _TYPED_SHARE * words:
            return CellKind.CODE
        return None


def looks(grid: Grid, numbers: Sequence[int]) -> dict[int, ColumnLook]:
    """The look of each column over these rows."""
    kinds: dict[int, Counter[CellKind]] = {}
    values: dict[int, set[str]] = {}
    for number in numbers:
        for column, value in grid.rows[number].items():
            kinds.setdefault(column, Counter())[kind_of(value)] += 1
            values.setdefault(column, set()).add(texts.folded(str(value)))
    return {
        column: ColumnLook(found, frozenset(values[column]), sum(found.values())) for column, found in kinds.items()
    }


def is_title_like(value: Value) -> bool:
    """A text that can be a column's title, or a year."""
    if isinstance(value, str):
        plain = texts.visible_text(value)
        kind = kind_of(value)
        return len(plain) <= _LONGEST_TITLE and (kind in {CellKind.TEXT, CellKind.CODE} or is_year(value))
    return is_year(value)


def find_header(grid: Grid, numbers: Sequence[int]) -> tuple[int, ...]:
    """The rows of the header of the first table in these rows, top to bottom; none if no row is one."""
    scores: dict[int, float] = {}
    for place, number in enumerate(numbers[:SEARCHED_ROWS]):
        below = numbers[place + 1 : place + 1 + SAMPLE_ROWS]
        score = _score(grid, number, below) - _LATER * place
        if score > _LEAST_SCORE:
            scores[place] = score
    if not scores:
        return ()
    best = max(scores, key=lambda place: scores[place])
    for place, score in scores.items():
        if place < best and score >= scores[best] - _NEARLY and _holds_values(grid, numbers[place + 1 : best]):
            best = place  # the best is the header of a second table below
            break
    return _extended(grid, numbers, best)


def _holds_values(grid: Grid, rows: Sequence[int]) -> bool:
    """Whether there are records in these rows, by numbers, dates or codes beside words."""
    return any(
        len(grid.rows[row]) >= 2 and any(kind_of(cell).is_typed for cell in grid.rows[row].values()) for row in rows
    )


def _score(grid: Grid, number: int, below: Sequence[int]) -> float:  # noqa: C901  one sum of what can be seen
    own = grid.rows[number]
    header = grid.shown_row(number)
    if not below and len(own) < 2:
        return 0.0
    body = [row for row in below if not _same(grid.rows[row], own)]
    look = looks(grid, body)
    tabular = [row for row in body if len(grid.rows[row]) >= 2]
    columns = set(looks(grid, tabular)) if tabular else set(look)
    if len(own) < 2 and (len(columns) > 1 or tabular):
        return 0.0
    if any(isinstance(value, str) and texts.is_note(value) and len(value) > 6 for value in own.values()):
        return 0.0
    filled = {column for column in columns if tabular and look[column].filled >= max(1, 0.1 * len(tabular))} or columns
    cover = {column for column in header if column in filled}
    coverage = len(cover) / len(filled) if filled else (1.0 if len(own) >= 2 else 0.0)
    titles = list(own.values())
    run = periods(own) or _days(grid, number)
    words = sum(column in run or is_title_like(value) for column, value in own.items()) / len(titles)
    years = sum(column in run or is_year(value) for column, value in own.items())
    if words < 0.6 or (years == len(titles) and years < 3):
        return 0.0
    labels = sum(isinstance(value, str) and texts.is_label(value) for value in titles)
    plain = [texts.folded(texts.title_text(value)) for value in titles]
    unique = len(set(plain)) / len(plain)
    lexicon = sum(texts.title_weight(text) for text in plain) / len(plain)
    contrast = 0.0
    like = unlike = 0
    for column, value in own.items():
        found = look.get(column)
        if found is None:
            continue
        typed, mine = found.typed, kind_of(value)
        if (typed is not None and mine is CellKind.TEXT) or (typed is CellKind.NUMBER and column in run):
            contrast += 1.0
            unlike += 1
        elif (typed is not None and mine is typed and not is_year(value)) or texts.folded(str(value)) in found.values:
            contrast -= 1.0
            like += 1
        elif typed is None:
            contrast += 0.15
    contrast /= len(own)
    figures = {column for column, value in own.items() if kind_of(value) is CellKind.NUMBER and not is_year(value)}
    if len(figures - run) > len(titles) / 3 or (figures - run and (like or not look) and not unlike and not lexicon):
        return 0.0
    score = (
        _WEIGHTS["coverage"] * coverage
        + _WEIGHTS["words"] * words
        + _WEIGHTS["unique"] * unique
        + _WEIGHTS["lexicon"] * lexicon
        + _WEIGHTS["contrast"] * contrast
        - 4.0 * labels / len(titles)
    )
    first = own[min(own)]
    if (
        len(own) >= 2
        and isinstance(first, str)
        and texts.is_sure_sequence_title(first)
        and _counts_below(grid, number, min(own), body)
    ):
        score += 2.0
    if len(own) >= 2 and isinstance(first, str) and (texts.is_total(first) and not texts.title_weight(first) >= 1):
        score -= 3.0
    return score if coverage >= 0.4 else score - 2.0


def _days(grid: Grid, number: int) -> frozenset[int]:
    """The days that a row names, unless the row above names the same columns: then it numbers them."""
    found = days(grid.rows[number])
    place = bisect_left(grid.numbers, number)
    above = grid.rows[grid.numbers[place - 1]] if place else {}
    return found if len(found & above.keys()) <= 1 else frozenset()


def _counts_below(grid: Grid, number: int, column: int, body: Sequence[int]) -> bool:
    return any(whole_number(grid.value(row, column)) in {0, 1, 2} for row in body[:12] if row > number)


def _same(one: Mapping[int, Value], other: Mapping[int, Value]) -> bool:
    """Whether a row repeats another: nearly all of its cells are the same texts in the same columns."""
    common = sum(
        texts.folded(texts.title_text(value)) == texts.folded(texts.title_text(other[column]))
        for column, value in one.items()
        if column in other
    )
    return common >= 0.8 * len(one) and common >= 0.5 * len(other)


def _extended(grid: Grid, numbers: Sequence[int], place: int) -> tuple[int, ...]:
    top = bottom = place
    while bottom + 1 < len(numbers) and bottom + 1 - top < HEADER_ROWS and _continues(grid, numbers, top, bottom):
        bottom += 1
    while top > 0 and bottom + 1 - top < HEADER_ROWS and _precedes(grid, numbers, top, bottom):
        top -= 1
    return tuple(numbers[top : bottom + 1])


def _width(grid: Grid, rows: Sequence[int]) -> int:
    columns = {column for row in rows for column in grid.shown_row(row)}
    return max(columns) - min(columns) + 1 if columns else 1


def _continues(grid: Grid, numbers: Sequence[int], top: int, bottom: int) -> bool:  # noqa: PLR0911  each way is one
    """Whether the row below the header belongs to it."""
    last, row = numbers[bottom], numbers[bottom + 1]
    header = numbers[top : bottom + 1]
    cells = grid.rows[row]
    width = _width(grid, header)
    joined = any(
        part.first_row in header and part.last_row >= row and part.first_column <= part.last_column
        for part in grid.merges(row)
        if part.last_column - part.first_column + 1 < max(2, width)
    )
    if joined:
        return all(is_title_like(value) or texts.is_unit(str(value)) for value in cells.values())
    if row - last > 1 or not all(isinstance(value, str) or is_year(value) for value in cells.values()):
        return False
    if len(cells) >= _WEEK and all(texts.is_weekday(str(value)) for value in cells.values()):
        return cells.keys() <= _days(grid, last)
    known = [cells, *(grid.rows[above] for above in header)]
    below = [
        number
        for number in numbers[bottom + 2 : bottom + 2 + SAMPLE_ROWS]
        if not any(_same(grid.rows[number], one) for one in known)  # a page break repeats the header
    ]
    look = looks(grid, below)
    typed = {column for column, found in look.items() if found.typed is not None}
    titled = set(grid.shown_row(last))
    units = sum(isinstance(value, str) and texts.is_unit(value) for value in cells.values())
    if units == len(cells):
        return bool(cells.keys() & titled) and bool(cells.keys() & typed)
    if not all(is_title_like(value) for value in cells.values()):
        return False
    if _repeats_below(cells, look):
        return False
    spread = {
        column
        for part in grid.merges(last)
        if 1 < part.last_column - part.first_column + 1 < max(3, width)
        and grid.value(last, part.first_column) is not None
        for column in range(part.first_column, part.last_column + 1)
    }
    if len(spread & cells.keys()) > 1 and all(
        column in spread or column not in titled or column in typed for column in cells
    ):
        return True
    if spread & cells.keys():
        return False
    if _fills_blanks(grid, last, cells, look):
        return True
    if _translates(grid.rows[last], cells) and (
        typed & cells.keys()
        or any(any(texts.has_chinese(text) for text in look[column].values) for column in cells if column in look)
    ):
        return True
    lexicon = sum(texts.title_weight(texts.title_text(value)) for value in cells.values()) / len(cells)
    over = typed & cells.keys()
    return lexicon >= 0.6 and len(cells) >= 2 and len(over) >= max(1, 0.3 * len(cells))


def _repeats_below(cells: Mapping[int, Value], look: Mapping[int, ColumnLook]) -> bool:
    """Whether cells of this row stand again in their columns: values do, titles do not."""
    again = sum(column in look and texts.folded(str(value)) in look[column].values for column, value in cells.items())
    return again > 0.3 * len(cells)


def _fills_blanks(grid: Grid, last: int, cells: Mapping[int, Value], look: Mapping[int, ColumnLook]) -> bool:
    """Without merged cells: titles under one with blanks to its right, nothing under those that stand alone."""
    above = grid.rows[last]
    used = set(look) | set(cells) | set(above)
    blanks = {column for column in range(min(above), max(used) + 1) if column not in above and column in used}
    if not blanks & cells.keys():
        return False
    groups = blanks | {column for column in above if column + 1 in blanks}
    alone = set(above) - groups
    others = [value for column, value in cells.items() if column not in groups]
    return all(isinstance(value, str) and texts.is_unit(value) for value in others) and bool(alone)


def _translates(one: Mapping[int, Value], other: Mapping[int, Value]) -> bool:
    """Whether two rows say the same in Chinese and in Latin letters."""
    common = one.keys() & other.keys()
    if len(common) < max(2, 0.6 * max(len(one), len(other))):
        return False
    pairs = [(str(one[column]), str(other[column])) for column in common]
    crossed = sum(
        (texts.has_chinese(a) and texts.is_latin(b)) or (texts.is_latin(a) and texts.has_chinese(b)) for a, b in pairs
    )
    return crossed >= 0.7 * len(pairs)


def _precedes(grid: Grid, numbers: Sequence[int], top: int, bottom: int) -> bool:  # noqa: PLR0911  each way is one
    """Whether the row above the header belongs to it."""
    row, first = numbers[top - 1], numbers[top]
    header = numbers[top : bottom + 1]
    cells = grid.rows[row]
    width = _width(grid, header)
    down = [
        part for part in grid.merges(row) if part.last_row >= first and grid.value(row, part.first_column) is not None
    ]
    if any(part.last_column - part.first_column + 1 < max(2, 0.8 * width) for part in down):
        return True
    run = _days(grid, row)
    if first - row > 1 or not all(column in run or is_title_like(value) for column, value in cells.items()):
        return False
    if _is_form_row(grid, row, header):
        return False
    if any(
        isinstance(value, str) and (texts.is_label(value) or texts.is_attachment(value)) for value in cells.values()
    ):
        return False
    if _translates(cells, grid.rows[first]):
        return True
    beneath = grid.rows[first]
    across = [part for part in grid.merges(row) if part.last_column > part.first_column]
    spread = {
        column
        for part in across
        if part.last_column - part.first_column + 1 < 0.8 * width
        for column in range(part.first_column, part.last_column + 1)
    }
    if spread and len(spread & beneath.keys()) >= 2:
        return len(cells) > 1 or (min(spread) > min(beneath) and not texts.is_unit(str(next(iter(cells.values())))))
    if len(cells) < 2:
        return False
    look = looks(grid, numbers[bottom + 1 : bottom + 1 + SAMPLE_ROWS])
    missing = {column for column in cells if column not in beneath and column in look}
    return bool(missing)


def _is_form_row(grid: Grid, row: int, header: Sequence[int]) -> bool:
    """总体目标 | 完成十所学校的维修: a label and a sentence merged over all the rest, each above a title of its own."""
    cells = grid.rows[row]
    if len(cells) != 2:
        return False
    label, value = min(cells), max(cells)
    said = texts.title_text(cells[value])
    return (
        value == label + 1
        and grid.span(row, value) == _width(grid, header) - 1 > 1
        and label in grid.rows[header[0]]
        and len(said) >= _VALUE_CHARACTERS
        and texts.title_weight(said) == 0
    )


def joined_titles(grid: Grid, rows: Sequence[int], columns: Sequence[int]) -> dict[int, str]:
    """The title of each column: its header cells from top to bottom, joined by `/`, a repeated one not doubled."""
    parts: dict[int, list[str]] = {column: [] for column in columns}
    for place, row in enumerate(rows):
        shown = grid.shown_row(row)
        if place + 1 < len(rows):
            shown = _spread_right(grid, row, rows[place + 1 :], shown, columns)
        for column in columns:
            text = texts.title_text(shown.get(column))
            if text and text not in parts[column][-1:]:
                parts[column].append(text)
    return {column: "/".join(found) for column, found in parts.items()}


def _spread_right(
    grid: Grid, row: int, lower: Sequence[int], shown: Mapping[int, Value], columns: Sequence[int]
) -> dict[int, Value]:
    """A title without merged cells stands for the blanks to its right that have titles of their own below."""
    spread: dict[int, Value] = dict(shown)
    standing: Value = None
    for column in columns:
        if column in shown:
            # Merged cells say themselves how far they reach.
            standing = shown[column] if grid.merge_at(row, column) is None else None
        elif standing is not None and any(grid.value(below, column) is not None for below in lower):
            left = column - 1
            if any(grid.value(below, left) is not None for below in lower):
                spread[column] = standing
            else:
                standing = None
        else:
            standing = None
    return spread
