"""Quality rules for rows of a file, before anything is loaded: every finding, with its row, column, rule and advice.

Annex 3 §2.3 asks for not-null and code-set checks before loading, fed back to the provider. A finding never repeats a
value: the provider has the file, and a report may be read by others.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from common.events import Item, ItemType
from exchange.values import BadValue, CodeSets, Value, read


@dataclass(frozen=True, slots=True)
class BrokenCell:
    """A cell whose formula ended in an error, `#REF!` and the like."""

    code: str


Cell = str | int | float | bool | date | datetime | time | timedelta | BrokenCell | None
"""What a sheet's cell holds."""

WHOLE_FLOAT: Final = 10**15
"""From here on a number of a sheet may have lost digits: sheets keep fifteen of them and write zeros for the rest."""
EXACT_DIGITS: Final = 15
"""Significant digits that a number cell is sure to keep."""
MAX_INDEXED: Final = 2500
"""Bytes of a key or of a unique value at most: what an index of PostgreSQL can hold, less its own overhead."""
_ERROR_CELL: Final = re.compile(r"\A#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|GETTING_DATA|SPILL!|CALC!)\Z")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One broken rule at one cell: row and column counted from 1 as the sheet shows them."""

    row: int
    column: int
    item: str | None
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows of a file as values in the items' order, with the sheet's row numbers; or what is wrong with them."""

    rows: list[tuple[int, tuple[Value | None, ...]]]
    findings: list[Finding]


def match_columns(items: Sequence[Item], titles: Sequence[tuple[int, str]]) -> tuple[dict[str, int], list[Finding]]:
    """Which sheet column holds which item, by the item's name or code; and what does not fit.

    `titles` are (sheet column, title) without the 序号 column. The order of columns is free; an item without a column
    is an error, and so is a column without an item.
    """
    by_title = {item.name: item for item in items} | {item.code: item for item in items}
    places: dict[str, int] = {}
    findings: list[Finding] = []
    for column, title in titles:
        item = by_title.get(title)
        if item is None:
            findings.append(_at(1, column, None, "structure", "目录中没有这一列，请删除或更正列名"))
        elif item.code in places:
            findings.append(_at(1, column, item.code, "structure", f"信息项“{item.name}”出现了两列"))
        else:
            places[item.code] = column
    missing = [item for item in items if item.code not in places]
    findings += [_at(1, 1, item.code, "structure", f"缺少信息项“{item.name}”（{item.code}）的列") for item in missing]
    return places, findings


def check(
    items: Sequence[Item],
    places: Mapping[str, int],
    rows: Iterable[tuple[int, Mapping[int, Cell]]],
    code_sets: CodeSets,
) -> Checked:
    """Every row against every rule: not null, type, length, range, code set, check digit, uniqueness of key and items.

    `rows` are (sheet row, cells by sheet column). All findings are returned, in the order of the sheet.
    """
    good: list[tuple[int, tuple[Value | None, ...]]] = []
    findings: list[Finding] = []
    for number, cells in rows:
        values: list[Value | None] = []
        for item in items:
            column = places[item.code]
            try:
                value = from_cell(item, cells.get(column), code_sets)
            except BadValue as bad:
                findings.append(_at(number, column, item.code, bad.rule, bad.message))
                value = None
            else:
                if value is None and (not item.nullable or item.key_place is not None):
                    findings.append(_at(number, column, item.code, "not_null", f"“{item.name}”不能为空"))
            values.append(value)
        good.append((number, tuple(values)))
    findings += _repeated(items, places, good)
    return Checked(good, sorted(findings))


