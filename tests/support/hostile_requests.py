"""Requests that nobody should send, drawn from a service's own OpenAPI document: no answer may be a fault of ours.

Bodies and parameters follow the document's schemas and are then bent: other types, extremes, characters that a database
or a screen cannot hold, names that are not asked for, text that is no JSON at all.
"""

import asyncio
import copy
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from common.roles import Role
from tests.support import tokens
from tests.support.running import Running

CANARY = "金丝雀!"
"""Stands in much of what is sent; no refusal may repeat it."""
TEXTS = (
    *("", " ", "\u200b", "\u202e反", "\x00", "a\x00b", "\x1b[31m", "\ud800", "\ufffe", "é", "𠮷" * 50, CANARY),
    *("' or 1=1--", "%", "../../etc", "<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "null", "１２"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30", "0" * 5000, CANARY * 40_000),
)
VALUES = (None, True, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 1e308, 0.1, [], {}, [[]], [None], {"": None})
JUNK = (
    *(b"", b"{", b"null", b"[]", b'"x"', b"NaN", b"1e999", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"a":NaN}'),
    *(b"[" * 20_000, b"9" * 5000, b'{"a":1,"a":2}', b"{" + b'"a":{' * 5000, b"\x00", b"a=1&b=2"),
)
WORST_TEXTS = (
    *("a\x00b", "ab\x1b[31m", "\ud800ab", "\u200b\u200b", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("a" * 60, CANARY * 2000),
)
WORST_NUMBERS = (-1, 2**31, 2**63, 10**30, 1e308)
hostile = st.one_of(st.sampled_from(TEXTS), st.sampled_from(VALUES), st.text(max_size=40), st.integers())


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    parameters: Sequence[dict[str, Any]]
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Given:
    """What the service holds and takes: live values of path parameters, and a good body for some routes."""

    units: Sequence[str]
    live: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By the first part of the path and the parameter's name: `entries.code`."""
    bodies: Mapping[str, Any] = field(default_factory=dict)
    """By `METHOD path` as the document writes it."""


@dataclass(frozen=True, slots=True)
class Sent:
    method: str
    url: str
    content: bytes | None
    unit: str
    roles: frozenset[Role]


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("schema")
            yield Operation(method.upper(), path, said.get("parameters", ()), body)


class Drawing:
    """Values by the schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._known = document.get("components", {}).get("schemas", {})

    def value(self, schema: Mapping[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
        """Mostly what the schema asks for."""
        if "$ref" in schema:
            return self.value(self._known[schema["$ref"].rsplit("/", 1)[1]], depth)
        if "enum" in schema or "const" in schema:
            return st.sampled_from(schema.get("enum") or [schema["const"]])
        if "anyOf" in schema:
            return st.one_of(*(self.value(one, depth) for one in schema["anyOf"]))
        match schema.get("type"):
            case "string":
                return _text(schema)
            case "integer":
                return st.integers(schema.get("minimum", -3), schema.get("maximum", 10**6))
            case "number":
                return st.floats(schema.get("minimum", -3), schema.get("maximum", 10**6))
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
            case "array":
                return st.lists(
                    self.value(schema.get("items", {}), depth + 1), min_size=schema.get("minItems", 0), max_size=3
                )
            case "object":
                return self._object(schema, depth)
        return hostile

    def _object(self, schema: Mapping[str, Any], depth: int) -> st.SearchStrategy[Any]:
        asked = {name: self.value(one, depth + 1) for name, one in schema.get("properties", {}).items()}
        needed = {name: made for name, made in asked.items() if name in schema.get("required", ())}
        return st.fixed_dictionaries(needed, optional={name: asked[name] for name in asked.keys() - needed.keys()})


def _text(schema: Mapping[str, Any]) -> st.SearchStrategy[str]:
    match schema.get("format"):
        case "uuid":
            return st.uuids().map(str)
        case "date-time":
            return st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"]), fullmatch=True).map(lambda text: text[:200])
    return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 30), 30))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, held in value.items():
            yield from _places(held, (*path, name))
    elif isinstance(value, list):
        for number, held in enumerate(value):
            yield from _places(held, (*path, number))


def _bent(value: Any, draw: st.DrawFn) -> Any:
    """The value with something else in one place, or one thing too many or too few."""
    *way, last = draw(st.sampled_from([place for place in _places(value) if place] or [(None,)]))
    if last is None:
        return draw(hostile)
    bent = copy.deepcopy(value)
    holder = bent
    for step in way:
        holder = holder[step]
    match draw(st.sampled_from(["replace", "replace", "replace", "remove", "add", "repeat"])):
        case "remove":
            del holder[last]
        case "add" if isinstance(holder, dict):
            holder[draw(st.sampled_from(["state", "id", "created_by", "provider", "未知", "\x00"]))] = draw(hostile)
        case "repeat" if isinstance(holder, list):
            holder.append(holder[last])
        case _:
            holder[last] = draw(hostile)
    return bent


@st.composite
def requests(draw: st.DrawFn, document: Mapping[str, Any], held: Given) -> Sent:
    drawing = Drawing(document)
    operation = draw(st.sampled_from(list(operations(document))))
    path, query = operation.path, {}
    for parameter in operation.parameters:
        name, schema = parameter["name"], parameter["schema"]
        found = held.live.get(f"{operation.path.split('/')[1]}.{name}")
        live = [st.sampled_from(found)] * 6 if found else []
        value = draw(st.one_of(*live, drawing.value(schema), st.sampled_from(TEXTS[:-2])))
        if parameter["in"] == "path":
            path = path.replace("{" + name + "}", quote(str(value), safe="", errors="replace") or "%20")
        elif draw(st.booleans()):
            query[name] = str(value)
    if draw(st.integers(0, 9)) == 0:
        query[draw(st.sampled_from(["sort", "page", "state[]", "未知"]))] = draw(st.sampled_from(TEXTS[:-2]))
    asked = "&".join(f"{quote(name)}={quote(value, errors='replace')}" for name, value in query.items())
    return Sent(
        operation.method,
        path + (f"?{asked}" if asked else ""),
        draw(_contents(drawing, operation, held)),
        draw(st.sampled_from(held.units)),
        frozenset(draw(st.one_of(st.just(set(Role)), st.sets(st.sampled_from(Role), min_size=1)))),
    )


@st.composite
def _contents(draw: st.DrawFn, drawing: Drawing, operation: Operation, held: Given) -> bytes | None:
    if operation.body is None:
        return draw(st.one_of(st.none(), st.none(), st.sampled_from(JUNK)))
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from(JUNK))
    good = held.bodies.get(f"{operation.method} {operation.path}")
    value = draw(st.one_of(*([st.just(good)] * 4 if good is not None else []), drawing.value(operation.body)))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 1, 2, 3]))):
        value = _bent(value, draw)
    return json.dumps(value).encode()


def faults(sent: Sent, answer: httpx2.Response) -> list[str]:
    """What is wrong with an answer, whatever was asked."""
    if answer.status_code >= 500:
        return [f"{answer.status_code}: {answer.text[:300]}"]
    if answer.is_success:
        return []
    found = []
    if answer.headers["content-type"] != "application/problem+json":
        found.append(f"a refusal as {answer.headers['content-type']}")
    else:
        found += [f"a refusal without {name}" for name in ("code", "title", "trace_id") if not answer.json().get(name)]
    if CANARY in answer.text:
        found.append("the refusal repeats what came in")
    return found


def each_field_bent(document: Mapping[str, Any], held: Given) -> Iterator[Sent]:
    """Of each good body, each text and number in turn replaced by the worst of its kind, by everybody who might."""
    for operation in operations(document):
        good = held.bodies.get(f"{operation.method} {operation.path}")
        path = operation.path
        for parameter in operation.parameters:
            name = parameter["name"]
            live = held.live.get(f"{path.split('/')[1]}.{name}") or ["-"]
            path = path.replace("{" + name + "}", quote(live[0], safe=""))
        for place in _places(good) if good is not None else ():
            for worst in _worst(_at(good, place)):
                bent = copy.deepcopy(good)
                _at(bent, place[:-1])[place[-1]] = worst
                for unit in held.units:
                    yield Sent(operation.method, path, json.dumps(bent).encode(), unit, frozenset(Role))
        queries = [parameter["name"] for parameter in operation.parameters if parameter["in"] == "query"]
        for name, worst in itertools.product(queries, WORST_TEXTS[:-1]):
            url = f"{path}?{name}={quote(worst, errors='replace')}"
            yield Sent(operation.method, url, None, held.units[0], frozenset(Role))


def _at(value: Any, place: Sequence[Any]) -> Any:
    for step in place:
        value = value[step]
    return value


def _worst(held: Any) -> Sequence[Any]:
    match held:
        case str():
            return WORST_TEXTS
        case bool():
            return ()
        case int() | float():
            return WORST_NUMBERS
    return ()


async def none_is_our_fault(running: Running, held: Given, *, examples: int) -> None:
    """Send each good body with each field bent, then so many drawn at random, and look at every answer."""
    loop = asyncio.get_running_loop()
    document = running.parts.http.openapi()

    async def ask(sent: Sent) -> httpx2.Response:
        token = tokens.mint(
            running.fresh.installation,
            account=f"{sent.unit}.x",
            unit=sent.unit,
            roles=sent.roles,
            audience=running.service,
        )
        headers = {"Authorization": f"Bearer {token}"}
        if sent.content is not None:
            headers["Content-Type"] = "application/json"
        return await running.http.request(sent.method, sent.url, content=sent.content, headers=headers)

    wrong = [(sent, found) for sent in each_field_bent(document, held) if (found := faults(sent, await ask(sent)))]
    assert wrong == []

    # The same requests in every run, and no search for a smaller one where one is found: the time is bounded.
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(document, held))
    def try_it(sent: Sent) -> None:
        answer = asyncio.run_coroutine_threadsafe(ask(sent), loop).result(timeout=60)
        assert faults(sent, answer) == [], sent

    # Hypothesis calls its function synchronously, so it works in a thread of its own and the requests in this loop.
    await asyncio.to_thread(try_it)
