"""How a resource lies in the exchange store: a schema per provider, a table and a view per resource version.

Names are made here and nowhere else. A view is never altered once it is made: a changed view breaks prepared statements
and loses its rights, so a new structure is a new version with a table and a view of its own.
"""

import re
from dataclasses import dataclass
from typing import Final

from common.errors import Invalid
from common.events import Item, ItemType

OWNER: Final = "exchange_owner"
"""Owns every schema, table and view; cannot log in."""
READER: Final = "gateway_reader"
LOADER: Final = "loader"
BATCH, ROW, LOADED_AT = "_batch", "_row", "_loaded_at"
SYSTEM_COLUMNS: Final = (BATCH, ROW, LOADED_AT)
MAX_COLUMNS: Final = 256
MAX_LENGTH: Final = 10_000_000
"""Characters of a text item at most: beyond this PostgreSQL knows no varchar."""
_VERSION: Final = re.compile(r"\A([123][0-9]{5,15})-([0-9]{6})_v([1-9][0-9]{0,5})\Z")
_UNIT: Final = re.compile(r"\A[a-z][a-z0-9-]{1,31}\Z")
_ITEM: Final = re.compile(r"\A[A-Za-z][A-Za-z0-9_]{0,62}\Z")
_TAKEN: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""Columns that every table of PostgreSQL has already."""


class BadLayout(Invalid):
    """The resource cannot have a table; the text says why."""

    code = "bad-layout"


def quoted(name: str) -> str:
    """A name as SQL wants it, case kept."""
    if not name or len(name.encode()) > 63 or "\x00" in name:
        raise BadLayout("不能作为数据库中的名称", name=name[:100])
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One version of a resource: whose it is, and the items of its rows."""

    provider: str
    version: str
    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        if not _VERSION.match(self.version) or not _UNIT.match(self.provider):
            raise BadLayout("资源版本或单位代码有误", version=self.version, provider=self.provider)
        codes = [item.code for item in self.items]
        if not codes or len(codes) > MAX_COLUMNS:
            raise BadLayout(f"资源须有1至{MAX_COLUMNS}个信息项", items=len(codes))
        if len({code.lower() for code in codes}) != len(codes) or not all(map(_ITEM.match, codes)):
            raise BadLayout("信息项代码有误或重复（不分大小写）")
        if not _TAKEN.isdisjoint(codes):
            raise BadLayout("信息项代码与数据库表自带的列同名", items=sorted(_TAKEN.intersection(codes)))
        places = sorted(item.key_place for item in self.items if item.key_place is not None)
        if places != list(range(1, len(places) + 1)):
            raise BadLayout("主键中的位置须从1起连续")

    @property
    def key(self) -> tuple[str, ...]:
        """Codes of the key's items in their order; empty where the resource has no key."""
        found = [item for item in self.items if item.key_place is not None]
        return tuple(item.code for item in sorted(found, key=lambda item: item.key_place or 0))

    @property
    def schema(self) -> str:
        return "u_" + self.provider.replace("-", "_")

    @property
    def view(self) -> str:
        return self._named("v")

    @property
    def table(self) -> str:
        return self._named("t")

    def _named(self, letter: str) -> str:
        found = _VERSION.match(self.version)
        assert found is not None
        return f"r{found[1]}_{found[2]}_{letter}{found[3]}"

    @property
    def qualified_table(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.table)}"

    @property
    def qualified_view(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.view)}"


def sql_type(item: Item) -> str:
    """The column's type. Text sorts by byte (COLLATE "C"); a datetime is Beijing time without zone."""
    match item.type:
        case ItemType.TEXT:
            return f'varchar({_positive(item, item.length)}) collate "C"'
        case ItemType.INTEGER:
            return "bigint"
        case ItemType.NUMERIC:
            precision, scale = _positive(item, item.precision), item.scale or 0
            if precision > 1000 or not 0 <= scale <= precision:
                raise BadLayout("总位数与小数位数不符", item=item.code)
            return f"numeric({precision},{scale})"
        case ItemType.DATE:
            return "date"
        case ItemType.DATETIME:
            return "timestamp(0)"


def _positive(item: Item, number: int | None) -> int:
    if number is None or not 1 <= number <= MAX_LENGTH:
        raise BadLayout("长度或总位数缺失或超出范围", item=item.code)
    return number


def statements(resource: Resource) -> list[str]:
    """What makes the table and the view of a resource version, run in one transaction as the owner; safe to repeat."""
    columns = [
        f"{quoted(item.code)} {sql_type(item)}" + ("" if item.nullable and item.key_place is None else " not null")
        for item in resource.items
    ]
    columns += [
        f"{BATCH} uuid not null",
        f"{ROW} integer not null",
        f"{LOADED_AT} timestamptz not null default now()",
    ]
    key = ", ".join(map(quoted, resource.key)) or f"{BATCH}, {ROW}"
    columns.append(f"primary key ({key})")
    columns += [
        f"unique ({quoted(item.code)})" for item in resource.items if item.unique and resource.key != (item.code,)
    ]
    shown = ", ".join([*(quoted(item.code) for item in resource.items), BATCH, ROW])
    schema = quoted(resource.schema)
    # Its owner's rights read the table. It hides columns and no rows, so it needs no security barrier, which would keep
    # conditions that PostgreSQL does not call leakproof (numbers, prefixes) away from the indexes.
    view = (
        f"create or replace view {resource.qualified_view}"  # noqa: S608  names made above
        f" as select {shown} from {resource.qualified_table}"
    )
    return [
        f"create schema if not exists {schema} authorization {OWNER}",
        f"create table if not exists {resource.qualified_table} ({', '.join(columns)})",
        f"create index if not exists {quoted(resource.table + '_batch')} on {resource.qualified_table} ({BATCH})",
        view,
        f"grant usage on schema {schema} to {READER}, {LOADER}",
        f"grant select on {resource.qualified_view} to {READER}",
    ]
