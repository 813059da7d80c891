"""Judges a file that was read: its name, its form, its columns, every cell; rows to load, or every finding."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.events import Item
from exchange import rules
from exchange.rules import Cell
from exchange.values import CodeSets, Value
from ingest_files.domain.uploads import Entry
from sheets.annex import AnnexTable, NotAnnexForm, read_annex
from sheets.cells import ErrorCell, Workbook
from sheets.cells import Value as SheetValue
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


@dataclass(frozen=True, slots=True)
class Good:
    """The rows of a file, ready to be loaded: (row of the file, values in the items' order)."""

    rows: list[tuple[int, tuple[Value | None, ...]]]


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a file is refused: a stable code, a sentence for people, and everything that was found."""

    reason: str
    message: str
    findings: tuple[Finding, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How often each rule was broken."""
        return dict(Counter(finding.rule for finding in self.findings))


def duplicate() -> Bad:
    return Bad(DUPLICATE, "该文件已成功导入过这个资源，内容完全相同")


def unreadable(code: str, message: str) -> Bad:
    return Bad(f"{UNREADABLE}:{code}", message)


def judge(workbook: Workbook, file_name: str, entry: Entry, code_sets: CodeSets) -> Good | Bad:
    """The rows of a workbook in the annex's form for this entry, or all that is wrong with it."""
    named = check_name(file_name, resource=entry.name, kind=workbook.kind)
    if named:
        return _form(named)
    try:
        table = read_annex(workbook)
    except NotAnnexForm as refused:
        return _form(refused.findings)
    places, misfits = rules.match_columns(entry.items, [(title.column, title.text) for title in table.titles])
    if misfits:
        found = tuple(_quality(finding) for finding in misfits)
        return Bad(STRUCTURE, f"表格的列与目录的信息项不一致，共{len(found)}处", found)
    checked = rules.check(entry.items, places, _rows(table), code_sets)
    if checked.findings:
        found = tuple(_quality(finding) for finding in checked.findings)
        return Bad(QUALITY, f"数据质量检查发现{len(found)}处问题，未导入任何数据", found)
    return Good(checked.rows)


def _rows(table: AnnexTable) -> list[tuple[int, Mapping[int, Cell]]]:
    return [
        (record.row, {title.column: _cell(record.cells[title.text]) for title in table.titles})
        for record in table.records
    ]


def _cell(value: SheetValue) -> Cell:
    return rules.BrokenCell(value.code) if isinstance(value, ErrorCell) else value


def _form(findings: tuple[FormFinding, ...]) -> Bad:
    found = tuple(
        Finding(row=finding.row, column=finding.column, item=None, rule=finding.rule.value, message=finding.message)
        for finding in findings
    )
    return Bad(FORM, f"文件不符合格式文件要求，共{len(found)}处：{found[0].message}", found)


def _quality(finding: rules.Finding) -> Finding:
    return Finding(
        row=finding.row, column=finding.column, item=finding.item, rule=finding.rule, message=finding.message
    )


def items_by_code(items: tuple[Item, ...]) -> list[str]:
    """The columns of the rows that `judge` gives."""
    return [item.code for item in items]
