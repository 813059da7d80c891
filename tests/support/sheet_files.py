"""Small spreadsheet files made by hand, record by record and part by part, so that a test can bend any of them.

The honest ones come from the libraries (xlwt, openpyxl); these here are for what no library would write.
"""

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence

import openpyxl
import xlwt

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"

HEADER = ("序号", "姓名", "证件号码")


def annex_rows(count: int) -> list[tuple[object, ...]]:
    return [HEADER, *((number, f"居民{number}", f"31010519900101{number:04}") for number in range(1, count + 1))]


def xls(rows: Sequence[Sequence[object]], *, name: str = "数据", more: Sequence[str] = ()) -> bytes:
    """An honest .xls by xlwt; `more` are the names of further, empty sheets."""
    book = xlwt.Workbook()
    sheet = book.add_sheet(name)
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            if value is not None:
                sheet.write(row, column, value)
    for other in more:
        book.add_sheet(other)
    return saved(book)


def saved(book) -> bytes:
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def xlsx(rows: Sequence[Sequence[object]]) -> bytes:
    """An honest .xlsx by openpyxl."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return saved(book)


# --- The package of an .xlsx ----------------------------------------------------------------------------------------


def sheet_xml(body: str, *, dimension: str = "") -> str:
    declared = f'<dimension ref="{dimension}"/>' if dimension else ""
    opening = f'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="{MAIN}">'
    return f"{opening}{declared}<sheetData>{body}</sheetData></worksheet>"


def xlsx_parts(
    *sheets: str, strings: str | None = None, styles: str | None = None, epoch_1904: bool = False, states: str = ""
) -> dict[str, bytes]:
    """The parts of an .xlsx with these sheet parts; `states` has a letter per sheet: v(isible), h(idden)."""
    names = [f"sheet{number}" for number in range(1, len(sheets) + 1)]
    hidden = {"h": 'state="hidden"', "v": "", "": ""}
    listed = "".join(
        f'<sheet name="表{number}" sheetId="{number}" r:id="{name}" {hidden[states[number - 1 : number]]}/>'
        for number, name in enumerate(names, 1)
    )
    link = f'<Relationship Id="{{0}}" Type="{OFFICE}/{{1}}" Target="{{2}}"/>'.format
    links = "".join(link(name, "worksheet", f"worksheets/{name}.xml") for name in names)
    wrap = f'<Relationships xmlns="{LINKS}">{{}}</Relationships>'.format
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": wrap(link("book", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="{int(epoch_1904)}"/>'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": wrap(links),
    }
    parts |= {f"xl/worksheets/{name}.xml": sheet for name, sheet in zip(names, sheets, strict=True)}
    parts |= {"xl/sharedStrings.xml": strings} if strings is not None else {}
    parts |= {"xl/styles.xml": styles} if styles is not None else {}
    return {name: content.encode() for name, content in parts.items()}


def zipped(parts: Mapping[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return made.getvalue()


def small_xlsx(body: str, **more) -> bytes:
    """An .xlsx with one sheet whose rows are given as XML."""
    dimension = more.pop("dimension", "")
    return zipped(xlsx_parts(sheet_xml(body, dimension=dimension), **more))


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


# --- The package of an .ods -----------------------------------------------------------------------------------------


def ods(tables: str, *, styles: str = "", extra: Mapping[str, bytes] | None = None) -> bytes:
    """An .ods whose tables are given as XML."""
    prefix = "urn:oasis:names:tc:opendocument:xmlns:"
    spaces = " ".join(f'xmlns:{name}="{prefix}{name}:1.0"' for name in ("office", "table", "text", "style"))
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} xmlns:calcext="urn:calcext">'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(zipfile.ZipInfo("mimetype"), "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{prefix}manifest:1.0"/>')
        package.writestr("content.xml", content)
        for name, part in (extra or {}).items():
            package.writestr(name, part)
    return made.getvalue()


def ods_cell(text: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}><text:p>{text}</text:p></table:table-cell>'


# --- The records of an .xls -----------------------------------------------------------------------------------------


def record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def bof(kind: int, version: int = 0x0600) -> bytes:
    return record(0x0809, struct.pack("<HHHHLL", version, kind, 0x0DBB, 1996, 0, 0x0600))


EOF = record(0x000A)


def number_cell(row: int, column: int, value: float, cell_format: int = 0) -> bytes:
    return record(0x0203, struct.pack("<HHHd", row, column, cell_format, value))


def label_cell(row: int, column: int, text: str) -> bytes:
    raw = text.encode("utf-16-le")
    return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(raw) // 2, 1) + raw)


def error_cell(row: int, column: int, code: int) -> bytes:
    return record(0x0205, struct.pack("<HHHBB", row, column, 0, code, 1))


def dimensions(last_row: int, last_column: int) -> bytes:
    return record(0x0200, struct.pack("<LLHHH", 0, last_row, 0, last_column, 0))


def format_text(number: int, code: str) -> bytes:
    raw = code.encode("utf-16-le")
    return record(0x041E, struct.pack("<HHB", number, len(raw) // 2, 1) + raw)


def cell_format(number: int) -> bytes:
    return record(0x00E0, struct.pack("<HH", 0, number) + bytes(16))


def biff_stream(
    sheets: Sequence[bytes],
    *,
    shared: Iterable[bytes] = (),
    kinds: Sequence[int] = (),
    states: Sequence[int] = (),
    version: int = 0x0600,
    offsets: Sequence[int] | None = None,
) -> bytes:
    """A workbook stream of these sheets, each given as the records between its BOF and its EOF.

    `kinds` are the sheets' kinds as the globals name them (0 worksheet, 1 macro sheet), `states` whether they are
    hidden; `offsets` replaces the places where the sheets are said to begin.
    """
    names = [f"S{number}".encode() for number in range(1, len(sheets) + 1)]
    flags = b"\0" if version == 0x0600 else b""
    heads = [len(record(0x0085, bytes(7) + flags + name)) for name in names]
    opening = bof(5, version) + b"".join(shared)
    at = len(opening + EOF) + sum(heads)
    bounds, bodies = b"", b""
    for place, (name, sheet) in enumerate(zip(names, sheets, strict=True)):
        offset = offsets[place] if offsets else at + len(bodies)
        state, kind = (states[place] if states else 0), (kinds[place] if kinds else 0)
        bounds += record(0x0085, struct.pack("<LBBB", offset, state, kind, len(name)) + flags + name)
        bodies += bof(0x0040 if kind == 1 else 0x0010, version) + sheet + EOF
    return opening + bounds + EOF + bodies


def compound(streams: Mapping[str, bytes], *, storages: Sequence[str] = ()) -> bytes:
    """An OLE2 compound file (version 3) of these streams and storages, all beside one another under the root."""
    size = 512
    sectors: list[bytes] = []
    chains: list[tuple[str, int, int, int]] = [("Root Entry", 5, 0xFFFFFFFE, 0)]
    fat: list[int] = []
    for name, content in streams.items():
        padded = content.ljust(max(4096, -(-len(content) // size) * size), b"\0")
        start, count = len(fat), len(padded) // size
        fat += [*range(start + 1, start + count), 0xFFFFFFFE]
        sectors += [padded[at : at + size] for at in range(0, len(padded), size)]
        chains.append((name, 2, start, len(padded)))
    chains += [(name, 1, 0, 0) for name in storages]
    entries = b"".join(_directory_entry(*chain, first=place == 0) for place, chain in enumerate(chains))
    directory = entries.ljust(-(-len(entries) // size) * size, b"\0")
    directory_at = len(fat)
    fat += [*range(directory_at + 1, directory_at + len(directory) // size), 0xFFFFFFFE]
    sectors += [directory[at : at + size] for at in range(0, len(directory), size)]
    tables = 1
    while tables * 128 < len(fat) + tables:
        tables += 1
    table_at = len(fat)
    fat += [0xFFFFFFFD] * tables
    fat += [0xFFFFFFFF] * (tables * 128 - len(fat))
    sectors += [struct.pack("<128L", *fat[at : at + 128]) for at in range(0, len(fat), 128)]
    header = struct.pack(
        "<8s16s5H6s9L",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b""),
        *(0, tables, directory_at, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0),
    )
    difat = struct.pack("<109L", *range(table_at, table_at + tables), *[0xFFFFFFFF] * (109 - tables))
    return header + difat + b"".join(sectors)


def _directory_entry(name: str, kind: int, start: int, size: int, *, first: bool) -> bytes:
    raw = name.encode("utf-16-le")
    child = 1 if first else 0xFFFFFFFF
    return struct.pack(
        "<64sHBB3L16sL2QLQ", raw, len(raw) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child, b"", 0, 0, 0, start, size
    )


def small_xls(*records: bytes, **more) -> bytes:
    """An .xls with one sheet of these records."""
    return compound({"Workbook": biff_stream([b"".join(records)], **more)})
