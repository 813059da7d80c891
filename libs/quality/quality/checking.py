"""Goes over the rows of a resource once and finds every breach of its rules.

How to use it:

    checker = Checker(rule_set, columns, code_sets, Surroundings(today=today))
    for row in sheet.rows:                              # any order, each row once, rows of the sheet counted from 1
        values = checker.take(row.number, row.values)   # values in the items' order, None where empty or bad
        if row.number not in checker.bad_rows: ...      # a row with an error is not loaded
    asked = checker.wanted()                            # for the platform: values that must occur elsewhere
    findings = checker.end(answers)                     # all of them, in the order of the sheet
    checker.not_run                                     # rules that need the platform and were not answered

`columns` says in which column (from 1) each item stands; `row.values[0]` is column 1, and empty cells at the end may be
left out. A row that repeats an earlier one is bad, the earlier one is not. A row found bad by a reference rule is known
after `end` only. Where the rows come from several sheets, `turn` says so before the first row of each; every row has a
number of its own then, those of later sheets the higher ones, and `named` tells people which row a number is.

Memory: about 200 bytes a finding (`drain` hands over what was found so far and forgets it, for files that are all
wrong), 200 bytes a row for each uniqueness, and for reference rules 200 bytes a distinct value, of which there are at
most `references.MAX_VALUES` and `references.MAX_BYTES`; beyond, the rule itself is told as broken. Texts that come
again are judged once; what is remembered for that is at most `REMEMBERED` texts a column.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quality import compiling, together
from quality.cells import Cell, Value
from quality.check_digits import uscc_doubt
from quality.compiling import PER_VALUE, ValueCheck
from quality.masking import masked
from quality.model import Check, CodeSets, Finding, ItemLike, Rule, RuleName, RuleSet, Severity, in_sheets_order
from quality.over_batches import Dates, Profiles, drift, lateness, of_whole
from quality.reading import from_cell
from quality.references import References
from quality.surroundings import Answers, Profile, Surroundings, Wanted
from quality.values import BadValue

REMEMBERED: Final = 4096
MAX_INDEXED: Final = together.MAX_INDEXED
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class _Fault:
    rule: RuleName
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class _Judged:
    """A cell with something wrong: what remains of it, and what is told."""

    value: Value | None
    faults: tuple[_Fault, ...]


class _Column:
    """One item: its cells are read and judged by themselves."""

    __slots__ = ("checks", "code_sets", "empty", "index", "item", "known", "place")

    def __init__(self, place: int, item: ItemLike, column: int | None, rule_set: RuleSet, code_sets: CodeSets) -> None:
        self.place, self.item, self.code_sets = place, item, code_sets
        self.index = -1 if column is None else column - 1
        self.known: dict[str, Any] = {}
        mine = [rule for rule in rule_set.rules if item.code in rule.items]
        self.checks: tuple[ValueCheck, ...] = tuple(
            compiling.compile_value_check(rule, item, code_sets) for rule in mine if rule.name in PER_VALUE
        )
        self.empty: Any = None
        required = [rule for rule in mine if rule.name is RuleName.NOT_NULL]
        if not item.nullable or item.key_place is not None:
            self.empty = _Judged(None, (_Fault(RuleName.NOT_NULL, Severity.ERROR, f"“{item.name}”不能为空"),))
        elif required:
            rule = min(required, key=lambda rule: rule.severity is Severity.WARNING)
            message = f"“{item.name}”不能为空" + _advice(rule)
            self.empty = _Judged(None, (_Fault(RuleName.NOT_NULL, rule.severity, message),))

    def judge(self, cell: Cell) -> Any:
        """The value of a cell, or a `_Judged` where something is wrong with it."""
        try:
            value = from_cell(self.item, cell, self.code_sets)
        except BadValue as bad:
            found: Any = _Judged(None, (_Fault(bad.rule, Severity.ERROR, bad.message),))
        else:
            found = self.empty if value is None else self._checked(value)
        if type(cell) is str and len(self.known) < REMEMBERED:
            self.known[cell] = found
        return found

    def _checked(self, value: Value) -> object:
        faults: list[_Fault] = []
        for check in self.checks:
            message = check.fault(value)
            if message is not None:
                faults.append(_Fault(check.rule.name, check.rule.severity, message + _advice(check.rule)))
        if self.item.check == Check.USCC:
            doubt = uscc_doubt(str(value))
            if doubt is not None:
                faults.append(_Fault(RuleName.CHECK_DIGIT, Severity.WARNING, doubt))
        if not faults:
            return value
        bad = any(fault.severity is Severity.ERROR for fault in faults)
        return _Judged(None if bad else value, tuple(faults))


def _advice(rule: Rule) -> str:
    return "" if rule.advice is None else f"；{rule.advice}"


class Checker:
    """One pass over the rows of a resource; see the module for its use."""

    def __init__(
        self,
        rule_set: RuleSet,
        columns: Mapping[str, int],
        code_sets: CodeSets,
        surroundings: Surroundings | None = None,
        named: Callable[[int], str] = "第{}行".format,
    ) -> None:
        """Raises BadRule if a rule does not go with the items."""
        compiling.verify(rule_set)
        items, rules = rule_set.items, rule_set.rules
        self._items = items
        self._rule_set = rule_set
        self._surroundings = surroundings or Surroundings()
        self._sheet_columns = [columns.get(item.code) for item in items]
        self._turns: list[tuple[int, list[int | None]]] = [(0, self._sheet_columns)]
        places = {item.code: place for place, item in enumerate(items)}
        self._columns = [
            _Column(place, item, columns.get(item.code), rule_set, code_sets) for place, item in enumerate(items)
        ]
        self._findings: list[Finding] = []
        self._cells: Sequence[Cell] = ()
        self._spoiled: set[int] = set()
        self._dates = Dates(rules, places)
        self._profiles = Profiles(rules, places)
        self._references = References(rules, places)
        crossing = [
            together.cross(rule, items, places, self._tell) for rule in rules if rule.name is RuleName.CROSS_ITEM
        ]
        watching = [one for one in (self._dates, self._profiles, self._references) if one.is_needed]
        self._row_checks: list[together.RowCheck] = [
            *together.uniques(items, rules, self._tell, named),
            *crossing,
            *watching,
        ]
        self.records = 0
        """Rows taken so far."""
        self.bad_rows: set[int] = set()
        """Rows with an error so far; they are not to be loaded."""

    def turn(self, row: int, columns: Mapping[str, int]) -> None:
        """From this row on the items stand in these columns: another sheet of the same file begins."""
        self._sheet_columns = [columns.get(item.code) for item in self._items]
        for column, at in zip(self._columns, self._sheet_columns, strict=True):
            column.index = -1 if at is None else at - 1
        self._turns.append((row, self._sheet_columns))

    def take(self, row: int, values: Sequence[Cell]) -> tuple[Value | None, ...]:
        """Judge a row; its values in the items' order, None where a cell is empty or has an error."""
        width = len(values)
        taken: list[Value | None] = []
        if self._spoiled:
            self._spoiled = set()
        self._cells = values
        for column in self._columns:
            cell = values[column.index] if 0 <= column.index < width else None
            if cell is None:
                found = column.empty
            elif type(cell) is str:
                found = column.known.get(cell, _NOTHING)
                if found is _NOTHING:
                    found = column.judge(cell)
            else:
                found = column.judge(cell)
            if type(found) is _Judged:
                for fault in found.faults:
                    self._tell(row, column.place, fault.rule, fault.severity, fault.message)
                    if fault.severity is Severity.ERROR:
                        self._spoiled.add(column.place)
                found = found.value
            taken.append(found)
        for check in self._row_checks:
            check.take(row, taken)
        self.records += 1
        return tuple(taken)

    def _tell(self, row: int, place: int, rule: RuleName, severity: Severity, message: str) -> None:
        if place in self._spoiled and rule in {RuleName.CROSS_ITEM, RuleName.REFERENCE}:
            # The cell was refused already; that it has no value now is no second defect.
            return
        column = self._sheet_columns[place]
        at = column - 1 if column is not None else -1
        cell = self._cells[at] if 0 <= at < len(self._cells) else None
        self._findings.append(Finding(row, column, self._items[place].code, rule, severity, message, masked(cell)))
        if severity is Severity.ERROR:
            self.bad_rows.add(row)

    def drain(self) -> list[Finding]:
        """What was found since the last time, forgotten here."""
        found, self._findings = self._findings, []
        return found

    def wanted(self) -> tuple[Wanted, ...]:
        """What the reference rules ask of other resources, once all rows were taken."""
        return self._references.wanted()

    def profile(self) -> Profile:
        """These rows in numbers, for drift to be measured against later."""
        return self._profiles.profile()

    def end(self, answers: Answers | None = None) -> list[Finding]:
        """Everything that was found (and not drained), in the order of the sheet.

        `answers` are the platform's to what is `wanted`; without them reference rules are told as not run.
        """
        if answers is not None:
            self._refer(answers)
        around, items = self._surroundings, {item.code: item for item in self._items}
        # Of several sheets none is the place of what concerns them all.
        columns = self._sheet_columns if len(self._turns) == 1 else [None] * len(self._items)
        where = dict(zip(items, columns, strict=True))
        self._findings += self._dates.findings(around.today, items, where)
        self._findings += lateness(self._rule_set, around)
        self._findings += drift(self._rule_set.rules, self.profile(), around.history, items, where)
        return sorted(self.drain(), key=in_sheets_order)

    def _refer(self, answers: Answers) -> None:
        self._answered = {*answers.missing, *answers.unable}
        self._findings += [of_whole(rule, None, None, message) for rule, message in self._references.unable(answers)]
        for lost in self._references.lost(answers):
            code, severity, shown = self._items[lost.place].code, lost.rule.severity, masked(lost.value)
            for row in lost.rows:
                _, columns = self._turns[bisect_right(self._turns, row, key=lambda turn: turn[0]) - 1]
                told = Finding(row, columns[lost.place], code, RuleName.REFERENCE, severity, lost.message, shown)
                self._findings.append(told)
            if severity is Severity.ERROR:
                self.bad_rows.update(lost.rows)

    _answered: Collection[Rule] = frozenset()

    @property
    def not_run(self) -> tuple[RuleName, ...]:
        """Rules that are declared and could not be run with what is known here; complete after `end`."""
        around, lacking = self._surroundings, set[RuleName]()
        for rule in self._rule_set.rules:
            match rule.name:
                case RuleName.REFERENCE if rule not in self._answered:
                    lacking.add(rule.name)
                case RuleName.FRESHNESS if around.today is None or (not rule.items and around.history is None):
                    lacking.add(rule.name)
                case RuleName.DRIFT if around.history is None:
                    lacking.add(rule.name)
                case _:
                    pass
        return tuple(name for name in RuleName if name in lacking)
