"""Judges a file that was read: its name, its form, its columns, every cell; rows to load, or every finding."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import quality.model
from common.events import Item
from exchange.ways import Way
from ingest_files.domain import differing, marks
from ingest_files.domain.differing import Difference
from ingest_files.domain.uploads import Entry
from quality.cells import Cell, Value
from quality.checking import Checker
from quality.columns import match_columns
from quality.model import CodeSets, RuleName, RuleSet, Severity
from quality.surroundings import Profile, Surroundings
from sheets.annex import AnnexTable, NotAnnexForm, read_annex
from sheets.cells import Workbook
from sheets.findings import Finding as FormFinding
from sheets.names import check_name

DUPLICATE: Final = "duplicate-file"
FORM: Final = "not-annex-form"
STRUCTURE: Final = "structure-mismatch"
QUALITY: Final = "quality"
UNREADABLE: Final = "unreadable"
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


Rows = list[tuple[int, tuple[Value | None, ...]]]


@dataclass(frozen=True, slots=True)
class Good:
    """The rows of a file, ready to be loaded: (row of the file, values in the items' order)."""

    rows: Rows
    findings: tuple[Finding, ...] = ()
    """What was found and tolerated: warnings, and errors of rows that are left out."""
    profile: Profile | None = None
    gone: Rows = field(default_factory=list)
    """Rows whose keys are to be taken away; beside those they may be empty."""
    sheet: str | None = None


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
) -> Good | Bad:
    """The rows of a workbook in the annex's form for this entry, or all that is wrong with it.

    `mark` is the title of a column that says of each row of an upsert whether it is to be deleted.
    """
    named = check_name(file_name, resource=entry.name, kind=workbook.kind)
    if named:
        return of_form(named)
    try:
        table = read_annex(workbook)
    except NotAnnexForm as refused:
        return of_form(refused.findings)
    rule_set = rule_set or RuleSet(items=entry.items)
    titles = [(title.column, title.text) for title in table.titles]
    rows, sheet = _rows(table), table.sheet or None
    if way is Way.DELETE or mark is not None:
        return _judge_marked(entry, rule_set, titles, rows, code_sets, sheet, way, mark)
    places, misfits = match_columns(entry.items, titles)
    if misfits:
        return misfit(entry.items, titles)
    result = check(rule_set, places, rows, code_sets, around)
    if isinstance(result, Good):
        return replace(result, sheet=sheet)
    return _retyped(entry.items, places, rows, result) or result


def _judge_marked(
    entry: Entry,
    rule_set: RuleSet,
    titles: Sequence[tuple[int, str]],
    rows: Sequence[tuple[int, Sequence[Cell]]],
    code_sets: CodeSets,
    sheet: str | None,
    way: Way,
    mark: str | None,
) -> Good | Bad:
    found = marks.judge(entry.items, rule_set, titles, rows, code_sets, way=way, mark=mark)
    findings = tuple(map(told, found.findings))
    if isinstance(found, marks.Apart):
        return Good(found.rows, findings, gone=found.gone, sheet=sheet)
    if found.titles is not None:
        return misfit(entry.items, found.titles, findings)
    return Bad(QUALITY, f"数据质量检查发现{len(findings)}处问题，未导入任何数据", findings)


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


def check(
    rule_set: RuleSet,
    places: dict[str, int],
    rows: Iterable[tuple[int, Sequence[Cell]]],
    code_sets: CodeSets,
    around: Surroundings | None = None,
) -> Good | Bad:
    """Every row against every rule, in one pass; the rows that may be loaded, or everything that is wrong."""
    checker = Checker(rule_set, places, code_sets, around)
    taken = [(number, checker.take(number, cells)) for number, cells in rows]
    findings = checker.end()
    found = tuple(told(finding) for finding in findings)
    found += tuple(_not_run(rule) for rule in checker.not_run if rule is RuleName.REFERENCE)
    if quality.model.refuses(findings, checker.records, rule_set.thresholds):
        return Bad(QUALITY, f"数据质量检查发现{len(found)}处问题，未导入任何数据", found, checker.profile())
    kept = [row for row in taken if row[0] not in checker.bad_rows] if checker.bad_rows else taken
    return Good(kept, found, checker.profile())


def _not_run(rule: RuleName) -> Finding:
    """That a declared rule was not run is told with each file: nobody shall take its silence for a pass."""
    text = f"已声明的规则“{rule.value}”这次没有执行（平台尚不能回答它所问的），请自行核对"
    return Finding(row=None, column=None, item=None, rule=rule.value, message=text, severity=Severity.WARNING)


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


def told(finding: quality.model.Finding) -> Finding:
    """A finding of the rules as this service keeps it."""
    return Finding(
        row=finding.row,
        column=finding.column,
        item=finding.item,
        rule=finding.rule.value,
        message=finding.message,
        severity=finding.severity,
        value=finding.value,
    )


def items_by_code(items: tuple[Item, ...]) -> list[str]:
    """The columns of the rows that `judge` gives."""
    return [item.code for item in items]
