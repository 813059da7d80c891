"""How much one file may take, and what it may carry; the defaults are the strict profile of the annex."""

from dataclasses import dataclass
from enum import StrEnum

KIB = 1024
MIB = 1024 * KIB


class Scope(StrEnum):
    """Which sheets of a workbook are read."""

    FIRST_VISIBLE = "first-visible"
    """Strict profile (IN-X13): the first sheet that a person sees, whatever the others hold."""
    ALL_VISIBLE = "all-visible"


class Feature(StrEnum):
    """What a workbook may carry that the strict profile refuses (IN-X6)."""

    MACROS = "macros"
    MACRO_SHEETS = "macro-sheets"
    EXTERNAL_LINKS = "external-links"
    DDE = "dde"
    EMBEDDED_OBJECTS = "embedded-objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one reading. All counts are inclusive: exactly the limit is accepted."""

    file_bytes: int = 16 * MIB
    """Size of the file: 2,000 rows of 50 columns take some 2 MiB as .xls, and eight times that is allowed."""
    data_rows: int = 2_000
    """Annex 3 chapter 6, 1: 单个文件内数据量不超过2000行."""
    header_rows: int = 1
    """Rows with content beside the data: the annex has one row of field names (chapter 6, 3)."""
    last_row: int = 10_000
    """The lowest row with content: a parser pads up to it (recipes 8: a cell at A1048576 became 1,048,576 rows)."""
    columns: int = 256
    """The rightmost column with content: the width of the .xls format, which the annex names."""
    area: int = 4_000_000
    """Cells of all bounding boxes that the parser allocates: 32 bytes each, so 122 MiB of the child's memory."""
    sheets: int = 256
    """Sheets of a workbook, read or not."""
    cell_characters: int = 32_767
    """Text of one cell: the limit of Excel itself."""
    inflated_bytes: int = 64 * MIB
    """All entries of a zip together, counted while inflating (PIT-X2)."""
    zip_entries: int = 64
    """Entries of a zip (PIT-X2)."""
    zip_ratio: int = 100
    """Inflated to deflated, per entry (PIT-X2)."""
    ratio_grace_bytes: int = 100 * KIB
    """Entries that inflate to less are not judged by their ratio: short parts compress well (as Apache POI does)."""
    answer_bytes: int = 64 * MIB
    """The child's whole answer: no longer than the text that it may inflate."""
    child_memory_bytes: int = 512 * MIB
    """RLIMIT_AS of the child (reliability 3.11); 128 MiB is already enough for 2,000 rows (recipes 8)."""
    child_cpu_seconds: int = 20
    """RLIMIT_CPU of the child (reliability 3.11)."""
    wall_seconds: float = 30.0
    """From the child's start to its end; then its whole process group is killed (reliability 3.11)."""
    scope: Scope = Scope.FIRST_VISIBLE
    allowed: frozenset[Feature] = frozenset()
    """Features that are read past instead of refused; those met are named in the workbook."""
    lenient: bool = False
    """Whether forms are read that the annex does not know: Excel 5.0 and 95 (IN-X12), texts in UTF-16."""

    @property
    def content_rows(self) -> int:
        """Rows with content that a sheet may have."""
        return self.data_rows + self.header_rows


STRICT = Limits()
"""The annex's form as it stands."""

GUIDED = Limits(
    file_bytes=64 * MIB,
    data_rows=1_048_576,
    last_row=1_048_576,
    columns=1_024,
    area=8_000_000,
    inflated_bytes=512 * MIB,
    answer_bytes=256 * MIB,
    child_cpu_seconds=60,
    wall_seconds=90.0,
    scope=Scope.ALL_VISIBLE,
    allowed=frozenset(Feature),
    lenient=True,
)
"""Files as departments send them: every visible sheet, as many rows as a sheet has, within the same memory.

Macros, links and embedded objects are never run, followed or opened; they are read past, so that all that is wrong can
be told at once, and the profile's rules refuse the file for them (IN-X6).
"""
