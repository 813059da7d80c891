"""A file, from its bytes to all that is told of it. Works without any server; the parser runs in a confined child."""

import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from quality.checking import Checker
from quality.columns import match_columns
from quality.errors import QualityError
from quality.model import STRICT, Finding, ItemLike, RuleName, RuleSet, Severity, in_sheets_order
from quality.surroundings import Surroundings
from sheets.annex import MAX_ROWS, NotAnnexForm, read_annex
from sheets.cells import Row, Sheet, Value, Workbook
from sheets.errors import Reason, Unreadable
from sheets.guided.detecting import detect
from sheets.guided.grid import Grid
from sheets.guided.tables import Detection, RemarkKind, SkipReason, Table, Unread, skip_text
from sheets.guided.texts import title_text, visible_text
from sheets.kinds import Kind
from sheets.limits import GUIDED, Feature, Limits, Scope
from sheets.names import check_name, parse_name
from sheets.reading import read
from vetting.matching import Matching, match
from vetting.proposing import propose, resource_name
from vetting.report import ColumnTold, Profile, Report, RowSkipped, SheetReport, Verdict
from vetting.running import Licences, runnable
from vetting.settling import settle
from vetting.turns import Numbers

STRICT_READING: Final = replace(GUIDED, scope=Scope.FIRST_VISIBLE, lenient=False)
"""The annex's limits are rules of form on a provider's machine: all that breaks them is told, not only the first."""
_FEATURES: Final[Mapping[Feature, Reason]] = {
    Feature.MACROS: Reason.MACROS,
    Feature.MACRO_SHEETS: Reason.MACRO_SHEETS,
    Feature.EXTERNAL_LINKS: Reason.EXTERNAL_LINKS,
    Feature.DDE: Reason.DDE,
    Feature.EMBEDDED_OBJECTS: Reason.EMBEDDED_OBJECTS,
}
_FAILURES: Final = {errno.ENOENT: "没有这个文件", errno.EACCES: "没有读取的权限", errno.EPERM: "没有读取的权限"}
_REFUSING_REMARKS: Final = frozenset({RemarkKind.NO_HEADER, RemarkKind.BESIDE})
"""What makes a table another than its provider may believe; the rest is told as a warning."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The file as its provider has it: where it is, and under which name."""

    path: Path
    name: str


def check_file(
    path: Path, profile: Profile, entry: Mapping[str, Any] | None = None, today: date | None = None
) -> Report:
    """Everything that is found in a file. A file never makes this fail: what cannot be read is a verdict too.

    `entry` is an entry in the catalogue's JSON form; without one, one is proposed for each sheet.
    """
    limits = GUIDED if profile is Profile.GUIDED else STRICT_READING
    try:
        workbook = _read(path, limits)
    except Unreadable as refused:
        return Report(profile=profile, verdict=Verdict.UNREADABLE, reason=str(refused))
    except OSError as failed:
        reason = f"文件打不开：{_FAILURES.get(failed.errno or 0, '读取失败')}"
        return Report(profile=profile, verdict=Verdict.UNREADABLE, reason=reason)
    try:
        rule_set = RuleSet.of_entry(content_of(entry)) if entry is not None else None
        found = Check(workbook, path.name, rule_set, content_of(entry) if entry is not None else None, today)
        sheets = found.guided() if profile is Profile.GUIDED else found.strict()
    except QualityError as wrong:
        return Report(profile=profile, verdict=Verdict.UNREADABLE, reason=f"条目不可用：{wrong.message}")
    if not sheets:
        reason = "没有找到数据：各工作表都没有可以作为记录的行"
        return Report(profile=profile, verdict=Verdict.REJECTED, reason=reason)
    return _concluded(profile, sheets, rule_set)


def _read(path: Path, limits: Limits) -> Workbook:
    return read(path, limits=limits)


def content_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of an entry, given as it is compiled or as the catalogue's API answers."""
    for name in ("edition", "draft"):
        part = entry.get(name)
        if isinstance(part, Mapping) and isinstance(part.get("content"), Mapping):
            content: Mapping[str, Any] = part["content"]
            return content
    return entry


