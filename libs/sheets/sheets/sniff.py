"""What a file is, by its content and never by its name.

People send web pages, PDF files and renamed documents as .xls; the kind tells the sentence that helps them
(PIT-X5, IN-X4). Only the beginning and the containers' own directories are looked at, in bounded time.
"""

import re

from sheets.containers.archive import Entry, read_directory
from sheets.containers.compound import SIGNATURE as OLE_SIGNATURE
from sheets.containers.compound import Compound
from sheets.kinds import Kind
from sheets.limits import STRICT, Limits

_HEAD = 4096
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_MAGICS = (
    (b"%PDF-", Kind.PDF),
    (b"{\\rtf", Kind.RTF),
    (b"\x89PNG\r\n\x1a\n", Kind.IMAGE),
    (b"\xff\xd8\xff", Kind.IMAGE),
    (b"GIF8", Kind.IMAGE),
    (b"BM", Kind.IMAGE),
    (b"II*\0", Kind.IMAGE),
    (b"MM\0*", Kind.IMAGE),
    (b"Rar!\x1a\x07", Kind.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Kind.ARCHIVE),
    (b"\x1f\x8b", Kind.ARCHIVE),
    (b"BZh", Kind.ARCHIVE),
    (b"\xfd7zXZ\0", Kind.ARCHIVE),
    (b"MZ", Kind.PROGRAM),
    (b"\x7fELF", Kind.PROGRAM),
    (b"\xff\xfe", Kind.UTF16_TEXT),
    (b"\xfe\xff", Kind.UTF16_TEXT),
    (b"\x09\x00\x04\x00", Kind.BARE_BIFF),
    (b"\x09\x02\x06\x00", Kind.BARE_BIFF),
    (b"\x09\x04\x06\x00", Kind.BARE_BIFF),
    (b"\x09\x08\x08\x00", Kind.BARE_BIFF),
    (b"\x09\x08\x10\x00", Kind.BARE_BIFF),
)
_TELLING_PARTS = (
    ("xl/workbook.xml", Kind.XLSX),
    ("xl/workbook.bin", Kind.XLSB),
    ("word/document.xml", Kind.WORD),
    ("ppt/presentation.xml", Kind.SLIDES),
    ("ofd.xml", Kind.OFD),
)
_OPEN_DOCUMENTS = (
    (b"opendocument.spreadsheet", Kind.ODS),
    (b"opendocument.text", Kind.WORD),
    (b"opendocument.presentation", Kind.SLIDES),
)
_MIMETYPE_REACH = 256
_TEXTLIKE_MAGICS = (b"BM", b"MZ", b"BZh", b"GIF8")
"""Starts that words can have too; they count only in front of bytes that no text has."""
_CONTROLS = bytes({*range(32)} - {9, 10, 11, 12, 13, 27})
_STRAY_CONTROLS = 2
"""Control characters that a text may contain by accident, and per hundred bytes."""

_HTML = re.compile(rb"<!doctype\s+html|<(?:html|head|body|table|meta|script|style|div)[\s>]", re.IGNORECASE)
_MHTML = re.compile(rb"(?:^|\n)mime-version\s*:", re.IGNORECASE)
_SYLK = re.compile(rb"ID;P[^\r\n]*\r?\n[BCFPO];")
_JSON = re.compile(rb"""[\[{]\s*(?:["{\[}\]]|\d)""")


def sniff(data: bytes, limits: Limits = STRICT) -> Kind:
    """The kind of this file.

    Raises:
        Unreadable: it is a zip or a compound file whose own directory is broken or hostile.
    """
    if not data:
        return Kind.EMPTY
    if data.startswith(_ZIP):
        return _zip_kind(data, read_directory(data, limits))
    if data.startswith(OLE_SIGNATURE):
        return _compound_kind(Compound(data))
    head = data[:_HEAD]
    for magic, kind in _MAGICS:
        if head.startswith(magic) and (magic not in _TEXTLIKE_MAGICS or not _is_text(head)):
            return kind
    if not _is_text(head):
        return Kind.UNKNOWN
    return _text_kind(head.removeprefix(b"\xef\xbb\xbf").lstrip())


def _zip_kind(data: bytes, entries: tuple[Entry, ...]) -> Kind:
    names = {entry.name.casefold() for entry in entries}
    for part, kind in _TELLING_PARTS:
        if part in names:
            return kind
    if {"mimetype", "content.xml"} <= names:
        opening = data[:_MIMETYPE_REACH]  # the type comes first, unpacked, so that it can be read off the beginning
        return next((kind for document, kind in _OPEN_DOCUMENTS if document in opening), Kind.ZIP)
    return Kind.ZIP


def _compound_kind(compound: Compound) -> Kind:
    names = {entry.name.casefold() for entry in compound.entries}
    if "encryptedpackage" in names:
        return Kind.ENCRYPTED
    if compound.find("Workbook") or compound.find("Book"):
        return Kind.XLS
    if "worddocument" in names:
        return Kind.WORD
    if "powerpoint document" in names:
        return Kind.SLIDES
    return Kind.OLE


def _is_text(head: bytes) -> bool:
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls <= _STRAY_CONTROLS + len(head) * _STRAY_CONTROLS // 100


def _text_kind(head: bytes) -> Kind:
    if head.startswith(b"<"):
        return _markup_kind(head)
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    if _MHTML.search(head):
        return Kind.MHTML
    if _SYLK.match(head):
        return Kind.SYLK
    return Kind.JSON if _JSON.match(head) else Kind.CSV


def _markup_kind(head: bytes) -> Kind:
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head or b'progid="Excel.Sheet"' in head:
        # A web page made by Excel names the same schema; its root tells.
        return Kind.HTML if re.search(rb"<html[\s>]", head, re.IGNORECASE) else Kind.XML_SPREADSHEET
    if b"office:document" in head and b"opendocument" in head:
        return Kind.FLAT_ODS
    if _HTML.search(head):
        return Kind.HTML
    return Kind.XML if head.startswith((b"<?xml", b"<!")) or re.match(rb"<[\w:-]+[\s/>]", head) else Kind.CSV
