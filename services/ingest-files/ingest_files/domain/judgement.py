"""Judges a file that was read: its name, its form, its columns, every cell; rows to load, or every finding."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from common.events import Item
from exchange import rules
from exchange.rules import Cell
from exchange.values import CodeSets, Value
from exchange.ways import Way
from ingest_files.domain import differing, marks
from ingest_files.domain.differing import Difference
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


Rows = list[tuple[int, tuple[Value | None, ...]]]


@dataclass(frozen=True, slots=True)
class Good:
    """The rows of a file, ready to be loaded: (row of the file, values in the items' order)."""

    rows: Rows
    gone: Rows = field(default_factory=list)
    """Rows whose keys are to be taken away; beside those they may be empty."""
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a file is refused: a stable code, a sentence for people, and everything that was found."""

    reason: str
    message: str
    findings: Sequence[Finding] = ()
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


def judge(
    workbook: Workbook,
    file_name: str,
    entry: Entry,
    code_sets: CodeSets,
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
    if way is Way.DELETE or mark is not None:
        return _judge_marked(table, entry, code_sets, way, mark)
    titles = [(title.column, title.text) for title in table.titles]
    places, misfits = rules.match_columns(entry.items, titles)
    if misfits:
        return misfit(entry.items, titles)
    rows = _rows(table)
    checked = rules.check(entry.items, places, rows, code_sets)
    if not checked.findings:
        return Good(checked.rows, sheet=table.sheet or None)
    return _retyped(entry.items, places, rows, checked.findings) or _broken(checked.findings)


def _judge_marked(table: AnnexTable, entry: Entry, code_sets: CodeSets, way: Way, mark: str | None) -> Good | Bad:
    titles = [(title.column, title.text) for title in table.titles]
    found = marks.judge(entry.items, titles, _rows(table), code_sets, way=way, mark=mark)
    if isinstance(found, marks.Apart):
        return Good(found.rows, found.gone, table.sheet or None)
    if found.titles is not None:
        return misfit(entry.items, found.titles, tuple(map(_quality, found.findings)))
    return _broken(found.findings)


def _broken(findings: Sequence[rules.Finding]) -> Bad:
    found = tuple(_quality(finding) for finding in findings)
    return Bad(QUALITY, f"数据质量检查发现{len(found)}处问题，未导入任何数据", found)


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
    rows: Sequence[tuple[int, Mapping[int, Cell]]],
    findings: Sequence[rules.Finding],
) -> Bad | None:
    """The refusal of a file in which no value of some item has its type; None where there is no such item."""
    wrong = Counter(finding.item for finding in findings if finding.rule == "type")
    filled = {
        item.code: sum(cells.get(places[item.code]) not in {None, ""} for _, cells in rows)
        for item in items
        if wrong[item.code]
    }
    retyped = [item for item in items if wrong[item.code] >= LEAST_RETYPED and wrong[item.code] == filled[item.code]]
    if not retyped:
        return None
    difference, message = differing.of_types(retyped)
    return Bad(STRUCTURE, message, tuple(_quality(finding) for finding in findings), difference=difference)


def _rows(table: AnnexTable) -> list[tuple[int, Mapping[int, Cell]]]:
    return [
        (record.row, {title.column: _cell(record.cells[title.text]) for title in table.titles})
        for record in table.records
    ]


def _cell(value: SheetValue) -> Cell:
    return rules.BrokenCell(value.code) if isinstance(value, ErrorCell) else value


def of_form(findings: Sequence[FormFinding]) -> Bad:
    """The file has not the annex's form, or not its name."""
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
