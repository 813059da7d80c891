"""Requests as hypothesis makes them: raw bytes, hostile requests in good HTTP, calls that are nearly always right."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from tests.support.called_people import CODES, CODES_OF_THE_PAGE, COUNT, GRANTS, INPUTS, ORDERINGS

UNITS: Final = tuple(one.unit for one in GRANTS)
REFUSALS: Final = frozenset({400, 405, 408, 413, 414, 415, 429, 431, 505})
"""Statuses of the transport: an empty body."""
PART: Final = 10
"""So many characters of a key in a row are part of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, for whoever writes it to a connection."""

    method: str = "POST"
    target: bytes = b"/people"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    version: bytes = b"1.1"

    @property
    def raw(self) -> bytes:
        lines = [b"%b %b HTTP/%b" % (self.method.encode(), self.target, self.version), b"Host: gateway"]
        lines += [b"%b: %b" % header for header in self.headers]
        if self.body and not any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self.headers):
            lines.append(b"Content-Length: %d" % len(self.body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of every unit for every service."""

    of: Mapping[tuple[str, str], Mapping[str, str]]

    def parts(self) -> set[str]:
        """Every part of a key that is long enough to be told from chance."""
        whole = {key.partition("_")[2] for keys in self.of.values() for key in keys.values()}
        return {key[n : n + PART] for key in whole for n in range(len(key) - PART + 1)}


# --- Nearly right -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a unit with well-formed values, and how it is written."""

    unit: str
    parameters: Mapping[str, str]
    body: str
    """Where the parameters stand: `query`, `form` or `json`."""
    keys_in_headers: bool

    def request(self, keys: Mapping[str, str], cursor: str | None = None) -> Request:
        told = dict(self.parameters) if cursor is None else {**self.parameters, "cursor": cursor}
        headers: list[tuple[bytes, bytes]] = []
        if self.keys_in_headers:
            headers += [(b"X-Unit-Key", keys["unitKey"].encode()), (b"X-Method-Key", keys["methodKey"].encode())]
        else:
            told |= keys
        if self.body == "query":
            return Request(target=b"/people?" + urlencode(told).encode(), headers=tuple(headers))
        if self.body == "form":
            headers.append((b"Content-Type", b"application/x-www-form-urlencoded"))
            return Request(headers=tuple(headers), body=urlencode(told, quote_via=quote).encode())
        headers.append((b"Content-Type", b"application/json"))
        members: dict[str, Any] = {n: int(v) if n in {"pageSize", "page"} else v for n, v in told.items()}
        return Request(headers=tuple(headers), body=json.dumps(members, ensure_ascii=False).encode())


_ids = st.integers(0, COUNT + 2).map(lambda n: f"{n:04}")
_years = st.tuples(st.integers(1949, 1958), st.integers(1, 28)).map(lambda d: f"{d[0]}/02/{d[1]:02}")
_FILTERS: Final = {
    "id": _ids,
    "id__in": st.lists(_ids, min_size=1, max_size=8).map(",".join),
    "name": st.integers(0, COUNT).map(lambda n: f"甲{n}<&>'\"乙"),
    "remark": st.integers(0, COUNT).map(lambda n: f"备注{n}"),
    "remark__prefix": st.sampled_from(["备", "备注1", "备注3", "备注%", "注"]),
    "born__ge": _years,
    "born__lt": _years,
    "children": st.integers(700_000, 700_000 + COUNT).map(str),
    "children__gt": st.integers(700_000, 700_000 + COUNT).map(str),
    "children__le": st.integers(700_000, 700_000 + COUNT).map(str),
}


@st.composite
def calls(draw: st.DrawFn) -> Asked:
    names = draw(st.lists(st.sampled_from(sorted(_FILTERS)), max_size=2, unique=True))
    told = {name: draw(_FILTERS[name]) for name in names}
    for name, values in {
        "format": ("json", "xml"),
        "rsStyle": ("complex", "simple"),
        "rsStructure": ("LM", "LM", "KV", "SR", "MA"),
        "orderBy": tuple(sign + one for one in ORDERINGS for sign in ("", "-")),
        "pageSize": ("1", "2", "3", "7", "100"),
    }.items():
        if draw(st.booleans()):
            told[name] = draw(st.sampled_from(values))
    if draw(st.integers(0, 3)) == 0:
        told["page"] = draw(st.sampled_from(["1", "2", "5"]))
    return Asked(
        draw(st.sampled_from(UNITS)), told, draw(st.sampled_from(["query", "form", "json"])), draw(st.booleans())
    )


# --- Hostile, in good HTTP --------------------------------------------------------------------------------------------

