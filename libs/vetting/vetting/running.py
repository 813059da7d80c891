"""The rules that can run here, and the telling of what was read otherwise than it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from quality import national
from quality.model import CodeSets, Finding, Item, ItemLike, Rule, RuleName, RuleSet, Severity
from vetting.settling import Licence, licence_text

_EACH_CELL: Final = frozenset({Licence.DATE_FORM, Licence.DATE_AS_TEXT})
"""Licences that are told cell by cell; the others once a column, with their count."""
_OF_WRITING: Final = frozenset({Licence.BLANKS, Licence.APOSTROPHE, Licence.FORMULA, Licence.LINE_BREAKS})


class Licences:
    """What was read otherwise than it stands, gathered for the telling."""

    def __init__(self) -> None:
        self._cells: list[Finding] = []
        self._columns: dict[tuple[int, str, Licence], tuple[int, int]] = {}

    def note(self, row: int, column: int, item: str, licences: Sequence[Licence]) -> None:
        for licence in licences:
            if licence in _EACH_CELL:
                message = licence_text(licence)
                self._cells.append(Finding(row, column, item, RuleName.TYPE, Severity.WARNING, message, None))
            else:
                first, count = self._columns.get((column, item, licence), (row, 0))
                self._columns[column, item, licence] = (first, count + 1)

    def findings(self) -> list[Finding]:
        found = list(self._cells)
        for (column, item, licence), (row, count) in self._columns.items():
            message = licence_text(licence) + (f"（本列共{count}处，首处在第{row}行）" if count > 1 else "")
            rule = RuleName.PATTERN if licence in _OF_WRITING else RuleName.TYPE
            found.append(Finding(row, column, item, rule, Severity.WARNING, message, None))
        return found


@dataclass(frozen=True, slots=True)
class Runnable:
    rule_set: RuleSet
    code_sets: CodeSets
    not_run: frozenset[RuleName]


def runnable(rule_set: RuleSet, places: Mapping[str, int]) -> Runnable:
    """The rules that can run on this machine: of items with a column, and of code sets that are known here.

    A missing column is told once, as such, and not again in each row.
    """
    known = {one.id: frozenset(code for code, _ in one.codes) for one in national.code_sets()}
    code_sets: dict[tuple[str, int], frozenset[str]] = {}
    lacking: set[RuleName] = set()
    items: list[ItemLike] = []
    for item in rule_set.items:
        if item.code not in places:
            continue
        reference = item.code_set
        if reference is not None and reference.id not in known:
            lacking.add(RuleName.CODE_SET)
            items.append(_without_code_set(item))
            continue
        if reference is not None:
            code_sets[reference.id, reference.version] = known[reference.id]
        items.append(item)
    rules: list[Rule] = []
    for rule in rule_set.rules:
        named = {*rule.items, *([rule.when] if rule.when else []), *([rule.total] if rule.total else [])}
        if not named <= places.keys():
            continue
        if rule.code_set is not None and rule.code_set.id not in known:
            lacking.add(RuleName.CODE_SET)
            continue
        if rule.code_set is not None:
            code_sets[rule.code_set.id, rule.code_set.version] = known[rule.code_set.id]
        rules.append(rule)
    return Runnable(replace(rule_set, items=tuple(items), rules=tuple(rules)), code_sets, frozenset(lacking))


def _without_code_set(item: ItemLike) -> Item:
    return Item(
        code=item.code,
        name=item.name,
        type=item.type,
        length=item.length,
        precision=item.precision,
        scale=item.scale,
        nullable=item.nullable,
        key_place=item.key_place,
        unique=item.unique,
        check=item.check,
    )
