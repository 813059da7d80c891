"""What a grant lets a unit see of a resource, worked out once: columns, rows, and a template per set of parameters.

A call then brings values alone. What many grants have in common is shared: a `Scope` by all with the same items and the
same conditions on rows, a `Template` by all calls that give the same parameters.
"""

from typing import Final

from common.events import GrantedItem, Item, ItemMode, Mode, Operator, ResourceReady, RowCondition
from exchange.layout import quoted
from exchange.masks import mask_of
from exchange.reading import Column, Condition, Shape, Source
from gateway.domain.grants import Filterable, Grant, Service, Structure
from gateway.errors import Code, Refused
from quality.cells import Value
from quality.values import BadValue, read

Bindable = Value | list[Value]
MAX_TEMPLATES: Final = 64
"""Sets of parameters that a scope remembers; whoever sends more is served all the same, a little slower."""


class Template:
    """Calls with the same parameters: what to read, in which order the values are bound."""

    __slots__ = ("bound", "claimed", "codes", "filters", "items", "record", "shape", "subject")

    def __init__(self, scope: "Scope", names: tuple[str, ...]) -> None:
        structure = scope.structure
        found = {name: structure.parameters[name] for name in sorted(names)}
        claims = scope.claims(found)
        self.filters = {name: parameter for name, parameter in found.items() if name not in claims}
        """By parameter, in the order of binding."""
        self.claimed = {name: found[name] for name in claims}
        self.bound = tuple(
            (name, parameter, parameter.item.code, parameter.operator.value) for name, parameter in self.filters.items()
        )
        """The same with what records say of them."""
        columns = tuple(Column(found[name].item, claimed=True) for name in claims) or scope.columns
        self.items = tuple(column.item for column in columns)
        self.codes = tuple(item.code for item in self.items)
        # An item's code is letters, digits and underscores: it needs no escaping, neither in JSON nor here.
        self.record = "{" + ",".join(f'"{code}":%s' for code in self.codes) + "}"
        """Takes a row's fragments and gives a record."""
        conditions = tuple(Condition(parameter.item, parameter.operator) for parameter in self.filters.values())
        self.shape = Shape(scope.source, columns, (*conditions, *scope.row_conditions))
        whole = structure.identity or tuple(item.code for item in structure.key)
        given = [code for code in whole if code in self.filters]
        self.subject = tuple(list(self.filters).index(code) for code in given) if whole and given == list(whole) else ()
        """The places of the values that say whom or what is asked about, in order; empty if not all are given."""


class Scope:
    """The items and the kind of rows that some grants of a service let one see."""

    __slots__ = ("_templates", "columns", "ready", "row_conditions", "source", "structure", "unseen", "verify")

    def __init__(self, service: Service, grant: Grant, ready: ResourceReady | None) -> None:
        self.structure: Structure = service.structure
        self.ready = ready
        self.verify = service.mode is Mode.VERIFY
        self.source = Source(
            # Where a provider is asked no view is read.
            view=f"{quoted(ready.view_schema)}.{quoted(ready.view_name)}" if ready is not None else "",
            version=service.resource_version,
            key=self.structure.key,
        )
        granted = {item.code: item for item in grant.items}
        self.columns = tuple(
            _column(item, granted[code])
            for code, item in self.structure.items.items()
            if code in granted and (self.verify or granted[code].mode is not ItemMode.VERIFY)
        )
        """The granted items that the resource has, in the catalogue's order."""
        self.unseen = frozenset(code for code, item in granted.items() if item.mode is not ItemMode.CLEAR)
        """Items that are not granted in clear: nothing may be filtered or ordered on them."""
        self.row_conditions = tuple(
            Condition(self.structure.items[condition.item], _row_operator(condition.values))
            for condition in grant.row_filter
        )
        self._templates: dict[tuple[str, ...], Template] = {}

    def template(self, names: tuple[str, ...]) -> Template:
        """The template of calls with these parameters, beside those that every service has.

        Raises:
            Refused: 101 if one is not declared or may not be used, if one that is required is missing, or if a
                verification claims nothing or what is not granted.
        """
        held = self._templates.get(names)
        if held is not None:
            return held
        self._check(names)
        made = Template(self, names)
        if len(self._templates) < MAX_TEMPLATES:
            self._templates[names] = made
        return made

    def claims(self, named: dict[str, Filterable]) -> tuple[str, ...]:
        """The claims among the parameters of a verification, in the catalogue's order; nothing for a query."""
        if not self.verify:
            return ()
        return tuple(code for code in self.structure.items if code in named and code in self.structure.claims)

    def _check(self, names: tuple[str, ...]) -> None:
        parameters = self.structure.parameters
        if any(name not in parameters for name in names):
            raise Refused(Code.PARAMETERS)
        given = {parameters[name].item.code for name in names}
        if not self.structure.required <= given:
            raise Refused(Code.PARAMETERS)
        if self.verify:
            claimed = given & self.structure.claims
            granted = {column.item.code for column in self.columns}
            if not claimed or not claimed <= granted:
                raise Refused(Code.PARAMETERS)
        elif not self.unseen.isdisjoint(given):
            raise Refused(Code.PARAMETERS)


class Access:
    """A grant's own: its scope, and the values of its conditions on rows."""

    __slots__ = ("row_values", "scope")

    def __init__(self, scope: Scope, row_values: tuple[Bindable, ...]) -> None:
        self.scope = scope
        self.row_values = row_values


def row_values(structure: Structure, conditions: tuple[RowCondition, ...]) -> tuple[Bindable, ...]:
    """The values of conditions on rows, in their order."""
    return tuple(_row_values(structure.items[condition.item], condition.values) for condition in conditions)


def possible(service: Service, grant: Grant) -> bool:
    """Whether the grant has something to show of the service as both are now.

    A condition on an item that the resource no longer has, or with a value that the item excludes, can hide rows no
    longer: nothing is shown then.
    """
    items = service.structure.items
    shown = any(
        item.code in items and (service.mode is Mode.VERIFY or item.mode is not ItemMode.VERIFY) for item in grant.items
    )
    return shown and all(
        condition.item in items and _readable(items[condition.item], condition.values) for condition in grant.row_filter
    )


def _column(item: Item, granted: GrantedItem) -> Column:
    return Column(item, mask_of(item, granted.mask) if granted.mode is not ItemMode.CLEAR else None)


def _row_operator(values: tuple[str, ...]) -> Operator:
    return Operator.EQ if len(values) == 1 else Operator.IN


def _row_values(item: Item, texts: tuple[str, ...]) -> Bindable:
    values = [read(item, text, {}, whole=False) for text in texts]
    return values[0] if len(values) == 1 else values


def _readable(item: Item, texts: tuple[str, ...]) -> bool:
    try:
        _row_values(item, texts)
    except BadValue:
        return False
    return True