_TEXTS: Final = st.sampled_from(
    ["", " ", "0001", "甲1", "\u200b", "\u202e反", "\x00", "a\x00b", "\x1b[31m", "é", "𠮷" * 50, "' or 1=1--", "%", "*",
     "../..", "<a>&amp;", "{{7*7}}", "null", "１２", "1e309", "NaN", "-0", "9" * 40, "2026/02/30", "0" * 5000, ",",
     "simple", "xml", "SR", "-born", "-", "--born", "1001", "0", "01", "+1", "10001", "A" * 300, "%00", "\r\nX-A: b"]
) | st.text(max_size=12)  # fmt: skip
_NAMES: Final = st.sampled_from(
    [*CODES, *(f"{code}__{op}" for code in INPUTS for op in ("eq", "in", "ge", "gt", "le", "lt", "prefix", "x")),
     "format", "rsStyle", "rsStructure", "page", "pageSize", "cursor", "orderBy", "unitkey", "UNITKEY",
     "ｕｎｉｔＫｅｙ", "fields", "id__in__in", "__in", "", "a.b", "id[]", "unitKey", "methodKey"]
) | st.text(max_size=6)  # fmt: skip
_METHODS: Final = st.sampled_from(
    ["POST"] * 12 + ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "post", "X"]
)
_PATHS: Final = st.sampled_from(
    [b"/people"] * 12
    + [b"/check"] * 6
    + [b"/", b"//people", b"/people/", b"/people;x", b"/people/../check", b"/%70eople", b"/people%00", b"/PEOPLE", b"*",
       b"/nothing", b"/people#x", b"http://elsewhere/people", b"/" + b"a" * 65, b"/health/live", b"/metrics", b"/docs"]
)  # fmt: skip
_TYPES: Final = st.sampled_from(
    [b"application/x-www-form-urlencoded"] * 4
    + [b"application/json"] * 6
    + [b"application/json; charset=utf-8", b"application/json; charset=gbk", b"application/xml", b"text/plain", b"",
       b"multipart/form-data; boundary=x", b"application/json, application/xml", b"\xff"]
)  # fmt: skip
JUNK: Final = (
    *(b"{", b"null", b"[]", b'"x"', b"NaN", b'{"id":NaN}', b'{"id":1e999}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}",
     b"[" * 20_000, b'{"a":' * 20_000, b"9" * 5000, b'{"id":"1","id":"1"}', b"\x00", b"a=1&a=2", b"%ff=%fe", b"&&&",
     b"=", b"<RESULT/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b'{"id":{"$gt":""}}', b'{"id":["1"]}',
     b'{"id":true}', b'{"id":"\\ud800"}', b'{"\\ud800":"1"}', b'{"id":null}', b"{}"),
)  # fmt: skip
"""Bodies that are nothing, or nothing that is asked for."""
_HEADERS: Final = (
    *("Referer", "User-Agent", "X-Operator", "X-Matter", "X-Using-System", "traceparent", "Cookie", "X-Forwarded-For"),
    *("X-Unit-Key", "X-Method-Key", "Content-Encoding", "Expect", "Accept", "Authorization", "Signature-Input"),
    "Transfer-Encoding",
)


@st.composite
def hostile(draw: st.DrawFn, keys: Keys) -> Request:
    """A request that HTTP allows and nobody should send; its keys stand in right and in wrong places."""
    unit = draw(st.sampled_from(UNITS))
    service = draw(st.sampled_from(["people", "people", "check"]))
    own = list(keys.of[unit, service].items())
    if draw(st.integers(0, 4)) == 0:
        stranger = keys.of[draw(st.sampled_from(UNITS)), draw(st.sampled_from(["people", "check"]))]
        own[draw(st.integers(0, 1))] = draw(st.sampled_from(list(stranger.items())))
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, 1))
        name, key = own[at]
        bent = [key[:-1], key + "0", key.lower(), key[::-1], " " + key, key.encode().hex(), key + "\x00", ""]
        own[at] = (name, draw(st.sampled_from(bent)))
    pairs = [*own, *draw(st.lists(st.tuples(_NAMES, _TEXTS | st.just(own[0][1])), max_size=3))]
    if draw(st.integers(0, 9)) == 0:
        pairs += [(f"p{n}", "x") for n in range(draw(st.sampled_from([250, 300, 1000])))]
    query, headers, body = [], [], b""
    inside: list[tuple[str, str]] = []
    for pair in pairs:
        (inside if draw(st.booleans()) else query).append(pair)
    kind = draw(_TYPES)
    if inside or draw(st.integers(0, 3)) == 0:
        headers.append((b"Content-Type", kind))
        if draw(st.integers(0, 40)) == 0:
            body = b"x" * (1024 * 1024 + 1)
        elif draw(st.integers(0, 4)) == 0:
            body = draw(st.sampled_from(JUNK) | st.binary(max_size=40))
        elif b"json" in kind:
            body = json.dumps(dict(inside)).encode()
        else:
            body = urlencode(inside, errors="replace").encode()
    for name in draw(st.lists(st.sampled_from(_HEADERS), max_size=3)):
        value = draw(st.sampled_from([own[0][1], own[1][1], "x", "gzip", "100-continue", "chunked", "1" * 65, "é"]))
        headers.append((name.encode(), value.encode("utf-8")))
    target = draw(_PATHS) + (b"?" + urlencode(query, errors="replace").encode() if query else b"")
    return Request(draw(_METHODS), target, tuple(headers), body, draw(st.sampled_from([b"1.1"] * 8 + [b"1.0", b"2.0"])))


