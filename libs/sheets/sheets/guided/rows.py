"""What each row below a header is: a record, or something that people put between and below records."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from sheets.cells import Value
from sheets.guided import texts
from sheets.guided.grid import CellKind, Grid, kind_of, whole_number
from sheets.guided.headers import ColumnLook, _same, is_title_like, looks
from sheets.guided.sums import sums_among
from sheets.guided.tables import SkipReason

_NEEDED_SHARE: Final = 0.6
"""Columns that so many rows fill are expected to be filled."""
_SAMPLE_ROWS: Final = 2_000
"""Rows by which the habits of a column are known."""
_NARROW: Final = 2
_MANY_COLUMNS: Final = 4
"""1, 2, 3, 4 across is no chance."""
_COLUMN_NUMBER_WORDS: Final = {"栏次", "行次", "列次", "栏目", "序号"}
_COUNTED_SHARE: Final = 0.5
_TELLING: Final = 3
"""So many columns that are filled elsewhere tell a record from what is none."""
_FEW: Final = 0.34
"""So few of the columns that are filled elsewhere make a row of words no record."""


def _is_apart(cells: Mapping[int, Value]) -> bool:
    """A row that begins with 合计 or 填表人：, which tells nothing of what records fill."""
    first = cells[min(cells)]
    is_label = isinstance(first, str) and texts.is_label(first) and (len(cells) == 1 or not texts.is_signature(first))
    return is_label or (isinstance(first, str) and texts.is_total(first))


def _counts_all(text: str) -> bool:
    """共12户 alone in a row."""
    return text.startswith(("共", "合计", "总计")) and texts.is_count(text)


@dataclass(slots=True)
class Sorted:
    """The rows below a header, sorted."""

    records: list[int] = field(default_factory=list)
    skipped: dict[int, SkipReason] = field(default_factory=dict)
    other_from: int | None = None
    """Where another table begins; its rows are not sorted."""


class Sorter:
    """Sorts the rows below one header."""

    def __init__(
        self,
        grid: Grid,
        header: Sequence[int],
        above: Sequence[int],
        body: Sequence[int],
        columns: Sequence[int],
        sequence: int | None,
    ) -> None:
        self._grid = grid
        self._header = [grid.rows[row] for row in header if row in grid.rows]
        self._titles = {texts.without_continued(str(value)) for row in above for value in grid.rows[row].values()}
        self._body = body
        self._columns = set(columns)
        self._sequence = sequence
        full = self._sample(body, len(columns))
        self._look: Mapping[int, ColumnLook] = looks(grid, full)
        covered = {column: sum(self._covered(row, column) for row in full) for column in self._columns}
        self._needed = {column for column, count in covered.items() if full and count >= _NEEDED_SHARE * len(full)}
        self._typed = {
            column for column, look in self._look.items() if look.typed is not None and column in self._columns
        }
        self._is_counted = sequence is not None and self._counted(full) >= _COUNTED_SHARE * len(full)

    def _sample(self, body: Sequence[int], width: int) -> list[int]:
        """Rows of several cells, evenly spread over the body."""
        # In a list of names with remarks most rows have one cell; in a wider table such a row is a group.
        least = 2 if width > _NARROW else 1
        full = [row for row in body if len(cells := self._inside(row)) >= least and not _is_apart(cells)]
        return full[:: max(1, len(full) // _SAMPLE_ROWS)]

    def _inside(self, row: int) -> dict[int, Value]:
        return {column: value for column, value in self._grid.rows[row].items() if column in self._columns}

    def _covered(self, row: int, column: int) -> bool:
        """Filled, or part of cells merged downwards that are."""
        if self._grid.value(row, column) is not None:
            return True
        part = self._grid.merge_at(row, column)
        return (
            part is not None
            and part.first_row < row
            and part.first_row > max((0, *self._header_numbers))
            and self._grid.value(part.first_row, part.first_column) is not None
        )

    @property
    def _header_numbers(self) -> tuple[int, ...]:
        return (self._body[0] - 1,) if self._body else ()

    def _counted(self, rows: Sequence[int]) -> int:
        assert self._sequence is not None
        return sum(whole_number(self._grid.shown(row, self._sequence)) is not None for row in rows)

    def sort(self) -> Sorted:
        """Every row as a record or skipped, until another table begins."""
        done = Sorted()
        notes = False
        last = self._body[0] - 1 if self._body else 0
        for row in self._body:
            if self._begins_another(row, last, done):
                done.other_from = row
                break
            reason = self._reason(row, done, notes=notes)
            if reason is None:
                done.records.append(row)
                notes = False
            else:
                done.skipped[row] = reason
                if reason is SkipReason.NOTE:
                    first = self._grid.rows[row][min(self._grid.rows[row])]
                    notes = notes or (isinstance(first, str) and texts.opens_notes(first))
            last = row
        self._settle_ends(done)
        done.skipped.update(
            dict.fromkeys(sums_among(self._grid, done.records, self._columns, self._needed), SkipReason.TOTAL)
        )
        done.records = [row for row in done.records if row not in done.skipped]
        return done

    def _settle_ends(self, done: Sorted) -> None:
        """What stands alone below the last record is a note, whatever it says."""
        end = done.records[-1] if done.records else 0
        for row, reason in done.skipped.items():
            if row > end and reason is SkipReason.GROUP:
                done.skipped[row] = SkipReason.NOTE

    def _reason(self, row: int, done: Sorted, *, notes: bool) -> SkipReason | None:  # noqa: C901, PLR0911  the order is the rule
        cells = self._inside(row)
        if not cells:
            outside = self._grid.rows[row]
            text = outside[min(outside)]
            is_aside = isinstance(text, str) and (texts.is_note(text) or texts.is_label(text))
            return SkipReason.NOTE if is_aside else SkipReason.OUTSIDE
        if any(_same(cells, header) and len(cells) >= min(2, len(header)) for header in self._header):
            return SkipReason.REPEATED_HEADER
        if not done.records and (reason := self._tells_of_columns(cells)) is not None:
            return reason
        words = [texts.visible_text(value) for _, value in sorted(cells.items()) if isinstance(value, str)]
        if len(cells) == 1 and words and texts.without_continued(words[0]) in self._titles:
            return SkipReason.REPEATED_TITLE
        count = whole_number(cells.get(self._sequence)) if self._sequence is not None else None
        if self._sequence is not None and set(cells) == {self._sequence} and len(self._columns) > 1:
            return SkipReason.ONLY_SEQUENCE if count is not None else self._alone(words[:1])
        needed = self._needed - {self._sequence}
        have = sum(self._covered(row, column) for column in needed)
        share = have / len(needed) if needed else 1.0
        if self._is_counted and count is not None and not (notes and share < _COUNTED_SHARE):
            return SkipReason.TOTAL if words and texts.is_total(words[0]) and self._is_sum(cells) else None
        first = words[0] if words else ""
        if first and (self._is_total(cells, first) or (len(cells) == 1 and done.records and _counts_all(first))):
            return SkipReason.TOTAL
        if first and self._is_aside(cells, words, share):
            return SkipReason.NOTE
        if notes and share < _COUNTED_SHARE and len(cells) <= 2:
            return SkipReason.NOTE
        if len(cells) == 1 and (
            len(needed | ({self._sequence} - {None})) >= 2 or self._is_wide(row, next(iter(cells)))
        ):
            covered = sum(self._covered(row, column) for column in self._columns)
            return self._alone(words[:1]) if covered == 1 or not have else None
        if len(cells) == 1 and next(iter(cells)) not in needed and len(self._columns) > 1 and not have:
            return self._alone(words[:1])
        if len(cells) <= 2 and any(self._is_wide(row, column) for column in cells) and len(self._columns) > 3:
            return self._alone(words[:1])
        numbered = cells.get(self._sequence) if self._sequence is not None and self._is_counted else None
        if kind_of(numbered) is CellKind.TEXT and (texts.is_ordinal(first) or share < _COUNTED_SHARE):
            return SkipReason.GROUP
        if self._is_counted and self._sequence not in cells and not self._carries_count(row):
            return None if share >= _COUNTED_SHARE else SkipReason.GROUP
        if len(needed) < _TELLING or share >= _COUNTED_SHARE:
            return None
        # A code and a name at the left, with nothing of what records are made of, name a group too.
        is_group = self._names_group(row, cells, share) or (not have and len(words) == len(cells))
        return SkipReason.GROUP if is_group else None

    def _names_group(self, row: int, cells: Mapping[int, Value], share: float) -> bool:
        """Few words at the left: a group with its count, or a code that those of the next row begin with."""
        first = str(cells[min(cells)])
        if self._leads_next(row, cells):
            return True
        if any(kind_of(cells[column]).is_typed for column in self._typed & cells.keys()):
            # 一、一般债券 with its subtotal, and nothing else that records have
            return texts.is_group(first) and not any(isinstance(value, str) for value in list(cells.values())[1:])
        at_left = max(cells) - min(self._columns) < _NARROW + (len(self._columns) > _MANY_COLUMNS)
        counted = any(texts.is_count(str(value)) for value in list(cells.values())[1:])
        return texts.is_group(first) or (at_left and (counted or share <= _FEW))

    def _leads_next(self, row: int, cells: Mapping[int, Value]) -> bool:
        place = bisect_right(self._body, row)
        if len(cells) != _NARROW or max(cells) - min(cells) > 1 or place >= len(self._body):
            return False
        column = min(cells)
        code = texts.title_text(cells[column])  # a code may stand as a number: 11, 1101
        below = texts.title_text(self._grid.value(self._body[place], column))
        return code.isascii() and code.isalnum() and below.startswith(code) and len(below) > len(code)

    def _carries_count(self, row: int) -> bool:
        return self._sequence is not None and self._covered(row, self._sequence)

    def _alone(self, words: Sequence[str]) -> SkipReason:
        if not words:
            return SkipReason.GROUP
        if texts.is_total(words[0]):
            return SkipReason.TOTAL
        return SkipReason.NOTE if texts.is_note(words[0]) or texts.is_label(words[0]) else SkipReason.GROUP

    def _is_sum(self, cells: Mapping[int, Value]) -> bool:
        return all(kind_of(value) in {CellKind.NUMBER, CellKind.MARK} for value in list(cells.values())[2:])

    def _is_total(self, cells: Mapping[int, Value], first: str) -> bool:
        """合计 as the first words of a row, or as its only ones among numbers."""
        if texts.is_total(first):
            return True
        others = [value for value in cells.values() if isinstance(value, str) and kind_of(value) is CellKind.TEXT]
        return (
            len(others) == 2
            and texts.is_total(str(others[1]))
            and len(cells) <= 1 + len(self._typed) + 1
            and (
                texts.folded(str(others[1])) in {"合计", "小计", "总计", "共计"}
                and self._sequence not in cells
                and bool(self._typed)
            )
        )

    def _is_aside(self, cells: Mapping[int, Value], words: Sequence[str], share: float) -> bool:
        few = len(cells) <= max(2, len(self._needed) // 2) or share < _COUNTED_SHARE
        if (
            few
            and texts.is_note(words[0])
            and (len(self._columns) > 1 or not texts.visible_text(words[0]).startswith("*"))
        ):
            return True
        asides = sum(texts.is_label(word) for word in words)
        if asides == len(cells) >= 2:
            return True  # 填表人： 审核人： 日期： in as many cells as there are columns
        is_date = texts.is_signature(words[0]) and len(cells) > 1 and share >= 1  # what a record begins with
        is_labelled = texts.is_label(words[0]) and few and not is_date
        return is_labelled or (asides >= 1 and asides >= len(words) - 1 and asides * 2 >= len(cells) and share < 1)

    def _is_wide(self, row: int, column: int) -> bool:
        return self._grid.span(row, column) >= max(2, 0.6 * len(self._columns))

    def _tells_of_columns(self, cells: Mapping[int, Value]) -> SkipReason | None:
        """What people put between a header and the first record: numbers, codes, hints, an example."""
        if self._numbers_columns(cells) or self._codes_columns(cells):
            return SkipReason.COLUMN_NUMBERS
        hints = [column for column, value in cells.items() if isinstance(value, str) and texts.is_hint(value)]
        first = cells[min(cells)]
        is_example = isinstance(first, str) and texts.is_example(first) and len(cells) > 1
        is_over_values = len(hints) * 2 >= len(cells) and any(column in self._typed for column in hints)
        if (len(hints) >= 2 and (is_over_values or len(hints) == len(cells))) or is_example:
            return SkipReason.NOTE
        return None

    def _codes_columns(self, cells: Mapping[int, Value]) -> bool:
        """代码 A101 A102: codes where the rows below have numbers."""
        first = cells[min(cells)]
        others = {column: value for column, value in cells.items() if column != min(cells)}
        if len(others) < 2 or not isinstance(first, str) or not texts.names_codes(first):
            return False
        over = [column for column in others if column in self._look and self._look[column].typed is CellKind.NUMBER]
        return bool(over) and all(isinstance(value, str) and value.strip().isascii() for value in others.values())

    def _numbers_columns(self, cells: Mapping[int, Value]) -> bool:
        """甲 乙 1 2 3: the columns' numbers under the header."""
        if len(cells) < max(3, 0.6 * len(self._columns)):
            return False
        shown = [
            texts.folded(texts.title_text(value)).strip("()[]<>").split("=")[0]
            for _, value in sorted(cells.items())
            if kind_of(value) is not CellKind.MARK
        ]
        plain = [text for text in shown if text not in _COLUMN_NUMBER_WORDS]
        is_named = len(plain) < len(shown)
        leading = 0
        while leading < len(plain) and len(plain[leading]) == 1 and plain[leading] in "甲乙丙丁戊己abcdef":
            leading += 1
        rest = plain[leading:]
        if not rest:
            return leading >= 3
        if not all(text.isdecimal() for text in rest):
            return False
        numbers = [int(text) for text in rest]
        counts = all(after == before + 1 for before, after in pairwise(numbers))
        return (
            counts
            and numbers[0] in {1, leading + 1}
            and (leading > 0 or is_named or len(numbers) >= 3)
            and (is_named or self._unlike_body(cells))
        )

    def _unlike_body(self, cells: Mapping[int, Value]) -> bool:
        """Some column of words has a number in this row."""
        strange = sum(
            column in self._look and self._look[column].typed in {None, CellKind.CODE, CellKind.DATE}
            for column in cells
        )
        return strange > 0 or len(cells) >= _MANY_COLUMNS

    def _begins_another(self, row: int, last: int, done: Sorted) -> bool:  # noqa: PLR0911  the order is the rule
        """A row that names columns of its own, after a gap or a title."""
        if not done.records:
            return False
        cells = self._grid.rows[row]
        parted = row - last > 1 or last in done.skipped
        if not parted or len(cells) < 2 or not all(is_title_like(value) for value in cells.values()):
            return False
        if any(isinstance(value, str) and (texts.is_label(value) or texts.is_note(value)) for value in cells.values()):
            return False
        if any(_same(cells, header) for header in self._header) or texts.is_total(str(cells[min(cells)])):
            return False
        weight = sum(texts.title_weight(texts.title_text(value)) for value in cells.values()) / len(cells)
        first = cells[min(cells)]
        if isinstance(first, str) and texts.is_sure_sequence_title(first) and weight >= 0.3:
            return True
        typed = self._typed & cells.keys()
        against = sum(kind_of(cells[column]) is CellKind.TEXT for column in typed)
        if typed and against < len(typed):
            return False
        return weight >= (0.45 if typed else 0.65)
