"""What some rules ask of the world outside the rows: the day, the batches before, whether other resources hold a value.

A provider's own machine knows the day and nothing else; rules that need more are then told as not run.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from quality.cells import Value
from quality.model import Rule

COMPARED: Final = 7
"""Batches before that drift is measured against, by their median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A batch in numbers: its rows, and for the items that drift rules name the empty cells and the distinct values."""

    rows: int
    nulls: Mapping[str, int]
    distinct: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The batches that the platform has taken for the resource before, newest first."""

    newest: date | None = None
    """The day of the last one."""
    profiles: tuple[Profile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """None stands for what is not known here."""

    today: date | None = None
    history: History | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Values that a reference rule asks another resource for: `exists(resource, target_items, values)`."""

    rule: Rule
    values: frozenset[tuple[Value, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the platform says to what reference rules want; a rule that stands in neither was not answered."""

    missing: Mapping[Rule, Collection[tuple[Value, ...]]]
    """The wanted values that the other resource does not have."""
    unable: Mapping[Rule, str]
    """Why there is nothing to look the values up in, as a sentence for people; told once, for the whole."""
