"""The fixture of a file: tables with their rows, services, grants; whatever cannot be is refused by its place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.events import GrantedItem, ItemMode, ItemType, MaskRule
from quality.cells import Value
from tests.vectors import values
from tests.vectors.errors import BadFile
from tests.vectors.literal import plain

TEXT_LENGTH: Final = 4000
"""Characters of a text item that names no length."""
PRECISION: Final = 38
"""Digits of a numeric item that names no precision; its scale is then what its rows have."""
HEADERS: Final = ("X-Operator", "X-Using-System", "X-Matter")
_HEADER: Final = {name.lower(): name for name in HEADERS}
REQUIRED: Final = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An item of a table."""

    code: str
    name: str
    type: ItemType
    length: int | None
    precision: int | None
    scale: int | None
    key_place: int | None
    code_set: tuple[str, ...] | None
    check: str | None

    @property
    def is_number(self) -> bool:
        """Whether answers show it as a JSON number."""
        return self.type in {ItemType.INTEGER, ItemType.NUMERIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    name: str
    fields: tuple[Field, ...]
    rows: tuple[tuple[Value | None, ...], ...]
    """Values in the order of the fields."""

    def field(self, code: str) -> Field:
        return next(field for field in self.fields if field.code == code)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    code: str
    table: str
    verify: bool
    inputs: Mapping[str, tuple[str, ...]]
    """Operators by item, `required` among them."""
    identity: tuple[str, ...]
    claims: tuple[str, ...]
    orderings: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantPlan:
    unit: str
    service: str
    items: tuple[GrantedItem, ...]
    state: str
    daily_quota: int | None
    required_headers: tuple[str, ...]
    source_addresses: tuple[str, ...]
    row_filter: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    tables: Mapping[str, Table]
    services: Mapping[str, ServicePlan]
    grants: Mapping[tuple[str, str], GrantPlan]
    """By unit and service."""

    def table_of(self, service: str) -> Table:
        return self.tables[self.services[service].table]


def read(told: Mapping[str, Any]) -> Fixture:
    """The fixture of a file that has the schema's form.

    Raises:
        BadFile: it names what is not there, names something twice, or holds a value that is none.
    """
    tables = {name: _table(name, table) for name, table in told["tables"].items()}
    services: dict[str, ServicePlan] = {}
    for place, service in enumerate(plain(told["services"])):
        at = f"fixture.services[{place}]"
        if service["service"] in services:
            raise BadFile(f"{at}：服务 {service['service']} 重复")
        if service["table"] not in tables:
            raise BadFile(f"{at}：没有表 {service['table']}")
        services[service["service"]] = _service(at, service, tables[service["table"]])
    grants: dict[tuple[str, str], GrantPlan] = {}
    for place, grant in enumerate(told["grants"]):
        at, name = f"fixture.grants[{place}]", (grant["unit"], grant["service"])
        if grant["service"] not in services:
            raise BadFile(f"{at}：没有服务 {grant['service']}")
        if name in grants:
            raise BadFile(f"{at}：单位 {name[0]} 对服务 {name[1]} 的授权重复")
        grants[name] = _grant(at, grant, tables[services[grant["service"]].table])
    return Fixture(tables=tables, services=services, grants=grants)


def _known(at: str, codes: Iterable[str], table: Table) -> None:
    have = {field.code for field in table.fields}
    unknown = [code for code in codes if code not in have]
    if unknown:
        raise BadFile(f"{at}：表 {table.name} 没有信息项 {'、'.join(unknown)}")


def _table(name: str, told: Mapping[str, Any]) -> Table:
    at = f"fixture.tables.{name}"
    items = plain(told["items"])
    codes = [item["code"] for item in items]
    if not codes or len(set(codes)) != len(codes):
        raise BadFile(f"{at}：须有信息项且不重复")
    kinds = {item["code"]: ItemType(item["type"]) for item in items}
    rows = [_row(f"{at}.rows[{place}]", row, kinds) for place, row in enumerate(told["rows"])]
    keys = [code for code, item in zip(codes, items, strict=True) if item.get("key")]
    for place, row in enumerate(rows):
        empty = [code for code in keys if row[code] is None]
        if empty:
            raise BadFile(f"{at}.rows[{place}]：主键 {'、'.join(empty)} 不能为空")
    fields = tuple(_field(item, keys, [row[item["code"]] for row in rows]) for item in items)
    return Table(name=name, fields=fields, rows=tuple(tuple(row[code] for code in codes) for row in rows))


def _row(at: str, told: Mapping[str, Any], kinds: Mapping[str, ItemType]) -> dict[str, Value | None]:
    """The values of a row by item; an item that it leaves out is null."""
    unknown = sorted(set(told) - set(kinds))
    if unknown:
        raise BadFile(f"{at}：没有信息项 {'、'.join(unknown)}")
    found: dict[str, Value | None] = {}
    for code, kind in kinds.items():
        try:
            found[code] = values.read(kind, told.get(code))
        except ValueError as error:
            raise BadFile(f"{at}.{code}：{error}") from None
    return found


def _field(item: Mapping[str, Any], keys: Sequence[str], held: Sequence[Value | None]) -> Field:
    kind = ItemType(item["type"])
    numeric = kind is ItemType.NUMERIC
    code_set = item.get("code_set")
    return Field(
        code=item["code"],
        name=item["name"],
        type=kind,
        length=item.get("length", TEXT_LENGTH) if kind is ItemType.TEXT else None,
        precision=item.get("precision", PRECISION) if numeric else None,
        scale=item.get("scale", max(map(values.fraction, held), default=0)) if numeric else None,
        key_place=keys.index(item["code"]) + 1 if item["code"] in keys else None,
        code_set=None if code_set is None else tuple(code_set),
        check=item.get("check"),
    )


def _service(at: str, told: Mapping[str, Any], table: Table) -> ServicePlan:
    inputs = {item: tuple(operators) for item, operators in told.get("inputs", {}).items()}
    identity, claims = tuple(told.get("identity", ())), tuple(told.get("claims", ()))
    orderings = tuple(told.get("orderings", ()))
    _known(at, (*inputs, *identity, *claims, *orderings), table)
    verify = told.get("mode") == "verify"
    if verify:
        # What a truth verification takes follows from identity and claims; a file may say it twice.
        implied = {*identity, *claims}
        if not set(inputs) <= implied or any(not set(given) <= {"eq", REQUIRED} for given in inputs.values()):
            raise BadFile(f"{at}：验证服务的输入只能是身份项和被验证项的等值条件")
        inputs = {}
    return ServicePlan(
        code=told["service"],
        table=told["table"],
        verify=verify,
        inputs=inputs,
        identity=identity,
        claims=claims,
        orderings=orderings,
        state=told.get("state", "active"),
    )


def _grant(at: str, told: Mapping[str, Any], table: Table) -> GrantPlan:
    items = tuple(_granted(item) for item in told["items"])
    _known(at, (item.code for item in items), table)
    if not items or len({item.code for item in items}) != len(items):
        raise BadFile(f"{at}：授权的信息项须至少一个且不重复")
    row_filter = told.get("row_filter", {})
    _known(at, row_filter, table)
    headers = told.get("required_headers", [])
    unknown = [name for name in headers if name.lower() not in _HEADER]
    if unknown:
        raise BadFile(f"{at}：要求的请求头只能是 {'、'.join(HEADERS)}")
    quota = told.get("daily_quota")
    return GrantPlan(
        unit=told["unit"],
        service=told["service"],
        items=items,
        state=told.get("state", "active"),
        daily_quota=None if quota is None else plain(quota),
        required_headers=tuple(_HEADER[name.lower()] for name in headers),
        source_addresses=tuple(told.get("source_addresses", ())),
        row_filter=tuple((code, _condition(at, table.field(code), value)) for code, value in row_filter.items()),
    )


def _granted(told: str | Mapping[str, Any]) -> GrantedItem:
    if isinstance(told, str):
        return GrantedItem(code=told, mode=ItemMode.CLEAR)
    mask = MaskRule(told["rule"]) if "rule" in told else None
    return GrantedItem(code=told["code"], mode=ItemMode(told["as"]), mask=mask)


def _condition(at: str, field: Field, told: Any) -> tuple[str, ...]:
    try:
        each = told if isinstance(told, list) else [told]
        return tuple(values.in_condition(field.type, value) for value in each)
    except ValueError as error:
        raise BadFile(f"{at}.row_filter.{field.code}：{error}") from None
