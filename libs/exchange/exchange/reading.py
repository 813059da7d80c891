"""How calls read a resource: a statement per shape, values always bound, as JSON fragments that the database writes.

Nothing is decoded and encoded on the way: digits are kept, dates come in the annex's form, masked items come masked.
Beside the items each row carries its batch, which the evidence of the call names, and the time of the newest batch,
seen in the same snapshot as the rows.

Two forms of one shape: `single` answers one call; `many` answers several calls of the same shape at once, and is for
shapes that find one row at most. What it costs to ask is then paid once for all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from common.events import Item, ItemType, Operator
from exchange.layout import BATCH, ROW, quoted
from exchange.masks import Mask, masked
from exchange.values import fragment

_COMPARISONS: Final = {
    Operator.EQ: "{column} = {value}",
    Operator.IN: "{column} = any({value})",
    Operator.GE: "{column} >= {value}",
    Operator.GT: "{column} > {value}",
    Operator.LE: "{column} <= {value}",
    Operator.LT: "{column} < {value}",
    # Literal, whatever the value holds: no wildcard is a wildcard.
    Operator.PREFIX: "starts_with({column}, {value})",
}
_BOUND_AS: Final = {
    ItemType.TEXT: "text",
    ItemType.INTEGER: "bigint",
    ItemType.NUMERIC: "numeric",
    ItemType.DATE: "date",
    ItemType.DATETIME: "timestamp",
}
_AS_OF: Final = (
    """select to_char(max(committed_at) at time zone 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+08:00"') as as_of"""
    " from exchange.batch_heads where resource_version = {version}"
)
AS_OF: Final = "_as_of"
"""First column of every row: ISO 8601 of the newest batch; null before the first. There is always at least one row."""


@dataclass(frozen=True, slots=True)
class Column:
    """An item as a call shows it: clear, masked, or (`claimed`) whether it equals the value that was given."""

    item: Item
    mask: Mask | None = None
    claimed: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter's shape: its value is bound in the order of the conditions."""

    item: Item
    operator: Operator


