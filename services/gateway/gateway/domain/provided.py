"""What a provider answered, made into rows: only what is registered is read, every value has to fit its item.

The filters of the call are applied here too. A parameter that was passed on has to have been obeyed: a record that does
not match shows that the provider answered another question, and then nothing of its answer is believed. A parameter
that the provider does not take is applied here, and records that do not match are left out; so is the grant's row
filter.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, cast

import orjson

from common.events import DateStyle, Interface, InterfaceKind, Item, ItemType, Operator
from exchange.masks import shown as masked
from exchange.reading import Column, Condition, Order
from gateway.domain.access import Bindable
from gateway.domain.decisions import Plan
from gateway.domain.outside import Record
from gateway.errors import Fault, ProviderFault
from quality.cells import Value
from quality.values import BadValue, read

Tree = Mapping[str, Any] | Sequence[Any] | str | bool | None
"""What was parsed: objects and elements by name, lists, texts; numbers of JSON as `Number`."""
_ISO_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_ISO_TIME: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9:]{8})(?:\.0{1,9})?(?:\+08:?00)?")
_TEXTS: Final = frozenset({ItemType.TEXT, ItemType.DATE, ItemType.DATETIME})


class Number(str):
    """A number of JSON as its literal text: no digit is lost."""

    __slots__ = ()


def records(interface: Interface, items: Mapping[str, Item], tree: Tree) -> tuple[Record, ...]:
    """The records in an answer, of each only the registered items.

    Raises:
        ProviderFault: they are not where they are said to be, there are too many, or a value does not fit its item.
    """
    found = _listed(interface, tree)
    if len(found) > interface.max_rows:
        raise ProviderFault(Fault.TOO_MANY)
    lenient = interface.kind is InterfaceKind.SOAP
    paths = [(items[one.item], one.member.split(".")) for one in interface.given if one.item in items]
    return tuple(
        {item.code: _value(item, _member(record, path, absent=lenient), interface.dates) for item, path in paths}
        for record in found
    )


def _listed(interface: Interface, tree: Tree) -> Sequence[Tree]:
    names = interface.records.split(".") if interface.records else []
    found = _member(tree, names, absent=interface.kind is InterfaceKind.SOAP)
    if found is None:
        return ()
    if isinstance(found, Mapping):
        # One record where there might be several: what XML leaves of a list of one, and what answers by key give.
        return (found,)
    if isinstance(found, str | bool):
        raise ProviderFault(Fault.MEMBER)
    return found


def _member(tree: Tree, path: Sequence[str], *, absent: bool) -> Tree:
    """What is at the end of a path; where `absent`, XML leaves out what is null."""
    for name in path:
        if tree is None and absent:
            return None
        if not isinstance(tree, Mapping) or (name not in tree and not absent):
            raise ProviderFault(Fault.MEMBER)
        tree = tree.get(name)
    return tree


def _value(item: Item, raw: Tree, dates: DateStyle) -> Value | None:
    if raw is None or (raw == "" and isinstance(raw, str)):
        if not item.nullable or item.key_place is not None:
            raise ProviderFault(Fault.VALUE)
        return None
    if not isinstance(raw, str) or (isinstance(raw, Number) and item.type in _TEXTS):
        raise ProviderFault(Fault.VALUE)
    text = str(raw)
    if dates is DateStyle.ISO:
        if item.type is ItemType.DATE:
            text = _from_iso(_ISO_DATE, text)
        elif item.type is ItemType.DATETIME:
            text = _from_iso(_ISO_TIME, text)
    try:
        return read(item, text, {}, whole=False)
    except BadValue:
        raise ProviderFault(Fault.VALUE) from None


def _from_iso(form: re.Pattern[str], text: str) -> str:
    found = form.fullmatch(text)
    if found is None:
        raise ProviderFault(Fault.VALUE)
    parts = found.groups()
    return "/".join(parts[:3]) + "".join(f" {part}" for part in parts[3:])


def written(value: Value, dates: DateStyle) -> str:
    """A value as the provider wants it."""
    match value:
        case datetime():
            slashed = f"{_slashed(value)} {value:%H:%M:%S}"
            return slashed.replace("/", "-").replace(" ", "T") if dates is DateStyle.ISO else slashed
        case date():
            return _slashed(value).replace("/", "-") if dates is DateStyle.ISO else _slashed(value)
        case Decimal():
            return f"{value:f}"
    return str(value)


def matching(interface: Interface, plan: Plan, found: Sequence[Record]) -> list[Record]:
    """The records that match what was asked, and that the grant lets one see.

    Raises:
        ProviderFault: one of them does not match a parameter that was passed on.
    """
    conditions = plan.template.shape.conditions
    names = [*plan.template.filters, *[None] * (len(conditions) - len(plan.template.filters))]
    passed_on = {sent.parameter for sent in interface.sent}
    kept = []
    # The claims' values come behind those of the conditions.
    checks = list(zip(names, conditions, plan.values, strict=False))
    for record in found:
        held = True
        for name, condition, value in checks:
            if _holds(condition, record.get(condition.item.code), value):
                continue
            if name in passed_on:
                raise ProviderFault(Fault.DISOBEYED)
            held = False
        if held:
            kept.append(record)
    return kept


def _holds(condition: Condition, stored: Value | None, asked: Bindable) -> bool:
    """As the database compares: nothing is true of null."""
    if stored is None:
        return False
    return _COMPARISONS[condition.operator](stored, asked)


_COMPARISONS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQ: operator.eq,
    Operator.IN: lambda stored, asked: stored in asked,
    Operator.GE: operator.ge,
    Operator.GT: operator.gt,
    Operator.LE: operator.le,
    Operator.LT: operator.lt,
    Operator.PREFIX: str.startswith,
}


def ordered(found: Sequence[Record], key: Sequence[Item], order: Order | None) -> list[Record]:
    """By the order that is asked for, nulls last either way, then by key; without a key as the provider has them."""
    by_key = sorted(found, key=lambda record: tuple(cast("Any", record[item.code]) for item in key))
    if order is None:
        return by_key
    code = order.item.code
    valued = [record for record in by_key if record.get(code) is not None]
    valued.sort(key=lambda record: cast("Any", record[code]), reverse=order.descending)
    return valued + [record for record in by_key if record.get(code) is None]


def row(plan: Plan, record: Record) -> tuple[str, ...]:
    """What a call is shown of a record, as the database would show it: JSON fragments, masked where granted masked."""
    claimed = iter(plan.values[len(plan.template.shape.conditions) :])
    return tuple(
        _claim(record, column, next(claimed)) if column.claimed else fragment(column, record.get(column.item.code))
        for column in plan.template.shape.columns
    )


def _claim(record: Record, column: Column, asked: Bindable) -> str:
    stored = record.get(column.item.code)
    return '"1"' if stored is not None and stored == asked else '"0"'


def fragment(column: Column, value: Value | None) -> str:
    """A value as the protocol writes it, as a JSON fragment (`exchange.values.fragment` says it to the database)."""
    if value is None:
        return "null"
    if column.mask is not None:
        return orjson.dumps(masked(column.mask, str(value))).decode()
    match value:
        case datetime() | date():
            return f'"{written(value, DateStyle.ANNEX)}"'
        case Decimal():
            return f"{value:.{column.item.scale or 0}f}"
        case int():
            return str(value)
    return orjson.dumps(value).decode()


def _slashed(value: date) -> str:
    return f"{value.year:04}/{value.month:02}/{value.day:02}"
