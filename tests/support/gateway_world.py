"""The state that a gateway holds, told to it by events: units, services, grants, readiness; and keys to call with."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from common.clock import from_millis
from common.events import (
    Basis,
    BoundCertificate,
    CodeName,
    CodeSetChanged,
    ExchangeState,
    ExchangeStateChanged,
    GrantChanged,
    GrantedItem,
    GrantState,
    Input,
    Item,
    ItemMode,
    KeyHash,
    Mode,
    Operator,
    Quota,
    ResourceReady,
    ResourceState,
    ServiceChanged,
    ServiceState,
    SigningKey,
    SourceKind,
    UnitChanged,
    UnitState,
)
from common.keys import ALGORITHM, KeyKind, Pepper, generate
from exchange.layout import Resource
from gateway.domain.memory import Memory

EPOCH = from_millis(1_700_000_000_000)
PEPPER = Pepper("p1", b"p" * 32)
EVIDENCE = Pepper("e1", b"e" * 32)
BASIS = Basis(
    edition="2021", document="长府规〔2021〕2号", rule="grant", article="§17", layer="district", past_term=True
)
Inputs = Mapping[str, str]
"""Operators by item, as in the golden cases: `{"street_code": "eq in required"}`."""


@dataclass(slots=True)
class World:
    """What the exchange told one gateway, and the keys that it handed out. Every telling has the next version."""

    memory: Memory = field(default_factory=Memory)
    pepper: Pepper = PEPPER
    unit_keys: dict[str, str] = field(default_factory=dict)
    method_keys: dict[tuple[str, str], str] = field(default_factory=dict)
    """By unit and service."""
    grants: dict[tuple[str, str], UUID] = field(default_factory=dict)
    signing: dict[str, tuple[SigningKey, ...]] = field(default_factory=dict)
    certificates: dict[str, tuple[BoundCertificate, ...]] = field(default_factory=dict)
    """What proves a unit's calls, told with each of its tellings."""
    versions: "Counter[str]" = field(default_factory=Counter)
    told_before: int = 0
    """Versions that the same names may have had in an earlier world whose topics this one's readers read too."""

    def next(self, aggregate: str) -> int:
        self.versions[aggregate] += 1
        return self.told_before + self.versions[aggregate]

    def hashed(self, *keys: str) -> tuple[KeyHash, ...]:
        return tuple(
            KeyHash(
                id=f"k-{key[-6:]}",
                hash=self.pepper.digest(key),
                algorithm=ALGORITHM,
                pepper=self.pepper.id,
                issued_at=EPOCH,
            )
            for key in keys
        )

    def unit(self, code: str, state: UnitState = UnitState.ACTIVE, *, keys: Iterable[str] | None = None) -> str:
        """Tell of a unit; without `keys` it keeps the one it has."""
        if keys is None:
            keys = [self.unit_keys.setdefault(code, generate(KeyKind.UNIT))]
        told = UnitChanged(
            version=self.next(f"unit {code}"),
            unit=code,
            name=f"{code}（示例）",
            kind="department",
            state=state,
            leader=None,
            dedicated=None,
            body=None,
            catalog_keepers=2,
            keys=self.hashed(*keys),
            changed_at=EPOCH,
            changed_by="admin",
            reason=None,
            signing_keys=self.signing.get(code, ()),
            certificates=self.certificates.get(code, ()),
        )
        self.memory.apply(told)
        return self.unit_keys.get(code, "")

    def service(
        self,
        code: str,
        items: Iterable[Item],
        inputs: Inputs,
        *,
        resource: Resource | None = None,
        state: ServiceState = ServiceState.ACTIVE,
        ready: bool = True,
        **more: Any,
    ) -> ServiceChanged:
        """Tell of a service, and with `ready` that its resource can be read."""
        items = tuple(items)
        if resource is None:
            resource = Resource(provider="civil-affairs", version="307001-000001_v1", items=items)
        told = ServiceChanged(
            **{
                "version": self.next(f"service {code}"),
                "service": code,
                "name": f"{code}（示例）",
                "entry": resource.version.partition("_")[0],
                "provider": resource.provider,
                "resource_version": resource.version,
                "source": SourceKind.STORE,
                "mode": Mode.QUERY,
                "inputs": tuple(_input(item, told) for item, told in inputs.items()),
                "identity": (),
                "claims": (),
                "orderings": (),
                "page_limit": 1000,
                "items": items,
                "state": state,
                "changed_at": EPOCH,
                "changed_by": "publisher",
                "reason": None,
                **more,
            }
        )
        self.memory.apply(told)
        if ready:
            self.ready(resource)
        return told

    def ready(self, resource: Resource, state: ResourceState = ResourceState.READY) -> None:
        self.memory.apply(
            ResourceReady(
                version=self.next(f"resource {resource.version}"),
                resource_version=resource.version,
                entry=resource.version.partition("_")[0],
                provider=resource.provider,
                view_schema=resource.schema,
                view_name=resource.view,
                state=state,
                changed_at=EPOCH,
            )
        )

    def grant(
        self,
        unit: str,
        service: str,
        items: Iterable[str | GrantedItem],
        *,
        keys: Iterable[str] | None = None,
        **more: Any,
    ) -> GrantChanged:
        """Tell of the grant of a unit for a service; without `keys` it keeps the one it has."""
        at = (unit, service)
        if keys is None:
            keys = [self.method_keys.setdefault(at, generate(KeyKind.METHOD))]
        told = GrantChanged(
            **{
                "version": self.next(f"grant {at}"),
                "grant": self.grants.setdefault(at, uuid4()),
                "unit": unit,
                "service": service,
                "entry": "307001-000001",
                "application": "CNZYSQ230001",
                "basis": BASIS,
                "items": tuple(_granted(item) for item in items),
                "row_filter": (),
                "source_addresses": (),
                "required_headers": (),
                "demand_signature": False,
                "demand_certificate": False,
                "valid_from": EPOCH,
                "valid_until": None,
                "quota": Quota(),
                "state": GrantState.ACTIVE,
                "keys": self.hashed(*keys),
                "changed_at": EPOCH,
                "changed_by": "reviewer",
                "reason": None,
                **more,
            }
        )
        self.memory.apply(told)
        return told

    def code_set(self, name: str, codes: Iterable[str], edition: int = 1, part: int = 1, parts: int = 1) -> None:
        self.memory.apply(
            CodeSetChanged(
                version=1,
                code_set=name,
                edition=edition,
                name=name,
                source="示例",
                part=part,
                parts=parts,
                codes=tuple(CodeName(code=code, name=code) for code in codes),
                changed_at=EPOCH,
            )
        )

    def exchange(self, state: ExchangeState) -> None:
        self.memory.apply(
            ExchangeStateChanged(
                version=self.next("exchange"), state=state, changed_at=EPOCH, changed_by="admin", reason=None
            )
        )

    def keys(self, unit: str, service: str) -> dict[str, str]:
        """The two parameters with which a unit calls a service."""
        return {"unitKey": self.unit_keys[unit], "methodKey": self.method_keys[unit, service]}


def _input(item: str, told: str) -> Input:
    words = told.split()
    operators = tuple(Operator(word) for word in words if word != "required")
    return Input(item=item, operators=operators, required="required" in words)


def _granted(item: str | GrantedItem) -> GrantedItem:
    return item if isinstance(item, GrantedItem) else GrantedItem(code=item, mode=ItemMode.CLEAR)
