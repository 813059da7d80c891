"""How a call reads a resource: a statement per shape, values always bound, granted items only, as JSON fragments.

The database writes each value as the protocol wants it (digits kept, dates in the annex's form), so that nothing is
decoded and encoded on the way. Beside the items each row carries its batch, which the evidence of the call names.
"""

from dataclasses import dataclass
from typing import Final

from common.events import Item, Operator
from exchange.layout import BATCH, quoted
from exchange.values import fragment

_COMPARISONS: Final = {
    Operator.EQ: "{column} = ${n}",
    Operator.IN: "{column} = any(${n})",
    Operator.GE: "{column} >= ${n}",
    Operator.GT: "{column} > ${n}",
    Operator.LE: "{column} <= ${n}",
    Operator.LT: "{column} < ${n}",
    # Literal, whatever the value holds: no wildcard is a wildcard.
    Operator.PREFIX: "starts_with({column}, ${n})",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter's shape: its value is bound in the order of the conditions."""

    item: str
    operator: Operator


@dataclass(frozen=True, slots=True)
class Shape:
    """What distinguishes one statement from another; calls of one shape share a prepared statement."""

    view: str
    """Qualified and quoted, as `layout` makes it."""
    items: tuple[Item, ...]
    conditions: tuple[Condition, ...]
    key: tuple[str, ...]

    def sql(self) -> str:
        """The statement: values of the conditions from $1 on, the limit last. Columns: the items, then the batch."""
        columns = ", ".join(fragment(item, quoted(item.code)) for item in self.items)
        where = " and ".join(
            _COMPARISONS[condition.operator].format(column=quoted(condition.item), n=place)
            for place, condition in enumerate(self.conditions, 1)
        )
        order = ", ".join(map(quoted, self.key)) or f"{BATCH}, _row"
        return (
            f"select {columns}, {BATCH} from {self.view}"  # noqa: S608  names from the catalogue, quoted; values bound
            + (f" where {where}" if where else "")
            + f" order by {order} limit ${len(self.conditions) + 1}"
        )
