"""Events of sharing: applications, decisions, grants."""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from common.events.base import Event, Part, StateEvent
from common.events.parts import Basis, EntryCode, ItemCode, KeyHash, ServiceCode, SharingType, UnitCode


class UseMode(StrEnum):
    """Annex 2, 共享方式: 基本查询, 接口对接, 数据同步."""

    QUERY = "query"
    INTERFACE = "interface"
    SYNC = "sync"


class ShareRequested(Event):
    """An application was submitted and has its number (Annex 2)."""

    topic: ClassVar[str] = "share-requested"
    owner: ClassVar[str] = "sharing"

    application: str
    unit: UnitCode
    applicant: str
    entry: EntryCode
    provider: UnitCode
    sharing_type: SharingType
    services: tuple[ServiceCode, ...]
    items: tuple[ItemCode, ...]
    use_mode: UseMode
    using_system: str | None
    submitted_at: AwareDatetime
    due_on: date | None
    """The day at whose end the answer is due; None where no rule sets one or the calendar of that year is missing."""
    due_open: str | None
    """Why no day could be calculated although a rule sets a deadline."""
    basis: Basis

    @property
    def key(self) -> str:
        return self.application


class ShareApproved(Event):
    """An application was granted, by whom and under which article."""

    topic: ClassVar[str] = "share-approved"
    owner: ClassVar[str] = "sharing"

    application: str
    unit: UnitCode
    entry: EntryCode
    services: tuple[ServiceCode, ...]
    items: tuple[ItemCode, ...]
    grants: tuple[UUID, ...]
    decided_by: str
    decided_at: AwareDatetime
    basis: Basis

    @property
    def key(self) -> str:
        return self.application


class ShareRefused(Event):
    """An application was refused, with the basis in law that a refusal needs (2019§16, 2021§16)."""

    topic: ClassVar[str] = "share-refused"
    owner: ClassVar[str] = "sharing"

    application: str
    unit: UnitCode
    entry: EntryCode
    legal_basis: str
    decided_by: str
    decided_at: AwareDatetime
    basis: Basis

    @property
    def key(self) -> str:
        return self.application


class ItemMode(StrEnum):
    """How an item is granted."""

    CLEAR = "clear"
    MASKED = "masked"
    VERIFY = "verify"


class MaskRule(StrEnum):
    NAME = "name"
    ID_NUMBER = "id_number"
    PHONE = "phone"
    ADDRESS = "address"


class GrantedItem(Part):
    code: ItemCode
    mode: ItemMode
    mask: MaskRule | None = None


class RowCondition(Part):
    """A row is seen only if the item has one of these values; all conditions must hold."""

    item: ItemCode
    values: tuple[str, ...] = Field(min_length=1, max_length=100)


class Quota(Part):
    per_second: int | None = Field(default=None, ge=0)
    per_day: int | None = Field(default=None, ge=0)


class GrantState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"


class GrantChanged(StateEvent):
    """What one unit may do with one service (REQ-S4), whole; the gateway takes every decision from it."""

    topic: ClassVar[str] = "grant-changed"
    owner: ClassVar[str] = "sharing"

    grant: UUID
    unit: UnitCode
    service: ServiceCode
    entry: EntryCode
    application: str
    basis: Basis
    items: tuple[GrantedItem, ...]
    row_filter: tuple[RowCondition, ...]
    source_addresses: tuple[str, ...]
    """CIDR blocks that calls may come from; empty: any."""
    required_headers: tuple[str, ...]
    demand_signature: bool
    demand_certificate: bool
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None
    quota: Quota
    state: GrantState
    keys: tuple[KeyHash, ...]
    changed_at: AwareDatetime
    changed_by: str
    reason: str | None

    @property
    def key(self) -> str:
        return str(self.grant)
