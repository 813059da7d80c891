"""What the gateway holds in memory: units, services, grants and readiness, as the state events told them last.

Everything a call needs is worked out when an event arrives, not when a call does. A later telling replaces an earlier
one; an older one is skipped.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from common.events import (
    CodeSetChanged,
    Event,
    ExchangeState,
    ExchangeStateChanged,
    GrantChanged,
    ResourceReady,
    ResourceState,
    ServiceChanged,
    StateEvent,
    UnitChanged,
    UnitState,
)
from gateway.domain.access import Access, Bindable, Scope, possible, row_values
from gateway.domain.grants import Grant, Service, Structure

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
T = TypeVar("T", bound=Hashable)


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
    _structures: dict[tuple[Hashable, ...], Structure] = field(default_factory=dict)
    _scopes: dict[tuple[Hashable, ...], Scope] = field(default_factory=dict)
    _row_values: dict[tuple[Hashable, ...], tuple[Bindable, ...]] = field(default_factory=dict)
    _shared: dict[Hashable, Hashable] = field(default_factory=dict)
    """One object for all that are equal: texts, items, conditions."""

    def apply(self, event: Event) -> None:
        """Take a state event; one that is not newer than what is held changes nothing."""
        _APPLY[type(event)](self, event)
        self.changes += 1

    @property
    def running(self) -> bool:
        return self.exchange is None or self.exchange.state is ExchangeState.RUNNING

    def access(self, service: Service, grant: Grant) -> Access | None:
        """What the grant lets one see of its service as both are now; None if that is nothing.

        Raises:
            KeyError: it is answered from the exchange store, and the resource cannot be read (see `readable`).
        """
        ready = self.ready[service.resource_version] if service.interface is None else None
        held = grant.access
        if held is not None and held.scope.structure is service.structure and held.scope.ready is ready:
            return held
        if not possible(service, grant):
            return None
        single = tuple((condition.item, len(condition.values) == 1) for condition in grant.row_filter)
        view = (ready.resource_version, ready.version) if ready is not None else None
        name = (id(service.structure), service.mode, view, grant.items, single)
        scope = self._scopes.get(name)
        if scope is None:
            scope = self._scopes[name] = Scope(service, grant, ready)
        # The same object for the same values: lanes send it once for all calls that bring it.
        rows = (id(service.structure), grant.row_filter)
        values = self._row_values.get(rows)
        if values is None:
            values = self._row_values[rows] = row_values(service.structure, grant.row_filter)
        grant.access = Access(scope, values)
        return grant.access

    def readable(self, resource_version: str) -> bool:
        """Whether the resource version has its view."""
        told = self.ready.get(resource_version)
        return told is not None and told.state is ResourceState.READY

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
        if held is not None and told.version <= held.version:
            return
        name = (told.resource_version, told.mode, told.items, told.inputs, told.identity, told.claims, told.orderings)
        structure = self._structures.get(name)
        if structure is None:
            structure = self._structures[name] = Structure.of(told)
        self.services[told.service] = Service.of(told, structure)

    def _grant(self, told: GrantChanged) -> None:
        held = self.grants.get(told.grant)
        if held is not None:
            if told.version <= held.version:
                return
            for key in held.keys:
                self.method_keys.pop(key, None)
        grant = Grant.of(told)
        grant.unit, grant.service = self._one(grant.unit), self._one(grant.service)
        grant.edition, grant.article = self._one(grant.edition), self._one(grant.article)
        grant.items, grant.row_filter = self._one(grant.items), self._one(grant.row_filter)
        self.grants[grant.id] = grant
        for pepper, key_hash, key_id in ((key.pepper, key.hash, key.id) for key in told.keys):
            self.method_keys[self._one(pepper), key_hash] = (grant.id, key_id)

    def _one(self, value: T) -> T:
        return cast("T", self._shared.setdefault(value, value))

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
