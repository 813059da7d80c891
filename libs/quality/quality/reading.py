"""From what a cell holds to the value that it means; nothing is converted in silence, what lost digits is refused."""

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from quality.cells import Cell, Value
from quality.model import CodeSets, ItemLike, ItemType, RuleName
from quality.values import BadValue, read

WHOLE_FLOAT: Final = 10**15
"""From here on a number of a sheet may have lost digits: sheets keep fifteen of them and write zeros for the rest."""
EXACT_DIGITS: Final = 15
"""Significant digits that a number cell is sure to keep."""
_ERROR_CELL: Final = re.compile(r"\A#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|GETTING_DATA|SPILL!|CALC!)\Z")


def from_cell(item: ItemLike, cell: Cell, code_sets: CodeSets) -> Value | None:
    """The value of a cell for an item; None for an empty cell.

    A number where a text is wanted is taken only if it is whole and has lost no digits; a number in an item with a
    check digit is refused, because a leading zero or the last digits may be gone already (IN-X16).

    Raises:
        BadValue: the item excludes what the cell holds.
    """
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        raise BadValue(RuleName.TYPE, "逻辑值（TRUE/FALSE）不能用于此列")
    if isinstance(cell, str):
        if _ERROR_CELL.match(cell):
            raise BadValue(RuleName.TYPE, "单元格是公式错误")
        return read(item, cell, code_sets)
    if isinstance(cell, int | float):
        return _number(item, cell, code_sets)
    if isinstance(cell, date | time | timedelta):
        return _moment(item, cell)
    raise BadValue(RuleName.TYPE, "单元格是公式错误")


def _number(item: ItemLike, cell: float, code_sets: CodeSets) -> Value:
    if item.type in {ItemType.DATE, ItemType.DATETIME}:
        raise BadValue(RuleName.TYPE, "应为日期，单元格是数字；请把单元格格式设为日期或文本 YYYY/MM/DD")
    if item.type == ItemType.TEXT:
        if item.check is not None:
            raise BadValue(RuleName.TYPE, "号码被存成了数字，可能已丢失末位或前导零；请把该列设为文本后重新填写")
        if abs(cell) >= WHOLE_FLOAT or not float(cell).is_integer():
            raise BadValue(RuleName.TYPE, "代码被存成了数字且已失真；请把该列设为文本后重新填写")
        return read(item, str(int(cell)), code_sets)
    if isinstance(cell, int):
        return read(item, str(cell), code_sets)
    if not math.isfinite(cell):
        raise BadValue(RuleName.TYPE, "不是数")
    # The shortest decimal that is this float: what the sheet showed, not its binary tail.
    exact = Decimal(repr(cell)).normalize()
    if abs(cell) >= WHOLE_FLOAT or len(exact.as_tuple().digits) > EXACT_DIGITS:
        raise BadValue(RuleName.TYPE, f"数值超过{EXACT_DIGITS}位有效数字，可能已失真；请把该列设为文本后重新填写")
    text = format(exact, "f")
    return read(item, "0" if text == "-0" else text, code_sets)


def _moment(item: ItemLike, cell: date | datetime | time | timedelta) -> Value:
    if isinstance(cell, datetime):
        if item.type == ItemType.DATETIME:
            return cell.replace(microsecond=0)
        if item.type == ItemType.DATE:
            if cell.time() != time(0):
                raise BadValue(RuleName.TYPE, "应为日期，单元格带有时刻")
            return cell.date()
    elif isinstance(cell, date):
        if item.type == ItemType.DATE:
            return cell
        if item.type == ItemType.DATETIME:
            return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001  Beijing time without zone
    raise BadValue(RuleName.TYPE, "单元格是日期或时刻，此列不是")
