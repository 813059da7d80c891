"""Decides a call: the checks of the protocol in their order; the first that applies wins."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from common.events import Item, Operator, UnitState
from common.keys import KeyKind, Pepper, well_formed
from exchange.reading import Condition, Shape
from exchange.values import BadValue, Value, read
from gateway.domain.memory import Filterable, Grant, Memory, Service
from gateway.domain.requests import METHOD_KEY, NOTE_HEADERS, UNIT_KEY, Headers, note_fits
from gateway.errors import Code, Refused

V = TypeVar("V")
S = TypeVar("S", bound=StrEnum)

MAX_IN: Final = 100
MAX_PAGE: Final = 1000
MAX_ROWS_BY_PAGE: Final = 10_000
_RESERVED: Final = frozenset(
    {UNIT_KEY, METHOD_KEY, "format", "rsStyle", "rsStructure", "page", "pageSize", "cursor", "orderBy"}
)


class Format(StrEnum):
    JSON = "json"
    XML = "xml"


class Style(StrEnum):
    COMPLEX = "complex"
    SIMPLE = "simple"


class Structure(StrEnum):
    """返回数据格式结构 (Annex 3 §5.2)."""

    LM = "LM"
    KV = "KV"
    SR = "SR"
    MA = "MA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who calls what, by the keys; known as far as the checks came."""

    unit: str | None = None
    unit_key: str | None = None
    method_key: str | None = None
    service: Service | None = None
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """A filter of a call with its value."""

    item: str
    operator: Operator
    value: Value | list[Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A call that may be answered: what to read, and how to show it."""

    shape: Shape
    values: tuple[Value | list[Value], ...]
    limit: int
    skip: int
    items: tuple[Item, ...]
    filters: tuple[Bound, ...]
    format: Format
    style: Style
    structure: Structure


class Decided(Exception):  # noqa: N818  an answer, not a malfunction
    """A check failed; `who` is what was known by then."""

    def __init__(self, code: Code, who: Who) -> None:
        super().__init__(code.value)
        self.code = code
        self.who = who


def wanted_format(parameters: dict[str, str]) -> Format:
    """The form of a failure's answer: what was asked for if it is one, else JSON."""
    return Format.XML if parameters.get("format") == Format.XML else Format.JSON


def identify(parameters: dict[str, str], service: str | None, memory: Memory, peppers: tuple[Pepper, ...]) -> Who:
    """Checks 1 to 4: both keys given, the unit, the service, the grant.

    Raises:
        Decided: with what was known when a check failed.
    """
    unit_key, method_key = parameters.get(UNIT_KEY), parameters.get(METHOD_KEY)
    if not unit_key or not method_key:
        raise Decided(Code.PARAMETERS, Who())
    unit = _look_up(KeyKind.UNIT, unit_key, memory.unit_keys, peppers)
    if unit is None:
        raise Decided(Code.UNIT_KEY, Who())
    known = Who(unit=unit[0], unit_key=unit[1])
    found = memory.services.get(service) if service is not None else None
    if found is None:
        raise Decided(Code.SERVICE, known)
    known = Who(unit=unit[0], unit_key=unit[1], service=found)
    method = _look_up(KeyKind.METHOD, method_key, memory.method_keys, peppers)
    grant = memory.grants.get(method[0]) if method is not None else None
    if method is None or grant is None or grant.told.unit != unit[0]:
        raise Decided(Code.METHOD_KEY, known)
    if grant.told.service != found.told.service:
        raise Decided(Code.SERVICE, known)
    return Who(unit=unit[0], unit_key=unit[1], service=found, grant=grant, method_key=method[1])


def _look_up(kind: KeyKind, key: str, held: dict[tuple[str, str], V], peppers: tuple[Pepper, ...]) -> V | None:
    """Whose key it is. A key that is not well formed is nobody's, and no table is asked."""
    if not well_formed(kind, key):
        return None
    for pepper in peppers:
        found = held.get((pepper.id, pepper.digest(key)))
        if found is not None:
            return found
    return None


def admit(who: Who, memory: Memory, *, address: str, at: datetime) -> str:
    """Checks 5 and 6: the service is in use, the grant stands and admits the caller. Returns the view to read.

    Raises:
        Refused: 208 or 203.
    """
    service, grant = who.service, who.grant
    assert service is not None
    assert grant is not None
    view = memory.view(service.told.resource_version)
    if not memory.running or not service.in_use or view is None:
        raise Refused(Code.STOPPED)
    unit = memory.units.get(grant.told.unit)
    if unit is None or unit.state is not UnitState.ACTIVE:
        raise Refused(Code.GRANT)
    if not grant.enforced or not grant.stands(at) or not grant.admits(address):
        raise Refused(Code.GRANT)
    return view


def plan(parameters: dict[str, str], headers: Headers, who: Who, view: str, memory: Memory) -> Plan:
    """Checks 8 and 9: the parameters are declared, the required ones are there, each value fits.

    Raises:
        Refused: 101 or 206; before them 203, if the grant has nothing to show of the resource as it is now.
    """
    service, grant = who.service, who.grant
    assert service is not None
    assert grant is not None
    shown, rows = _shown(service, grant), _row_filter(service, grant)
    _check_names(parameters, headers, service, grant)
    given = {name: value for name, value in parameters.items() if name not in _RESERVED}
    if parameters.get("rsStructure") == Structure.SR and len(shown) != 1:
        raise Refused(Code.PARAMETERS)
    output, style = _one_of(Format, parameters, "format"), _one_of(Style, parameters, "rsStyle")
    structure = _one_of(Structure, parameters, "rsStructure")
    limit, skip = _page(parameters, service)
    if "cursor" in parameters or "orderBy" in parameters:
        # No cursor is given out and no ordering can be declared yet: any value is an unknown one.
        raise Refused(Code.VALUE)
    filters = tuple(_bind(service.parameters[name], value, memory) for name, value in sorted(given.items()))
    single = structure in {Structure.KV, Structure.SR}
    conditions = tuple(Condition(bound.item, bound.operator) for bound in (*filters, *rows))
    return Plan(
        shape=Shape(view, shown, conditions, service.key),
        values=tuple(bound.value for bound in (*filters, *rows)),
        limit=2 if single else limit,
        skip=0 if single else skip,
        items=shown,
        filters=filters,
        format=output,
        style=style,
        structure=structure,
    )


def _shown(service: Service, grant: Grant) -> tuple[Item, ...]:
    """The granted items that the resource has, in the catalogue's order; 203 if none of them is there any more."""
    granted = {item.code for item in grant.told.items}
    shown = tuple(item for code, item in service.items.items() if code in granted)
    if not shown:
        raise Refused(Code.GRANT)
    return shown


def _row_filter(service: Service, grant: Grant) -> tuple[Bound, ...]:
    """The conditions of the grant on rows.

    One on an item that the resource no longer has, or with a value that the item excludes, can hide rows no longer:
    nothing is shown, 203.
    """
    return tuple(
        Bound(condition.item, Operator.IN, _row_values(service.items.get(condition.item), condition.values))
        for condition in grant.told.row_filter
    )


def _check_names(parameters: dict[str, str], headers: Headers, service: Service, grant: Grant) -> None:
    for name in parameters:
        if name not in _RESERVED and name not in service.parameters:
            raise Refused(Code.PARAMETERS)
    named = {service.parameters[name].item.code for name in parameters if name in service.parameters}
    if not service.required <= named:
        raise Refused(Code.PARAMETERS)
    for header in grant.told.required_headers:
        if not headers.get(header.lower().encode()):
            raise Refused(Code.PARAMETERS)
    if not all(note_fits(headers[name]) for name in NOTE_HEADERS if name in headers):
        raise Refused(Code.PARAMETERS)
    if "page" in parameters and "cursor" in parameters:
        raise Refused(Code.PARAMETERS)


def _one_of(kind: type[S], parameters: dict[str, str], name: str) -> S:
    given = parameters.get(name)
    if given is None:
        return next(iter(kind))
    try:
        return kind(given)
    except ValueError:
        raise Refused(Code.VALUE) from None


def _page(parameters: dict[str, str], service: Service) -> tuple[int, int]:
    size = _count(parameters.get("pageSize", "100"), MAX_PAGE)
    limit = min(size, service.told.page_limit)
    page = _count(parameters.get("page", "1"), MAX_ROWS_BY_PAGE)
    if page * limit > MAX_ROWS_BY_PAGE:
        raise Refused(Code.VALUE)
    return limit, (page - 1) * limit


def _count(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or text.startswith("0") or int(text) > most:
        raise Refused(Code.VALUE)
    return int(text)


def _bind(parameter: Filterable, text: str, memory: Memory) -> Bound:
    item, operator = parameter.item, parameter.operator
    try:
        if operator is Operator.IN:
            parts = text.split(",")
            if len(parts) > MAX_IN:
                raise Refused(Code.VALUE)
            return Bound(item.code, operator, [read(item, part, memory.code_sets) for part in parts])
        return Bound(item.code, operator, read(item, text, memory.code_sets, whole=operator is Operator.EQ))
    except BadValue:
        raise Refused(Code.VALUE) from None


def _row_values(item: Item | None, texts: tuple[str, ...]) -> list[Value]:
    if item is None:
        raise Refused(Code.GRANT)
    try:
        return [read(item, text, {}, whole=False) for text in texts]
    except BadValue:
        raise Refused(Code.GRANT) from None
