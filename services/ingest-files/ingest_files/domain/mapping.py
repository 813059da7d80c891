"""The guided profile of a resource: how its files are read, what was found in one, and what a provider corrected.

A resource is strict until its provider says otherwise. What the provider corrects - where the header stands, which
item a title is - is remembered by sheet and title, and taken before anything is guessed in the next file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from common.events import Item
from ingest_files import errors
from ingest_files.domain import judgement
from ingest_files.domain.asked import Open
from ingest_files.domain.judgement import Bad, Finding, Good, Rules
from ingest_files.domain.turns import Turn
from ingest_files.domain.uploads import Entry
from quality.model import CodeSets, RuleSet, Severity
from quality.surroundings import Surroundings
from sheets.cells import Workbook
from sheets.guided.detecting import Layout, detect
from sheets.guided.tables import Table, skip_text
from sheets.guided.texts import folded
from sheets.limits import GUIDED, MIB, STRICT, Limits
from vetting.checking import of_file, of_remarks, settled
from vetting.matching import Matching, match
from vetting.report import ColumnTold, Profile, RowSkipped
from vetting.running import Licences

NO_DATA: Final = "no-data"
PARTED: Final = replace(GUIDED, inflated_bytes=STRICT.inflated_bytes, file_bytes=STRICT.file_bytes)
"""Where a resource does not allow whole loads, more rows are read than the annex allows, but no larger package."""
WHOLE: Final = replace(GUIDED, inflated_bytes=512 * MIB)
STRICT_WHOLE: Final = replace(WHOLE, columns=STRICT.columns, scope=STRICT.scope, allowed=STRICT.allowed, lenient=False)
"""The annex's form at any length, for resources whose declared rules are checked in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """How the files of one resource are read."""

    entry: str
    profile: Profile = Profile.STRICT
    titles: Mapping[str, str | None] = field(default_factory=dict)
    """Items by title (`folded`), as corrected; None: the column is no item."""
    headers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Rows of the header by sheet, as corrected."""
    set_by: str | None = None
    set_at: datetime | None = None

    def limits(self, *, whole: bool) -> Limits:
        """The bounds within which its files are read; `whole`: they may have any length."""
        if self.profile is Profile.STRICT:
            return STRICT_WHOLE if whole else STRICT
        return WHOLE if whole else PARTED


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedSheet:
    """What was found in one sheet of a file."""

    sheet: str
    header_rows: tuple[int, ...]
    columns: tuple[ColumnTold, ...]
    records: int
    skipped: tuple[RowSkipped, ...]

    def to_json(self) -> dict[str, Any]:
        """As it is stored and told."""
        return {
            "sheet": self.sheet,
            "header_rows": list(self.header_rows),
            "columns": [{"column": one.column, "title": one.title, "item": one.item} for one in self.columns],
            "records": self.records,
            "skipped": [{"row": one.row, "reason": one.reason} for one in self.skipped],
        }


@dataclass(frozen=True, slots=True)
class Judged:
    """A file of the guided profile: its rows or why it is refused, and what was found either way."""

    result: judgement.Judged
    detected: tuple[DetectedSheet, ...]


def correct(
    intake: Intake,
    items: Sequence[Item],
    titles: Mapping[str, str | None],
    headers: Mapping[str, Sequence[int]],
    *,
    by: str,
    at: datetime,
) -> Intake:
    """What a provider said about titles and header rows, added to what was said before.

    Raises:
        BadMapping: an item that the entry does not have, one item for two titles, or header rows with a gap.
    """
    codes = {item.code for item in items}
    merged = {**intake.titles, **{folded(title): code for title, code in titles.items()}}
    for code in titles.values():
        if code is not None and code not in codes:
            raise errors.BadMapping(f"目录中没有信息项 {code}", item=code)
    given = [code for code in (titles[title] for title in titles) if code is not None]
    if len(set(given)) != len(given):
        raise errors.BadMapping("一个信息项只能对应一列")
    # What is said last holds: an item that has a new title leaves its old one.
    merged = {
        title: code for title, code in merged.items() if code not in given or title in {folded(one) for one in titles}
    }
    rows = dict(intake.headers)
    for sheet, numbers in headers.items():
        if list(numbers) != list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False:
            raise errors.BadMapping("表头各行应当相连", sheet=sheet)
        if numbers:
            rows[sheet] = tuple(numbers)
        else:
            rows.pop(sheet, None)
    return replace(intake, titles=merged, headers=rows, set_by=by, set_at=at)


def judge(
    workbook: Workbook,
    file_name: str,
    entry: Entry,
    intake: Intake,
    code_sets: CodeSets,
    rule_set: RuleSet | None = None,
    around: Surroundings | None = None,
) -> Judged:
    """Every record of every sheet of a workbook for this entry, or all that is wrong with it."""
    held = {row.number for sheet in workbook.sheets for row in sheet.rows}
    layouts = {sheet: Layout(rows) for sheet, rows in intake.headers.items() if set(rows) <= held}
    found = detect(workbook, layouts)
    told = {title: code or "" for title, code in intake.titles.items()}
    matched = [(table, match(entry.items, table, told)) for table in found.tables]
    detected = tuple(_detected(table, matching) for table, matching in matched)
    general = of_file(workbook, file_name, found)
    if not matched:
        findings = tuple(judgement.told(one) for one in general)
        return Judged(Bad(NO_DATA, "没有找到数据：各工作表都没有可以作为记录的行", findings), detected)
    structure = tuple(judgement.told(one) for one in general)
    structure += tuple(
        replace(judgement.told(one), sheet=table.sheet or None)
        for table, matching in matched
        for one in (*of_remarks(table), *matching.findings)
    )
    wrong = sum(one.severity is Severity.ERROR for one in structure)
    if wrong:
        message = f"表格的列与目录的信息项不一致，共{wrong}处"
        return Judged(Bad(judgement.STRUCTURE, message, structure), detected)
    rules = Rules(code_sets, rule_set or RuleSet(items=entry.items), around)
    return Judged(_rows(matched, entry, rules, structure), detected)


def _rows(
    matched: Sequence[tuple[Table, Matching]], entry: Entry, rules: Rules, structure: tuple[Finding, ...]
) -> judgement.Judged:
    """The records of all sheets in one check: what is to be there once is there once in the file."""
    code_sets, rule_set, around = rules
    assert rule_set is not None
    licences = [Licences() for _ in matched]
    turns = [
        Turn(
            matching.places,
            ((row.number, row.values) for row in settled(table, matching.places, entry.items, noted)),
            table.sheet or None,
        )
        for (table, matching), noted in zip(matched, licences, strict=True)
    ]
    order: dict[str | None, int] = {table.sheet: place for place, (table, _) in enumerate(matched, 1)}

    def ended(result: Good | Bad) -> Good | Bad:
        findings = [*structure, *result.findings]
        for (table, _), noted in zip(matched, licences, strict=True):
            findings += (replace(judgement.told(one), sheet=table.sheet or None) for one in noted.findings())
        findings.sort(key=lambda one: (order.get(one.sheet, 0), one.row or 0, one.column or 0))
        if isinstance(result, Good):
            return replace(result, findings=tuple(findings))
        wrong = sum(one.severity is Severity.ERROR for one in findings)
        message = f"数据质量检查发现{wrong}处错误，未导入任何数据"
        return replace(result, message=message, findings=tuple(findings))

    judged = judgement.check(rule_set, turns, code_sets, around)
    return judged.then(ended) if isinstance(judged, Open) else ended(judged)


def _detected(table: Table, matching: Matching) -> DetectedSheet:
    return DetectedSheet(
        sheet=table.sheet,
        header_rows=table.header_rows,
        columns=tuple(
            ColumnTold(column.column, column.title, matching.item_of(column.column)) for column in table.columns
        ),
        records=len(table.records),
        skipped=tuple(RowSkipped(one.row, skip_text(one.reason)) for one in table.skipped),
    )