def _concluded(profile: Profile, sheets: Sequence[SheetReport], rule_set: RuleSet | None) -> Report:
    # One file is one batch, however many sheets it has.
    wrong = [(sheet.sheet, one) for sheet in sheets for one in sheet.findings if one.severity is Severity.ERROR]
    whole = any(one.row is None or one.rule is RuleName.STRUCTURE for _, one in wrong)
    rows = {(name, one.row) for name, one in wrong}
    thresholds = rule_set.thresholds if rule_set is not None else STRICT
    refused = whole or not thresholds.tolerate(len(rows), sum(sheet.records for sheet in sheets))
    verdict = Verdict.REJECTED if refused else Verdict.ACCEPTED
    reason = f"检查发现{len(wrong)}处错误" if refused else None
    return Report(profile=profile, verdict=verdict, reason=reason, sheets=tuple(sheets))


def of_file(workbook: Workbook, file_name: str, found: Detection) -> list[Finding]:
    """What concerns a file of the guided profile and no row of it: what it carries, its name, sheets not read."""
    findings = [_structure(None, None, _sentence(reason)) for reason in _features(workbook)]
    if _is_misnamed(file_name, workbook.kind):
        message = f"文件扩展名与内容不符：内容是{workbook.kind.value}；已按内容读取"
        findings.append(_structure(None, None, message, Severity.WARNING))
    findings += [_structure(None, None, one.message, Severity.WARNING) for one in found.unread if _is_told(one)]
    return findings


def of_remarks(table: Table) -> list[Finding]:
    """What the detection remarked about a table, as findings."""
    return [
        _structure(
            remark.row,
            remark.column,
            remark.message,
            Severity.ERROR if remark.kind in _REFUSING_REMARKS else Severity.WARNING,
        )
        for remark in table.remarks
    ]


def settled(table: Table, places: Mapping[str, int], items: Sequence[ItemLike], licences: Licences) -> Iterator[Row]:
    """The records with their cells settled, each item's in its own column; what was taken otherwise is noted."""
    at = {column.column: place for place, column in enumerate(table.columns)}
    wanted = [(places[item.code], at[places[item.code]], item) for item in items if item.code in places]
    width = max((column for column, _, _ in wanted), default=0)
    for record in table.records:
        cells: list[Value] = [None] * width
        for column, place, item in wanted:
            found = settle(record.values[place], item)
            cells[column - 1] = found.value
            if found.licences:
                licences.note(record.row, column, item.code, found.licences)
        yield Row(record.row, tuple(cells))


def _features(workbook: Workbook) -> list[Reason]:
    return [reason for feature, reason in _FEATURES.items() if feature in workbook.features]


_SAME_AS: Final = {".xlsm": ".xlsx", ".xltx": ".xlsx", ".ett": ".et", ".xlt": ".xls"}


def _is_misnamed(file_name: str, kind: Kind) -> bool:
    suffix = Path(file_name).suffix.lower()
    if suffix in {".txt", ".tsv"}:
        return kind is not Kind.CSV
    suffix = _SAME_AS.get(suffix, suffix)
    return suffix in {".xls", ".xlsx", ".et", ".ods", ".csv"} and not parse_name(f"甲-20250101{suffix}").suits(kind)


