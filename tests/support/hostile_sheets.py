"""Files that want to hurt: one small generator for each known way (PIT-X1 to X5, IN-X4 to X12)."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from tests.support.sheet_files import (
    biff_stream,
    compound,
    label_cell,
    record,
    sheet_xml,
    small_xls,
    small_xlsx,
    text_cell,
    xlsx_parts,
    zipped,
)

MIB = 1024 * 1024
_END = struct.Struct("<4s4H2LH")
_CENTRAL_SIZES = 20
"""Offset of the packed and the full size in an entry of the central directory."""

# --- xlsx: cells and declarations -----------------------------------------------------------------------------------


def far_cell(place: str) -> bytes:
    """Some 1.5 KB that ask the parser for half a terabyte when the place is XFD1048576."""
    row = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return small_xlsx(f'<row r="1">{text_cell("A1", "a")}</row><row r="{row}"><c r="{place}"><v>1</v></c></row>')


def lying_string_count(count: int, *, index: int = 0) -> bytes:
    strings = f'<sst count="{count}" uniqueCount="{count}"><si><t>a</t></si></sst>'
    return small_xlsx(f'<row r="1"><c r="A1" t="s"><v>{index}</v></c></row>', strings=strings)


def repeated_long_string(cells: int) -> bytes:
    """One text of 32,767 characters, shown in so many cells: nothing is large but the answer."""
    rows = "".join(
        f'<row r="{row}">'
        + "".join(f'<c r="{chr(65 + column)}{row}" t="s"><v>0</v></c>' for column in range(26))
        + "</row>"
        for row in range(1, cells // 26 + 1)
    )
    # The text is of many letters, or the package would be refused for its ratio.
    text = "".join(chr(0x4E00 + place * 7919 % 20000) for place in range(32_767))
    return small_xlsx(rows, strings=f"<sst><si><t>{text}</t></si></sst>")


def with_doctype(declaration: str, reference: str = "&a;") -> bytes:
    body = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{reference}</t></is></c></row>'
    sheet = sheet_xml(body).replace("<worksheet", f"<!DOCTYPE worksheet [{declaration}]><worksheet", 1)
    return zipped(xlsx_parts(sheet))


def billion_laughs() -> bytes:
    steps = "".join(f'<!ENTITY l{step} "{f"&l{step - 1};" * 10}">' for step in range(1, 10))
    return with_doctype(f'<!ENTITY l0 "lol">{steps}', "&l9;")


def quadratic_entity() -> bytes:
    return with_doctype(f'<!ENTITY a "{"a" * 100_000}">', "&a;" * 1_000)


def external_entity() -> bytes:
    return with_doctype('<!ENTITY a SYSTEM "file:///etc/passwd">')


def utf16_part() -> bytes:
    """A sheet in UTF-16, in which no byte pattern finds the far cell."""
    parts = xlsx_parts(sheet_xml('<row r="1"><c r="XFD1048576"><v>1</v></c></row>'))
    name = "xl/worksheets/sheet1.xml"
    return zipped(parts | {name: parts[name].decode().replace("UTF-8", "UTF-16").encode("utf-16")})


def with_part(name: str, content: bytes = b"<x/>") -> bytes:
    """A sound .xlsx with one part more."""
    return zipped(sound_parts() | {name: content})


def sound_parts() -> dict[str, bytes]:
    return xlsx_parts(sheet_xml(f'<row r="1">{text_cell("A1", "序号")}</row>'))


# --- Zip ------------------------------------------------------------------------------------------------------------


def zip_bomb(inflated: int = 300 * MIB) -> bytes:
    """A sheet that inflates to so many bytes of blanks, from a few hundred KB."""
    block = _block(MIB)
    packed = block * (inflated // MIB) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    crc = 0
    for _ in range(inflated // MIB):
        crc = zlib.crc32(b" " * MIB, crc)
    return _with_raw_entry("xl/worksheets/sheet1.xml", packed, crc, inflated)


def lying_zip_bomb(inflated: int = 300 * MIB, declared: int = 50_000_000) -> bytes:
    """The same, but the directory says that it is smaller than the limit."""
    packed = _block(MIB) * (inflated // MIB) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    return _with_raw_entry("xl/worksheets/sheet1.xml", packed, 0, declared)


def _block(size: int) -> bytes:
    """Deflated blanks that can be put behind one another."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(b" " * size) + packer.flush(zlib.Z_FULL_FLUSH)


def _with_raw_entry(name: str, packed: bytes, crc: int, size: int) -> bytes:
    """A sound package whose entry of this name is replaced by deflated bytes of our making."""
    parts = {other: content for other, content in sound_parts().items() if other != name}
    made = io.BytesIO(zipped(parts))
    end = _END.unpack_from(made.getvalue(), len(made.getvalue()) - _END.size)
    directory = made.getvalue()[end[6] : end[6] + end[5]]
    raw = name.encode()
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, crc, len(packed), size, len(raw), 0) + raw + packed
    fields = (20, 20, 0, 8, 0, 0, crc, len(packed), size, len(raw), 0, 0, 0, 0, 0, end[6])
    directory += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *fields) + raw
    start = end[6] + len(local)
    count = end[3] + 1
    return (
        made.getvalue()[: end[6]]
        + local
        + directory
        + _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0)
    )


def many_entries(count: int) -> bytes:
    return zipped(sound_parts() | {f"docProps/{number}.xml": b"<x/>" for number in range(count)})


def nested_zip() -> bytes:
    return with_part("docProps/inner.bin", zipped({"inner": b"x" * 1000}))


