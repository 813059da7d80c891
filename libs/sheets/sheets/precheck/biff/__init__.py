"""The records of an .xls: walked once, record by record, before the parser sees any.

The walk counts what is there instead of believing what is declared, finds what must be refused (macros, links,
encryption), and notes what the parser would drop in silence: error cells, numbers that only look like dates. It also
puts right or blanks in place the records that would mislead or crash the parser (PIT-X1, IN-X6, X12, X14, X15, X18).
"""

import re

from sheets.containers.compound import Compound, wrap
from sheets.errors import Reason, Unreadable, damaged
from sheets.kinds import Kind
from sheets.limits import Feature, Limits
from sheets.precheck.biff.cells import CellNotes
from sheets.precheck.biff.globals import Globals
from sheets.precheck.biff.old import survey_old_xls
from sheets.precheck.biff.records import (
    BIFF5,
    BIFF8,
    BOF,
    CELLS,
    DIMENSIONS,
    EOF,
    FILEPASS,
    GLOBALS,
    MACRO_SHEET,
    MERGEDCELLS,
    OLD_BOFS,
    WORKSHEET,
    Records,
)
from sheets.precheck.surveys import (
    SheetSurvey,
    Survey,
    check_area,
    check_extent,
    check_features,
    check_names,
    check_sheet_count,
    choose,
)

_EMBEDDED = re.compile(r"MBD[0-9A-F]{8}|\x01Ole10Native|ObjectPool|Ctls", re.IGNORECASE)
_VBA = re.compile(r"_VBA_PROJECT(_CUR)?|VBA", re.IGNORECASE)


def survey_xls(data: bytes, limits: Limits) -> Survey:
    """Check an .xls and prepare what the parser is given.

    Raises:
        Unreadable: broken structure, a refused feature, or more than the limits allow.
    """
    compound = Compound(data)
    entry = compound.find("Workbook") or compound.find("Book")
    if entry is None:
        raise Unreadable(Reason.NOT_A_SPREADSHEET, kind=Kind.OLE.value)
    stream = compound.stream(entry)
    if _version(stream) == BIFF5:
        # The parser takes each byte of a Chinese character for a character: it would make rubbish without a word.
        return survey_old_xls(stream, _container_features(compound), limits)
    walk = _Walk(stream, limits)
    sheets = walk.sheets()
    features = check_features(_container_features(compound) | walk.features, limits)
    titles = [sheet.title for sheet in sheets]
    chosen = choose(titles, limits)
    check_names(titles)
    for place in chosen:
        check_extent(sheets[place].extent, limits)
    check_area(sheets, limits)
    return Survey(
        kind=Kind.XLS,
        clean=wrap(bytes(walk.records.stream)),
        sheets=sheets,
        chosen=chosen,
        holds_only_chosen=False,
        features=features,
    )


def _version(stream: bytes) -> int:
    """The version that the stream's first record names; 0 if that is no beginning."""
    kind, length = int.from_bytes(stream[:2], "little"), int.from_bytes(stream[2:4], "little")
    return int.from_bytes(stream[4:6], "little") if kind == BOF and length >= 4 and len(stream) >= 8 else 0


def _container_features(compound: Compound) -> set[Feature]:
    names = [entry.name for entry in compound.entries]
    features: set[Feature] = set()
    if any(_VBA.fullmatch(name) for name in names):
        features.add(Feature.MACROS)
    if any(_EMBEDDED.fullmatch(name) for name in names):
        features.add(Feature.EMBEDDED_OBJECTS)
    return features


class _Walk:
    """One pass over the workbook stream, which it changes in place."""

    def __init__(self, stream: bytes, limits: Limits) -> None:
        self.records = Records(stream)
        version, kind = self._bof(0)
        if version != BIFF8 or kind != GLOBALS:
            raise damaged("biff-version")
        self._shared = Globals(self.records)
        self._parts: dict[int, tuple[int, CellNotes]] = {}
        at = self._globals()
        check_sheet_count(len(self._shared.bounds), limits)
        while later := [bound.offset for bound in self._shared.bounds if bound.offset >= at]:
            at = self._sheet(min(later))  # what lies between the sheets is nobody's

    @property
    def features(self) -> set[Feature]:
        """What was met that the limits may refuse."""
        found = set(self._shared.features)
        kinds = {kind for kind, _ in self._parts.values()}
        if MACRO_SHEET in kinds or any(bound.is_macro for bound in self._shared.bounds):
            found.add(Feature.MACRO_SHEETS)
        return found

    def sheets(self) -> tuple[SheetSurvey, ...]:
        """The sheets in the order of the workbook.

        Raises:
            Unreadable: the globals name a sheet that is not there, or one twice (it would be parsed twice).
        """
        bounds = self._shared.bounds
        if {bound.offset for bound in bounds} != set(self._parts) or len(bounds) != len(self._parts):
            raise damaged("biff-sheets")
        notes = [self._parts[bound.offset][1] for bound in bounds]
        return tuple(
            SheetSurvey(title=bound.title, extent=note.extent, overlay=note.overlay)
            for bound, note in zip(bounds, notes, strict=True)
        )

    def _globals(self) -> int:
        """Walk the globals; the offset behind them."""
        at = 0
        while True:
            record, length, body = self.records.record(at)
            at = body + length
            if record == FILEPASS:
                raise Unreadable(Reason.ENCRYPTED)
            if record == EOF:
                self._shared.finish()
                return at
            self._shared.take(record, body, length)

    def _sheet(self, start: int) -> int:
        """Walk from a sheet's BOF to its EOF, nested substreams included; the offset behind it."""
        _, kind = self._bof(start)
        notes = CellNotes(self.records, self._shared)
        self._parts[start] = (kind, notes)
        at, depth = start, 0
        while True:
            record, length, body = self.records.record(at)
            if record == BOF:
                depth += 1
            if depth > 1:
                # Charts inside a sheet keep copies of numbers, and the parser takes their EOF for the sheet's own.
                self.records.blank(at)
            elif record == FILEPASS:
                raise Unreadable(Reason.ENCRYPTED)
            elif record == DIMENSIONS or (kind != WORKSHEET and record in CELLS):
                self.records.blank(at)  # what a sheet declares only makes the parser allocate
            elif record in CELLS:
                notes.take(record, body, length)
            elif record == MERGEDCELLS and (length < 2 or self.records.u16(body) * 8 + 2 > length):
                raise damaged("biff-merged")
            at = body + length
            if record == EOF:
                depth -= 1
                if depth == 0:
                    return at

    def _bof(self, at: int) -> tuple[int, int]:
        """Version and kind of the substream that begins here."""
        record, length, body = self.records.record(at)
        if record in OLD_BOFS:
            raise Unreadable(Reason.NOT_A_SPREADSHEET, kind=Kind.BARE_BIFF.value)
        if record != BOF or length < 4:
            raise damaged("biff-start")
        return self.records.u16(body), self.records.u16(body + 2)
