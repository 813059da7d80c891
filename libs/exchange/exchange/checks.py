"""Check digits of the numbers by which people and organisations are known."""

from datetime import date
from typing import Final

from common.events import Check

_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS: Final = "10X98765432"
_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES: Final = {character: value for value, character in enumerate(_USCC_ALPHABET)}
_USCC_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_LENGTH: Final = 18


def idcard(text: str) -> bool:
    """公民身份号码 (GB 11643-1999): 17 digits with a real birth date, then the check character (capital X)."""
    if len(text) != _LENGTH or not (text.isascii() and text[:17].isdecimal()):
        return False
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, text[:17], strict=True))
    return text[17] == _ID_CHECKS[total % 11]


def uscc(text: str) -> bool:
    """统一社会信用代码 (GB 32100-2015): 18 characters without I, O, S, V, Z, the last one the check character."""
    if len(text) != _LENGTH:
        return False
    try:
        total = sum(weight * _USCC_VALUES[c] for weight, c in zip(_USCC_WEIGHTS, text[:17], strict=True))
        check = _USCC_VALUES[text[17]]
    except KeyError:
        return False
    return (31 - total % 31) % 31 == check and text[2:8].isdecimal()


CHECKS: Final = {Check.IDCARD: idcard, Check.USCC: uscc}
