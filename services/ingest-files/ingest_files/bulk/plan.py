"""What the child is told of a resource, as plain types: no model library is loaded to read it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgpack

MAX_BYTES: Final = 16 * 1024 * 1024
"""Of a plan: its code sets are most of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """An item, as far as it decides what its values may be."""

    code: str
    name: str
    type: str
    """As `common.events.ItemType` writes it."""
    length: int | None
    precision: int | None
    scale: int | None
    needed: bool
    """Its values may not be empty."""
    indexed: bool
    """It stands in the key or is unique by itself."""
    check: str | None
    codes: frozenset[str] | None
    """The codes of its code set, if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One load."""

    columns: tuple[Column, ...]
    """In the order of the table."""
    items: tuple[Mapping[str, Any], ...]
    """The items as events carry them, for the rules of rows."""
    code_sets: tuple[tuple[str, int, tuple[str, ...]], ...]
    batch: str

    def packed(self) -> bytes:
        return bytes(msgpack.packb([list(self.items), list(self.code_sets), self.batch]))


def of_items(
    items: Sequence[Mapping[str, Any]], code_sets: Mapping[tuple[str, int], Collection[str]], batch: str
) -> Plan:
    """The plan for items as `model_dump(mode="json")` gives them, in the order of the table."""
    sets = {reference: frozenset(codes) for reference, codes in code_sets.items()}
    return Plan(
        columns=tuple(_column(item, sets) for item in items),
        items=tuple(items),
        code_sets=tuple((name, version, tuple(sorted(codes))) for (name, version), codes in sorted(sets.items())),
        batch=batch,
    )


def _column(item: Mapping[str, Any], sets: Mapping[tuple[str, int], frozenset[str]]) -> Column:
    reference = item.get("code_set")
    in_key = item.get("key_place") is not None
    return Column(
        code=item["code"],
        name=item["name"],
        type=item["type"],
        length=item.get("length"),
        precision=item.get("precision"),
        scale=item.get("scale"),
        needed=in_key or not item.get("nullable", True),
        indexed=in_key or bool(item.get("unique")),
        check=item.get("check"),
        codes=None if reference is None else sets.get((reference["id"], reference["version"]), frozenset()),
    )


def unpacked(data: bytes) -> Plan:
    """The plan that `packed` wrote.

    Raises:
        ValueError: it is none.
    """
    items, listed, batch = msgpack.unpackb(data)
    return of_items(items, {(name, version): codes for name, version, codes in listed}, batch)
