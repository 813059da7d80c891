"""The annex's form (Annex 3 chapter 6, 格式文件): one header row, a first column 序号, at most 2,000 rows.

The strict profile: a sheet is this form, or all that keeps it from being so is named, each with its place. What the
cells mean - items, types, codes - is decided elsewhere; here a cell is only text, number, date or error.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sheets.cells import CellRange, Row, Value, Workbook, column_letters
from sheets.errors import SheetsError
from sheets.findings import Finding, Rule
from sheets.kinds import Kind
from sheets.names import display_name

MAX_ROWS = 2_000
"""Annex 3 chapter 6, 1: 单个文件内数据量不超过2000行."""
SEQUENCE_TITLE = "序号"
"""Annex 3 chapter 6, 3: 第一列统一为序号列."""
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffd-\uffff]")
"""Characters that no text of people has and that databases refuse, and the sign of one that was lost (IN-X18)."""
_DIGITS = re.compile("[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Title:
    """A field name of the header, with its column from 1."""

    column: int
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One data row."""

    row: int
    """The row's number as the sheet shows it: 2 for the first record."""
    number: int
    """Its 序号."""
    cells: Mapping[str, Value]
    """A value for each title, 序号 left out; None where the cell is empty."""


@dataclass(frozen=True, slots=True)
class AnnexTable:
    """A sheet that has the annex's form."""

    sheet: str
    titles: tuple[Title, ...]
    """The field names in their order, 序号 left out."""
    records: tuple[Record, ...]


class NotAnnexForm(SheetsError):  # noqa: N818 -- a refusal is an answer, not a malfunction
    """A sheet has not the annex's form; `findings` is everything that keeps it from it, from top to bottom."""

    code = "not-annex-form"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(f"表格不符合格式文件要求，共{len(findings)}处：{findings[0].message}")
        self.findings = findings


def read_annex(workbook: Workbook, *, max_rows: int = MAX_ROWS) -> AnnexTable:
    """The table of the workbook's first sheet that was read.

    Raises:
        NotAnnexForm: with all findings.
    """
    sheet = workbook.sheets[0]
    rows = {row.number: row for row in sheet.rows if not is_blank(row)}
    header = rows.pop(1, None)
    last = max(rows, default=1)
    findings: list[Finding] = []
    titles: dict[int, str] = {}
    if header is None:
        findings.append(Finding(1, None, Rule.HEADER_ROW, "第1行为空；第1行应为字段名称行"))
    else:
        titles = {column: str(value) for column, value in enumerate(header.values, 1) if value is not None}
        findings.extend(check_header(header))
    findings.extend(_check_count(len(rows), max_rows))
    findings.extend(_empty_rows(sorted(rows), last))
    findings.extend(check_merged(sheet.merged, last))
    for number in sorted(rows):
        findings.extend(check_row(rows[number], titles, header_known=header is not None))
    if titles.get(1, "").strip() == SEQUENCE_TITLE:
        sequence = Sequence(is_text=workbook.kind is Kind.CSV)
        for number in sorted(rows):
            findings.extend(sequence.take(rows[number]))
    if findings:
        raise NotAnnexForm(tuple(sorted(findings, key=_place)))
    fields = {column: text for column, text in titles.items() if column != 1}
    return AnnexTable(
        sheet.name,
        tuple(Title(column, text) for column, text in fields.items()),
        tuple(
            Record(row.number, number, {text: row.value(column) for column, text in fields.items()})
            for number, row in enumerate((rows[number] for number in sorted(rows)), 1)
        ),
    )


def _place(finding: Finding) -> tuple[int, int]:
    return finding.row or 0, finding.column or 0


def is_blank(row: Row) -> bool:
    """Whether a row shows nothing: a stray space is nothing."""
    return all(isinstance(value, str) and not value.strip() for value in row.values if value is not None)


def _shown(row: int, column: int) -> str:
    return f"第{row}行第{column}列（{column_letters(column)}{row}）"


def check_header(header: Row) -> Iterator[Finding]:
    """What is wrong with the row of field names."""
    seen: dict[str, int] = {}
    for column, value in enumerate(header.values, 1):
        if value is None or (isinstance(value, str) and not value.strip()):
            yield Finding(1, column, Rule.HEADER_BLANK, f"{_shown(1, column)}没有字段名称")
        elif not isinstance(value, str):
            yield Finding(1, column, Rule.HEADER_NOT_TEXT, f"{_shown(1, column)}的字段名称不是文本")
        else:
            if value != value.strip():
                yield Finding(1, column, Rule.HEADER_SPACES, f"{_shown(1, column)}的字段名称前后有空格")
            yield from _check_text(1, column, value)
            first = seen.setdefault(value.strip(), column)
            if first != column:
                message = f"{_shown(1, column)}的字段名称“{display_name(value.strip())}”与第{first}列重复"
                yield Finding(1, column, Rule.HEADER_DUPLICATE, message)
    first_title = header.value(1)
    if not isinstance(first_title, str) or first_title.strip() != SEQUENCE_TITLE:
        yield Finding(1, 1, Rule.FIRST_COLUMN, f"第1列应为“{SEQUENCE_TITLE}”列")


