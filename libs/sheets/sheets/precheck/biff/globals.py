"""What the first substream of an .xls says for all sheets: their names, the number formats, the shared strings."""

from dataclasses import dataclass

from sheets import formats
from sheets.cells import SheetTitle, Visibility
from sheets.errors import Reason, Unreadable, damaged
from sheets.limits import Feature
from sheets.precheck.biff.records import (
    BOUNDSHEET,
    CODEPAGE,
    CONTINUE,
    DATEMODE,
    FORMAT,
    NAME,
    OBPROJ,
    SST,
    SUPBOOK,
    XF,
    Records,
)

_LEAST = {
    CODEPAGE: 2,
    DATEMODE: 2,
    BOUNDSHEET: 8,
    FORMAT: 4,
    XF: 4,
    SST: 8,
    SUPBOOK: 4,
    NAME: 0,
    OBPROJ: 0,
}
_VISIBILITIES = (Visibility.VISIBLE, Visibility.HIDDEN, Visibility.VERY_HIDDEN)
_WORKSHEET_TYPE, _MACRO_SHEET_TYPE = 0, 1
_UNICODE_CODEPAGE = 1200
"""Strings of BIFF8 are Unicode whatever the code page says; the parser believes the code page and makes rubbish."""
_FORMATS_WITH_TEXT = frozenset({*range(5, 9), *range(23, 27), *range(41, 45), *range(63, 67), *range(164, 383)})
"""Numbers of FORMAT records that the parser accepts; it drops the text of all others."""
_STAND_INS = {
    formats.Shows.NUMBER: 0,
    formats.Shows.MOMENT: formats.STAND_IN_MOMENT,
    formats.Shows.DURATION: formats.DURATION_NUMBER,
}
_SELF, _ADD_IN = 0x0401, 0x3A01
_HARMLESS_LINKS = ("\0", " ")
"""Virtual paths of links to the same sheet and of unused ones (MS-XLS 2.5.277)."""
_LEAST_STRING = 3
"""Bytes of an empty shared string: a count and a flag."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A sheet as the globals name it."""

    offset: int
    title: SheetTitle
    is_macro: bool


class Globals:
    """The globals, collected record by record and closed by `finish`."""

    def __init__(self, records: Records) -> None:
        self.bounds: list[Bound] = []
        self.features: set[Feature] = set()
        self.epoch_1904 = False
        self.strings = 0
        """How many shared strings there are."""
        self.moments: frozenset[int] = frozenset()
        """Cell formats (by their place) that show a date or a time."""
        self._records = records
        self.padded: dict[int, int] = {}
        """Cell formats (by their place) that show zeros before a number, with the digits that they show."""
        self._formats: dict[int, formats.Shows] = {}
        self._digits: dict[int, int] = {}
        self._cell_formats: list[int] = []

    def take(self, kind: int, body: int, length: int) -> None:
        """Note one record.

        Raises:
            Unreadable: it is too short for its kind, or declares more than there is.
        """
        least = _LEAST.get(kind)
        if least is None:
            return
        if length < least:
            raise damaged("biff-record")
        records = self._records
        if kind == XF:
            self._cell_formats.append(body + 2)
        elif kind == FORMAT:
            code = self._text(body + 2, body + length, 2)
            self._formats[records.u16(body)] = formats.of_text(code)
            self._digits[records.u16(body)] = formats.digits_of(code)
        elif kind == BOUNDSHEET:
            self.bounds.append(self._bound(body, length))
        elif kind == SST:
            self._shared_strings(body, length)
        elif kind == SUPBOOK:
            self._link(body, length)
        elif kind == NAME:
            records.blank(body - 4)  # names serve formulas only, and odd ones stop the parser
        elif kind == OBPROJ:
            self.features.add(Feature.MACROS)
        elif kind == DATEMODE:
            self.epoch_1904 = records.u16(body) == 1
        else:
            records.put_u16(body, _UNICODE_CODEPAGE)

    def finish(self) -> None:
        """Give formats that the parser would misjudge a stand-in which it knows."""
        moments: set[int] = set()
        for place, at in enumerate(self._cell_formats):
            number = self._records.u16(at)
            shows = self._formats.get(number) or formats.of_number(number)
            parsers = shows if number in _FORMATS_WITH_TEXT else formats.of_number(number)
            if shows is not parsers:
                self._records.put_u16(at, _STAND_INS[shows])
            if shows is formats.Shows.MOMENT:
                moments.add(place)
            elif self._digits.get(number):
                self.padded[place] = self._digits[number]
        self.moments = frozenset(moments)

    def _bound(self, body: int, length: int) -> Bound:
        records = self._records
        state, kind = records.u8(body + 4) & 0x03, records.u8(body + 5)
        if state >= len(_VISIBILITIES):
            raise damaged("biff-sheets")
        name = self._text(body + 6, body + length, 1)
        title = SheetTitle(name, _VISIBILITIES[state], kind == _WORKSHEET_TYPE)
        return Bound(records.u32(body), title, kind == _MACRO_SHEET_TYPE)

    def _shared_strings(self, body: int, length: int) -> None:
        """The number of strings as declared, which the bytes of the record and its continuations must have room for."""
        records = self._records
        declared = records.u32(body + 4)
        room, at = length - 8, body + length
        while at + 4 <= len(records.stream) and records.u16(at) == CONTINUE:
            _, more, after = records.record(at)
            room, at = room + more, after + more
        if declared * _LEAST_STRING > room:
            raise Unreadable(Reason.SHARED_STRINGS, declared=declared)
        self.strings = declared

    def _link(self, body: int, length: int) -> None:
        """Workbooks, programs and DDE servers that formulas refer to."""
        if self._records.u16(body + 2) in {_SELF, _ADD_IN}:
            return
        path = self._text(body + 2, body + length, 2)
        if path not in _HARMLESS_LINKS:
            # \3 parts the program from its topic: DDE and OLE links; everything else is a file.
            self.features.add(Feature.DDE if "\3" in path else Feature.EXTERNAL_LINKS)

    def _text(self, at: int, end: int, width: int) -> str:
        """A string with its length in one or two bytes before it, cut off at the record's end."""
        if at + width > end:
            raise damaged("biff-text")
        records = self._records
        count = records.u8(at) if width == 1 else records.u16(at)
        at += width
        wide = at < end and records.u8(at) & 1
        at += 1
        raw = bytes(records.stream[at : min(end, at + count * (2 if wide else 1))])
        return raw.decode("utf-16-le", "replace") if wide else raw.decode("latin-1")
