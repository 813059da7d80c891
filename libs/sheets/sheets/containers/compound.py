"""The OLE2 compound file around .xls: found streams are read in bounded steps, and one stream is wrapped anew.

Sector tables of a hostile file lie: chains that loop, tables as long as four billion entries, sectors beyond the end
(PIT-X1, IN-X12). Every chain here is bounded by the number of sectors that the file really has. The parser never sees
the original container, only the workbook stream in a fresh one (`wrap`).
"""

import struct
from array import array
from dataclasses import dataclass

from sheets.errors import damaged

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_FREE, _END_OF_CHAIN, _FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_HEADER_SIZE = 512
_HEADER = struct.Struct("<8s16s5H6s9L")
_INLINE_DIFAT = 109
_ENTRY_SIZE = 128
_MINI_SECTOR = 64
_MINI_CUTOFF = 4096
_WRAP_SECTOR = 4096


@dataclass(frozen=True, slots=True)
class CompoundEntry:
    """A storage or a stream of the compound file."""

    name: str
    is_storage: bool
    is_root: bool
    start: int
    size: int


class Compound:
    """A compound file held in memory, its tables checked.

    Raises:
        Unreadable: the header or a table contradicts the file's size or itself.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER_SIZE or data[:8] != SIGNATURE:
            raise damaged("cfb-header")
        fields = _HEADER.unpack_from(data)
        byte_order, sector_shift, mini_shift = fields[4], fields[5], fields[6]
        fat_count, directory_start = fields[9], fields[10]
        minifat_start, minifat_count, difat_start, difat_count = fields[13:17]
        if byte_order != 0xFFFE or sector_shift not in {9, 12} or mini_shift != 6:
            raise damaged("cfb-header")
        self._data = data
        self._sector = 1 << sector_shift
        self._sectors = max(0, -(-len(data) // self._sector) - 1)
        if max(fat_count, minifat_count, difat_count) > self._sectors:
            raise damaged("cfb-tables")
        self._fat = self._read_fat(difat_start)
        directory = self._read(directory_start)
        self.entries = tuple(
            entry
            for at in range(0, len(directory) - _ENTRY_SIZE + 1, _ENTRY_SIZE)
            if (entry := self._entry(directory[at : at + _ENTRY_SIZE])) is not None
        )
        if not self.entries or not self.entries[0].is_root:
            raise damaged("cfb-directory")
        self._minifat_start = minifat_start

    def find(self, name: str) -> CompoundEntry | None:
        """The first stream of this name, in any case of letters."""
        wanted = name.casefold()
        streams = (entry for entry in self.entries if not entry.is_storage and not entry.is_root)
        return next((entry for entry in streams if entry.name.casefold() == wanted), None)

    def stream(self, entry: CompoundEntry) -> bytes:
        """The bytes of a stream, no longer than its sectors in the file."""
        content = self._read(entry.start) if entry.size >= _MINI_CUTOFF else self._read_mini(entry.start)
        if len(content) < entry.size:
            raise damaged("cfb-truncated")
        return content[: entry.size]

    def _entry(self, raw: bytes) -> CompoundEntry | None:
        length, kind = struct.unpack_from("<HB", raw, 64)
        if kind not in {1, 2, 5}:
            return None
        start, size = struct.unpack_from("<LQ", raw, 116)
        if self._sector == _HEADER_SIZE:
            size &= 0xFFFFFFFF  # version 3: the upper half may hold rubbish
        name = raw[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
        return CompoundEntry(name, kind == 1, kind == 5, start, size)

    def _sector_at(self, number: int) -> bytes:
        if number >= self._sectors:
            raise damaged("cfb-truncated")
        begin = (number + 1) * self._sector
        return self._data[begin : begin + self._sector]

    def _read_fat(self, difat_start: int) -> "array[int]":
        numbers = [*struct.unpack_from(f"<{_INLINE_DIFAT}L", self._data, _HEADER.size)]
        seen: set[int] = set()
        sector = difat_start
        while sector not in {_FREE, _END_OF_CHAIN}:
            if sector in seen:
                raise damaged("cfb-loop")
            seen.add(sector)
            *more, sector = _numbers(self._sector_at(sector), self._sector)
            numbers.extend(more)
        numbers = [number for number in numbers if number != _FREE]
        if len(set(numbers)) != len(numbers) or not numbers:
            raise damaged("cfb-tables")
        fat = array("I")
        for number in numbers:
            fat.extend(_numbers(self._sector_at(number), self._sector))
        return fat

    def _read(self, start: int) -> bytes:
        return b"".join(self._sector_at(number) for number in _chain(start, self._fat))

    def _read_mini(self, start: int) -> bytes:
        container = self._read(self.entries[0].start)
        minifat = array("I", _numbers(table := self._read(self._minifat_start), len(table)))
        numbers = _chain(start, minifat)
        return b"".join(container[number * _MINI_SECTOR : (number + 1) * _MINI_SECTOR] for number in numbers)


def _numbers(raw: bytes, size: int) -> list[int]:
    count = size // 4
    if len(raw) < count * 4:
        raise damaged("cfb-truncated")
    return list(struct.unpack_from(f"<{count}L", raw))


def _chain(start: int, table: "array[int]") -> list[int]:
    """The sector numbers from `start` to the end of the chain; a chain longer than its table runs in a circle."""
    numbers: list[int] = []
    number = start
    while number != _END_OF_CHAIN:
        if number >= len(table):
            raise damaged("cfb-chain")
        if len(numbers) >= len(table):
            raise damaged("cfb-loop")
        numbers.append(number)
        number = table[number]
    return numbers


def wrap(stream: bytes) -> bytes:
    """A compound file that holds nothing but this workbook stream, with tables that are right.

    Sectors of 4,096 bytes: the 109 table sectors that the header can name cover 446 MiB, so no further table is needed.
    """
    sectors = max(1, -(-len(stream) // _WRAP_SECTOR))
    per_table = _WRAP_SECTOR // 4
    tables = -(-(2 + sectors) // (per_table - 1))
    if tables > _INLINE_DIFAT:
        raise damaged("cfb-size")
    directory_at, root_at, stream_at = tables, tables + 1, tables + 2
    links = [_FAT_SECTOR] * tables + [_END_OF_CHAIN] * 2
    links += [*range(stream_at + 1, stream_at + sectors), _END_OF_CHAIN]
    links += [_FREE] * (tables * per_table - len(links))
    header = _HEADER.pack(
        *(SIGNATURE, b"", 0x3E, 4, 0xFFFE, 12, 6, b""),
        *(1, tables, directory_at, 0, _MINI_CUTOFF, _END_OF_CHAIN, 0, _END_OF_CHAIN, 0),
    )
    difat = struct.pack(f"<{_INLINE_DIFAT}L", *range(tables), *[_FREE] * (_INLINE_DIFAT - tables))
    # The root's own chain is for short streams; there are none, but the parser refuses a root without one.
    directory = _wrapped_entry("Root Entry", 5, 1, root_at, _MINI_SECTOR)
    directory += _wrapped_entry("Workbook", 2, _FREE, stream_at, max(len(stream), _MINI_CUTOFF))
    pieces = (
        (header + difat, 1),
        (struct.pack(f"<{len(links)}L", *links), tables),
        (directory, 1),
        (b"", 1),
        (stream, sectors),
    )
    return b"".join(piece.ljust(count * _WRAP_SECTOR, b"\0") for piece, count in pieces)


def _wrapped_entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    raw = name.encode("utf-16-le")
    return struct.pack("<64sHBB3L16sL2QLQ", raw, len(raw) + 2, kind, 1, _FREE, _FREE, child, b"", 0, 0, 0, start, size)
