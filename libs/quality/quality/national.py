"""National code sets that the standard fields need, with their source: proposed to the catalogue, which publishes them.

Nothing here is in force by itself: items name versions of code sets of the catalogue.
"""

import csv
import functools
import tomllib
from dataclasses import dataclass

from quality.standard import data_text


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalCodeSet:
    id: str
    name: str
    standard: str
    """The standard's number, `GB/T 2260`."""
    source: str
    codes: tuple[tuple[str, str], ...]
    """(code, name), in the standard's order."""
    fields: tuple[str, ...]
    """Standard fields whose codes these are."""


@functools.cache
def code_sets() -> tuple[NationalCodeSet, ...]:
    """Every national code set there is here."""
    found = tomllib.loads(data_text("code_sets.toml"))
    return tuple(
        NationalCodeSet(
            id=name,
            name=one["name"],
            standard=one["standard"],
            source=one["source"],
            codes=_codes(name),
            fields=tuple(one["fields"]),
        )
        for name, one in found.items()
    )


def _codes(name: str) -> tuple[tuple[str, str], ...]:
    rows = csv.DictReader(data_text(f"codes/{name}.csv").splitlines())
    return tuple((row["code"], row["name"]) for row in rows)
