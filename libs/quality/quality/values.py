"""From text to typed values and back, by the item's declaration: one reading for files and for calls.

A value that the item's type, length, precision, code set or check digit excludes is a `BadValue` naming the rule that
it broke. Nothing is trimmed or normalised; a value that does not fit is never mended in silence.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from quality.cells import Value
from quality.check_digits import FAULTS
from quality.model import CodeSetLike, CodeSets, ItemLike, ItemType, RuleName

BIGINT: Final = 2**63
_DATE: Final = re.compile(r"\A[0-9]{4}/[0-9]{2}/[0-9]{2}\Z")
_DATETIME: Final = re.compile(r"\A[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\Z")
_PLAIN_NUMBER: Final = re.compile(r"\A-?(?:0|[1-9][0-9]{0,999})(?:\.[0-9]{1,999})?\Z")
# Controls (C0, C1, DEL), bidi marks and isolates, line separators, interlinear marks, surrogates, non-characters, and
# everything that Unicode calls default-ignorable (joiners, fillers, selectors, tags): none of them can be seen, and
# each can make two texts look alike.
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufdd0-\ufdef\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)

_LOST: Final = "\ufffd"
"""What a converter writes where it could not read a character; the value is not what was meant."""


class BadValue(Exception):  # noqa: N818  a value that is refused
    """A value that the item excludes; `rule` is one of type, length, range, code_set, check_digit, pattern."""

    def __init__(self, rule: RuleName, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message


def read(item: ItemLike, text: str, code_sets: CodeSets, *, whole: bool = True) -> Value:
    """The value that a text means for an item.

    Dates are `YYYY/MM/DD`, datetimes `YYYY/MM/DD hh:mm:ss` (Annex 3 §6), numbers plain decimals. With `whole=False` (a
    prefix or a bound of a range) code set and check digit are not asked.

    Raises:
        BadValue: the item excludes the text.
    """
    match item.type:
        case ItemType.TEXT:
            return _text(item, text, code_sets, whole=whole)
        case ItemType.INTEGER:
            if not _PLAIN_NUMBER.match(text) or "." in text or text == "-0":
                raise BadValue(RuleName.TYPE, "应为整数")
            # A text of more digits than any bigint is refused before it is turned into a number.
            number = int(text) if len(text) <= 20 else BIGINT
            if not -BIGINT <= number < BIGINT:
                raise BadValue(RuleName.RANGE, "整数超出范围")
            return number
        case ItemType.NUMERIC:
            return decimal(item, text)
        case ItemType.DATE:
            return _date(text)
        case _:
            return _datetime(text)


def visible(text: str) -> bool:
    """Whether a text holds only characters that can be seen (no controls, bidi or zero-width marks, surrogates)."""
    # Of ASCII the printable characters are the visible ones, and that is known faster.
    return text.isprintable() if text.isascii() else _INVISIBLE.search(text) is None


def _text(item: ItemLike, text: str, code_sets: CodeSets, *, whole: bool) -> str:
    if not text:
        raise BadValue(RuleName.LENGTH, "值为空")
    if not visible(text):
        raise BadValue(RuleName.PATTERN, "含有不可见字符（控制符、零宽或方向符）")
    if _LOST in text:
        raise BadValue(RuleName.PATTERN, "含有“�”：原有的字符在转换中已经丢失")
    if item.length is not None and len(text) > item.length:
        raise BadValue(RuleName.LENGTH, f"长度{len(text)}超过{item.length}个字符")
    if whole:
        check_code(item.code_set, text, code_sets)
        if item.check is not None:
            fault = FAULTS[item.check](text)
            if fault is not None:
                raise BadValue(RuleName.CHECK_DIGIT, fault)
    return text


def check_code(reference: CodeSetLike | None, text: str, code_sets: CodeSets) -> None:
    """Raises BadValue if the item has a code set and the text is not one of its codes; a set not known holds none."""
    if reference is not None and text not in code_sets.get((reference.id, reference.version), ()):
        raise BadValue(RuleName.CODE_SET, "不在代码集中")


def decimal(item: ItemLike, text: str) -> Decimal:
    """A plain decimal within the item's precision and scale.

    Raises:
        BadValue: not a plain decimal, negative zero, or too many digits before or after the point.
    """
    if not _PLAIN_NUMBER.match(text):
        raise BadValue(RuleName.TYPE, "应为普通十进制数")
    whole, _, fraction = text.lstrip("-").partition(".")
    scale = item.scale or 0
    if len(fraction) > scale:
        raise BadValue(RuleName.RANGE, f"小数位数超过{scale}位")
    if item.precision is not None and len(whole if whole != "0" else "") > item.precision - scale:
        raise BadValue(RuleName.RANGE, f"整数部分超过{item.precision - scale}位")
    number = Decimal(text)
    if text.startswith("-") and number == 0:
        raise BadValue(RuleName.TYPE, "负零不是数")
    return number


def _date(text: str) -> date:
    if not _DATE.match(text):
        raise BadValue(RuleName.TYPE, "日期应写作 YYYY/MM/DD")
    try:
        return date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        raise BadValue(RuleName.TYPE, "没有这一天") from None


def _datetime(text: str) -> datetime:
    if not _DATETIME.match(text):
        raise BadValue(RuleName.TYPE, "时间应写作 YYYY/MM/DD hh:mm:ss")
    try:
        return datetime(  # noqa: DTZ001  items of type datetime are Beijing time without zone
            int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:13]), int(text[14:16]), int(text[17:19])
        )
    except ValueError:
        raise BadValue(RuleName.TYPE, "没有这一时刻") from None