class Check:
    """One workbook against an entry, or without one."""

    def __init__(
        self,
        workbook: Workbook,
        file_name: str,
        rule_set: RuleSet | None,
        entry: Mapping[str, Any] | None,
        today: date | None,
    ) -> None:
        self._workbook = workbook
        self._file_name = file_name
        self._rule_set = rule_set
        self._entry = entry
        self._today = today

    def guided(self) -> list[SheetReport]:
        """Each sheet that holds records."""
        found = detect(self._workbook)
        sheets = {sheet.name: sheet for sheet in self._workbook.sheets}
        if self._rule_set is None:
            told = [self._guided_proposal(table, sheets[table.sheet]) for table in found.tables]
        else:
            told = self._guided_sheets(found.tables, self._rule_set)
        if told:
            told[0] = replace(told[0], findings=(*of_file(self._workbook, self._file_name, found), *told[0].findings))
        return told

    def _guided_proposal(self, table: Table, sheet: Sheet) -> SheetReport:
        """Without an entry each sheet is a resource of its own, and one is proposed for it."""
        name = resource_name(table, _titles(table, sheet), _stem(self._file_name))
        proposed, places = propose(table, name, self._file_name)
        ((findings, not_run),) = self._rows([(table, Matching(places))], RuleSet.of_entry(proposed))
        return _guided_report(table, Matching(places), findings, not_run, proposed)

    def _guided_sheets(self, tables: Sequence[Table], rule_set: RuleSet) -> list[SheetReport]:
        """With an entry all sheets are one: what is to be there once is there once in the file."""
        matched = [(table, match(rule_set.items, table)) for table in tables]
        # A sheet that lacks a column refuses the file; the rest of it, and the other sheets, are told all the same.
        alike = len({frozenset(matching.places) for _, matching in matched}) == 1
        groups = [matched] if alike else [[one] for one in matched]
        checked = [told for group in groups for told in self._rows(group, rule_set)]
        return [
            _guided_report(table, matching, findings, not_run, None)
            for (table, matching), (findings, not_run) in zip(matched, checked, strict=True)
        ]

    def _rows(
        self, matched: Sequence[tuple[Table, Matching]], rule_set: RuleSet
    ) -> list[tuple[list[Finding], tuple[RuleName, ...]]]:
        """Each record by the rules, its cells settled first; the findings of each sheet."""
        places = matched[0][1].places
        able = runnable(rule_set, places)
        numbers = Numbers([table.sheet for table, _ in matched])
        checker = Checker(able.rule_set, places, able.code_sets, Surroundings(today=self._today), numbers.named)
        licences = [Licences() for _ in matched]
        for place, ((table, matching), noted) in enumerate(zip(matched, licences, strict=True)):
            if place:
                checker.turn(numbers.number(place, 0), matching.places)
            for row in settled(table, matching.places, able.rule_set.items, noted):
                checker.take(numbers.number(place, row.number), row.values)
        told: list[list[Finding]] = [noted.findings() for noted in licences]
        for finding in checker.end():
            number = finding.row or 0
            told[numbers.place(number)].append(
                finding if finding.row is None else replace(finding, row=numbers.row(number))
            )
        not_run = _in_order({*able.not_run, *checker.not_run})
        return [(findings, not_run) for findings in told]

    def strict(self) -> list[SheetReport]:
        """The first sheet, held to the annex's form; its cells are checked too as far as its columns are known."""
        sheet = self._workbook.sheets[0]
        grid = Grid(sheet)
        if not grid.numbers:
            return []
        findings = [_structure(None, None, _sentence(reason)) for reason in _features(self._workbook)]
        resource = str(self._entry.get("name", "")) if self._entry is not None else None
        findings += [_structure(None, None, one.message) for one in self._named(resource)]
        try:
            read_annex(self._workbook, max_rows=MAX_ROWS)
        except NotAnnexForm as refused:
            findings += [_structure(one.row, one.column, one.message) for one in refused.findings]
        header = grid.rows.get(1, {})
        titles = [
            (column, str(value).strip()) for column, value in header.items() if column != 1 or not _is_sequence(value)
        ]
        rows = [row for row in sheet.rows if row.number > 1 and row.number in grid.rows]
        told = {column: title_text(value) for column, value in header.items()}
        if self._rule_set is None:
            return [self._strict_proposal(sheet, told, rows, findings)]
        places, misfits = match_columns(self._rule_set.items, titles) if header else ({}, [])
        more, not_run = self._strict_rows(rows, places, self._rule_set)
        by_column = {column: code for code, column in places.items()}
        columns = tuple(ColumnTold(column, title, by_column.get(column)) for column, title in told.items())
        return [self._strict_report(sheet, columns, rows, [*findings, *misfits, *more], not_run, None)]

    def _named(self, resource: str | None) -> tuple[Any, ...]:
        if resource is not None:
            return check_name(self._file_name, resource=resource, kind=self._workbook.kind)
        name = parse_name(self._file_name)
        return check_name(self._file_name, resource=name.resource or "", kind=self._workbook.kind)

    def _strict_rows(
        self, rows: Sequence[Row], places: Mapping[str, int], rule_set: RuleSet
    ) -> tuple[list[Finding], tuple[RuleName, ...]]:
        able = runnable(rule_set, places)
        checker = Checker(able.rule_set, places, able.code_sets, Surroundings(today=self._today))
        for row in rows:
            checker.take(row.number, row.values)
        return checker.end(), _in_order({*able.not_run, *checker.not_run})

    def _strict_proposal(
        self, sheet: Sheet, told: Mapping[int, str], rows: Sequence[Row], findings: list[Finding]
    ) -> SheetReport:
        """Without an entry: the form alone, and an entry proposed where the sheet has a table."""
        found = detect(replace(self._workbook, sheets=(sheet,)))
        proposed, places = None, dict[str, int]()
        more: list[Finding] = []
        not_run: tuple[RuleName, ...] = ()
        if found.tables:
            table = found.tables[0]
            proposed, places = propose(table, resource_name(table, (), _stem(self._file_name)), self._file_name)
            if table.header_rows == (1,):
                more, not_run = self._strict_rows(rows, places, RuleSet.of_entry(proposed))
            else:
                places = {}
        by_column = {column: code for code, column in places.items()}
        columns = tuple(ColumnTold(column, title, by_column.get(column)) for column, title in told.items())
        return self._strict_report(sheet, columns, rows, [*findings, *more], not_run, proposed)

    def _strict_report(
        self,
        sheet: Sheet,
        columns: tuple[ColumnTold, ...],
        rows: Sequence[Row],
        findings: Sequence[Finding],
        not_run: tuple[RuleName, ...],
        proposed: Mapping[str, Any] | None,
    ) -> SheetReport:
        return SheetReport(
            sheet=sheet.name,
            header_row=1,
            columns=columns,
            records=len(rows),
            skipped=(),
            findings=tuple(sorted(findings, key=in_sheets_order)),
            not_run=not_run,
            entry=proposed,
        )


