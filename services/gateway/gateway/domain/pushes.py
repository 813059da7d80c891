"""Rows that a provider pushes in a call: what is asked, and the answer in the annex's envelope."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from xml.sax.saxutils import escape

import orjson

from common.clock import SHANGHAI
from exchange.ways import Way
from gateway.domain import answers
from gateway.domain.decisions import Format, Output, Structure, Style, Who, check_headers, output_of
from gateway.domain.requests import METHOD_KEY, ROWS_NAME, UNIT_KEY, Headers
from gateway.errors import MEMOS, Code, Refused

MODE: Final = "mode"
KEY_HEADER: Final = b"idempotency-key"
_TAKEN: Final = frozenset({UNIT_KEY, METHOD_KEY, MODE, ROWS_NAME, "format", "rsStyle", "rsStructure"})
_KEY: Final = re.compile(rb"[!-~]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What the ingest is handed."""

    call: UUID
    trace_id: str
    unit: str
    service: str
    entry: str
    resource_version: str
    mode: Way
    key: str | None
    """The caller's own name of the push: the same one again is the same push."""
    rows: bytes
    """A JSON array of objects, as it came."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: row from 1 and item where it has a place; never a value."""

    row: int | None
    item: str | None
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a push: a batch, or the reason and what was found."""

    batch: UUID | None
    rows: int
    committed_at: datetime | None
    reason: str | None
    message: str | None
    count: int
    """Findings in all; those told may be fewer."""
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call brings: how, which rows, under which name, and how the answer is to be formed."""

    mode: Way
    rows: bytes
    key: str | None
    output: Output


def wanted(parameters: dict[str, str], headers: Headers, who: Who) -> Wanted:
    """Checks 8 and 9, but for the rows themselves.

    Raises:
        Refused: 101 for a parameter that is not taken or not there, a bad key, or one value of an answer of several;
            206 for a value that is none of those that there are.
    """
    assert who.grant is not None
    if not parameters.keys() <= _TAKEN or MODE not in parameters or ROWS_NAME not in parameters:
        raise Refused(Code.PARAMETERS)
    check_headers(headers, who.grant)
    given = headers.get(KEY_HEADER)
    if given is not None and not _KEY.fullmatch(given):
        raise Refused(Code.PARAMETERS)
    if parameters.get("rsStructure") == Structure.SR:
        raise Refused(Code.PARAMETERS)
    output = output_of(parameters)
    rows = parameters[ROWS_NAME].encode()
    try:
        mode = Way(parameters[MODE])
    except ValueError:
        raise Refused(Code.VALUE) from None
    if not rows:
        raise Refused(Code.VALUE)
    return Wanted(mode, rows, given.decode() if given is not None else None, output)


def taken(result: Result, output: Output) -> bytes:
    """The answer of a push whose rows are in the store: one record of its batch, in the structure asked for."""
    assert result.committed_at is not None
    at = result.committed_at.astimezone(SHANGHAI).isoformat(timespec="milliseconds")
    record = {"batch": str(result.batch), "rows": result.rows, "committed_at": at}
    simple = output.style is Style.SIMPLE
    if output.format is Format.XML:
        inside = _taken_xml(record, output.structure)
        data = f"<DATA>{inside}</DATA>"
        return (data if simple else f"<RESULT><SUCCESS>1</SUCCESS>{data}</RESULT>").encode()
    shown: object = record
    if output.structure is Structure.LM:
        shown = [record]
    elif output.structure is Structure.MA:
        shown = {name: [value] for name, value in record.items()}
    return orjson.dumps(shown if simple else {"SUCCESS": "1", "DATA": shown})


def _taken_xml(record: dict[str, object], structure: Structure) -> str:
    if structure is Structure.MA:
        return "".join(f"<{name}><V>{value}</V></{name}>" for name, value in record.items())
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in record.items())
    return f"<ROW>{inside}</ROW>" if structure is Structure.LM else inside


def refused(result: Result, output: Output) -> bytes:
    """The answer of a push that changed nothing: the envelope of a failure, with everything that was found as DATA."""
    if output.format is Format.XML:
        told = "".join(
            f"<FINDING><ROW>{one.row or ''}</ROW><ITEM>{one.item or ''}</ITEM><RULE>{escape(one.rule)}</RULE>"
            f"<MESSAGE>{escape(one.message)}</MESSAGE></FINDING>"
            for one in result.findings
        )
        data = f"<DATA><COUNT>{result.count}</COUNT>{told}</DATA>"
        return answers.failure(Code.VALUE, Format.XML).replace(b"</RESULT>", f"{data}</RESULT>".encode())
    found = [{"row": one.row, "item": one.item, "rule": one.rule, "message": one.message} for one in result.findings]
    return orjson.dumps(
        {
            "SUCCESS": "0",
            "ERROR": {"ERROR_CODE": Code.VALUE.value, "ERROR_MEMO": MEMOS[Code.VALUE]},
            "DATA": {"count": result.count, "findings": found},
        }
    )
