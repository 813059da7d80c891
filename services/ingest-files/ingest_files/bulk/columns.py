"""Columns of values: proven good at once where they are, and asked about value by value where that is not plain.

The proof is one-sided. What it accepts, the rules of rows (`quality.reading.from_cell`) accept with the same value;
what it does not accept is put to those rules, whose word is final. So a finding never differs from a small file's.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from ingest_files.bulk import digits
from ingest_files.bulk.plan import Column, Plan

if TYPE_CHECKING:  # loaded when a value has to be asked about
    from common.events import Item

NULL: Final = "\\N"
"""How COPY writes that there is no value."""
MAX_INDEXED: Final = 2500
"""As `quality.checking.MAX_INDEXED`; every character counted as four bytes."""
_KNOWN: Final = 20_000
"""Different good values of one column that are remembered; with more, remembering costs more than it saves."""
_ODD: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufffd\U00010000-\U0010ffff]"
)
"""Characters that Python takes for printable and that may be invisible all the same, or stand for one that was lost."""
_LOST: Final = "\ufffd"
"""What a parser writes in the place of half a character; the form of the annex excludes it (`sheets.annex`)."""
_DAY: Final = re.compile(r"\A[0-9]{4}/[0-9]{2}/[0-9]{2}\Z")
_MOMENTS: Final = re.compile(r"(?:[0-9]{4}/[0-9]{2}/[0-9]{2} (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\n)*+", re.ASCII)
_INTEGERS: Final = re.compile(r"(?:(?!-0\n)-?(?:0|[1-9][0-9]{0,17})\n)*+")
_EXACT_CHARACTERS: Final = 15
"""Of a number cell's text: no more significant digits than a float is sure to keep."""

Cells = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule at one cell; its row is known to the caller."""

    place: int
    """Of the cell in its block, from 0."""
    rule: str
    message: str


class Values:
    """The values of one item, block by block.

    `take` gives the texts of a block as COPY wants them, or None and adds to `faults` what is wrong.
    """

    def __init__(self, column: Column, rules: "Rules", number: int) -> None:
        self.column = column
        self.faults: list[Fault] = []
        self._rules = rules
        self._number = number
        self._prove = _prover(column)
        self._texts = _TYPED.get(column.type, _only_text)
        self._known: set[str] | None = set()

    def take(self, cells: Cells) -> Sequence[str] | None:
        texts = self._texts(cells)
        if texts is not None and self._good(texts):
            return _put(texts)
        return self._asked(cells)

    def _good(self, texts: Sequence[str]) -> bool:
        if self._known is None:
            return self._proven([text for text in texts if text] if "" in texts else texts, empty="" in texts)
        if self._known.issuperset(texts):
            return True
        new = set(texts) - self._known
        empty = "" in new
        new.discard("")
        if not self._proven(list(new), empty=empty):
            return False
        self._known |= new
        if empty:
            self._known.add("")
        if len(self._known) > _KNOWN:
            self._known = None
        return True

    def _proven(self, texts: Sequence[str], *, empty: bool) -> bool:
        if empty and self.column.needed:
            return False
        return not texts or self._prove(texts)

    def _asked(self, cells: Cells) -> Sequence[str] | None:
        """Every value by the rules of rows; the same value is asked about once in a block."""
        answers: dict[tuple[type, Any], str | tuple[str, str]] = {}
        texts: list[str] = []
        bad = False
        for place, cell in enumerate(cells):
            known = (type(cell), cell)
            answer = answers.get(known)
            if answer is None:
                answer = answers[known] = self._rules.text(self._number, cell)
            if isinstance(answer, tuple):
                bad = True
                self.faults.append(Fault(place, *answer))
            else:
                texts.append(answer)
        return None if bad else texts


class Rules:
    """The rules of rows, loaded when they are asked for the first time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._items: list[Item] | None = None

    def text(self, number: int, cell: Any) -> str | tuple[str, str]:
        """The value of a cell as COPY wants it, or the rule that it breaks and what to say of it."""
        from quality.reading import from_cell  # noqa: PLC0415 -- most files never need them, and they take half a second
        from quality.values import BadValue  # noqa: PLC0415 -- as above

        item = self._item(number)
        if isinstance(cell, str) and _LOST in cell:
            return "text-characters", "文本含有非法字符 U+FFFD"
        try:
            value = from_cell(item, _plain(cell), self._code_sets)
        except BadValue as bad:
            return bad.rule.value, bad.message
        column = self._plan.columns[number]
        if value is None:
            return ("not_null", f"“{column.name}”不能为空") if column.needed else NULL
        if column.indexed and len(str(value).encode()) > MAX_INDEXED:
            return "length", f"“{column.name}”过长，主键或唯一项合计不超过{MAX_INDEXED}字节"
        return copied(value)

    def _item(self, number: int) -> "Item":
        if self._items is None:
            from common.events import Item  # noqa: PLC0415 -- as above

            self._items = [Item.model_validate(item) for item in self._plan.items]
            self._code_sets = {(name, version): frozenset(codes) for name, version, codes in self._plan.code_sets}
        return self._items[number]


def _plain(cell: Any) -> Any:
    """A cell as the rules of rows know it: an error of a sheet has a class of its own there."""
    from quality.cells import BrokenCell  # noqa: PLC0415 -- as above
    from sheets.cells import ErrorCell  # noqa: PLC0415 -- as above

    return BrokenCell(cell.code) if isinstance(cell, ErrorCell) else cell


