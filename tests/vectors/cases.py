"""The cases of a file: what is sent, and what must come back."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree as ET

from common.events import ItemMode
from tests.vectors.errors import BadFile
from tests.vectors.fixture import Fixture
from tests.vectors.literal import Number, dump, plain

PLACEHOLDER: Final = re.compile(r"\{unitKey:([^{}]+)\}|\{methodKey:([^{}/]+)/([^{}]+)\}")
"""What stands in a case for a key: group 1 the unit, or 2 and 3 unit and service."""
BODIES: Final = ("form", "json", "raw")
Pairs = tuple[tuple[str, str], ...]
"""Names with their values, in order; a name may come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Where in an answer a text of the file stands for a JSON number with its digits."""

    items: frozenset[str] = frozenset()
    """By item code."""
    single: bool = False
    """Whether the one value of SR is a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries: of one of the `BODIES`, the value still with its placeholders."""

    kind: str
    media_type: str
    form: Pairs = ()
    json: Any = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    method: str
    service: str
    query: Pairs
    headers: Pairs
    body: Body | None
    status: int
    expected: Any = None
    """The JSON document that must come back, where `expects_body`."""
    expects_body: bool = False
    xml: str | None = None
    response_headers: Mapping[str, str | None] = field(default_factory=dict)
    numbers: Numbers = Numbers()

    def texts(self) -> Iterator[str]:
        """Whatever may hold a placeholder."""
        for name, value in (*self.query, *self.headers):
            yield name
            yield value
        if self.body is not None:
            for name, value in self.body.form:
                yield name
                yield value
            yield dump(self.body.json)
            yield self.body.raw.decode("utf-8", errors="ignore")


def read(told: Mapping[str, Any], place: int, fixture: Fixture) -> Case:
    """A case that has the schema's form.

    Raises:
        BadFile: it has two bodies, a body or an expected document that is none, or a key that nobody is given.
    """
    at = f"cases[{place}]（{told['name']}）"
    numbers = _numbers(told, fixture)
    if "xml" in told:
        try:
            ET.fromstring(told["xml"])
        except ET.ParseError as error:
            raise BadFile(f"{at}：xml 不是 XML：{error}") from None
    case = Case(
        name=told["name"],
        method=told["method"],
        service=told["service"],
        query=_pairs(f"{at}.query", told["query"]),
        headers=_pairs(f"{at}.headers", told.get("headers", {})),
        body=_body(at, told),
        status=plain(told["status"]),
        expected=told.get("body"),
        expects_body="body" in told,
        xml=told.get("xml"),
        response_headers=told.get("response_headers", {}),
        numbers=numbers,
    )
    for unit, service in _keys(case):
        if service is not None and (unit, service) not in fixture.grants:
            raise BadFile(f"{at}：没有给单位 {unit} 的服务 {service} 的授权，不会有这个 methodKey")
    return case


def units(cases: tuple[Case, ...], fixture: Fixture) -> tuple[str, ...]:
    """Every unit that needs a key: those with grants, and those that only a case names."""
    named = [unit for unit, _ in fixture.grants]
    named += [unit for case in cases for unit, _ in _keys(case)]
    return tuple(dict.fromkeys(named))


def _keys(case: Case) -> Iterator[tuple[str, str | None]]:
    for text in case.texts():
        for found in PLACEHOLDER.finditer(text):
            yield (found[1], None) if found[1] else (found[2], found[3])


def _pairs(at: str, told: Mapping[str, Any]) -> Pairs:
    found: list[tuple[str, str]] = []
    for name, value in told.items():
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, str | Number):
                raise BadFile(f"{at}.{name}：应为文本、数或其列表")
            found.append((name, str(each)))
    return tuple(found)


def _body(at: str, told: Mapping[str, Any]) -> Body | None:
    given = [kind for kind in BODIES if kind in told]
    if not given:
        return None
    if len(given) > 1:
        raise BadFile(f"{at}：{'、'.join(given)} 只能有一个")
    match given[0]:
        case "form":
            form = _pairs(f"{at}.form", told["form"])
            return Body(kind="form", media_type="application/x-www-form-urlencoded", form=form)
        case "json":
            return Body(kind="json", media_type="application/json", json=told["json"])
        case _:
            try:
                raw = base64.b64decode(told["raw"]["base64"], validate=True)
            except binascii.Error as error:
                raise BadFile(f"{at}.raw：不是 base64：{error}") from None
            return Body(kind="raw", media_type=told["raw"]["content_type"], raw=raw)


def _numbers(told: Mapping[str, Any], fixture: Fixture) -> Numbers:
    """Where this case's answer has numbers: by the items of its service, and of its grant if one value is asked for.

    A truth verification answers with the texts "1" and "0", whatever the type of what is claimed.
    """
    service = fixture.services.get(told["service"])
    if service is None or service.verify:
        return Numbers()
    numeric = frozenset(item.code for item in fixture.tables[service.table].fields if item.is_number)
    sent = dump({name: told[name] for name in ("query", "headers", "form", "json") if name in told})
    named = [(found[2], found[3]) for found in PLACEHOLDER.finditer(sent) if found[3] == service.code]
    grant = fixture.grants.get(named[0]) if named else None
    shown = [item.code for item in grant.items if item.mode is not ItemMode.VERIFY] if grant else []
    return Numbers(items=numeric, single=len(shown) == 1 and shown[0] in numeric)
