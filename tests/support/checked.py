"""Rows checked in one pass, for tests that look at rows and findings."""

from dataclasses import dataclass

from quality.checking import Checker
from quality.model import Finding, Rule, RuleSet
from quality.surroundings import Surroundings


@dataclass(frozen=True)
class Checked:
    rows: list
    findings: list[Finding]
    checker: Checker


def check(items, places, rows, code_sets, rules: tuple[Rule, ...] = (), around: Surroundings | None = None) -> Checked:
    """Rows are (sheet row, cells from column 1)."""
    checker = Checker(RuleSet(items=tuple(items), rules=rules), places, code_sets, around)
    taken = [(number, checker.take(number, cells)) for number, cells in rows]
    return Checked(taken, checker.end(), checker)
