"""The package of an .ods: its one content part is walked element by element, repeats counted and never carried out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sheets.cells import MERGED_RANGES, NOT_COMPUTED, CellRange, ErrorCell, SheetTitle, Value, Visibility
from sheets.containers.archive import Package, read_directory, unpack, wrap
from sheets.errors import Reason, Unreadable, damaged
from sheets.kinds import Kind
from sheets.limits import Feature, Limits
from sheets.precheck import markup
from sheets.precheck.surveys import (
    Extent,
    Position,
    SheetSurvey,
    Survey,
    check_area,
    check_extent,
    check_features,
    check_names,
    choose,
)

CONTENT, MIMETYPE = "content.xml", "mimetype"
_MANIFEST = "META-INF/manifest.xml"
_SPREADSHEET = b"application/vnd.oasis.opendocument.spreadsheet"
_OVERLAY_CELLS = 100_000
"""Cells with errors or durations that are noted one by one; a sheet with more is no data."""

_FEATURE_PARTS = (
    (Feature.MACROS, re.compile(r"(?:Basic|Scripts)/.*")),
    (Feature.EMBEDDED_OBJECTS, re.compile(r"Object[^/]*/.*|Object \d+")),
)
_LINKS = {"table:table-source": Feature.EXTERNAL_LINKS, "office:dde-source": Feature.DDE, "table:dde-link": Feature.DDE}
_OBJECTS = frozenset({"draw:object-ole", "draw:applet", "draw:plugin"})
_CELLS = frozenset({"table:table-cell", "table:covered-table-cell"})
_VALUES = ("office:value", "office:date-value", "office:time-value", "office:boolean-value", "office:string-value")
_DURATION = re.compile(r"PT(\d{1,7})H(\d{1,2})M(\d{1,2}(?:[.,]\d{1,9})?)S")
_HOURS_OF_DAY = 24
_ERROR_TEXT = re.compile(r"#[A-Z0-9_/]{1,20}[!?]?|Err:[0-9]{3}")


@dataclass(slots=True)
class _Table:
    """One sheet while it is walked."""

    name: str
    visibility: Visibility
    extent: Extent = field(default_factory=Extent)
    overlay: dict[Position, Value] = field(default_factory=dict)
    merged: list[CellRange] = field(default_factory=list)
    row: int = 1
    row_repeats: int = 1
    row_filled: int = 0
    """The last column of the row that has content."""
    noted: list[tuple[int, int, Value]] = field(default_factory=list)
    """Cells of the row for the overlay: column, repeats, value."""
    column: int = 1


@dataclass(slots=True)
class _Cell:
    """One cell element while it is walked."""

    repeats: int
    has_value: bool
    kind: str
    is_error: bool
    formula: str
    duration: str
    text: list[str] = field(default_factory=list)
    characters: int = 0


def survey_ods(data: bytes, limits: Limits) -> Survey:
    """Check an .ods and make the clean package for the parser.

    Raises:
        Unreadable: broken or hostile structure, a refused feature, or more than the limits allow.
    """
    package = unpack(data, read_directory(data, limits), limits)
    for part in package.parts.values():
        markup.guard(part)
    content = package.parts.get(CONTENT)
    if content is None:
        raise damaged("ods-content")
    if b"encryption-data" in package.parts.get(_MANIFEST, b""):
        raise Unreadable(Reason.ENCRYPTED)
    walk = _Walk(limits)
    markup.walk(content, "ods-content", start=walk.start, end=walk.end, text=walk.text)
    features = check_features(_package_features(package) | walk.features, limits)
    sheets = tuple(
        SheetSurvey(
            title=SheetTitle(table.name, table.visibility, has_cells=True),
            extent=table.extent,
            overlay=table.overlay,
            merged=tuple(table.merged),
        )
        for table in walk.tables
    )
    titles = [sheet.title for sheet in sheets]
    chosen = choose(titles, limits)
    check_names(titles)
    for place in chosen:
        check_extent(sheets[place].extent, limits)
    check_area(sheets, limits)
    return Survey(
        kind=Kind.ODS, clean=_clean(content), sheets=sheets, chosen=chosen, holds_only_chosen=False, features=features
    )


def _package_features(package: Package) -> set[Feature]:
    return {feature for feature, parts in _FEATURE_PARTS for name in package.names if parts.fullmatch(name)}


def _clean(content: bytes) -> bytes:
    return wrap([(MIMETYPE, _SPREADSHEET), (_MANIFEST, b"<manifest:manifest/>"), (CONTENT, content)])


class _Walk:
    """The handlers for one content part. Names are compared as written, which is how the parser does it."""

    def __init__(self, limits: Limits) -> None:
        self.tables: list[_Table] = []
        self.features: set[Feature] = set()
        self._limits = limits
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._table: _Table | None = None
        self._cell: _Cell | None = None
        self._skipped = 0
        """Depth inside annotations, whose text is not the cell's."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if name in _LINKS:
            self.features.add(_LINKS[name])
        elif name in _OBJECTS:
            self.features.add(Feature.EMBEDDED_OBJECTS)
        if self._skipped or name == "office:annotation":
            self._skipped += 1
        elif name == "style:style":
            self._style = attributes.get("style:name", "")
        elif name == "style:table-properties" and attributes.get("table:display") == "false":
            self._hidden_styles.add(self._style)
        elif name == "table:table":
            self._begin_table(attributes)
        elif self._table is not None:
            self._inside(self._table, name, attributes)

    def end(self, name: str) -> None:
        """An element ends."""
        if self._skipped:
            self._skipped -= 1
        elif name == "table:table":
            self._table = None
        elif self._table is not None and name == "table:table-row":
            self._end_row(self._table)
        elif self._table is not None and self._cell is not None and name in _CELLS:
            self._end_cell(self._table, self._cell)
            self._cell = None

    def text(self, text: str) -> None:
        """Text, within a cell or not."""
        if self._cell is not None and not self._skipped:
            self._cell.characters += len(text)
            if text.strip() or self._cell.kind == "string":
                self._cell.text.append(text)

    def _begin_table(self, attributes: Mapping[str, str]) -> None:
        if self._table is not None:
            raise damaged("ods-nested-table")
        hidden = attributes.get("table:style-name", "") in self._hidden_styles
        visibility = Visibility.HIDDEN if hidden else Visibility.VISIBLE
        self._table = _Table(attributes.get("table:name", ""), visibility)
        self.tables.append(self._table)
        if len(self.tables) > self._limits.sheets:
            raise Unreadable(Reason.TOO_MANY_SHEETS, sheets=len(self.tables), limit=self._limits.sheets)

    def _inside(self, table: _Table, name: str, attributes: Mapping[str, str]) -> None:
        if name == "table:table-row":
            table.row_repeats = _repeats(attributes, "table:number-rows-repeated")
            table.column, table.row_filled = 1, 0
            table.noted.clear()
        elif name in _CELLS:
            self._begin_cell(table, name, attributes)
        elif name == "text:s" and self._cell is not None:
            self._cell.characters += _repeats(attributes, "text:c")
            if self._cell.characters > self._limits.inflated_bytes:
                raise damaged("ods-spaces")

    def _begin_cell(self, table: _Table, name: str, attributes: Mapping[str, str]) -> None:
        self._cell = _Cell(
            repeats=_repeats(attributes, "table:number-columns-repeated"),
            has_value=any(value in attributes for value in _VALUES),
            kind=attributes.get("office:value-type", ""),
            is_error=attributes.get("calcext:value-type") == "error",
            formula=attributes.get("table:formula", ""),
            duration=attributes.get("office:time-value", ""),
        )
        rows = _repeats(attributes, "table:number-rows-spanned")
        columns = _repeats(attributes, "table:number-columns-spanned")
        if name == "table:table-cell" and (rows > 1 or columns > 1) and len(table.merged) < MERGED_RANGES:
            first = (table.row, table.column)
            table.merged.append(CellRange(*first, first[0] + rows - 1, first[1] + columns - 1))

    def _end_cell(self, table: _Table, cell: _Cell) -> None:
        text = "".join(cell.text)
        if cell.has_value or cell.kind == "string" or cell.formula:
            # An empty text is content to the parser, so it is content here.
            table.row_filled = table.column + cell.repeats - 1
            value = _instead(cell, text)
            if value is not None:
                table.noted.append((table.column, cell.repeats, value))
        if cell.characters > self._limits.cell_characters:
            raise Unreadable(
                Reason.CELL_TOO_LONG,
                row=table.row,
                column=table.column,
                characters=cell.characters,
                limit=self._limits.cell_characters,
            )
        table.column += cell.repeats

    def _end_row(self, table: _Table) -> None:
        if table.row_filled:
            extent = table.extent
            extent.rows += table.row_repeats
            extent.last_row = table.row + table.row_repeats - 1
            extent.last_column = max(extent.last_column, table.row_filled)
            self._note(table)
        table.row += table.row_repeats

    def _note(self, table: _Table) -> None:
        """Spread the noted cells over their repeats, as long as the sheet keeps within the limits at all."""
        room = table.row_repeats * sum(repeats for _, repeats, _ in table.noted) + len(table.overlay)
        if room > _OVERLAY_CELLS:
            raise Unreadable(Reason.AREA_TOO_LARGE, cells=room, limit=_OVERLAY_CELLS)
        for column, repeats, value in table.noted:
            for row in range(table.row, table.row + table.row_repeats):
                for place in range(column, column + repeats):
                    table.overlay[row, place] = value


def _instead(cell: _Cell, text: str) -> Value:
    """What the cell really shows, where the parser reads something else."""
    if cell.is_error:
        return ErrorCell(text if _ERROR_TEXT.fullmatch(text) else "#N/A")
    if cell.formula and not cell.has_value and not cell.text:
        return ErrorCell(NOT_COMPUTED)
    found = _DURATION.fullmatch(cell.duration)
    if found and int(found[1]) >= _HOURS_OF_DAY:
        seconds = float(found[3].replace(",", "."))
        return timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=seconds)
    return None


def _repeats(attributes: Mapping[str, str], name: str) -> int:
    """A count in an attribute, 1 if it is not there.

    Raises:
        Unreadable: it is no positive number, or one that no sheet can have.
    """
    text = attributes.get(name, "1")
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):
        raise damaged("ods-repeats")
    return int(text)
