"""The zip around .xlsx and .ods: its directory is read, compared and inflated by ourselves, in bounded memory.

Nothing in a zip is taken at its word. The directory must lie at the file's end without a gap, its entries must not
overlap or share names, the local headers must say the same, and the bytes are counted while inflating (PIT-X2, IN-X10).
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sheets.errors import Reason, Unreadable, damaged
from sheets.limits import Limits

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

_STORED, _DEFLATED = 0, 8
_ENCRYPTED_FLAGS = 0x0001 | 0x0040 | 0x2000
_UTF8_FLAG = 0x0800
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_VERSION, _NO_DATE = 20, 0x21
"""Of the format, and 1980-01-01 as zips have it."""
_STEP = 256 * 1024
_TEXT_PARTS = (".xml", ".rels", "mimetype")
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as the central directory has it, its sizes not yet believed."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


@dataclass(frozen=True, slots=True)
class Package:
    """An archive that was inflated: all names, and the contents of the parts that are text."""

    names: tuple[str, ...]
    parts: Mapping[str, bytes]


def read_directory(data: bytes, limits: Limits) -> tuple[Entry, ...]:
    """The entries of a zip, checked against one another; nothing is inflated.

    Raises:
        Unreadable: broken or hostile directory, too many entries, unsafe or double names, overlaps, encryption.
    """
    start, size, count = _find_directory(data)
    if count > limits.zip_entries:
        raise Unreadable(Reason.ZIP_ENTRIES, entries=count, limit=limits.zip_entries)
    entries: list[Entry] = []
    at = start
    for _ in range(count):
        entry, at = _central(data, at, start + size)
        entries.append(entry)
    if at != start + size:
        raise damaged("zip-directory")
    _check_names(entries)
    _check_places(data, entries, start)
    return tuple(entries)


def unpack(data: bytes, entries: tuple[Entry, ...], limits: Limits) -> Package:
    """Inflate every entry once, counting; keep the text parts.

    Raises:
        Unreadable: more bytes than allowed or than declared, a ratio beyond the limit, a zip inside the zip.
    """
    if sum(entry.size for entry in entries) > limits.inflated_bytes:
        raise Unreadable(Reason.ZIP_INFLATED, limit=limits.inflated_bytes)
    parts: dict[str, bytes] = {}
    for entry in entries:
        content = _inflate(data, entry, limits)
        if content.startswith(_ZIP_STARTS):
            raise Unreadable(Reason.ZIP_NESTED)
        if entry.name.lower().endswith(_TEXT_PARTS):
            parts[entry.name] = content
    return Package(tuple(entry.name for entry in entries), parts)


def wrap(parts: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive of these parts as they are, not deflated, with a directory that is right."""
    pieces: list[bytes] = []
    directory: list[bytes] = []
    at = 0
    for name, content in parts:
        raw = name.encode()
        common = (0, _STORED, 0, _NO_DATE, zlib.crc32(content), len(content), len(content), len(raw), 0)
        local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *common) + raw
        directory.append(_CENTRAL.pack(b"PK\x01\x02", _VERSION, _VERSION, *common, 0, 0, 0, 0, at) + raw)
        pieces += [local, content]
        at += len(local) + len(content)
    size = sum(map(len, directory))
    end = _END.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), size, at, 0)
    return b"".join([*pieces, *directory, end])


