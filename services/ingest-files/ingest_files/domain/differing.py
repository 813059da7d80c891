"""How the columns of a file differ from the items of its resource (2019§15): as data, and as findings for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from common.events import Item

ALIKE: Final = 0.6
"""From this likeness on (0 to 1, of `difflib`) a strange title may be a missing item under another name."""
_TYPES: Final = {"text": "文本", "integer": "整数", "numeric": "数值", "date": "日期", "datetime": "日期时间"}


@dataclass(frozen=True, slots=True)
class Renamed:
    """A column that may be an item under another name."""

    column: int
    title: str
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What keeps a file's columns from being the resource's items."""

    missing: tuple[str, ...] = ()
    """Codes of items without a column."""
    extra: tuple[tuple[int, str], ...] = ()
    """Columns, with their titles, that are no item."""
    repeated: tuple[tuple[int, str], ...] = ()
    """Columns of an item that has one already."""
    renamed: tuple[Renamed, ...] = ()
    """Of the missing and the extra those that may belong together."""
    retyped: tuple[str, ...] = ()
    """Codes of items none of whose values has the declared type."""

    def as_data(self) -> dict[str, Any]:
        """For the API: plain types."""
        return {
            "missing": list(self.missing),
            "extra": [{"column": column, "title": title} for column, title in self.extra],
            "repeated": [{"column": column, "title": title} for column, title in self.repeated],
            "renamed": [{"column": one.column, "title": one.title, "item": one.item} for one in self.renamed],
            "retyped": list(self.retyped),
        }


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that differs, with its column (1 where it has none) and what to do about it."""

    column: int
    item: str | None
    message: str


def compare(items: Sequence[Item], titles: Sequence[tuple[int, str]]) -> tuple[Difference, list[Misfit]]:
    """The difference between items and titled columns (序号 left out), and what to say of it."""
    by_title = {item.name: item for item in items} | {item.code: item for item in items}
    places: dict[str, int] = {}
    extra: list[tuple[int, str]] = []
    repeated: list[tuple[int, str]] = []
    for column, title in titles:
        item = by_title.get(title)
        if item is None:
            extra.append((column, title))
        elif item.code in places:
            repeated.append((column, title))
        else:
            places[item.code] = column
    missing = [item for item in items if item.code not in places]
    renamed = _renamed(missing, extra)
    maybe = {one.column: one for one in renamed}
    names = {item.code: item.name for item in items}
    misfits = [Misfit(column, None, _of_extra(maybe.get(column), names)) for column, _ in extra]
    misfits += [
        Misfit(column, by_title[title].code, f"信息项“{by_title[title].name}”出现了两列") for column, title in repeated
    ]
    misfits += [Misfit(1, item.code, f"缺少信息项“{item.name}”（{item.code}）的列") for item in missing]
    difference = Difference(
        missing=tuple(item.code for item in missing),
        extra=tuple(extra),
        repeated=tuple(repeated),
        renamed=renamed,
    )
    return difference, misfits


def _of_extra(maybe: Renamed | None, names: dict[str, str]) -> str:
    if maybe is None:
        return "目录中没有这一列，请删除或更正列名"
    return f"目录中没有这一列；可能是信息项“{names[maybe.item]}”改了名，请更正列名或修订目录"


def _renamed(missing: Sequence[Item], extra: Sequence[tuple[int, str]]) -> tuple[Renamed, ...]:
    """Pairs of a missing item and a strange title, the most alike first; each stands in one pair."""
    pairs = sorted(
        ((_likeness(item, title), column, title, item) for item in missing for column, title in extra),
        key=lambda pair: (-pair[0], pair[1], pair[3].code),
    )
    found: list[Renamed] = []
    used_columns: set[int] = set()
    used_items: set[str] = set()
    for likeness, column, title, item in pairs:
        if likeness >= ALIKE and column not in used_columns and item.code not in used_items:
            found.append(Renamed(column, title, item.code))
            used_columns.add(column)
            used_items.add(item.code)
    return tuple(sorted(found, key=lambda one: one.column))


def _likeness(item: Item, title: str) -> float:
    shown = title[:100]
    return max(
        SequenceMatcher(None, shown.casefold(), known.casefold(), autojunk=False).ratio()
        for known in (item.name, item.code)
    )


def of_types(retyped: Sequence[Item]) -> tuple[Difference, str]:
    """The difference of items whose every value has another type, and what to say of it."""
    listed = "、".join(f"“{item.name}”应为{_TYPES[item.type.value]}" for item in retyped)
    return Difference(retyped=tuple(item.code for item in retyped)), f"以下列的数据类型与目录不一致：{listed}"