# --- Raw bytes --------------------------------------------------------------------------------------------------------

_TOKENS: Final = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\x00", b" ", b":", b"\r\n\r\n", b"\xff", b"HTTP/1.1", b"POST / HTTP/1.1\r\n\r\n", b"%00",
     b"%", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n",
     b"Connection: upgrade\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"X: " + b"y" * 70_000 + b"\r\n",
     b"A: b\r\n" * 300, b"\t", b" folded\r\n", b"Upgrade: h2c\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
     b"\x16\x03\x01\x02\x00", b"Host: other\r\n", b"\x80" * 9]
) | st.binary(max_size=8)  # fmt: skip


@st.composite
def bytes_of(draw: st.DrawFn, keys: Keys) -> bytes:
    """A good request, or two, of which something is cut out, doubled, replaced or broken off."""
    unit = draw(st.sampled_from(UNITS))
    raw = draw(calls().map(lambda call: call.request(keys.of[unit, "people"]).raw))
    if draw(st.integers(0, 4)) == 0:
        raw += draw(hostile(keys)).raw
    for _ in range(draw(st.integers(1, 4))):
        at, upto = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        upto = min(upto, at + draw(st.sampled_from([0, 1, 4, 40])))
        match draw(st.sampled_from(["insert", "cut", "double", "end"])):
            case "insert":
                raw = raw[:at] + draw(_TOKENS) + raw[at:]
            case "cut":
                raw = raw[:at] + raw[upto:]
            case "double":
                raw = raw[:upto] + raw[at:upto] + raw[upto:]
            case _:
                raw = raw[: max(at, 1)]
    return raw


# --- What may come back -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Came:
    """One answer as it came over the connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes = field(repr=False)


_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) [^\r\n]*\Z")
_HEADER: Final = re.compile(rb"([a-zA-Z0-9-]+): ([^\r\n\x00]*)\Z")


def answers(raw: bytes, *, heads: bool = False) -> list[Came]:
    """The answers in what came over a connection.

    Raises:
        AssertionError: it is not HTTP from the first to the last byte.
    """
    found = []
    while raw:
        head, separator, rest = raw.partition(b"\r\n\r\n")
        assert separator, f"no end of the head: {raw[:200]!r}"
        first, *lines = head.split(b"\r\n")
        status = _STATUS.match(first)
        assert status, first
        if status[1] == b"100":
            raw = rest
            continue
        pairs = [_HEADER.match(line) for line in lines]
        assert all(pairs), lines
        headers = {pair[1].decode().lower(): pair[2].decode("ascii") for pair in pairs if pair}
        assert len(headers) == len(lines), f"a header twice: {lines}"
        size = 0 if heads else int(headers["content-length"])
        assert len(rest) >= size, "an answer that is shorter than it says"
        found.append(Came(int(status[1]), headers, rest[:size], head + rest[:size]))
        raw = rest[size:]
    return found


def faults(came: Came) -> list[str]:
    """What is wrong with an answer, whatever was asked: all are of the protocol, and nothing is amiss here."""
    found = []
    if came.status == 200:
        found += _of_200(came)
    elif came.status not in REFUSALS:
        # A 503 would be documented; here nothing is away, so it would hide a defect.
        found.append(f"status {came.status}, {came.headers.get('x-reason')}")
    elif came.body:
        found.append(f"a body with {came.status}")
    if not re.fullmatch("[0-9a-f]{32}", came.headers.get("x-trace-id", "")):
        found.append("no trace id")
    if (came.headers.get("allow") == "POST") != (came.status == 405):
        found.append("Allow belongs to 405")
    return found


def _of_200(came: Came) -> list[str]:
    try:
        if came.headers["content-type"] == "application/xml; charset=utf-8":
            root = ET.fromstring(came.body)
            code = root.findtext("ERROR/ERROR_CODE") if root.tag == "RESULT" else None
        else:
            assert came.headers["content-type"] == "application/json; charset=utf-8"
            parsed = json.loads(came.body, parse_constant=_no_constant)
            failed = isinstance(parsed, dict) and parsed.get("SUCCESS") == "0"
            code = parsed["ERROR"]["ERROR_CODE"] if failed else None
    except (ValueError, ET.ParseError, KeyError, AssertionError) as error:
        return [f"not of the protocol: {error!r}: {came.body[:200]!r}"]
    if code is not None and code not in CODES_OF_THE_PAGE:
        return [f"code {code}"]
    return [] if "content-digest" in came.headers else ["no digest"]


def _no_constant(name: str) -> None:
    raise ValueError(name)
