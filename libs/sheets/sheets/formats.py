"""Which number formats show a date, and which dates the parser gets wrong.

A file names a format by a number, with a text or without one: Chinese Excel and WPS leave the text out for some of
their own (31 is yyyy"年"m"月"d"日"). The parser takes some texts in .xls for invalid and then shows 45000 for a date.
"""

import re
from enum import Enum, auto


class Shows(Enum):
    """What a number format makes of a number."""

    NUMBER = auto()
    MOMENT = auto()
    """A date, a time of day, or both."""
    DURATION = auto()
    """Elapsed time: [h]:mm."""


_MOMENT_NUMBERS = frozenset({*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)})
"""Built-in numbers of dates and times; 27 to 36 and 50 to 58 are those of the zh-cn locale (ECMA-376 18.8.30)."""
DURATION_NUMBER = 46
STAND_IN_MOMENT = 22
"""A number that shows date and time, put in place of a format that the parser does not know."""

_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\]]*\]")
_MOMENT = re.compile(r"[dhmsye]", re.IGNORECASE)
_GENERAL = re.compile(r"general|g/通用格式", re.IGNORECASE)
_ZEROS = re.compile(r"0{2,15}")
_SCIENTIFIC = re.compile(r"e[+-]", re.IGNORECASE)


def of_text(code: str) -> Shows:
    """What a format given by its text shows; its first section decides."""
    section = _LITERAL.sub("", code).split(";", 1)[0]
    if _ELAPSED.search(section):
        return Shows.DURATION
    rest = _SCIENTIFIC.sub("", _GENERAL.sub("", _BRACKETS.sub("", section)))
    return Shows.MOMENT if _MOMENT.search(rest) else Shows.NUMBER


def digits_of(code: str) -> int:
    """How many digits a format of nothing but zeros shows at least (000000: 6); 0 for any other format."""
    return len(code) if _ZEROS.fullmatch(code) else 0


def padded(number: float, digits: int) -> str | None:
    """The code that such a format shows for a number, where it puts zeros before it; None where it puts none.

    Then the zeros stand nowhere else in the file: 001001 is kept as the number 1001.
    """
    if not 0 <= number < 10.0**digits or number != number // 1:
        return None
    shown = str(int(number))
    return shown.zfill(digits) if len(shown) < digits else None


def of_number(number: int) -> Shows:
    """What a built-in format shows that a file names without its text."""
    if number == DURATION_NUMBER:
        return Shows.DURATION
    return Shows.MOMENT if number in _MOMENT_NUMBERS else Shows.NUMBER


def is_no_moment(serial: float, *, epoch_1904: bool) -> bool:
    """A serial number that stands for no moment although its format shows one.

    Negative numbers are none, nor is 60 in the epoch of 1900: Excel shows 1900-02-29, a day that never was. The parser
    would turn both into some other moment without a word.
    """
    return not (0 <= serial < 60 or serial >= 61 or (epoch_1904 and serial >= 0))
