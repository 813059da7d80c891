"""Values that must occur in another resource: gathered here, asked for by the platform."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from quality.cells import Value
from quality.model import Rule, RuleName
from quality.surroundings import Answers, Wanted

MAX_VALUES: Final = 1_000_000
"""Different values of one rule that are looked up at most."""
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of their text, at most."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A value that the other resource does not have, with the rows where it stands."""

    rule: Rule
    place: int
    value: Value
    rows: Sequence[int]
    message: str


@dataclass(slots=True)
class _Asked:
    """The values of one rule, each with its rows."""

    rule: Rule
    places: list[int]
    most: int
    seen: dict[tuple[Value, ...], list[int]] = field(default_factory=dict)
    size: int = 0
    is_full: bool = False

    def take(self, row: int, picked: tuple[Value, ...]) -> None:
        rows = self.seen.get(picked)
        if rows is not None:
            rows.append(row)
            return
        self.size += sum(len(value.encode()) if isinstance(value, str) else 32 for value in picked)
        if len(self.seen) >= self.most or self.size > MAX_BYTES:
            self.is_full = True
        else:
            self.seen[picked] = [row]


class References:
    """Gathers the values of reference rules; a row with an empty one asks for nothing."""

    def __init__(self, rules: Sequence[Rule], places: Mapping[str, int], most: int = MAX_VALUES) -> None:
        self._asked = [
            _Asked(rule, [places[code] for code in rule.items], most)
            for rule in rules
            if rule.name is RuleName.REFERENCE
        ]
        self._most = most
        self.is_needed = bool(self._asked)

    def take(self, row: int, values: Sequence[Value | None]) -> None:
        for asked in self._asked:
            picked = [value for place in asked.places if (value := values[place]) is not None]
            if len(picked) == len(asked.places):
                asked.take(row, tuple(picked))

    def wanted(self) -> tuple[Wanted, ...]:
        return tuple(Wanted(asked.rule, frozenset(asked.seen)) for asked in self._asked)

    def unable(self, answers: Answers) -> Iterator[tuple[Rule, str]]:
        """Rules that could not be run to their end, with the reason."""
        for asked in self._asked:
            if asked.rule in answers.unable:
                yield asked.rule, answers.unable[asked.rule]
            if asked.is_full:
                yield asked.rule, f"要在所引用的资源中核对的不同值超过{self._most}个，没有全部核对；请把文件分成几个"

    def lost(self, answers: Answers) -> Iterator[Lost]:
        """The wanted values that are missing."""
        for asked in self._asked:
            rule = asked.rule
            told = "、".join(rule.target_items)
            message = f"在所引用的资源 {rule.resource} 的 {told} 中没有这个值，请核对，或待该资源更新后再报送"
            message += f"；{rule.advice}" if rule.advice else ""
            for value in answers.missing.get(rule, ()):
                yield Lost(rule, asked.places[0], value[0], asked.seen.get(value, ()), message)
