"""XML parts of a package: refused if they declare entities, read as events in bounded memory.

Expat is used as it is: a document type ends the reading before any entity could be declared (PIT-X4, IN-X11).
"""

import re
from collections.abc import Callable, Mapping
from xml.parsers import expat

from sheets.errors import Reason, Unreadable, damaged

_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ENCODING = re.compile(rb"""\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)["']""")
_ENCODINGS = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})


def guard(xml: bytes) -> None:
    """A part must be XML in UTF-8 without a document type; it is not parsed for that.

    Raises:
        Unreadable: it is in another encoding (our patterns would not see what a parser sees), or declares entities.
    """
    encoding = _ENCODING.match(xml)
    if b"\0" in xml or xml.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(Reason.XML_ENCODING)
    if encoding and encoding[1].lower() not in _ENCODINGS:
        raise Unreadable(Reason.XML_ENCODING)
    if _DECLARATION.search(xml):
        raise Unreadable(Reason.XML_ENTITIES)


def walk(
    xml: bytes,
    part: str,
    *,
    start: Callable[[str, Mapping[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Call back for each element and text of a part that was guarded; names as they are written, prefix and all.

    Raises:
        Unreadable: it is not well-formed, or a callback refuses.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(xml, True)
    except expat.ExpatError:
        raise damaged(part) from None


def _refuse_doctype(*_declared: object) -> None:
    raise Unreadable(Reason.XML_ENTITIES)


def local_name(name: str) -> str:
    """A name without its prefix."""
    return name.rpartition(":")[2]
