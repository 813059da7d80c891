"""Events of the register: units with their keys, and whether the exchange runs."""

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from common.events.base import StateEvent
from common.events.parts import BoundCertificate, KeyHash, SigningKey, UnitCode


class UnitState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"


class UnitChanged(StateEvent):
    """A unit of the register (2019§24, 2021§23), with the ids of its people and the hashes of its live keys."""

    topic: ClassVar[str] = "unit-changed"
    owner: ClassVar[str] = "registry"

    unit: UnitCode
    name: str
    kind: str
    state: UnitState
    leader: str | None
    """Id of the responsible leader (分管领导)."""
    dedicated: str | None
    """Id of the dedicated person (专人)."""
    body: str | None
    """The body of the regulation that this unit is (`data-centre`), by the edition's code."""
    catalog_keepers: int
    """People of the unit who keep its catalogue (compile, review, publish): one alone needs the platform's review."""
    keys: tuple[KeyHash, ...]
    changed_at: AwareDatetime
    changed_by: str
    reason: str | None
    signing_keys: tuple[SigningKey, ...] = ()
    """The live ones; several while a system is changed over."""
    certificates: tuple[BoundCertificate, ...] = ()

    @property
    def key(self) -> str:
        return self.unit


class ExchangeState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"


class ExchangeStateChanged(StateEvent):
    """The emergency stop of the whole exchange and its end (2019§21, 2021§20)."""

    topic: ClassVar[str] = "exchange-state-changed"
    owner: ClassVar[str] = "registry"
    partitions: ClassVar[int] = 1

    exchange: Literal["exchange"] = "exchange"
    state: ExchangeState
    changed_at: AwareDatetime
    changed_by: str
    reason: str | None

    @property
    def key(self) -> str:
        return self.exchange
