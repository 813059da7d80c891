"""Checks of several values of a row together, and of values across rows."""

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

from quality.cells import Value
from quality.compiling import given_values
from quality.model import Comparison, ItemLike, ItemType, Rule, RuleName, Severity

Values = Sequence[Value | None]
Tell = Callable[[int, int, RuleName, Severity, str], None]
"""Takes (row, place of the item, rule, severity, message)."""

MAX_INDEXED: Final = 2500
"""Bytes of a key or of a unique value at most: what an index of PostgreSQL can hold, less its own overhead."""
_BYTES: Final = 4
"""Of one character in UTF-8 at most."""
_WORDS: Final = {
    Comparison.EQ: "等于",
    Comparison.NE: "不等于",
    Comparison.LT: "早于或小于",
    Comparison.LE: "不晚于或不大于",
    Comparison.GT: "晚于或大于",
    Comparison.GE: "不早于或不小于",
}


class RowCheck(Protocol):
    """Sees each row once, in order."""

    def take(self, row: int, values: Values) -> None: ...


def uniques(
    items: Sequence[ItemLike], rules: Sequence[Rule], tell: Tell, named: Callable[[int], str]
) -> list["Unique"]:
    """What has to be unique: the key, the items that say so, and what rules declare; each once, as error if any is.

    `named` is what people call a row by its number.
    """
    key = sorted((item for item in items if item.key_place is not None), key=lambda item: item.key_place or 0)
    groups: dict[tuple[str, ...], Unique] = {}
    asked: list[tuple[tuple[str, ...], Severity, str | None]] = (
        [(tuple(item.code for item in key), Severity.ERROR, None)] if key else []
    )
    asked += [((item.code,), Severity.ERROR, None) for item in items if item.unique]
    asked += [(rule.items, rule.severity, rule.advice) for rule in rules if rule.name is RuleName.UNIQUE]
    places = {item.code: place for place, item in enumerate(items)}
    for codes, severity, advice in asked:
        group = [items[places[code]] for code in codes]
        indexed = advice is None and severity is Severity.ERROR
        if codes not in groups:
            at = [places[code] for code in codes]
            groups[codes] = Unique(group, at, severity, advice, tell, named, indexed=indexed)
    return list(groups.values())


class Unique:
    """No two rows have the same values; a row with an empty one is no repetition.

    Holds every value it has seen: about 200 bytes a row.
    """

    def __init__(
        self,
        group: Sequence[ItemLike],
        places: Sequence[int],
        severity: Severity,
        advice: str | None,
        tell: Tell,
        named: Callable[[int], str],
        *,
        indexed: bool,
    ) -> None:
        self._places, self._tell, self._severity, self._named = places, tell, severity, named
        self._names = "、".join(item.name for item in group)
        self._advice = "" if advice is None else f"；{advice}"
        self._seen: dict[object, int] = {}
        self._single = places[0] if len(places) == 1 else None
        # Measured only where the declared lengths allow too much.
        self._measured = indexed and sum(_most_bytes(item) for item in group) > MAX_INDEXED

    def take(self, row: int, values: Values) -> None:
        if self._single is not None:
            picked: object = values[self._single]
            if picked is None:
                return
        else:
            several = tuple([values[place] for place in self._places])
            if None in several:
                return
            picked = several
        if self._measured and sum(len(str(values[place]).encode()) for place in self._places) > MAX_INDEXED:
            message = f"“{self._names}”过长，主键或唯一项合计不超过{MAX_INDEXED}字节"
            self._tell(row, self._places[0], RuleName.LENGTH, Severity.ERROR, message)
            return
        first = self._seen.setdefault(picked, row)
        if first != row:
            message = f"“{self._names}”与{self._named(first)}重复{self._advice}"
            self._tell(row, self._places[0], RuleName.UNIQUE, self._severity, message)


def _most_bytes(item: ItemLike) -> int:
    if item.type == ItemType.TEXT:
        return _BYTES * (item.length or MAX_INDEXED)
    return item.precision + 3 if item.precision is not None else 20


def cross(rule: Rule, items: Sequence[ItemLike], places: Mapping[str, int], tell: Tell) -> RowCheck:
    """A rule across the items of a row, made ready."""
    if rule.comparison is not None:
        return Compared(rule, rule.comparison, items, places, tell)
    if rule.when is not None:
        return RequiredIf(rule, rule.when, items, places, tell)
    assert rule.total is not None
    return Total(rule, rule.total, items, places, tell)


class Compared:
    """The first item stands to the second as declared, where both have a value; told at the first."""

    def __init__(
        self, rule: Rule, how: Comparison, items: Sequence[ItemLike], places: Mapping[str, int], tell: Tell
    ) -> None:
        self._first, self._second = (places[code] for code in rule.items)
        self._holds: Callable[[object, object], bool] = getattr(operator, how.value)
        self._tell, self._severity = tell, rule.severity
        names = [items[place].name for place in (self._first, self._second)]
        self._message = _with_advice(f"“{names[0]}”应{_WORDS[how]}“{names[1]}”", rule)

    def take(self, row: int, values: Values) -> None:
        first, second = values[self._first], values[self._second]
        if first is not None and second is not None and not self._holds(first, second):
            self._tell(row, self._first, RuleName.CROSS_ITEM, self._severity, self._message)


class RequiredIf:
    """The items have a value where another has one of the declared values (any, if none is declared)."""

    def __init__(self, rule: Rule, when: str, items: Sequence[ItemLike], places: Mapping[str, int], tell: Tell) -> None:
        self._when = places[when]
        self._values = given_values(rule, items[self._when])
        self._tell, self._severity = tell, rule.severity
        condition = f"“{items[self._when].name}”" + (f"为{'、'.join(rule.values)}" if rule.values else "有值")
        self._asked = [
            (places[code], _with_advice(f"{condition}时，“{items[places[code]].name}”不能为空", rule))
            for code in rule.items
        ]

    def take(self, row: int, values: Values) -> None:
        at = values[self._when]
        if at is None or (self._values and at not in self._values):
            return
        for place, message in self._asked:
            if values[place] is None:
                self._tell(row, place, RuleName.CROSS_ITEM, self._severity, message)


class Total:
    """The items add up to the total, where all of them and it have a value; told at the total."""

    def __init__(
        self, rule: Rule, total: str, items: Sequence[ItemLike], places: Mapping[str, int], tell: Tell
    ) -> None:
        self._total, self._parts = places[total], [places[code] for code in rule.items]
        self._tolerance = rule.tolerance or Decimal(0)
        self._tell, self._severity = tell, rule.severity
        names = "、".join(items[place].name for place in self._parts)
        self._message = _with_advice(f"“{items[self._total].name}”不等于{names}之和", rule)

    def take(self, row: int, values: Values) -> None:
        total = values[self._total]
        parts = [values[place] for place in self._parts]
        if total is None or None in parts:
            return
        added = sum(Decimal(part) for part in parts if isinstance(part, int | Decimal))
        assert isinstance(total, int | Decimal)
        if abs(added - Decimal(total)) > self._tolerance:
            self._tell(row, self._total, RuleName.CROSS_ITEM, self._severity, self._message)


def _with_advice(message: str, rule: Rule) -> str:
    return message if rule.advice is None else f"{message}；{rule.advice}"
