"""Asks which values a resource does not have: for rules of one resource that refer to another."""

import itertools
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import asyncpg

from common.events import Item, ItemType
from quality.cells import Value

AT_ONCE: Final = 20_000
"""Values of one question: what the store is asked of at once stays within a few MiB."""
_LARGEST: Final = 2**63
_KINDS: Final = {ItemType.INTEGER: "number", ItemType.NUMERIC: "number"}


def compares(item: Item, target: Item) -> bool:
    """Whether values of the one item can be values of the other."""
    return _KINDS.get(item.type, item.type) == _KINDS.get(target.type, target.type)


async def lacking(
    connection: asyncpg.Connection,
    *,
    version: str,
    items: Sequence[Item],
    values: Collection[tuple[Value, ...]],
) -> set[tuple[Value, ...]]:
    """The values that stand in no row of the resource version.

    `items` are items of that version, and each value has one part for each of them, of a kind that `compares`.
    The connection's role is the loader's. Each question sees the rows that are committed at its time.
    """
    codes = [item.code for item in items]
    # What the column could not hold at all would fail its cast.
    able = {value for value in values if all(_holds(item, part) for item, part in zip(items, value, strict=True))}
    missing = {value for value in values if value not in able}
    left = iter(able)
    while some := list(itertools.islice(left, AT_ONCE)):
        told = json.dumps([[_text(item, part) for item, part in zip(items, value, strict=True)] for value in some])
        query = "select place from exchange.lacking($1, $2, $3::jsonb) as place"
        missing.update(some[row["place"] - 1] for row in await connection.fetch(query, version, codes, told))
    return missing


def _holds(item: Item, value: Value) -> bool:
    if item.type is not ItemType.INTEGER:
        return True
    if not isinstance(value, int | Decimal):
        return False
    whole = int(value)
    return value == whole and -_LARGEST <= whole < _LARGEST


def _text(item: Item, value: Value) -> str:
    if isinstance(value, Decimal):
        if item.type is ItemType.INTEGER:
            return str(int(value))
        return format(value, "f")
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)
