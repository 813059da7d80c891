"""Values that must occur in another resource: gathered here, asked for by the platform."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from quality.cells import Value
from quality.model import Rule, RuleName
from quality.surroundings import Wanted


@dataclass(frozen=True, slots=True)
class Lost:
    """A value that the other resource does not have, with the rows where it stands."""

    rule: Rule
    place: int
    value: Value
    rows: Sequence[int]
    message: str


class References:
    """Gathers the values of reference rules; a row with an empty one asks for nothing."""

    def __init__(self, rules: Sequence[Rule], places: Mapping[str, int]) -> None:
        self._asked: list[tuple[Rule, list[int], dict[tuple[Value, ...], list[int]]]] = [
            (rule, [places[code] for code in rule.items], {}) for rule in rules if rule.name is RuleName.REFERENCE
        ]
        self.is_needed = bool(self._asked)

    def take(self, row: int, values: Sequence[Value | None]) -> None:
        for _, places, seen in self._asked:
            picked = [value for place in places if (value := values[place]) is not None]
            if len(picked) == len(places):
                seen.setdefault(tuple(picked), []).append(row)

    def wanted(self) -> tuple[Wanted, ...]:
        return tuple(Wanted(rule, frozenset(seen)) for rule, _, seen in self._asked)

    def lost(self, missing: Mapping[Rule, Collection[tuple[Value, ...]]]) -> Iterator[Lost]:
        """The wanted values that are missing. A rule without answer is taken as answered with nothing missing."""
        for rule, places, seen in self._asked:
            message = f"在所引用的资源 {rule.resource} 中没有这个值" + (f"；{rule.advice}" if rule.advice else "")
            for value in missing.get(rule, ()):
                yield Lost(rule, places[0], value[0], seen.get(value, ()), message)
