"""The stream of records as bytes that can be read, checked and blanked in place."""

import struct

from sheets.errors import damaged

BOF, EOF = 0x0809, 0x000A
OLD_BOFS = frozenset({0x0009, 0x0209, 0x0409})
FILEPASS, CODEPAGE, DATEMODE, BOUNDSHEET = 0x002F, 0x0042, 0x0022, 0x0085
FORMAT, XF, SST, CONTINUE = 0x041E, 0x00E0, 0x00FC, 0x003C
NAME, SUPBOOK, OBPROJ = 0x0018, 0x01AE, 0x00D3
DIMENSIONS, MERGEDCELLS = 0x0200, 0x00E5
LABELSST, NUMBER, RK, MULRK, LABEL, RSTRING = 0x00FD, 0x0203, 0x027E, 0x00BD, 0x0204, 0x00D6
FORMULA, BOOLERR = 0x0006, 0x0205
BLANKED = 0xFFFF
"""The type given to records that the parser shall not see; it skips types that it does not know."""

CELLS = {LABELSST: 10, NUMBER: 14, RK: 10, MULRK: 12, LABEL: 8, RSTRING: 8, FORMULA: 22, BOOLERR: 8}
"""Records of cells with content, with the least length that holds the fields which are read."""

BIFF5, BIFF8 = 0x0500, 0x0600
GLOBALS, WORKSHEET, MACRO_SHEET = 0x0005, 0x0010, 0x0040

_HEAD = struct.Struct("<HH")
_PLACE = struct.Struct("<HHH")
_U16 = struct.Struct("<H")
_U32 = struct.Struct("<L")
_F64 = struct.Struct("<d")


class Records:
    """A workbook stream, changed in place where the parser is to be spared."""

    def __init__(self, stream: bytes) -> None:
        self.stream = bytearray(stream)

    def record(self, at: int) -> tuple[int, int, int]:
        """Type, length and start of the body of the record at this offset.

        Raises:
            Unreadable: it does not lie within the stream.
        """
        if at + 4 > len(self.stream):
            raise damaged("biff-truncated")
        kind, length = _HEAD.unpack_from(self.stream, at)
        if at + 4 + length > len(self.stream):
            raise damaged("biff-record")
        return kind, length, at + 4

    def blank(self, at: int) -> None:
        """Hide the record at this offset from the parser."""
        _U16.pack_into(self.stream, at, BLANKED)

    def put_u16(self, at: int, value: int) -> None:
        """Overwrite two bytes."""
        _U16.pack_into(self.stream, at, value)

    def u8(self, at: int) -> int:
        """One byte."""
        return self.stream[at]

    def u16(self, at: int) -> int:
        """Two bytes, unsigned."""
        value: int = _U16.unpack_from(self.stream, at)[0]
        return value

    def u32(self, at: int) -> int:
        """Four bytes, unsigned."""
        value: int = _U32.unpack_from(self.stream, at)[0]
        return value

    def f64(self, at: int) -> float:
        """A floating point number."""
        return float(_F64.unpack_from(self.stream, at)[0])

    def place(self, at: int) -> tuple[int, int, int]:
        """Row, column and format of a cell, from 0."""
        return _PLACE.unpack_from(self.stream, at)

    def rk(self, at: int) -> float:
        """A number in the short form RK: 30 bits, whole or floating, perhaps divided by 100."""
        raw = self.u32(at)
        if raw & 2:
            value = float((raw >> 2) - (1 << 30 if raw & 0x80000000 else 0))
        else:
            value = float(_F64.unpack(struct.pack("<Q", (raw & 0xFFFFFFFC) << 32))[0])
        return value / 100 if raw & 1 else value