def _guided_report(
    table: Table,
    matching: Matching,
    findings: Sequence[Finding],
    not_run: tuple[RuleName, ...],
    proposed: Mapping[str, Any] | None,
) -> SheetReport:
    return SheetReport(
        sheet=table.sheet,
        header_row=table.header_row,
        columns=tuple(
            ColumnTold(column.column, column.title, matching.item_of(column.column)) for column in table.columns
        ),
        records=len(table.records),
        skipped=tuple(RowSkipped(one.row, skip_text(one.reason)) for one in table.skipped),
        findings=tuple(sorted((*of_remarks(table), *matching.findings, *findings), key=in_sheets_order)),
        not_run=not_run,
        entry=proposed,
    )


def _in_order(names: set[RuleName]) -> tuple[RuleName, ...]:
    return tuple(name for name in RuleName if name in names)


def _structure(row: int | None, column: int | None, message: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(row, column, None, RuleName.STRUCTURE, severity, message, None)


def _sentence(reason: Reason) -> str:
    return str(Unreadable(reason))


def _is_told(unread: Unread) -> bool:
    """Empty sheets are of no interest: every new workbook of old has two."""
    return unread.reason.value in {"hidden", "not-cells"}


def _is_sequence(value: Value) -> bool:
    return isinstance(value, str) and visible_text(value) == "序号"


def _titles(table: Table, sheet: Sheet) -> list[str]:
    """The title rows above the header, the longest first: a list's name is longer than 附件2."""
    rows = {one.row for one in table.skipped if one.reason is SkipReason.TITLE and one.row < (table.header_row or 0)}
    found = [
        value
        for row in sheet.rows
        if row.number in rows
        for value in row.values
        if isinstance(value, str) and value.strip()
    ]
    return sorted(found, key=len, reverse=True)


def _stem(file_name: str) -> str:
    return re.sub(r"[-_]\d{8,14}$", "", Path(file_name).stem) or "未命名资源"