def copied(value: object) -> str:
    """A value as the text form of COPY wants it."""
    match value:
        case str():
            return value.replace("\\", "\\\\")
        case datetime():
            return f"{value.year:04}-{value.month:02}-{value.day:02} {value:%H:%M:%S}"
        case date():
            return f"{value.year:04}-{value.month:02}-{value.day:02}"
        case int():
            return str(value)
        case _:
            return format(value, "f")


def _put(texts: Sequence[str]) -> Sequence[str]:
    """Proven texts in COPY's writing; none of them holds a tab or an end of line."""
    if "" in texts:
        texts = [text or NULL for text in texts]
    return texts


# --- From cells to texts: what a csv would show -----------------------------------------------------------------------


def _only_text(cells: Cells) -> Sequence[str] | None:
    kinds = set(map(type, cells))
    if kinds == {str}:
        return cells
    return ["" if cell is None else cell for cell in cells] if kinds <= {str, type(None)} else None


def _days(cells: Cells) -> Sequence[str] | None:
    if isinstance(cells[0], str) and cells[0]:
        return _only_text(cells)  # a text file has nothing but texts
    if set(map(type, cells)) == {date}:
        return "\n".join(map(date.isoformat, cells)).replace("-", "/").split("\n")
    shown: dict[Any, str] = {"": "", None: ""}
    for cell in {*cells} - shown.keys():
        if type(cell) is not date:
            return _only_text(cells)
        shown[cell] = f"{cell.year:04}/{cell.month:02}/{cell.day:02}"
    return [shown[cell] for cell in cells]


def _moments(cells: Cells) -> Sequence[str] | None:
    if set(map(type, cells)) <= {datetime, type(None)}:
        return ["" if cell is None else f"{cell.year:04}/{cell:%m/%d %H:%M:%S}" for cell in cells]
    return _only_text(cells)


def _numbers(cells: Cells) -> Sequence[str] | None:
    if not set(map(type, cells)) <= {float, int, type(None)}:
        if any(cell != "" for cell in cells if isinstance(cell, str)):
            return _only_text(cells)
        cells = [None if cell == "" else cell for cell in cells]
        if not set(map(type, cells)) <= {float, int, type(None)}:
            return None
    shown = ["" if cell is None else repr(cell).removesuffix(".0") for cell in cells]
    return shown if max(map(len, shown)) <= _EXACT_CHARACTERS else None


_TYPED: Final[dict[str, Callable[[Cells], Sequence[str] | None]]] = {
    "date": _days,
    "datetime": _moments,
    "integer": _numbers,
    "numeric": _numbers,
}

# --- Proofs -----------------------------------------------------------------------------------------------------------


def _prover(column: Column) -> Callable[[Sequence[str]], bool]:
    match column.type:
        case "text":
            return _text_prover(column)
        case "integer":
            return lambda texts: _INTEGERS.fullmatch(_lines(texts)) is not None
        case "numeric":
            pattern = _decimals(column.precision or 0, column.scale or 0)
            return lambda texts: pattern.fullmatch(_lines(texts)) is not None
        case "date":
            return lambda texts: all(map(_is_day, texts))
        case _:
            return _are_moments


def _text_prover(column: Column) -> Callable[[Sequence[str]], bool]:
    length, codes, days = column.length or 0, column.codes, set[str]()
    if column.indexed:
        length = min(length, MAX_INDEXED // 4)

    def prove(texts: Sequence[str]) -> bool:
        if codes is not None:
            # A code of the catalogue may itself be what a text may not be.
            return codes.issuperset(texts) and len(max(texts, key=len)) <= length and is_plain("".join(texts))
        if len(max(texts, key=len)) > length or not is_plain("".join(texts)):
            return False
        if column.check == "idcard":
            return digits.all_idcards(texts, days)
        return column.check != "uscc" or digits.all_usccs(texts)

    return prove


def is_plain(text: str) -> bool:
    """Whether it surely holds nothing invisible, nothing that COPY escapes, and no error of a cell."""
    if "\\" in text or "#" in text:
        return False
    # The wide space of Chinese texts is visible by our rules and not printable by Python's.
    return text.replace("\u3000", "").isprintable() and (text.isascii() or _ODD.search(text) is None)


def _lines(texts: Sequence[str]) -> str:
    return "\n".join(texts) + "\n"


def _decimals(precision: int, scale: int) -> re.Pattern[str]:
    """Plain decimals within precision and scale, one a line, none of them a negative zero."""
    whole = "0" if precision <= scale else rf"(?:0|[1-9][0-9]{{0,{precision - scale - 1}}})"
    fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return re.compile(rf"(?:(?!-0(?:\.0*)?\n)-?{whole}{fraction}\n)*+")


def _is_day(text: str) -> bool:
    if not _DAY.match(text):
        return False
    try:
        date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError:
        return False
    return True


def _are_moments(texts: Sequence[str]) -> bool:
    return _MOMENTS.fullmatch(_lines(texts)) is not None and all(map(_is_day, {text[:10] for text in texts}))


def lines(columns: Sequence[Sequence[str]], numbers: Sequence[int], batch: str) -> bytes:
    """A block as COPY reads it: the values, the row of the file, the batch."""
    rows: Iterator[tuple[str, ...]] = zip(*columns, map(str, numbers), repeat(batch))
    return ("\n".join(map("\t".join, rows)) + "\n").encode()
