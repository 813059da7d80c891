"""What the gateway holds in memory: units, services, grants and readiness, as the state events told them last.

Everything a call needs is worked out when an event arrives, not when a call does. A later telling replaces an earlier
one; an older one is skipped.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from common.events import (
    CodeSetChanged,
    Event,
    ExchangeState,
    ExchangeStateChanged,
    GrantChanged,
    GrantState,
    Input,
    Item,
    ItemMode,
    Mode,
    Operator,
    ResourceReady,
    ResourceState,
    ServiceChanged,
    ServiceState,
    SourceKind,
    StateEvent,
    UnitChanged,
    UnitState,
)
from exchange.layout import quoted

STATES: Final[tuple[type[StateEvent], ...]] = (
    UnitChanged,
    ServiceChanged,
    CodeSetChanged,
    GrantChanged,
    ResourceReady,
    ExchangeStateChanged,
)
"""The topics that the gateway reads."""

KeyRef = tuple[str, str]
"""(pepper id, keyed hash)."""


@dataclass(frozen=True, slots=True)
class Filterable:
    """A parameter that a service takes: the item and the operator behind its name."""

    item: Item
    operator: Operator


@dataclass(frozen=True, slots=True)
class Service:
    told: ServiceChanged
    items: dict[str, Item]
    parameters: dict[str, Filterable]
    """By the parameter's name: `item` for equality, `item__op` for the rest."""
    required: frozenset[str]
    key: tuple[str, ...]

    @property
    def in_use(self) -> bool:
        return self.told.state is ServiceState.ACTIVE and self.answered

    @property
    def answered(self) -> bool:
        """Whether the gateway knows how to answer it: queries of the exchange store so far."""
        return self.told.source is SourceKind.STORE and self.told.mode is Mode.QUERY


@dataclass(frozen=True, slots=True)
class Grant:
    told: GrantChanged
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    enforced: bool
    """Whether every demand of the grant is enforced here; a grant with another is not honoured (203)."""

    def stands(self, at: datetime) -> bool:
        """Whether the grant is in force at an instant."""
        told = self.told
        begun = told.valid_from <= at
        ended = told.valid_until is not None and at >= told.valid_until
        return told.state is GrantState.ACTIVE and begun and not ended

    def admits(self, address: str) -> bool:
        """Whether calls may come from this address."""
        if not self.networks:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)


@dataclass(slots=True)
class Memory:
    """The state of one gateway worker."""

    units: dict[str, UnitChanged] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    grants: dict[UUID, Grant] = field(default_factory=dict)
    ready: dict[str, ResourceReady] = field(default_factory=dict)
    code_sets: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    exchange: ExchangeStateChanged | None = None
    unit_keys: dict[KeyRef, tuple[str, str]] = field(default_factory=dict)
    """Unit and key id by hash."""
    method_keys: dict[KeyRef, tuple[UUID, str]] = field(default_factory=dict)
    """Grant and key id by hash."""
    changes: int = 0
    """Events taken so far: whoever sees it unchanged knows that nothing was told meanwhile."""
    _parts: dict[tuple[str, int], dict[int, CodeSetChanged]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Take a state event; one that is not newer than what is held changes nothing."""
        _APPLY[type(event)](self, event)
        self.changes += 1

    @property
    def running(self) -> bool:
        return self.exchange is None or self.exchange.state is ExchangeState.RUNNING

    def view(self, resource_version: str) -> str | None:
        """The view of a resource version, qualified and quoted; None while it cannot be read."""
        told = self.ready.get(resource_version)
        if told is None or told.state is not ResourceState.READY:
            return None
        return f"{quoted(told.view_schema)}.{quoted(told.view_name)}"

    def _unit(self, told: UnitChanged) -> None:
        held = self.units.get(told.unit)
        if held is not None:
            if told.version <= held.version:
                return
            for key in held.keys:
                self.unit_keys.pop((key.pepper, key.hash), None)
        self.units[told.unit] = told
        if told.state is not UnitState.WITHDRAWN:
            for key in told.keys:
                self.unit_keys[key.pepper, key.hash] = (told.unit, key.id)

    def _service(self, told: ServiceChanged) -> None:
        held = self.services.get(told.service)
        if held is not None and told.version <= held.told.version:
            return
        items = {item.code: item for item in told.items}
        keyed = sorted((i for i in told.items if i.key_place is not None), key=lambda i: i.key_place or 0)
        self.services[told.service] = Service(
            told=told,
            items=items,
            parameters=_parameters(told.inputs, items),
            required=frozenset(i.item for i in told.inputs if i.required),
            key=tuple(item.code for item in keyed),
        )

    def _grant(self, told: GrantChanged) -> None:
        held = self.grants.get(told.grant)
        if held is not None:
            if told.version <= held.told.version:
                return
            for key in held.told.keys:
                self.method_keys.pop((key.pepper, key.hash), None)
        networks = _networks(told.source_addresses)
        self.grants[told.grant] = Grant(
            told=told, networks=networks or (), enforced=networks is not None and _enforced(told)
        )
        for key in told.keys:
            self.method_keys[key.pepper, key.hash] = (told.grant, key.id)

    def _ready(self, told: ResourceReady) -> None:
        held = self.ready.get(told.resource_version)
        if held is None or told.version > held.version:
            self.ready[told.resource_version] = told

    def _code_set(self, told: CodeSetChanged) -> None:
        name = (told.code_set, told.edition)
        parts = self._parts.setdefault(name, {})
        parts[told.part] = told
        if len(parts) == told.parts:
            self.code_sets[name] = frozenset(code.code for part in parts.values() for code in part.codes)
            del self._parts[name]

    def _exchange(self, told: ExchangeStateChanged) -> None:
        if self.exchange is None or told.version > self.exchange.version:
            self.exchange = told


_APPLY: Final[dict[type[Event], Callable[[Memory, Any], None]]] = {
    UnitChanged: Memory._unit,  # noqa: SLF001  the class's own table
    ServiceChanged: Memory._service,  # noqa: SLF001
    GrantChanged: Memory._grant,  # noqa: SLF001
    ResourceReady: Memory._ready,  # noqa: SLF001
    CodeSetChanged: Memory._code_set,  # noqa: SLF001
    ExchangeStateChanged: Memory._exchange,  # noqa: SLF001
}


def _parameters(inputs: tuple[Input, ...], items: dict[str, Item]) -> dict[str, Filterable]:
    found: dict[str, Filterable] = {}
    for given in inputs:
        item = items.get(given.item)
        if item is None:
            continue
        for operator in given.operators:
            name = given.item if operator is Operator.EQ else f"{given.item}__{operator.value}"
            found[name] = Filterable(item, operator)
    return found


def _networks(blocks: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] | None:
    """The networks that calls may come from; None if one of them is none, and then no call may come."""
    try:
        return tuple(ipaddress.ip_network(block) for block in blocks)
    except ValueError:
        return None


def _enforced(told: GrantChanged) -> bool:
    """Demands that are not enforced yet: masks, truth verification, quotas, signatures, certificates."""
    clear = all(item.mode is ItemMode.CLEAR for item in told.items)
    unmetered = told.quota.per_second is None and told.quota.per_day is None
    return clear and unmetered and not told.demand_signature and not told.demand_certificate
