"""Judges a file that was read: its name, its form, its columns, every cell; rows to load, or every finding."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import quality.model
from common.events import Item
from exchange.ways import Way
from ingest_files.domain import differing, marks
from ingest_files.domain.asked import Open
from ingest_files.domain.differing import Difference
from ingest_files.domain.turns import Turn
from ingest_files.domain.uploads import Entry
from quality.cells import Cell, Value
from quality.checking import Checker
from quality.columns import match_columns
from quality.model import CodeSets, RuleName, RuleSet, Severity
from quality.surroundings import Answers, Profile, Surroundings
from sheets.annex import MAX_ROWS, AnnexTable, NotAnnexForm, read_annex
from sheets.cells import Workbook
from sheets.findings import Finding as FormFinding
from sheets.names import check_name
from vetting.turns import Numbers

DUPLICATE: Final = "duplicate-file"
FORM: Final = "not-annex-form"
STRUCTURE: Final = "structure-mismatch"
QUALITY: Final = "quality"
UNREADABLE: Final = "unreadable"
SEVERAL: Final = "、"
MAX_SHEETS: Final = 1000
"""Characters of the names of a file's sheets that its batch keeps."""
LEAST_RETYPED: Final = 3
"""Values of an item that must all have another type before its column is called one of that type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, for people: row and column counted from 1, None where it has no place."""

    row: int | None
    column: int | None
    item: str | None
    rule: str
    message: str
    severity: Severity = Severity.ERROR
    value: str | None = None
    """Masked."""
    sheet: str | None = None
    """Of a file that may have several."""


Rows = list[tuple[int, tuple[Value | None, ...]]]
_NOBODY: Final = Answers(missing={}, unable={})


