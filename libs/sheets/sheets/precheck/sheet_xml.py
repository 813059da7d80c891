"""One worksheet part of an .xlsx, looked through as bytes before any parser sees it.

A sheet as Excel, WPS and the libraries write it is recognised as harmless by one search at the speed of the pattern
engine. Only where something is out of the ordinary - a far cell, an error, a formula, no reference - the cells are
visited one by one. Whatever a parser could take for a cell is taken for one here, comments and CDATA included.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sheets import formats
from sheets.cells import NOT_COMPUTED, ErrorCell, Value
from sheets.errors import damaged
from sheets.limits import Limits
from sheets.precheck import references
from sheets.precheck.surveys import Extent, Position

_DIMENSION = re.compile(rb"<(?:[^\s<>/]*:)?dimension(?:\s[^<>]*)?/?>")
_TAG = re.compile(rb"<(/?)((?:[^\s<>/]*:)?(?:c|row))(?=[\s/>])")
_ATTRIBUTES = re.compile(rb"""((?:\s+[^\s=<>"'/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*+)\s*(/?)>""")
_ATTRIBUTE = re.compile(rb"""([^\s=<>"'/]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")
_NEXT_CELL_TAG = re.compile(rb"<(/?)(?:[^\s<>/]*:)?c(?=[\s/>])")
_FORMULA = re.compile(rb"<(?:[^\s<>/]*:)?f(?:\s[^<>]*)?>([^<]*)")
_VALUE = re.compile(rb"<(?:[^\s<>/]*:)?v(?:\s[^<>]*)?>([^<]*)<")
_DDE = re.compile(rb"""^[^"']*\|""")
_UNUSUAL = (re.compile(rb"<f[\s/>]"), re.compile(rb":[cf][\s/>]"))
"""A formula; a cell or formula with a prefix. Two searches: each begins with a letter that the engine can look for."""
_LAST_IN_DIMENSION = re.compile(rb"""\sref\s*=\s*["'](?:[A-Z]+[0-9]+:)?([A-Z]{1,7}[0-9]{1,10})["']""")
_ERROR_CODE = re.compile(rb"#[A-Z0-9_/]{1,20}[!?]?")


@dataclass(slots=True)
class SheetNotes:
    """What was found in one worksheet part."""

    extent: Extent = field(default_factory=Extent)
    overlay: dict[Position, Value] = field(default_factory=dict)
    has_dde: bool = False
    cuts: list[tuple[int, int]] = field(default_factory=list)
    """Contents of error cells, which the overlay has; the parser refuses a file for an error that it does not know."""


def cleaned(xml: bytes, notes: SheetNotes) -> bytes:
    """The part without what would mislead the parser: errors, and what the sheet declares about its own size."""
    head_end = xml.find(b"sheetData") + 1
    cuts = [found.span() for found in _DIMENSION.finditer(xml, 0, head_end)] + notes.cuts
    if not cuts:
        return xml
    begins = [0, *(end for _, end in cuts)]
    ends = [*(begin for begin, _ in cuts), len(xml)]
    return b"".join(xml[begin:end] for begin, end in zip(begins, ends, strict=True))


def look_through(
    xml: bytes, limits: Limits, moments: frozenset[int], padded: Mapping[int, int], *, epoch_1904: bool
) -> SheetNotes:
    """How far the sheet's content reaches and which cells the parser would show wrongly.

    `moments` are the cell formats, by their place, that show a date or a time; `padded` those that show zeros before a
    number, with the digits that they show.

    Raises:
        Unreadable: a cell whose tag or reference cannot be made out.
    """
    claim = _claim(xml, limits)
    if claim.last_row * claim.last_column <= limits.area and _bears_out(claim, xml, moments, frozenset(padded)):
        return SheetNotes(claim)
    return _Visit(xml, moments, padded, epoch_1904=epoch_1904).notes


def _claim(xml: bytes, limits: Limits) -> Extent:
    """What the sheet declares as its size, no more than the limits allow: a guess that is to be borne out."""
    last_row, last_column = min(limits.content_rows, limits.last_row), limits.columns
    declared = _DIMENSION.search(xml, 0, xml.find(b"sheetData") + 1)
    last = _LAST_IN_DIMENSION.search(declared[0]) if declared else None
    if last and (corner := references.position(last[1])):
        last_row, last_column = min(last_row, corner[0]), min(last_column, corner[1])
    return Extent(last_row, last_row, last_column)


def _bears_out(claim: Extent, xml: bytes, moments: frozenset[int], padded: frozenset[int]) -> bool:
    """Every cell is written plainly, keeps within the claim and shows what the parser will read."""
    if any(unusual.search(xml) for unusual in _UNUSUAL) or _extraordinary(claim.last_row, claim.last_column).search(
        xml
    ):
        return False
    if padded and _number_in(padded).search(xml):
        return False
    return not (moments and _no_moment(moments).search(xml))


@functools.lru_cache(maxsize=8)
def _extraordinary(last_row: int, last_column: int) -> re.Pattern[bytes]:
    """Finds a cell that is not written plainly, or whose reference is beyond the limits, or that shows an error."""
    reference = references.within(last_row, last_column)
    # The two tails that nearly all cells have come first.
    tail = r'>| t="s">|(?: s="[0-9]{1,6}")?(?: t="(?:s|n|b|d|str|inlineStr)")? ?/?>'
    return re.compile(rf'<c(?! r="{reference}"(?:{tail})|[^\s/>])'.encode())


@functools.lru_cache(maxsize=8)
def _no_moment(moments: frozenset[int]) -> re.Pattern[bytes]:
    """Finds a number in one of these formats that may stand for no moment: negative, of 60, or in powers of ten."""
    places = "|".join(str(moment) for moment in sorted(moments))
    return re.compile(rf' s="(?:{places})"(?: t="n")? ?>\s*<v[^>]*>\s*(?:-|60(?:[.<])|[^<]*[eE])'.encode())


@functools.lru_cache(maxsize=8)
def _number_in(places: frozenset[int]) -> re.Pattern[bytes]:
    """Finds a number in one of these formats."""
    either = "|".join(str(place) for place in sorted(places))
    return re.compile(rf' s="(?:{either})"(?: t="n")? ?>'.encode())


class _Visit:
    """All cells of a part, one by one."""

    def __init__(self, xml: bytes, moments: frozenset[int], padded: Mapping[int, int], *, epoch_1904: bool) -> None:
        self.notes = SheetNotes()
        self._xml = xml
        self._moments = moments
        self._padded = padded
        self._epoch_1904 = epoch_1904
        self._rows: set[int] = set()
        self._row, self._column = 1, 1
        for tag in _TAG.finditer(xml):
            is_end, is_row = bool(tag[1]), tag[2].endswith(b"row")
            if is_row and is_end:
                self._row, self._column = self._row + 1, 1
            elif is_row:
                self._begin_row(tag.end())
            elif not is_end:
                self._cell(tag.end())
        self.notes.extent.rows = len(self._rows)

    def _begin_row(self, at: int) -> None:
        attributes, closed, _ = self._tag(at)
        number = attributes.get(b"r")
        if number is not None:
            if not number.isdigit() or len(number) > 10 or int(number) < 1:
                raise damaged("xml-row")
            self._row = int(number)
        if closed:
            self._row, self._column = self._row + 1, 1

    def _cell(self, at: int) -> None:
        attributes, closed, after = self._tag(at)
        reference = attributes.get(b"r")
        place = (self._row, self._column)
        if reference is not None:
            given = references.position(reference)
            if given is None:
                raise damaged("xml-reference")
            place = given
        self._column = place[1] + 1
        if closed:
            return
        end = _NEXT_CELL_TAG.search(self._xml, after)
        if end is None or not end[1]:
            raise damaged("xml-cell")  # cells do not nest
        content = self._xml[after : end.start()]
        if b"<" in content:
            self._content(place, attributes, content)
        if attributes.get(b"t") == b"e":
            self.notes.cuts.append((after, end.start()))

    def _content(self, place: Position, attributes: dict[bytes, bytes], content: bytes) -> None:
        extent = self.notes.extent
        self._rows.add(place[0])
        extent.last_row = max(extent.last_row, place[0])
        extent.last_column = max(extent.last_column, place[1])
        formula, found = _FORMULA.search(content), _VALUE.search(content)
        value = found[1].strip() if found else b""
        if formula and _DDE.match(formula[1].replace(b"&quot;", b'"').replace(b"&apos;", b"'")):
            self.notes.has_dde = True
        kind = attributes.get(b"t", b"n")
        if kind == b"e":
            code = value if _ERROR_CODE.fullmatch(value) else b"#N/A"
            self.notes.overlay[place] = ErrorCell(code.decode())
        elif formula and not value and kind not in {b"str", b"inlineStr"}:
            self.notes.overlay[place] = ErrorCell(NOT_COMPUTED)
        elif kind == b"n":
            style = attributes.get(b"s", b"")
            self._number(place, int(style) if style.isdigit() and len(style) <= 6 else -1, value)

    def _number(self, place: Position, style: int, value: bytes) -> None:
        if style not in self._moments and style not in self._padded:
            return
        try:
            number = float(value)
        except ValueError:
            return
        if style in self._padded:
            code = formats.padded(number, self._padded[style])
            if code is not None:
                self.notes.overlay[place] = code
        elif formats.is_no_moment(number, epoch_1904=self._epoch_1904):
            self.notes.overlay[place] = number

    def _tag(self, at: int) -> tuple[dict[bytes, bytes], bool, int]:
        """The attributes of the tag whose name ends here, whether it is closed at once, and where it ends."""
        found = _ATTRIBUTES.match(self._xml, at)
        if found is None:
            raise damaged("xml-cell")
        pairs = _ATTRIBUTE.findall(found[1])
        attributes = {name: double or single for name, double, single in pairs}
        if len(attributes) != len(pairs):
            raise damaged("xml-cell")
        return attributes, bool(found[2]), found.end()