def _find_directory(data: bytes) -> tuple[int, int, int]:
    """Offset, size and count of the central directory, which must fill the space up to its end record."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - _FULL16))
    if end < 0 or end + _END.size > len(data):
        raise damaged("zip-end")
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(data, end)
    if end + _END.size + comment != len(data) or disk or first_disk or here != count:
        raise damaged("zip-end")
    directory_end = end
    locator = end - _LOCATOR64.size
    if locator >= 0 and data[locator : locator + 4] == b"PK\x06\x07":
        # Some writers (Apache POI among them) add the 64-bit records to small files too.
        _, disk, directory_end, disks = _LOCATOR64.unpack_from(data, locator)
        if disk or disks > 1 or directory_end + _END64.size > locator:
            raise damaged("zip-end")
        fields = _END64.unpack_from(data, directory_end)
        if fields[0] != b"PK\x06\x06" or directory_end + 12 + fields[1] != locator:
            raise damaged("zip-end")
        count, size, start = fields[7], fields[8], fields[9]
    if start + size != directory_end or size < count * _CENTRAL.size:
        raise damaged("zip-directory")
    return start, size, count


def _central(data: bytes, at: int, end: int) -> tuple[Entry, int]:
    if at + _CENTRAL.size > end:
        raise damaged("zip-directory")
    fields = _CENTRAL.unpack_from(data, at)
    signature, flags, method = fields[0], fields[3], fields[4]
    crc, packed, size, name_length, extra_length, comment_length = fields[7:13]
    offset = fields[16]
    name_at = at + _CENTRAL.size
    after = name_at + name_length + extra_length + comment_length
    if signature != b"PK\x01\x02" or after > end:
        raise damaged("zip-directory")
    if flags & _ENCRYPTED_FLAGS:
        raise Unreadable(Reason.ENCRYPTED)
    if method not in {_STORED, _DEFLATED}:
        raise damaged("zip-method")
    extra = data[name_at + name_length : name_at + name_length + extra_length]
    size, packed, offset = _widened(extra, (size, packed, offset))
    name = _decode_name(data[name_at : name_at + name_length], flags)
    return Entry(name=name, flags=flags, method=method, crc=crc, packed=packed, size=size, offset=offset), after


def _widened(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """Replace values that are all ones by those of the zip64 extra field, in their order."""
    if _FULL32 not in values:
        return values
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 1:
            wide = iter(struct.unpack_from(f"<{length // 8}Q", extra[: at + 4 + length], at + 4))
            size, packed, offset = (next(wide, _FULL32) if value == _FULL32 else value for value in values)
            return size, packed, offset
        at += 4 + length
    raise damaged("zip-directory")


def _decode_name(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8_FLAG else "cp437").replace("\\", "/")
    except UnicodeDecodeError:
        raise Unreadable(Reason.ZIP_NAMES) from None


def _check_names(entries: list[Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        name = entry.name
        if not name or name.startswith("/") or "\0" in name or ":" in name or ".." in name.split("/"):
            raise Unreadable(Reason.ZIP_NAMES)
        if name.casefold() in seen:
            raise Unreadable(Reason.ZIP_DUPLICATE)
        seen.add(name.casefold())


def _check_places(data: bytes, entries: list[Entry], directory: int) -> None:
    """Entries must follow one another from the first byte on, each behind a local header of the same name."""
    free = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset < free:
            raise Unreadable(Reason.ZIP_OVERLAP)
        if free == 0 and entry.offset != 0:
            raise damaged("zip-prefix")
        begin, _ = _local(data, entry)
        free = begin + entry.packed
        if free > directory:
            raise damaged("zip-directory")


def _local(data: bytes, entry: Entry) -> tuple[int, int]:
    """Where the entry's packed bytes begin and end, by its local header."""
    if entry.offset + _LOCAL.size > len(data):
        raise damaged("zip-entry")
    fields = _LOCAL.unpack_from(data, entry.offset)
    signature, flags, method, name_length, extra_length = fields[0], fields[2], fields[3], fields[9], fields[10]
    name_at = entry.offset + _LOCAL.size
    if signature != b"PK\x03\x04" or method != entry.method or flags & _ENCRYPTED_FLAGS:
        raise damaged("zip-entry")
    if _decode_name(data[name_at : name_at + name_length], flags) != entry.name:
        raise damaged("zip-entry")
    begin = name_at + name_length + extra_length
    return begin, begin + entry.packed


def _inflate(data: bytes, entry: Entry, limits: Limits) -> bytes:
    """The entry's content; never longer than the directory says, which was checked against the limit before."""
    begin, end = _local(data, entry)
    packed = memoryview(data)[begin:end]
    if entry.method == _STORED:
        content = bytes(packed)
    else:
        pieces: list[bytes] = []
        got = 0
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        pending: bytes | memoryview = packed
        try:
            while not inflater.eof:
                piece = inflater.decompress(pending, _STEP)
                pending = inflater.unconsumed_tail
                got += len(piece)
                _check_growth(entry, got, limits)
                if not piece and not pending:
                    break
                pieces.append(piece)
        except zlib.error:
            raise damaged("zip-data") from None
        if not inflater.eof:
            raise damaged("zip-data")
        content = b"".join(pieces)
    if len(content) != entry.size:
        raise Unreadable(Reason.ZIP_SIZES)
    if zlib.crc32(content) != entry.crc:
        raise damaged("zip-checksum")
    return content


def _check_growth(entry: Entry, got: int, limits: Limits) -> None:
    if got > limits.inflated_bytes:
        raise Unreadable(Reason.ZIP_INFLATED, limit=limits.inflated_bytes)
    if got > limits.ratio_grace_bytes and got > entry.packed * limits.zip_ratio:
        raise Unreadable(Reason.ZIP_RATIO, limit=limits.zip_ratio)
    if got > entry.size:
        raise Unreadable(Reason.ZIP_SIZES)