@dataclass(frozen=True, slots=True)
class Good:
    """The rows of a file, ready to be loaded: (number of the row (`vetting.turns`), values in the items' order)."""

    rows: Rows
    findings: tuple[Finding, ...] = ()
    """What was found and tolerated: warnings, and errors of rows that are left out."""
    profile: Profile | None = None
    gone: Rows = field(default_factory=list)
    """Rows whose keys are to be taken away; beside those they may be empty."""
    sheet: str | None = None
    """The sheet whose rows they are; of several sheets all names in their order."""


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a file is refused: a stable code, a sentence for people, and everything that was found."""

    reason: str
    message: str
    findings: Sequence[Finding] = ()
    profile: Profile | None = None
    """The rows that were checked, in numbers."""
    tally: Mapping[str, int] | None = None
    """How often each rule was broken, where that was counted already."""
    difference: Difference | None = None
    """How the file's columns differ from the resource's items, if they do."""

    @property
    def counts(self) -> dict[str, int]:
        """How often each rule was broken."""
        return dict(Counter(finding.rule for finding in self.findings) if self.tally is None else self.tally)


Judged = Good | Bad | Open[Good | Bad]


def duplicate() -> Bad:
    return Bad(DUPLICATE, "该文件就是这个资源当前的数据，内容完全相同，无需重复导入")


def unreadable(code: str, message: str) -> Bad:
    return Bad(f"{UNREADABLE}:{code}", message)


class Rules(NamedTuple):
    """What rows are checked against."""

    code_sets: CodeSets
    rule_set: RuleSet | None = None
    """None: what the items say alone."""
    around: Surroundings | None = None


def judge(
    workbook: Workbook,
    file_name: str,
    entry: Entry,
    code_sets: CodeSets,
    rule_set: RuleSet | None = None,
    around: Surroundings | None = None,
    way: Way = Way.REPLACE,
    mark: str | None = None,
    *,
    max_rows: int = MAX_ROWS,
) -> Judged:
    """The rows of a workbook in the annex's form for this entry, or all that is wrong with it.

    `mark` is the title of a column that says of each row of an upsert whether it is to be deleted.
    """
    named = check_name(file_name, resource=entry.name, kind=workbook.kind)
    if named:
        return of_form(named)
    try:
        table = read_annex(workbook, max_rows=max_rows)
    except NotAnnexForm as refused:
        return of_form(refused.findings)
    rule_set = rule_set or RuleSet(items=entry.items)
    titles = [(title.column, title.text) for title in table.titles]
    rows, sheet = _rows(table), table.sheet or None
    if way is Way.DELETE or mark is not None:
        return _judge_marked(entry, Rules(code_sets, rule_set, around), titles, rows, sheet, way, mark)
    places, misfits = match_columns(entry.items, titles)
    if misfits:
        return misfit(entry.items, titles)

    def ended(result: Good | Bad) -> Good | Bad:
        if isinstance(result, Good):
            return replace(result, sheet=sheet)
        return _retyped(entry.items, places, rows, result) or result

    judged = check(rule_set, [Turn(places, rows)], code_sets, around)
    return judged.then(ended) if isinstance(judged, Open) else ended(judged)


def _judge_marked(
    entry: Entry,
    rules: Rules,
    titles: Sequence[tuple[int, str]],
    rows: Sequence[tuple[int, Sequence[Cell]]],
    sheet: str | None,
    way: Way,
    mark: str | None,
) -> Judged:
    assert rules.rule_set is not None
    given = marks.Given(entry.items, rules.rule_set, rules.code_sets, rules.around, way, mark)

    def ended(found: marks.Apart | marks.Wrong) -> Good | Bad:
        findings = tuple(map(told, found.findings))
        if isinstance(found, marks.Apart):
            return Good(found.rows, findings, found.profile, gone=found.gone, sheet=sheet)
        if found.titles is not None:
            return misfit(entry.items, found.titles, findings)
        return Bad(QUALITY, f"数据质量检查发现{len(findings)}处问题，未导入任何数据", findings)

    judged = marks.judge(given, titles, rows)
    return judged.then(ended) if isinstance(judged, Open) else ended(judged)


def misfit(items: Sequence[Item], titles: Sequence[tuple[int, str]], more: Sequence[Finding] = ()) -> Bad:
    """The file's columns are not the resource's items: the difference as data, and each of it as a finding."""
    difference, misfits = differing.compare(items, titles)
    found = tuple(
        Finding(row=1, column=one.column, item=one.item, rule="structure", message=one.message) for one in misfits
    )
    found = (*more, *found)
    return Bad(STRUCTURE, f"表格的列与目录的信息项不一致，共{len(found)}处", found, difference=difference)


def _retyped(
    items: Sequence[Item],
    places: Mapping[str, int],
    rows: Sequence[tuple[int, Sequence[Cell]]],
    result: Bad,
) -> Bad | None:
    """The refusal of a file in which no value of some item has its type; None where there is no such item."""
    wrong = Counter(finding.item for finding in result.findings if finding.rule == RuleName.TYPE)
    filled = {
        item.code: sum(_cell(cells, places[item.code]) not in {None, ""} for _, cells in rows)
        for item in items
        if wrong[item.code]
    }
    retyped = [item for item in items if wrong[item.code] >= LEAST_RETYPED and wrong[item.code] == filled[item.code]]
    if not retyped:
        return None
    difference, message = differing.of_types(retyped)
    return replace(result, reason=STRUCTURE, message=message, difference=difference)


def _cell(cells: Sequence[Cell], column: int) -> Cell:
    return cells[column - 1] if column <= len(cells) else None


def check(rule_set: RuleSet, turns: Sequence[Turn], code_sets: CodeSets, around: Surroundings | None = None) -> Judged:
    """Every row of every sheet against every rule, in one pass; the rows that may be loaded, or all that is wrong."""
    numbers = Numbers([turn.sheet for turn in turns])
    checker = Checker(rule_set, turns[0].places, code_sets, around, numbers.named)
    taken: Rows = []
    for place, turn in enumerate(turns):
        if place:
            checker.turn(numbers.number(place, 0), turn.places)
        for row, cells in turn.rows:
            number = numbers.number(place, row)
            taken.append((number, checker.take(number, cells)))
    checked = _Checked(rule_set, checker, taken, numbers)
    wanted = checker.wanted()
    return Open(wanted, checked.kept(), checked.end) if wanted else checked.end(_NOBODY)


@dataclass(frozen=True, slots=True)
class _Checked:
    """Rows that were gone over; their references may be unanswered."""

    rule_set: RuleSet
    checker: Checker
    taken: Rows
    numbers: Numbers

    def kept(self) -> Rows:
        bad = self.checker.bad_rows
        return [row for row in self.taken if row[0] not in bad] if bad else self.taken

    def end(self, answers: Answers) -> Good | Bad:
        findings = self.checker.end(answers)
        found = tuple(told(finding, self.numbers) for finding in findings)
        profile = self.checker.profile()
        if quality.model.refuses(findings, self.checker.records, self.rule_set.thresholds):
            return Bad(QUALITY, f"数据质量检查发现{len(found)}处问题，未导入任何数据", found, profile)
        sheets = [sheet for sheet in self.numbers.sheets if sheet]
        return Good(self.kept(), found, profile, sheet=SEVERAL.join(sheets)[:MAX_SHEETS] or None)


def _rows(table: AnnexTable) -> list[tuple[int, Sequence[Cell]]]:
    width = max((title.column for title in table.titles), default=0)
    rows: list[tuple[int, Sequence[Cell]]] = []
    for record in table.records:
        cells: list[Cell] = [None] * width
        for title in table.titles:
            cells[title.column - 1] = record.cells[title.text]
        rows.append((record.row, cells))
    return rows


def of_form(findings: Sequence[FormFinding]) -> Bad:
    """The file has not the annex's form, or not its name."""
    found = tuple(
        Finding(row=finding.row, column=finding.column, item=None, rule=finding.rule.value, message=finding.message)
        for finding in findings
    )
    return Bad(FORM, f"文件不符合格式文件要求，共{len(found)}处：{found[0].message}", found)


def told(finding: quality.model.Finding, numbers: Numbers | None = None) -> Finding:
    """A finding of the rules as this service keeps it; `numbers` say its row and sheet, where its file has several."""
    row, sheet = finding.row, None
    if numbers is not None and row is not None:
        row, sheet = numbers.row(row), numbers.sheet(row)
    return Finding(
        row=row,
        column=finding.column,
        item=finding.item,
        rule=finding.rule.value,
        message=finding.message,
        severity=finding.severity,
        value=finding.value,
        sheet=sheet,
    )


def items_by_code(items: tuple[Item, ...]) -> list[str]:
    """The columns of the rows that `judge` gives."""
    return [item.code for item in items]