@dataclass(frozen=True, slots=True)
class Order:
    """An ordering before the key's: nulls last either way."""

    item: Item
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is read, and in which natural order."""

    view: str
    """Qualified and quoted, as `layout` makes it."""
    version: str
    key: tuple[Item, ...]


class After(Enum):
    """Which rows a page begins behind: none, those up to a value of the ordering, or those up to a null of it."""

    START = "start"
    VALUE = "value"
    NULL = "null"


class Shape:
    """What distinguishes one statement from another. Made once for many calls, which only bring values.

    Values are bound in this order: those of the conditions, those of the claimed columns. For `many` each of them is an
    array with a value per call; an `in` takes three: the values of all calls one after the other, and the first and
    last place of each call's own.
    """

    __slots__ = ("claimed", "columns", "conditions", "finds_one", "lane", "source")

    def __init__(self, source: Source, columns: tuple[Column, ...], conditions: tuple[Condition, ...]) -> None:
        self.source = source
        self.columns = columns
        self.conditions = conditions
        self.claimed = tuple(column for column in columns if column.claimed)
        equal = {condition.item.code for condition in conditions if condition.operator is Operator.EQ}
        self.finds_one = bool(source.key) and all(item.code in equal for item in source.key)
        """Whether the key is given whole: no more than one row can be found."""
        claims = "".join(f"?{column.item.code}" for column in self.claimed)
        asked = "".join(f" {condition.operator}:{condition.item.code}" for condition in conditions)
        self.lane = f"{source.version}{asked}{claims}"
        """Shapes with the same lane differ in the columns that they show alone, and can be asked together."""

    @property
    def named(self) -> tuple[Item, ...]:
        """The items whose values are bound, in the order of binding."""
        return (*(condition.item for condition in self.conditions), *(column.item for column in self.claimed))

    def single(self, order: Order | None = None, after: After = After.START) -> str:
        """The statement of one call.

        Columns: the time of the newest batch, the items, the batch (null: no row), and the place of the row as texts:
        the value of `order`, if there is one, then those of the natural order.

        Behind the values are bound the limit and the rows to skip; or, to go on behind a place, the place as it came
        (without the value of `order` where that is null) and the limit.
        """
        where = [self._where(_numbered)] if self.conditions else []
        taken = len(self.named)
        natural = [column for column, _ in _natural(self.source)]
        place = natural if order is None else [quoted(order.item.code), *natural]
        if after is not After.START:
            where.append(_behind(self.source, order, after, taken))
            taken += len(natural) + (order is not None and after is After.VALUE)
        shown = [*self._columns(self.columns, _numbered), BATCH, *(f"{column}::text" for column in place)]
        # Qualified: a bare name would mean the place as a text, which stands under the same name among what is shown.
        ordered = [f"s.{column}" for column in natural]
        if order is not None:
            ordered.insert(0, f"s.{place[0]}{' desc' if order.descending else ''} nulls last")
        return (
            f"select {AS_OF}.as_of, r.* from ({self._as_of()}) {AS_OF} left join lateral ("  # noqa: S608  names quoted
            f"select {', '.join(shown)} from {self.source.view} s"
            + (f" where {' and '.join(where)}" if where else "")
            + f" order by {', '.join(ordered)} limit ${taken + 1}"
            + (f" offset ${taken + 2}" if after is After.START else "")
            + ") r on true"
        )

    def many(self, columns: Sequence[Column]) -> str:
        """The statement of several calls of this lane, showing these columns.

        Columns: the call's place from 1, the time of the newest batch, the items, the batch (null: no row).
        """
        parameters, names = self._arrays()
        value = names.__getitem__
        shown = ", ".join([*self._columns(columns, value), BATCH])
        return (
            f"select q.n, {AS_OF}.as_of, r.* from ({self._as_of()}) {AS_OF}"  # noqa: S608  names quoted, values bound
            f" cross join rows from ({', '.join(parameters)}) with ordinality q({', '.join(self._fields())}, n)"
            f" left join lateral (select {shown} from {self.source.view} where {self._where(value)}) r on true"
        )

    def _as_of(self) -> str:
        return _AS_OF.format(version="'" + self.source.version.replace("'", "''") + "'")

    def _where(self, value: Callable[[int], str]) -> str:
        return " and ".join(
            _COMPARISONS[condition.operator].format(column=quoted(condition.item.code), value=value(n))
            for n, condition in enumerate(self.conditions)
        )

    def _columns(self, columns: Sequence[Column], value: Callable[[int], str]) -> list[str]:
        found = []
        for column in columns:
            name = quoted(column.item.code)
            if column.claimed:
                place = len(self.conditions) + self.claimed.index(column)
                found.append(f"""case when {name} = {value(place)} then '"1"' else '"0"' end""")
            elif column.mask is not None:
                found.append(f"coalesce(to_json({masked(column.mask, name)})::text, 'null')")
            else:
                found.append(fragment(column.item, name))
        return found

    def _fields(self) -> list[str]:
        found = []
        for n in range(len(self.named)):
            found += [f"a{n}", f"b{n}"] if self.is_in(n) else [f"v{n}"]
        return found

    def _arrays(self) -> tuple[list[str], list[str]]:
        """The arrays that are unfolded, and what each bound value is called in the statement."""
        unfolded: list[str] = []
        names: list[str] = []
        number = 0
        for n, item in enumerate(self.named):
            kind = _BOUND_AS[item.type]
            number += 1
            if self.is_in(n):
                names.append(f"(${number}::{kind}[])[q.a{n}:q.b{n}]")
                unfolded += [f"unnest(${number + 1}::int[])", f"unnest(${number + 2}::int[])"]
                number += 2
            else:
                names.append(f"q.v{n}")
                unfolded.append(f"unnest(${number}::{kind}[])")
        return unfolded, names

    def is_in(self, n: int) -> bool:
        return n < len(self.conditions) and self.conditions[n].operator is Operator.IN


def _numbered(n: int) -> str:
    return f"${n + 1}"


def _natural(source: Source) -> list[tuple[str, str]]:
    """The columns of the natural order, never null, with the types that their values are bound as."""
    return [(quoted(item.code), _BOUND_AS[item.type]) for item in source.key] or [(BATCH, "uuid"), (ROW, "integer")]


def _behind(source: Source, order: Order | None, after: After, taken: int) -> str:
    """The condition on rows behind a place, values bound as texts from the next number on."""
    kind = _BOUND_AS[order.item.type] if order is not None and after is After.VALUE else None
    first = taken + 1 + (kind is not None)
    natural = _natural(source)
    columns = ", ".join(column for column, _ in natural)
    values = ", ".join(f"(${n}::text)::{bound}" for n, (_, bound) in enumerate(natural, first))
    behind = f"({columns}) > ({values})"
    if order is None:
        return behind
    name = quoted(order.item.code)
    if kind is None:
        # Behind a null there are only nulls.
        return f"({name} is null and {behind})"
    value = f"(${taken + 1}::text)::{kind}"
    return f"({name} {'<' if order.descending else '>'} {value} or {name} is null or ({name} = {value} and {behind}))"
