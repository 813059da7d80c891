"""Decides a call: the checks of the protocol in their order; the first that applies wins."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from common.events import ItemMode, Operator, UnitState
from common.keys import LENGTH as KEY_LENGTH
from common.keys import Pepper
from exchange.reading import Order
from gateway.domain.access import Access, Bindable, Template
from gateway.domain.grants import Filterable, Grant, Service
from gateway.domain.memory import Memory
from gateway.domain.proofs import Proof
from gateway.domain.requests import METHOD_KEY, NOTE_HEADERS, NOTED, UNIT_KEY, Headers, note_fits
from gateway.errors import Code, Refused
from quality.values import BadValue, read

V = TypeVar("V")
S = TypeVar("S", bound=StrEnum)

MAX_IN: Final = 100
MAX_PAGE: Final = 1000
DEFAULT_PAGE: Final = 100
MAX_ROWS_BY_PAGE: Final = 10_000
MAX_CURSOR: Final = 64 * 1024
"""Characters of a cursor: it holds the values of an ordering, which may be long texts."""
_OPTIONAL: Final = frozenset({"format", "rsStyle", "rsStructure", "page", "pageSize", "cursor", "orderBy"})


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


@dataclass(slots=True, kw_only=True)
class Who:
    """Who calls what, by the keys; known as far as the checks came."""

    unit: str | None = None
    unit_key: str | None = None
    method_key: str | None = None
    service: Service | None = None
    grant: Grant | None = None


NOBODY: Final = Who()


@dataclass(frozen=True, slots=True)
class Output:
    """How an answer is formed."""

    format: Format = Format.JSON
    style: Style = Style.COMPLEX
    structure: Structure = Structure.LM
    single: bool = False
    """Whether one record is asked for."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which rows of those that match."""

    limit: int = DEFAULT_PAGE
    skip: int = 0
    order: Order | None = None
    cursor: str | None = None
    """As it came; opened where the secret is."""

    @property
    def first(self) -> bool:
        """Whether the rows are asked for from the first on."""
        return self.cursor is None and self.skip == 0


PLAIN: Final = Output()
FIRST: Final = Paging()


@dataclass(slots=True)
class Plan:
    """A call that may be answered: what to read with which values, and how to show it."""

    template: Template
    values: list[Bindable]
    """In the order in which the template binds them."""
    output: Output
    paging: Paging

    def same_as(self, other: "Plan") -> bool:
        """Whether the other reads the same."""
        return self.template is other.template and self.values == other.values and self.paging == other.paging


class Decided(Exception):  # noqa: N818  an answer, not a malfunction
    """A check failed; `who` is what was known by then."""

    def __init__(self, code: Code, who: Who) -> None:
        super().__init__(code.value)
        self.code = code
        self.who = who


def wanted_format(parameters: dict[str, str]) -> Format:
    """The form of a failure's answer: what was asked for if it is one, else JSON."""
    return Format.XML if "format" in parameters and parameters["format"] == Format.XML else Format.JSON


def identify(parameters: dict[str, str], service: str | None, memory: Memory, peppers: tuple[Pepper, ...]) -> Who:
    """Checks 1 to 4: both keys given, the unit, the service, the grant.

    Raises:
        Decided: with what was known when a check failed.
    """
    unit_key, method_key = parameters.get(UNIT_KEY), parameters.get(METHOD_KEY)
    if not unit_key or not method_key:
        raise Decided(Code.PARAMETERS, Who())
    unit = _look_up(unit_key, memory.unit_keys, peppers)
    if unit is None:
        raise Decided(Code.UNIT_KEY, Who())
    who = Who(unit=unit[0], unit_key=unit[1])
    found = memory.services.get(service) if service is not None else None
    if found is None:
        raise Decided(Code.SERVICE, who)
    who.service = found
    method = _look_up(method_key, memory.method_keys, peppers)
    grant = memory.grants.get(method[0]) if method is not None else None
    if method is None or grant is None or grant.unit != who.unit:
        raise Decided(Code.METHOD_KEY, who)
    if grant.service != found.code:
        raise Decided(Code.SERVICE, who)
    who.grant, who.method_key = grant, method[1]
    return who


def _look_up(key: str, held: dict[tuple[str, str], V], peppers: tuple[Pepper, ...]) -> V | None:
    """Whose key it is."""
    if len(key) != KEY_LENGTH:
        return None
    for pepper in peppers:
        found = held.get((pepper.id, pepper.digest(key)))
        if found is not None:
            return found
    return None


def admit(who: Who, memory: Memory, *, address: str, at: datetime, proof: Proof | None = None) -> Access:
    """Checks 5 and 6: the service is in use, the grant stands and admits the caller.

    Of a signature its time and its nonce remain to be checked (`store.nonces`).

    Raises:
        Refused: 208 or 203.
    """
    service, grant = who.service, who.grant
    assert service is not None
    assert grant is not None
    if not memory.running or not service.in_use:
        raise Refused(Code.STOPPED)
    if service.interface is None and not memory.readable(service.resource_version):
        raise Refused(Code.STOPPED)
    unit = memory.units.get(grant.unit)
    if unit is None or unit.state is not UnitState.ACTIVE:
        raise Refused(Code.GRANT)
    if not grant.enforced or not grant.stands(at) or not grant.admits(address):
        raise Refused(Code.GRANT)
    access = memory.access(service, grant)
    if access is None or (service.writes and not may_write(service, grant)):
        raise Refused(Code.GRANT)
    if grant.demanding and (proof is None or not proof.holds(grant, unit)):
        raise Refused(Code.GRANT)
    return access