def _check_count(count: int, max_rows: int) -> Iterator[Finding]:
    if count == 0:
        yield Finding(None, None, Rule.NO_DATA, "没有数据行")
    elif count > max_rows:
        yield Finding(None, None, Rule.ROWS_LIMIT, f"数据行数{count}超过{max_rows}行上限")


def _empty_rows(numbers: list[int], last: int) -> Iterator[Finding]:
    """Runs of empty rows between the header and the last record, one finding a run."""
    before = 1
    for number in numbers:
        if number > before + 1:
            yield empty_rows(before + 1, number - 1, last)
        before = number


def empty_rows(first: int, last: int, data_until: int) -> Finding:
    """A run of empty rows above a record."""
    rows = f"第{first}行" if first == last else f"第{first}行至第{last}行"
    return Finding(first, None, Rule.EMPTY_ROW, f"{rows}为空行（数据至第{data_until}行）")


def check_merged(merged: Iterable[CellRange], last: int) -> Iterator[Finding]:
    """Merged cells down to the last record."""
    for part in merged:
        if part.first_row <= last:
            yield _merged(part)


def _merged(part: CellRange) -> Finding:
    return Finding(part.first_row, part.first_column, Rule.MERGED_CELLS, f"{part}是合并单元格；请取消合并并逐格填写")


def check_row(row: Row, titles: Mapping[int, str], *, header_known: bool) -> Iterator[Finding]:
    """Cells without a title, and texts that no database takes."""
    for column, value in enumerate(row.values, 1):
        if value is None:
            continue
        if header_known and column not in titles:
            message = f"{_shown(row.number, column)}有内容，但该列没有字段名称"
            yield Finding(row.number, column, Rule.NO_TITLE, message)
        if isinstance(value, str):
            yield from _check_text(row.number, column, value)


def _check_text(row: int, column: int, text: str) -> Iterator[Finding]:
    found = _ILLEGAL.search(text)
    if found:
        message = f"{_shown(row, column)}的文本含有非法字符 U+{ord(found[0]):04X}"
        yield Finding(row, column, Rule.TEXT_CHARACTERS, message)


class Sequence:
    """序号 must be 1 to n from top to bottom; after a gap the count goes on from there: one gap, one finding."""

    def __init__(self, *, is_text: bool) -> None:
        self.expected = 1
        self._is_text = is_text
        self._runs: list[tuple[int, int, int]] = []
        self._seen: dict[int, int] = {}

    def pass_over(self, row: int, count: int) -> None:
        """So many rows from this one on were seen to go on as they must."""
        if self._runs and self._runs[-1][1:] == (self.expected, row):
            first, _, _ = self._runs.pop()
        else:
            first = self.expected
        self.expected += count
        self._runs.append((first, self.expected, row + count))

    def take(self, row: Row) -> Iterator[Finding]:
        """What is wrong with the number of the next row."""
        value = row.value(1)
        number = _sequence_number(value, is_text=self._is_text)
        where = f"第{row.number}行的序号"
        if value is None or (isinstance(value, str) and not value.strip()):
            yield Finding(row.number, 1, Rule.SEQUENCE_MISSING, f"{where}为空")
            self.expected += 1
        elif number is None:
            yield Finding(row.number, 1, Rule.SEQUENCE_NOT_NUMBER, f"{where}不是从1起的整数数字")
            self.expected += 1
        elif (before := self._row_of(number)) is not None:
            message = f"{where}{number}与第{before}行重复"
            yield Finding(row.number, 1, Rule.SEQUENCE_DUPLICATE, message)
        elif number > self.expected:
            yield Finding(row.number, 1, Rule.SEQUENCE_GAP, f"{where}{number}不连续，应为{self.expected}")
            self.expected = number + 1
        elif number < self.expected:
            yield Finding(row.number, 1, Rule.SEQUENCE_ORDER, f"{where}{number}次序颠倒，应为{self.expected}")
        else:
            self.expected = number + 1
        if number is not None:
            self._seen.setdefault(number, row.number)

    def _row_of(self, number: int) -> int | None:
        """The row that had this number before."""
        for first, end, row_behind in self._runs:
            if first <= number < end:
                return row_behind - (end - number)
        return self._seen.get(number)


def _sequence_number(value: Value, *, is_text: bool) -> int | None:
    """The number of a sequence cell. A csv has only text; elsewhere a text is not a number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float) and value >= 1 and value == value // 1 and value < 10**9:
        return int(value)
    if is_text and isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return None
