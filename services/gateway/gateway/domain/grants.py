"""Services and grants as calls need them: worked out once when an event arrives, and kept small.

A worker holds ten thousand grants and more, so what many of them have in common is one object for all.
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from common.events import (
    GrantChanged,
    GrantedItem,
    GrantState,
    Input,
    Interface,
    Item,
    Mode,
    Operator,
    RowCondition,
    ServiceChanged,
    ServiceState,
    SourceKind,
)

if TYPE_CHECKING:
    from gateway.domain.access import Access
    from gateway.domain.records import Stub

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ANSWERED: Final = frozenset({SourceKind.STORE, SourceKind.PROVIDER, SourceKind.WRITE})


@dataclass(frozen=True, slots=True)
class Filterable:
    """A parameter that a service takes: the item and the operator behind its name."""

    item: Item
    operator: Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What services of one resource version with the same inputs have in common."""

    items: dict[str, Item]
    """By code, in the catalogue's order."""
    key: tuple[Item, ...]
    parameters: dict[str, Filterable]
    """By the parameter's name: `item` for equality, `item__op` for the rest."""
    required: frozenset[str]
    identity: tuple[str, ...]
    claims: frozenset[str]
    orderings: frozenset[str]

    @classmethod
    def of(cls, told: ServiceChanged) -> "Structure":
        items = {item.code: item for item in told.items}
        key = sorted((i for i in told.items if i.key_place is not None), key=lambda i: i.key_place or 0)
        verify = told.mode is Mode.VERIFY
        identity = tuple(code for code in told.identity if code in items) if verify else ()
        claims = frozenset(code for code in told.claims if code in items and code not in identity) if verify else set()
        equal = {code: Filterable(items[code], Operator.EQ) for code in (*identity, *sorted(claims))}
        return cls(
            items=items,
            key=tuple(key),
            parameters=equal if verify else _parameters(told.inputs, items),
            required=frozenset(identity if verify else (i.item for i in told.inputs if i.required)),
            identity=identity,
            claims=frozenset(claims),
            orderings=frozenset(code for code in told.orderings if code in items),
        )


OBJECT: Final = "object_id"
LINK: Final = "object_link"
"""Items of a resource whose rows are objects: the key, and the link that is made when one object is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    code: str
    version: int
    entry: str
    provider: str
    """The unit whose data it answers with."""
    resource_version: str
    mode: Mode
    page_limit: int
    in_use: bool
    """Whether it is active, and of a kind that is answered."""
    structure: Structure
    interface: Interface | None
    """The provider's own, where it is asked; None where the exchange store is."""
    writes: bool = False
    """Whether its calls bring rows instead of asking for some."""
    links: bool = False
    """Whether its rows are objects, to one of which a call can be given a link."""

    @classmethod
    def of(cls, told: ServiceChanged, structure: Structure) -> "Service":
        # A verification without identity or claims can only be a mistake; it is out of use rather than open.
        writes = told.source is SourceKind.WRITE
        whole = told.mode is Mode.QUERY or (not writes and bool(structure.identity and structure.claims))
        answered = told.source in _ANSWERED and (told.source is SourceKind.PROVIDER) == (told.interface is not None)
        return cls(
            code=told.service,
            version=told.version,
            entry=told.entry,
            provider=told.provider,
            resource_version=told.resource_version,
            mode=told.mode,
            page_limit=told.page_limit,
            in_use=told.state is ServiceState.ACTIVE and answered and whole,
            structure=structure,
            interface=told.interface,
            writes=writes,
            links=told.source is SourceKind.STORE
            and told.mode is Mode.QUERY
            and {OBJECT, LINK} <= {item.code for item in told.items},
        )


@dataclass(slots=True, kw_only=True)
class Grant:
    """What one unit may do with one service."""

    id: UUID
    name: bytes
    """The bytes of its id."""
    version: int
    unit: str
    service: str
    application: str
    edition: str
    article: str
    items: tuple[GrantedItem, ...]
    row_filter: tuple[RowCondition, ...]
    networks: tuple[Network, ...]
    required_headers: tuple[bytes, ...]
    valid_from: float
    valid_until: float
    """Unix times in seconds; without an end, infinity."""
    per_second: int | None
    per_day: int | None
    active: bool
    enforced: bool
    """Whether every term of the grant can be read; a grant with another is not honoured (203)."""
    signed: bool
    certified: bool
    """Whether calls must be signed, and come with a client certificate of the unit's."""
    demanding: bool
    """Whether either."""
    keys: tuple[tuple[str, str], ...]
    """(pepper id, keyed hash) of its keys."""
    access: "Access | None" = field(default=None, compare=False)
    """What it lets one see of its service as both are now; made when a call first asks."""
    stub: "Stub | None" = field(default=None, compare=False)
    """What all records of its calls begin with, of the last that was written."""

    @classmethod
    def of(cls, told: GrantChanged) -> "Grant":
        networks = _networks(told.source_addresses)
        return cls(
            id=told.grant,
            name=told.grant.bytes,
            version=told.version,
            unit=told.unit,
            service=told.service,
            application=told.application,
            edition=told.basis.edition,
            article=told.basis.article,
            items=told.items,
            row_filter=told.row_filter,
            networks=networks or (),
            required_headers=tuple(header.lower().encode() for header in told.required_headers),
            valid_from=told.valid_from.timestamp(),
            valid_until=told.valid_until.timestamp() if told.valid_until is not None else float("inf"),
            per_second=told.quota.per_second,
            per_day=told.quota.per_day,
            active=told.state is GrantState.ACTIVE,
            enforced=networks is not None,
            signed=told.demand_signature,
            certified=told.demand_certificate,
            demanding=told.demand_signature or told.demand_certificate,
            keys=tuple((key.pepper, key.hash) for key in told.keys),
        )

    @property
    def metered(self) -> bool:
        return self.per_second is not None or self.per_day is not None

    def stands(self, at: datetime) -> bool:
        """Whether the grant is in force at an instant."""
        return self.active and self.valid_from <= at.timestamp() < self.valid_until

    def admits(self, address: str) -> bool:
        """Whether calls may come from this address."""
        if not self.networks:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)


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


def _networks(blocks: tuple[str, ...]) -> tuple[Network, ...] | None:
    """The networks that calls may come from; None if one of them is none, and then no call may come."""
    try:
        return tuple(ipaddress.ip_network(block) for block in blocks)
    except ValueError:
        return None
