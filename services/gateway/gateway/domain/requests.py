"""Reads a request: one set of parameters out of query, body and headers (`gateway-protocol`, Request).

Names and values are case-sensitive; nothing is trimmed or normalised. A name that comes twice must have equal values.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from gateway.errors import Code, Refused, Transport

MAX_BODY: Final = 1024 * 1024
MAX_PARAMETERS: Final = 256
FORM: Final = b"application/x-www-form-urlencoded"
JSON: Final = b"application/json"
ROWS: Final = b"application/vnd.shuqiao.rows+json"
"""A body that is the value of the one parameter `rows`, so that what is pushed need not be escaped."""
UNIT_KEY, METHOD_KEY = "unitKey", "methodKey"
ROWS_NAME: Final = "rows"
_KEY_HEADERS: Final = ((b"x-unit-key", UNIT_KEY), (b"x-method-key", METHOD_KEY))
_PATH: Final = re.compile(rb"\A/([a-z0-9-]{1,64})\Z")
_PLAIN: Final = re.compile(rb"[A-Za-z0-9_.~!*'(),/:@$?&=-]*")
_CHARSETS: Final = frozenset({b"", b"utf-8", b'"utf-8"'})

_BETWEEN: Final = b"\x00"
"""Stands between the values of a header that came with several; no header can hold it."""
_KEY: Final = re.compile(r"cn[um]_[0-9A-Za-z]{8,}")
KEY_SHOWN: Final = "[key]"

Headers = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Notes:
    """The optional headers that the record keeps, as they came."""

    operator: str | None
    using_system: str | None
    matter: str | None


def headers_of(raw: Sequence[tuple[bytes, bytes]]) -> Headers:
    """The headers by name; one that comes twice with different values holds all of them, and is no valid one."""
    found = dict(raw)
    if len(found) == len(raw):
        return found
    found = {}
    for name, value in raw:
        held = found.setdefault(name, value)
        if value not in held.split(_BETWEEN):
            found[name] = held + _BETWEEN + value
    return found


def several(value: bytes) -> bool:
    """Whether a header came with several values."""
    return _BETWEEN in value


def service_of(raw_path: bytes) -> str | None:
    """The service that a path names; None for anything but one plain segment."""
    found = _PATH.match(raw_path)
    return found[1].decode() if found else None


def body_kind(headers: Headers) -> bytes | None:
    """The media type of a body that will be read; None if no body is announced.

    Raises:
        Transport: 413 for a body over the limit, 415 for a media type that is not spoken or a compressed body.
    """
    length = headers.get(b"content-length", b"")
    chunked = b"transfer-encoding" in headers
    if length and (not length.isdigit() or int(length) > MAX_BODY):
        raise Transport(413)
    if not chunked and int(length or 0) == 0:
        return None
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise Transport(415)
    kind, _, rest = headers.get(b"content-type", b"").partition(b";")
    kind = kind.strip().lower()
    charset = rest.strip().lower().removeprefix(b"charset=") if rest else b""
    if kind not in {FORM, JSON, ROWS} or charset not in _CHARSETS:
        raise Transport(415)
    return kind


def parameters(query: bytes, kind: bytes | None, body: bytes, headers: Headers) -> dict[str, str]:
    """Every parameter of a request by name.

    Raises:
        Refused: 101 if something cannot be read or one name has two values.
    """
    pairs = _pairs(query) if query else []
    if body and kind == FORM:
        pairs += _pairs(body)
    elif body and kind == JSON:
        pairs += _object(body)
    elif body and kind == ROWS:
        pairs.append((ROWS_NAME, _unicode(body)))
    for header, name in _KEY_HEADERS:
        value = headers.get(header)
        if value is None:
            continue
        if _BETWEEN in value:
            pairs += [(name, one.decode("latin-1")) for one in value.split(_BETWEEN)]
        else:
            pairs.append((name, value.decode("latin-1")))
    found = dict(pairs)
    if len(found) > MAX_PARAMETERS:
        raise Refused(Code.PARAMETERS)
    if len(found) < len(pairs) and any(found[name] != value for name, value in pairs):
        raise Refused(Code.PARAMETERS)
    return found


def _pairs(text: bytes) -> list[tuple[str, str]]:
    if _PLAIN.fullmatch(text) and text.count(b"&") < MAX_PARAMETERS:
        # Nothing is escaped in it, as in most calls: the same, at a fraction of the cost.
        parted = [part.partition("=") for part in text.decode("ascii").split("&") if part]
        return [(name, value) for name, _, value in parted]
    try:
        return parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise Refused(Code.PARAMETERS) from None


def _unicode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refused(Code.PARAMETERS) from None


class _Number(str):
    """A JSON number as its literal text."""

    __slots__ = ()


def _no_constant(_name: str) -> None:
    raise ValueError("NaN and the infinities are no JSON")


def _object(body: bytes) -> list[tuple[str, str]]:
    """The members of a flat JSON object: strings, or numbers as their literal text."""
    try:
        text = body.decode("utf-8")
        members = json.loads(
            text,
            object_pairs_hook=list,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise Refused(Code.PARAMETERS) from None
    # An object arrives as its list of pairs, so that a name that comes twice is seen; an array is a plain list too.
    if not text.lstrip(" \t\r\n").startswith("{") or not isinstance(members, list):
        raise Refused(Code.PARAMETERS)
    names = set()
    for name, value in members:
        if name in names or not isinstance(value, str) or not _encodable(name) or not _encodable(value):
            raise Refused(Code.PARAMETERS)
        names.add(name)
    return members


def _encodable(text: str) -> bool:
    """Whether a text is Unicode: JSON's escapes can write lone surrogates, which are none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def notes_of(headers: Headers) -> Notes:
    """The optional headers for the record, cut to what a record may hold."""
    if NOTED.isdisjoint(headers):
        return NO_NOTES
    return Notes(
        operator=_note(headers.get(b"x-operator")),
        using_system=_note(headers.get(b"x-using-system")),
        matter=_note(headers.get(b"x-matter")),
    )


NOTE_HEADERS: Final = (b"x-operator", b"x-using-system", b"x-matter")
NOTED: Final = frozenset(NOTE_HEADERS)
NO_NOTES: Final = Notes(None, None, None)
MAX_NOTE: Final = 64


def note_fits(value: bytes) -> bool:
    """Whether an optional header is at most 64 printable ASCII characters."""
    return len(value) <= MAX_NOTE and all(0x20 <= byte <= 0x7E for byte in value)


def _note(value: bytes | None) -> str | None:
    """A note as the record keeps it: a key that was put there by mistake goes into no record."""
    return _KEY.sub(KEY_SHOWN, value.decode("ascii")) if value and note_fits(value) else None
