"""Forms the answer of a call: JSON or XML, complete or simple, in the four structures of Annex 3 §5.2.

Rows arrive as JSON fragments that the database wrote: digits stay as they are, and nothing is decoded on the way.
"""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

import orjson

from common.events import Item
from gateway.domain.access import Template
from gateway.domain.decisions import PLAIN, Format, Output, Structure, Style
from gateway.errors import MEMOS, Code, Refused

MEDIA: Final = {
    Format.JSON: b"application/json; charset=utf-8",
    Format.XML: b"application/xml; charset=utf-8",
}
Row = tuple[str, ...]
"""JSON fragments in the order of the items."""


def failure(code: Code, output: Format) -> bytes:
    """The envelope of a failure, which every style has."""
    memo = MEMOS[code]
    if output is Format.XML:
        inside = f"<ERROR><ERROR_CODE>{code.value}</ERROR_CODE><ERROR_MEMO>{escape(memo)}</ERROR_MEMO></ERROR>"
        return f"<RESULT><SUCCESS>0</SUCCESS>{inside}</RESULT>".encode()
    return orjson.dumps({"SUCCESS": "0", "ERROR": {"ERROR_CODE": code.value, "ERROR_MEMO": memo}})


def success(template: Template, rows: Sequence[Row], output: Output) -> bytes:
    """The answer with these rows.

    Raises:
        Refused: 301 if one record was asked for and there are several.
    """
    if output is PLAIN:
        record = template.record
        return ('{"SUCCESS":"1","DATA":[' + ",".join([record % row for row in rows]) + "]}").encode()
    if output.single and len(rows) > 1:
        raise Refused(Code.SEVERAL)
    simple = output.style is Style.SIMPLE
    if output.format is Format.XML:
        data = f"<DATA>{_xml(template.items, rows, output.structure)}</DATA>"
        return (data if simple else f"<RESULT><SUCCESS>1</SUCCESS>{data}</RESULT>").encode()
    data = _json(template, rows, output.structure)
    return (data if simple else '{"SUCCESS":"1","DATA":' + data + "}").encode()


def verified(template: Template, rows: Sequence[Row]) -> Row:
    """The one record of a verification: whether each claim is true; of nobody none is.

    Raises:
        Refused: 301 if the identity is not one.
    """
    if len(rows) > 1:
        raise Refused(Code.SEVERAL)
    return rows[0] if rows else ('"0"',) * len(template.items)


def _json(template: Template, rows: Sequence[Row], structure: Structure) -> str:
    match structure:
        case Structure.LM:
            return "[" + ",".join(template.record % row for row in rows) + "]"
        case Structure.KV:
            return template.record % rows[0] if rows else "null"
        case Structure.SR:
            return rows[0][0] if rows else "null"
        case Structure.MA:
            columns = (f'"{code}":[{",".join(row[n] for row in rows)}]' for n, code in enumerate(template.codes))
            return "{" + ",".join(columns) + "}"


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
