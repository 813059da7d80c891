"""Check digits of the numbers by which people and organisations are known, and what is wrong with one that fails.

15-digit numbers of identity cards (GB 11643-1989) are refused: such cards ceased to be valid on 2013-01-01, the number
has no check digit, and its birth year no century; it cannot be made into the 18-digit number with certainty.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from quality.model import Check

_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_ZEROS: Final = ord("0") * sum(_ID_WEIGHTS)
_ID_CHECKS: Final = "10X98765432"
_ID_OLD_LENGTH: Final = 15
_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES: Final = {character: value for value, character in enumerate(_USCC_ALPHABET)}
_USCC_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_ORGANISATION_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_CHECKS: Final = "0X987654321"
_LENGTH: Final = 18


def idcard(text: str) -> bool:
    """公民身份号码 (GB 11643-1999): 17 digits with a real birth date, then the check character (capital X)."""
    return idcard_fault(text) is None


def idcard_fault(text: str) -> str | None:
    """What is wrong with a 公民身份号码, None if nothing is."""
    if len(text) == _ID_OLD_LENGTH and text.isascii() and text.isdecimal():
        return "15位旧号码自2013年起停止使用，请填写18位公民身份号码"
    if len(text) != _LENGTH or not (text.isascii() and text[:17].isdecimal()):
        return "公民身份号码应为17位数字加1位校验码"
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return "公民身份号码中的出生日期不存在"
    # Written out: this runs once for each row of a file.
    digits = text[:17].encode()
    total = sum([weight * digit for weight, digit in zip(_ID_WEIGHTS, digits, strict=True)]) - _ID_ZEROS
    expected = _ID_CHECKS[total % 11]
    if text[17] == expected:
        return None
    return "末位校验码应写作大写X" if text[17] == "x" and expected == "X" else "校验位不正确"


def uscc(text: str) -> bool:
    """统一社会信用代码 (GB 32100-2015): 18 characters without I, O, S, V, Z, the last one the check character."""
    return uscc_fault(text) is None


def uscc_fault(text: str) -> str | None:
    """What is wrong with a 统一社会信用代码, None if nothing is."""
    if len(text) != _LENGTH:
        return "统一社会信用代码应为18位"
    try:
        total = sum([weight * _USCC_VALUES[c] for weight, c in zip(_USCC_WEIGHTS, text[:17], strict=True)])
        check = _USCC_VALUES[text[17]]
    except KeyError:
        return "统一社会信用代码只用数字和大写字母，且不用I、O、S、V、Z"
    if not text[2:8].isdecimal():
        return "统一社会信用代码的第3至8位应为登记机关行政区划码"
    return None if (31 - total % 31) % 31 == check else "校验位不正确"


def organisation(text: str) -> bool:
    """全国组织机构代码 (GB 11714-1997) of nine characters, without hyphen: the last one is the check character."""
    if len(text) != len(_ORGANISATION_WEIGHTS) + 1 or not text.isascii():
        return False
    try:
        total = sum(weight * int(c, 36) for weight, c in zip(_ORGANISATION_WEIGHTS, text[:8], strict=True))
    except ValueError:
        return False
    return text == text.upper() and text[8] == _ORGANISATION_CHECKS[total % 11]


def uscc_doubt(text: str) -> str | None:
    """What is doubtful in a code whose own check digit is right: its inner organisation code (characters 9 to 17).

    A doubt and no fault: codes are in use whose inner digit does not agree, and GB 32100 checks the whole.
    """
    return None if organisation(text[8:17]) else "内含的组织机构代码（第9至17位）校验位不符，请核对证照"


FAULTS: Final[Mapping[str, Callable[[str], str | None]]] = {Check.IDCARD: idcard_fault, Check.USCC: uscc_fault}
"""By check, what is wrong with a number that is refused."""
