"""Judges a file that was read: its name, its form, its columns, every cell; rows to load, or every finding."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import quality.model
from common.events import Item
from ingest_files.domain.uploads import Entry
from quality.cells import Cell, Value
from quality.checking import Checker
from quality.columns import match_columns
from quality.model import CodeSets, RuleSet, Severity
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


@dataclass(frozen=True, slots=True)
class Good:
    """The rows of a file, ready to be loaded: (row of the file, values in the items' order)."""

    rows: list[tuple[int, tuple[Value | None, ...]]]
    findings: tuple[Finding, ...] = ()
    """What was found and tolerated: warnings, and errors of rows that are left out."""
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a file is refused: a stable code, a sentence for people, and everything that was found."""

    reason: str
    message: str
    findings: tuple[Finding, ...] = ()
    profile: Profile | None = None
    """The rows that were checked, in numbers."""

    @property
    def counts(self) -> dict[str, int]:
        """How often each rule was broken."""
        return dict(Counter(finding.rule for finding in self.findings))


def duplicate() -> Bad:
    return Bad(DUPLICATE, "该文件已成功导入过这个资源，内容完全相同")


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
) -> Good | Bad:
    """The rows of a workbook in the annex's form for this entry, or all that is wrong with it."""
    named = check_name(file_name, resource=entry.name, kind=workbook.kind)
    if named:
        return _form(named)
    try:
        table = read_annex(workbook)
    except NotAnnexForm as refused:
        return _form(refused.findings)
    places, misfits = match_columns(entry.items, [(title.column, title.text) for title in table.titles])
    if misfits:
        found = tuple(told(finding) for finding in misfits)
        return Bad(STRUCTURE, f"表格的列与目录的信息项不一致，共{len(found)}处", found)
    return check(rule_set or RuleSet(items=entry.items), places, _rows(table), code_sets, around)


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
    if quality.model.refuses(findings, checker.records, rule_set.thresholds):
        return Bad(QUALITY, f"数据质量检查发现{len(found)}处问题，未导入任何数据", found, checker.profile())
    kept = [row for row in taken if row[0] not in checker.bad_rows] if checker.bad_rows else taken
    return Good(kept, found, checker.profile())


def _rows(table: AnnexTable) -> list[tuple[int, Sequence[Cell]]]:
    width = max((title.column for title in table.titles), default=0)
    rows: list[tuple[int, Sequence[Cell]]] = []
    for record in table.records:
        cells: list[Cell] = [None] * width
        for title in table.titles:
            cells[title.column - 1] = record.cells[title.text]
        rows.append((record.row, cells))
    return rows


def _form(findings: tuple[FormFinding, ...]) -> Bad:
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