def zip_behind_a_prefix() -> bytes:
    """A sound package whose entries begin behind bytes that belong to none of them."""
    made = io.BytesIO(b"PK\x03\x04 something else")
    with zipfile.ZipFile(made, "a") as package:
        for name, content in sound_parts().items():
            package.writestr(name, content)
    return made.getvalue()


def flipped_bit() -> bytes:
    """One letter of a stored part is another than when its checksum was made."""
    return zipped(sound_parts(), compression=zipfile.ZIP_STORED).replace("序号".encode(), "序呷".encode())


def double_entry(second: str = "xl/workbook.xml") -> bytes:
    """Two entries of one name, made by renaming one in place."""
    data = zipped(sound_parts() | {"x" * len(second): b"<workbook/>"})
    return data.replace(b"x" * len(second), second.encode())


def bad_name(name: str) -> bytes:
    return with_part(name)


def overlapping_entries() -> bytes:
    """The last entry is said to lie where the first lies."""
    data = bytearray(zipped(sound_parts()))
    last = data.rfind(b"PK\x01\x02")
    struct.pack_into("<L", data, last + 42, 0)
    return bytes(data)


def lying_size(change: int) -> bytes:
    """The directory and the local header agree on a size that is not the true one."""
    data = bytearray(zipped(sound_parts()))
    last = data.rfind(b"PK\x01\x02")
    size = struct.unpack_from("<L", data, last + 24)[0] + change
    struct.pack_into("<L", data, last + 24, size)
    local = struct.unpack_from("<L", data, last + 42)[0]
    struct.pack_into("<L", data, local + 22, size)
    return bytes(data)


def encrypted_zip() -> bytes:
    data = bytearray(zipped(sound_parts()))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(magic)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(magic, at + 4)
    return bytes(data)


def with_zip64(parts: Mapping[str, bytes]) -> bytes:
    """A sound package with the 64-bit records that some writers always add."""
    data = zipped(parts, compression=zipfile.ZIP_STORED)
    _, _, _, _, count, size, start, _ = _END.unpack_from(data, len(data) - _END.size)
    body = data[: start + size]
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body), 1)
    return body + wide + locator + _END.pack(b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)


# --- OLE2 compound files --------------------------------------------------------------------------------------------

_FAT_COUNT, _DIRECTORY_START, _MINIFAT_COUNT, _DIFAT_START, _DIFAT_COUNT, _DIFAT = 44, 48, 64, 68, 72, 76


def _patched(data: bytes, *changes: tuple[int, int]) -> bytes:
    patched = bytearray(data)
    for at, value in changes:
        struct.pack_into("<L", patched, at, value)
    return bytes(patched)


def _sector(data: bytes, number: int) -> int:
    del data
    return (number + 1) * 512


def sound_xls() -> bytes:
    return small_xls(label_cell(0, 0, "序号"))


def huge_difat() -> bytes:
    """2.5 KB whose header declares tables of four billion entries."""
    return _patched(sound_xls(), (_FAT_COUNT, 0xFFFFFFF0), (_DIFAT_COUNT, 0xFFFFFFF0), (_MINIFAT_COUNT, 0xFFFFFFF0))


def difat_loop() -> bytes:
    """A DIFAT sector whose last word names itself."""
    data = sound_xls()
    return _patched(data, (_DIFAT_START, 0), (_sector(data, 0) + 508, 0))


def fat_loop() -> bytes:
    """The chain of the workbook stream leads from its second sector back to its first."""
    data = sound_xls()
    table = struct.unpack_from("<L", data, _DIFAT)[0]
    return _patched(data, (_sector(data, table) + 4, 0))


def directory_loop() -> bytes:
    data = sound_xls()
    table = struct.unpack_from("<L", data, _DIFAT)[0]
    directory = struct.unpack_from("<L", data, _DIRECTORY_START)[0]
    return _patched(data, (_sector(data, table) + 4 * directory, directory))


def huge_stream() -> bytes:
    """The directory says that the workbook stream has two gigabytes."""
    data = sound_xls()
    directory = struct.unpack_from("<L", data, _DIRECTORY_START)[0]
    return _patched(data, (_sector(data, directory) + 128 + 120, 0x7FFFFFFF))


def encrypted_package() -> bytes:
    """What Excel writes for an .xlsx with a password."""
    return compound({"EncryptionInfo": b"\4\0\4\0" + bytes(100), "EncryptedPackage": bytes(5000)})


def filepass() -> bytes:
    """What Excel writes for an .xls with a password."""
    return small_xls(label_cell(0, 0, "x"), shared=[record(0x002F, bytes(6))])


def with_storage(name: str) -> bytes:
    """A sound .xls beside a storage such as that of its macros."""
    return compound({"Workbook": biff_stream([label_cell(0, 0, "序号")])}, storages=[name])


def supbook(path: str) -> bytes:
    """An .xls whose formulas refer to this workbook or program."""
    raw = path.encode("utf-16-le")
    return small_xls(label_cell(0, 0, "x"), shared=[record(0x01AE, struct.pack("<HHB", 1, len(path), 1) + raw)])


def string_table(declared: int, *, index: int = 0) -> bytes:
    """An .xls that declares so many shared strings, has one, and shows the one of this index."""
    strings = record(0x00FC, struct.pack("<LLHBs", declared, declared, 1, 0, b"a"))
    return small_xls(record(0x00FD, struct.pack("<HHHL", 0, 0, 0, index)), shared=[strings])
