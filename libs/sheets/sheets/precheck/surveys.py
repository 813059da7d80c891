"""What the check before the parser finds: which sheets there are, how far they reach, what the parser would lose."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sheets.cells import CellRange, Row, SheetTitle, Value, Visibility
from sheets.errors import Reason, Unreadable, damaged
from sheets.kinds import Kind
from sheets.limits import Feature, Limits, Scope

Position = tuple[int, int]
"""Row and column, from 1."""

_NAME_CHARACTERS = 255


@dataclass(slots=True)
class Extent:
    """How far the content of one sheet reaches, as counted over its cells (never as declared)."""

    rows: int = 0
    """Rows with content."""
    last_row: int = 0
    last_column: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetSurvey:
    """One sheet before it is parsed."""

    title: SheetTitle
    extent: Extent = field(default_factory=Extent)
    overlay: Mapping[Position, Value] = field(default_factory=dict)
    """Cells that the parser would show wrongly or as empty: errors, formulas without a result, dates that are none."""
    merged: tuple[CellRange, ...] | None = None
    """Merged ranges where the parser does not tell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A file that passed the check."""

    kind: Kind
    clean: bytes
    """What the parser is to be given: the checked bytes in a container of our own making."""
    sheets: tuple[SheetSurvey, ...]
    chosen: tuple[int, ...]
    """Places in `sheets` of those to be read; `clean` may hold only these, in this order."""
    holds_only_chosen: bool
    features: frozenset[Feature] = frozenset()
    encoding: str | None = None
    delimiter: str | None = None
    rows: tuple[tuple[Row, ...], ...] | None = None
    """The rows of each of `sheets` where the check read them itself and no parser is to."""


_REASONS = {
    Feature.MACROS: Reason.MACROS,
    Feature.MACRO_SHEETS: Reason.MACRO_SHEETS,
    Feature.EXTERNAL_LINKS: Reason.EXTERNAL_LINKS,
    Feature.DDE: Reason.DDE,
    Feature.EMBEDDED_OBJECTS: Reason.EMBEDDED_OBJECTS,
}


def check_features(met: Collection[Feature], limits: Limits) -> frozenset[Feature]:
    """The features that were met, all of which the limits allow.

    Raises:
        Unreadable: one of them is not allowed; the gravest first.
    """
    for feature, reason in _REASONS.items():
        if feature in met and feature not in limits.allowed:
            raise Unreadable(reason)
    return frozenset(met)


def check_sheet_count(sheets: int, limits: Limits) -> None:
    """A workbook may have only so many sheets, read or not.

    Raises:
        Unreadable: with the count.
    """
    if sheets > limits.sheets:
        raise Unreadable(Reason.TOO_MANY_SHEETS, sheets=sheets, limit=limits.sheets)


def choose(titles: Collection[SheetTitle], limits: Limits) -> tuple[int, ...]:
    """The places of the sheets to be read.

    Raises:
        Unreadable: too many sheets, or none that a person would see.
    """
    check_sheet_count(len(titles), limits)
    visible = tuple(
        place for place, title in enumerate(titles) if title.visibility is Visibility.VISIBLE and title.has_cells
    )
    if not visible:
        raise Unreadable(Reason.NO_VISIBLE_SHEET)
    return visible[:1] if limits.scope is Scope.FIRST_VISIBLE else visible


def check_extent(extent: Extent, limits: Limits) -> None:
    """A sheet that will be read must keep the limits of rows and columns.

    Raises:
        Unreadable: with the count; rows are counted without the header.
    """
    if extent.rows > limits.content_rows:
        raise Unreadable(Reason.TOO_MANY_ROWS, rows=extent.rows - limits.header_rows, limit=limits.data_rows)
    if extent.last_row > limits.last_row:
        raise Unreadable(Reason.ROW_TOO_FAR, row=extent.last_row, limit=limits.last_row)
    if extent.last_column > limits.columns:
        raise Unreadable(Reason.TOO_MANY_COLUMNS, column=extent.last_column, limit=limits.columns)


def check_area(sheets: Collection[SheetSurvey], limits: Limits) -> None:
    """What the parser will allocate for these sheets together must fit.

    Raises:
        Unreadable: two far cells are enough to make it not fit.
    """
    cells = sum(sheet.extent.last_row * sheet.extent.last_column for sheet in sheets)
    if cells > limits.area:
        raise Unreadable(Reason.AREA_TOO_LARGE, cells=cells, limit=limits.area)


def check_names(titles: Collection[SheetTitle]) -> None:
    """Sheets must have names of their own: the parser keeps them by name.

    Raises:
        Unreadable: two sheets share one, or one is beyond all measure (Excel allows 31 characters).
    """
    names = {title.name for title in titles}
    if len(names) != len(titles) or any(len(name) > _NAME_CHARACTERS for name in names):
        raise damaged("sheet-names")