def may_write(service: Service, grant: Grant) -> bool:
    """Whether rows may be pushed: by the resource's own unit, under a grant without terms that only reading has."""
    clear = all(item.mode is ItemMode.CLEAR for item in grant.items)
    return grant.unit == service.provider and clear and not grant.row_filter


def plan(parameters: dict[str, str], headers: Headers, who: Who, access: Access, memory: Memory) -> Plan:
    """Checks 8 and 9: the parameters are declared, the required ones are there, each value fits.

    Raises:
        Refused: 101 or 206.
    """
    service, grant = who.service, who.grant
    assert service is not None
    assert grant is not None
    # Both keys are there (check 1); what is left are the names of the service, and seldom an optional one.
    optional = not _OPTIONAL.isdisjoint(parameters)
    names = tuple(n for n in parameters if n != UNIT_KEY and n != METHOD_KEY and not (optional and n in _OPTIONAL))  # noqa: PLR1714  in the path of every call
    template = access.scope.template(names)
    if grant.required_headers or not NOTED.isdisjoint(headers):
        check_headers(headers, grant)
    if optional:
        _check_optional(parameters, template)
        output, paging = output_of(parameters), _paging(parameters, service, access)
    else:
        output, paging = PLAIN, FIRST if service.page_limit >= DEFAULT_PAGE else Paging(limit=service.page_limit)
    values = [_bind(parameter, parameters[name], memory) for name, parameter, _, _ in template.bound]
    values += access.row_values
    if template.claimed:
        values += [_bind(parameter, parameters[name], memory) for name, parameter in template.claimed.items()]
    return Plan(template, values, output, paging)


def check_headers(headers: Headers, grant: Grant) -> None:
    for header in grant.required_headers:
        if not headers.get(header):
            raise Refused(Code.PARAMETERS)
    if not all(note_fits(headers[name]) for name in NOTE_HEADERS if name in headers):
        raise Refused(Code.PARAMETERS)


def _check_optional(parameters: dict[str, str], template: Template) -> None:
    if parameters.get("rsStructure") == Structure.SR and len(template.items) != 1:
        raise Refused(Code.PARAMETERS)
    if "page" in parameters and "cursor" in parameters:
        raise Refused(Code.PARAMETERS)


def output_of(parameters: dict[str, str]) -> Output:
    structure = _one_of(Structure, parameters, "rsStructure")
    return Output(
        _one_of(Format, parameters, "format"),
        _one_of(Style, parameters, "rsStyle"),
        structure,
        single=structure in {Structure.KV, Structure.SR},
    )


def _one_of(kind: type[S], parameters: dict[str, str], name: str) -> S:
    given = parameters.get(name)
    if given is None:
        return next(iter(kind))
    try:
        return kind(given)
    except ValueError:
        raise Refused(Code.VALUE) from None


def _paging(parameters: dict[str, str], service: Service, access: Access) -> Paging:
    size = _count(parameters.get("pageSize", str(DEFAULT_PAGE)), MAX_PAGE)
    limit = min(size, service.page_limit)
    page = _count(parameters.get("page", "1"), MAX_ROWS_BY_PAGE)
    if page * limit > MAX_ROWS_BY_PAGE:
        raise Refused(Code.VALUE)
    cursor = parameters.get("cursor")
    if cursor is not None and not 0 < len(cursor) <= MAX_CURSOR:
        raise Refused(Code.VALUE)
    return Paging(limit, (page - 1) * limit, _order(parameters.get("orderBy"), access), cursor)


def _order(asked: str | None, access: Access) -> Order | None:
    """The ordering that is asked for: one that the service declares, of an item that is not masked for the caller."""
    if asked is None:
        return None
    code = asked.removeprefix("-")
    structure = access.scope.structure
    if access.scope.verify or code not in structure.orderings or code in access.scope.unseen:
        raise Refused(Code.VALUE)
    return Order(structure.items[code], descending=asked.startswith("-"))


def _count(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or text.startswith("0") or int(text) > most:
        raise Refused(Code.VALUE)
    return int(text)


def _bind(parameter: Filterable, text: str, memory: Memory) -> Bindable:
    item, operator = parameter.item, parameter.operator
    try:
        if operator is Operator.IN:
            parts = text.split(",")
            if len(parts) > MAX_IN:
                raise Refused(Code.VALUE)
            return [read(item, part, memory.code_sets) for part in parts]
        return read(item, text, memory.code_sets, whole=operator is Operator.EQ)
    except BadValue:
        raise Refused(Code.VALUE) from None
