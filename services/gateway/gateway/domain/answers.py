"""Forms the answer of a call: JSON or XML, complete or simple, in the four structures of Annex 3 §5.2.

Rows arrive as JSON fragments that the database wrote: digits stay as they are, and nothing is decoded on the way.
"""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

import orjson

from common.events import Item
from gateway.domain.decisions import Format, Structure, Style
from gateway.errors import MEMOS, Code, Refused

MEDIA: Final = {
    Format.JSON: b"application/json; charset=utf-8",
    Format.XML: b"application/xml; charset=utf-8",
}
Row = Sequence[str]
"""JSON fragments in the order of the items."""


def failure(code: Code, output: Format) -> bytes:
    """The envelope of a failure, which every style has."""
    memo = MEMOS[code]
    if output is Format.XML:
        inside = f"<ERROR><ERROR_CODE>{code.value}</ERROR_CODE><ERROR_MEMO>{escape(memo)}</ERROR_MEMO></ERROR>"
        return f"<RESULT><SUCCESS>0</SUCCESS>{inside}</RESULT>".encode()
    return orjson.dumps({"SUCCESS": "0", "ERROR": {"ERROR_CODE": code.value, "ERROR_MEMO": memo}})


def success(items: tuple[Item, ...], rows: Sequence[Row], structure: Structure, style: Style, output: Format) -> bytes:
    """The answer with these rows.

    Raises:
        Refused: 301 if one record was asked for and there are several.
    """
    if structure in {Structure.KV, Structure.SR} and len(rows) > 1:
        raise Refused(Code.SEVERAL)
    if output is Format.XML:
        data = f"<DATA>{_xml(items, rows, structure)}</DATA>"
        return (data if style is Style.SIMPLE else f"<RESULT><SUCCESS>1</SUCCESS>{data}</RESULT>").encode()
    data = _json(items, rows, structure)
    return (data if style is Style.SIMPLE else '{"SUCCESS":"1","DATA":' + data + "}").encode()


def _json(items: tuple[Item, ...], rows: Sequence[Row], structure: Structure) -> str:
    match structure:
        case Structure.LM:
            return "[" + ",".join(_record(items, row) for row in rows) + "]"
        case Structure.KV:
            return _record(items, rows[0]) if rows else "null"
        case Structure.SR:
            return rows[0][0] if rows else "null"
        case Structure.MA:
            columns = (f'"{item.code}":[{",".join(row[n] for row in rows)}]' for n, item in enumerate(items))
            return "{" + ",".join(columns) + "}"


def _record(items: tuple[Item, ...], row: Row) -> str:
    # An item's code is letters, digits and underscores, so it needs no escaping.
    return "{" + ",".join(f'"{item.code}":{fragment}' for item, fragment in zip(items, row, strict=True)) + "}"


def _xml(items: tuple[Item, ...], rows: Sequence[Row], structure: Structure) -> str:
    match structure:
        case Structure.LM:
            return "".join(f"<ROW>{_elements(items, row)}</ROW>" for row in rows)
        case Structure.KV:
            return _elements(items, rows[0]) if rows else ""
        case Structure.SR:
            return _text(rows[0][0]) if rows else ""
        case Structure.MA:
            return "".join(
                f"<{item.code}>{''.join(f'<V>{_text(row[n])}</V>' for row in rows)}</{item.code}>"
                for n, item in enumerate(items)
            )


def _elements(items: tuple[Item, ...], row: Row) -> str:
    return "".join(f"<{item.code}>{_text(fragment)}</{item.code}>" for item, fragment in zip(items, row, strict=True))


def _text(fragment: str) -> str:
    """A JSON fragment as the text of an element; null is an empty one."""
    if fragment == "null":
        return ""
    return escape(orjson.loads(fragment)) if fragment.startswith('"') else fragment