def from_cell(item: Item, cell: Cell, code_sets: CodeSets) -> Value | None:
    """The value of a cell for an item; None for an empty cell.

    A number where a text is wanted is taken only if it is whole and has lost no digits; a number in an item with a
    check digit is refused, because a leading zero or the last digits may be gone already (IN-X16).

    Raises:
        BadValue: the item excludes what the cell holds.
    """
    if cell is None or cell == "":
        return None
    if isinstance(cell, BrokenCell):
        raise BadValue("type", "单元格是公式错误")
    if isinstance(cell, bool):
        raise BadValue("type", "逻辑值（TRUE/FALSE）不能用于此列")
    if isinstance(cell, str):
        if _ERROR_CELL.match(cell):
            raise BadValue("type", "单元格是公式错误")
        return read(item, cell, code_sets)
    if isinstance(cell, int | float):
        return _number(item, cell, code_sets)
    return _moment(item, cell)


def _number(item: Item, cell: float, code_sets: CodeSets) -> Value:
    if item.type in {ItemType.DATE, ItemType.DATETIME}:
        raise BadValue("type", "应为日期，单元格是数字；请把单元格格式设为日期或文本 YYYY/MM/DD")
    if item.type is ItemType.TEXT:
        if item.check is not None:
            raise BadValue("type", "号码被存成了数字，可能已丢失末位或前导零；请把该列设为文本后重新填写")
        if abs(cell) >= WHOLE_FLOAT or not float(cell).is_integer():
            raise BadValue("type", "代码被存成了数字且已失真；请把该列设为文本后重新填写")
        return read(item, str(int(cell)), code_sets)
    if isinstance(cell, int):
        return read(item, str(cell), code_sets)
    if not math.isfinite(cell):
        raise BadValue("type", "不是数")
    # The shortest decimal that is this float: what the sheet showed, not its binary tail.
    exact = Decimal(repr(cell)).normalize()
    if abs(cell) >= WHOLE_FLOAT or len(exact.as_tuple().digits) > EXACT_DIGITS:
        raise BadValue("type", f"数值超过{EXACT_DIGITS}位有效数字，可能已失真；请把该列设为文本后重新填写")
    text = format(exact, "f")
    return read(item, "0" if text == "-0" else text, code_sets)


def _moment(item: Item, cell: date | datetime | time | timedelta) -> Value:
    if isinstance(cell, datetime):
        if item.type is ItemType.DATETIME:
            return cell.replace(microsecond=0)
        if item.type is ItemType.DATE:
            if cell.time() != time(0):
                raise BadValue("type", "应为日期，单元格带有时刻")
            return cell.date()
    elif isinstance(cell, date):
        if item.type is ItemType.DATE:
            return cell
        if item.type is ItemType.DATETIME:
            return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001  Beijing time without zone
    raise BadValue("type", "单元格是日期或时刻，此列不是")


def _repeated(
    items: Sequence[Item], places: Mapping[str, int], rows: list[tuple[int, tuple[Value | None, ...]]]
) -> list[Finding]:
    key = sorted((item for item in items if item.key_place is not None), key=lambda item: item.key_place or 0)
    groups = [key] if key else []
    groups += [[item] for item in items if item.unique and [item] != key]
    order = {item.code: place for place, item in enumerate(items)}
    found: list[Finding] = []
    for group in groups:
        seen: dict[tuple[Value | None, ...], int] = {}
        names = "、".join(item.name for item in group)
        for number, values in rows:
            picked = tuple(values[order[item.code]] for item in group)
            if any(value is None for value in picked):
                continue
            if sum(len(str(value).encode()) for value in picked) > MAX_INDEXED:
                message = f"“{names}”过长，主键或唯一项合计不超过{MAX_INDEXED}字节"
                found.append(_at(number, places[group[0].code], group[0].code, "length", message))
                continue
            first = seen.setdefault(picked, number)
            if first != number:
                message = f"“{names}”与第{first}行重复"
                found.append(_at(number, places[group[0].code], group[0].code, "unique", message))
    return found


def _at(row: int, column: int, item: str | None, rule: str, message: str) -> Finding:
    return Finding(row=row, column=column, item=item, rule=rule, message=message)
