"""What the detection finds: tables with header, columns and records, and every row that is neither, with its reason."""

from dataclasses import dataclass
from enum import StrEnum

from sheets.cells import Value


class SkipReason(StrEnum):
    """Why a row with content is no record."""

    TITLE = "title"
    LABEL = "label"
    REPEATED_TITLE = "repeated-title"
    REPEATED_HEADER = "repeated-header"
    COLUMN_NUMBERS = "column-numbers"
    GROUP = "group"
    TOTAL = "total"
    NOTE = "note"
    ONLY_SEQUENCE = "only-sequence"
    OTHER_TABLE = "other-table"
    OUTSIDE = "outside"


_TEXTS = {
    SkipReason.TITLE: "标题行",
    SkipReason.LABEL: "填报信息行（填报单位、计量单位、日期等）",
    SkipReason.REPEATED_TITLE: "重复的标题行（分页）",
    SkipReason.REPEATED_HEADER: "重复的表头行（分页）",
    SkipReason.COLUMN_NUMBERS: "栏次行（列的编号）",
    SkipReason.GROUP: "分组行",
    SkipReason.TOTAL: "合计、小计或平均行",
    SkipReason.NOTE: "注释或落款行",
    SkipReason.ONLY_SEQUENCE: "只填了序号的空行",
    SkipReason.OTHER_TABLE: "属于同一工作表中的另一张表，未读取",
    SkipReason.OUTSIDE: "内容在表格各列以外",
}


def skip_text(reason: SkipReason) -> str:
    """The reason as a provider reads it."""
    return _TEXTS[reason]


class ColumnKind(StrEnum):
    """What most cells of a column hold."""

    EMPTY = "empty"
    TEXT = "text"
    CODE = "code"
    """Texts or whole numbers that name something: digits and letters, no measure."""
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table; `title` joins the header's rows by `/` and is empty where the header has none."""

    column: int
    title: str
    kind: ColumnKind
    is_sequence: bool = False
    """The column that only counts the rows (序号)."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row of data; `values` stand in the order of the table's columns, as the sheet has them."""

    row: int
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row with content that is neither header nor record."""

    row: int
    reason: SkipReason


class RemarkKind(StrEnum):
    """What was read in a way that the provider should know of."""

    CARRIED = "carried"
    """A value of merged cells was taken for each row that they span."""
    MERGED_ACROSS = "merged-across"
    UNTITLED = "untitled"
    NO_HEADER = "no-header"
    CONTINUED = "continued"
    """The sheet has no header and goes on with the columns of the one before."""
    BESIDE = "beside"
    """Another table stands to the right and was not read."""
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark at a place of the sheet; row and column from 1, None where it concerns the whole sheet."""

    row: int | None
    column: int | None
    kind: RemarkKind
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of one sheet. Every row of the sheet with content is in header, records or skipped, once."""

    sheet: str
    header_rows: tuple[int, ...]
    """Top to bottom; empty where the sheet continues another or has no header."""
    columns: tuple[Column, ...]
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...]
    remarks: tuple[Remark, ...]

    @property
    def header_row(self) -> int | None:
        """The last row of the header."""
        return self.header_rows[-1] if self.header_rows else None


class UnreadReason(StrEnum):
    """Why a sheet of the workbook gave no table."""

    HIDDEN = "hidden"
    NOT_CELLS = "not-cells"
    EMPTY = "empty"
    NO_TABLE = "no-table"
    """A cover, an explanation, a form: nothing that has records."""


_UNREAD = {
    UnreadReason.HIDDEN: "已隐藏，未读取",
    UnreadReason.NOT_CELLS: "不是表格（图表、宏表等），未读取",
    UnreadReason.EMPTY: "没有内容",
    UnreadReason.NO_TABLE: "没有数据记录（封面、说明等）",
}


@dataclass(frozen=True, slots=True)
class Unread:
    """A sheet without a table."""

    sheet: str
    reason: UnreadReason

    @property
    def message(self) -> str:
        """For people."""
        return f"工作表“{self.sheet}”{_UNREAD[self.reason]}"


@dataclass(frozen=True, slots=True)
class Detection:
    """What a workbook holds."""

    tables: tuple[Table, ...]
    unread: tuple[Unread, ...]
