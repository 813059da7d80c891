"""Values of the fixture's rows: from their ISO text, and to the annex's form."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from common.clock import SHANGHAI
from common.events import ItemType
from quality.cells import Value
from tests.vectors.literal import Number

_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def read(kind: ItemType, told: Any) -> Value | None:
    """The value that a text (or a number, by its digits) means; None for null.

    Raises:
        ValueError: it means none of this type.
    """
    if told is None:
        return None
    if not isinstance(told, str | Number):
        raise ValueError("应为文本或 null")
    text = str(told)
    match kind:
        case ItemType.TEXT:
            return text
        case ItemType.INTEGER:
            if not _INTEGER.fullmatch(text):
                raise ValueError("应为整数")
            return int(text)
        case ItemType.NUMERIC:
            if not _DECIMAL.fullmatch(text):
                raise ValueError("应为普通十进制数")
            return Decimal(text)
        case ItemType.DATE:
            return date.fromisoformat(text)
        case ItemType.DATETIME:
            moment = datetime.fromisoformat(text)
            # Items of type datetime are Beijing time without zone.
            return moment.astimezone(SHANGHAI).replace(tzinfo=None) if moment.tzinfo else moment


def annex(value: Value) -> str:
    """The value as files and calls write it (Annex 3 §6)."""
    if isinstance(value, datetime):
        return f"{annex(value.date())} {value:%H:%M:%S}"
    if isinstance(value, date):
        return f"{value.year:04}/{value.month:02}/{value.day:02}"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def in_condition(kind: ItemType, told: Any) -> str:
    """A value of a row filter as a grant's terms hold it; one that is no value of the type goes as it stands."""
    if not isinstance(told, str | Number):
        raise ValueError("行过滤的值应为文本或数")
    if kind in {ItemType.DATE, ItemType.DATETIME}:
        try:
            found = read(kind, told)
        except ValueError:
            return str(told)
        return str(told) if found is None else annex(found)
    return str(told)


def fraction(value: Value | None) -> int:
    """How many digits a decimal has behind its point."""
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
