"""A cell read with the licence of the guided profile: what people mean by it is plain, and they are told.

Nothing that has lost digits is mended, nothing is guessed that could mean two things; what is left as it was is judged
by the rules like in any other file.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Final

from quality.model import ItemLike, ItemType
from quality.reading import EXACT_DIGITS, WHOLE_FLOAT
from sheets.cells import Value

_EDGES: Final = " \t\r\n\u00a0\u3000\u200b\ufeff\u2002\u2003\u2009"
_BREAKS: Final = re.compile(r"[ \u3000]*(?:\r\n|\r|\n|_x000[dD]_|\t|\v)+[ \u3000]*")
_FORMULA: Final = re.compile(r'="([^"]*[^"\s][^"]*)"')
"""How exporting programs keep a spreadsheet from taking a code in a csv for a number."""
_POINT_ZERO: Final = re.compile(r"-?\d{1,15}\.0+")
_POWER_OF_TEN: Final = re.compile(r"-?\d(?:\.\d+)?[eE]\+\d{2,3}")
"""What a csv holds of a long number that a spreadsheet showed shortened: its digits are lost, and the rules say so of
a number beyond all bounds."""
_MARKS: Final = frozenset({"-", "--", "—", "——", "－", "/", "…", "……"})
_DAY: Final = re.compile(r"(\d{4})\s*(?:[-/.．／]|年)\s*(\d{1,2})\s*(?:[-/.．／]|月)\s*(\d{1,2})\s*日?")
_COMPACT: Final = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_CLOCK: Final = re.compile(r"[ T]*(\d{1,2})\s*[:：时]\s*(\d{1,2})(?:\s*[:：分]\s*(\d{1,2})?(?:\.0+)?\s*秒?)?")
_STRICT_FORMS: Final = re.compile(r"\d{4}/\d{2}/\d{2}(?: \d{2}:\d{2}:\d{2})?")


class Licence(StrEnum):
    """What was taken otherwise than it stands."""

    BLANKS = "blanks"
    APOSTROPHE = "apostrophe"
    FORMULA = "formula"
    LINE_BREAKS = "line-breaks"
    MARK = "mark"
    POINT_ZERO = "point-zero"
    NUMBER_AS_TEXT = "number-as-text"
    DATE_AS_TEXT = "date-as-text"
    DATE_FORM = "date-form"


_TEXTS: Final[Mapping[Licence, str]] = {
    Licence.BLANKS: "前后有空格，已去除",
    Licence.APOSTROPHE: "以撇号开头，已去除",
    Licence.FORMULA: '文本写成了公式（="…"），已取其中的文本',
    Licence.LINE_BREAKS: "文本中有换行，已换成空格",
    Licence.MARK: "以符号表示没有值，已按空值读取",
    Licence.POINT_ZERO: "代码写成了带“.0”的数字，已按整数读取",
    Licence.NUMBER_AS_TEXT: "应为文本，单元格是数字，已按所示数字读取",
    Licence.DATE_AS_TEXT: "应为文本，单元格是日期，已读作 YYYY/MM/DD",
    Licence.DATE_FORM: "日期的写法不是 YYYY/MM/DD，已按其所指日期读取",
}


def licence_text(licence: Licence) -> str:
    """For people."""
    return _TEXTS[licence]


@dataclass(frozen=True, slots=True)
class Settled:
    """A cell's value for the rules, and what was taken otherwise."""

    value: Value
    licences: tuple[Licence, ...] = ()


def settle(value: Value, item: ItemLike) -> Settled:
    """What a cell means for an item."""
    if isinstance(value, str):
        return _text(value, item)
    if isinstance(value, bool) or value is None:
        return Settled(value)
    if isinstance(value, int | float):
        return _number(value, item)
    if item.type == ItemType.TEXT and isinstance(value, date):
        return Settled(_written(value), (Licence.DATE_AS_TEXT,))
    return Settled(value)


def _text(value: str, item: ItemLike) -> Settled:
    licences: list[Licence] = []
    text = value.strip(_EDGES)
    if text != value and text:
        licences.append(Licence.BLANKS)
    if not text:
        return Settled(None)
    if (quoted := _FORMULA.fullmatch(text)) is not None:
        text = quoted[1].strip(_EDGES)
        licences.append(Licence.FORMULA)
    elif text[0] in "'’" and len(text) > 1 and text[1:].strip(_EDGES):
        text = text[1:].strip(_EDGES)
        licences.append(Licence.APOSTROPHE)
    if item.type == ItemType.TEXT:
        return _words(text, licences)
    return _figure(text, item, licences)


def _words(text: str, licences: list[Licence]) -> Settled:
    """A text for an item of type text."""
    joined = _BREAKS.sub(" ", text)
    if joined != text:
        licences.append(Licence.LINE_BREAKS)
    if _POWER_OF_TEN.fullmatch(joined):
        return Settled(math.inf, tuple(licences))
    if _POINT_ZERO.fullmatch(joined):
        licences.append(Licence.POINT_ZERO)
        joined = joined.partition(".")[0]
    return Settled(joined, tuple(licences))


def _figure(text: str, item: ItemLike, licences: list[Licence]) -> Settled:
    """A text for an item that is a number or a date."""
    if text in _MARKS:
        return Settled(None, (Licence.MARK,))
    if item.type in {ItemType.DATE, ItemType.DATETIME}:
        found = None if _STRICT_FORMS.fullmatch(text) else _moment(text, item)
        return Settled(text, tuple(licences)) if found is None else Settled(found, (*licences, Licence.DATE_FORM))
    if item.type == ItemType.INTEGER and _POINT_ZERO.fullmatch(text):
        return Settled(text.partition(".")[0], (*licences, Licence.POINT_ZERO))
    return Settled(text, tuple(licences))


def _number(value: float, item: ItemLike) -> Settled:
    if item.type in {ItemType.DATE, ItemType.DATETIME} and float(value).is_integer():
        found = _moment(str(int(value)), item) if _COMPACT.fullmatch(str(int(value))) else None
        return Settled(value) if found is None else Settled(found, (Licence.DATE_FORM,))
    if item.type == ItemType.TEXT and item.check is None and isinstance(value, float) and not value.is_integer():
        exact = Decimal(repr(value)) if abs(value) < WHOLE_FLOAT else None
        if exact is not None and exact.is_finite() and len(exact.normalize().as_tuple().digits) <= EXACT_DIGITS:
            return Settled(format(exact, "f"), (Licence.NUMBER_AS_TEXT,))
    return Settled(value)


def _moment(text: str, item: ItemLike) -> str | None:
    """A date in a common form as the annex writes it; None if it is none, or there is no such day."""
    day = _DAY.match(text) or _COMPACT.match(text)
    if day is None:
        return None
    rest = text[day.end() :].strip()
    try:
        found = date(int(day[1]), int(day[2]), int(day[3]))
        clock = _clock(rest)
    except ValueError:
        return None
    if clock is None and rest:
        return None
    if item.type == ItemType.DATE:
        return f"{found:%Y/%m/%d}" if clock in {None, time(0)} else None
    return f"{found:%Y/%m/%d} {clock or time(0):%H:%M:%S}"


def _clock(text: str) -> time | None:
    found = _CLOCK.fullmatch(text)
    return time(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _written(value: date) -> str:
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) != (0, 0, 0):
        return f"{value:%Y/%m/%d %H:%M:%S}"
    return f"{value:%Y/%m/%d}"
