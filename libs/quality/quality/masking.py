"""How a value is shown in a finding: enough to recognise it in one's own file, too little for anyone else.

Of a text the first and the last quarter are shown (three characters in front and two behind at most), of a text of up
to three characters nothing, of a number or a date only its kind of writing. Characters that cannot be seen are shown
as their code point, which is what the provider has to look for.
"""

import unicodedata
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Final

from quality.cells import Cell, Value
from quality.values import visible

_FRONT: Final = 3
_BACK: Final = 2
_STARS: Final = 8
_NOTHING_OF: Final = 3
_SHOWN_HIDDEN: Final = 3
"""Invisible characters of one value that are named."""


def masked(cell: Cell | Value) -> str | None:
    """The masked form of a cell; None for an empty one."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, str):
        return _text(cell)
    if isinstance(cell, bool):
        return "逻辑值"
    if isinstance(cell, int | float | Decimal):
        # A workbook knows no other numbers than floats; a whole one is shown there without a point.
        return f"数字{_text(str(cell).removesuffix('.0'))}"
    if isinstance(cell, date | time | timedelta):
        return "日期或时刻"
    return cell.code[:20] if cell.code.startswith("#") else "公式错误"


def _text(text: str) -> str:
    size = len(text)
    if size <= _NOTHING_OF:
        shown = "*" * size
    else:
        front, back = min(size // 4, _FRONT), min(size // 4, _BACK)
        shown = text[:front] + "*" * min(size - front - back, _STARS) + text[size - back :]
    if visible(text):
        return shown
    hidden = sorted({char for char in text if not visible(char)})[:_SHOWN_HIDDEN]
    named = "、".join(f"U+{ord(char):04X}" for char in hidden)
    seen = "".join(char if visible(char) and unicodedata.category(char) != "Cs" else "*" for char in shown)
    return f"{seen}（含{named}）"
