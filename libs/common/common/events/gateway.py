"""The event of the gateway: the records of calls, in groups, numbered without gaps per worker and start."""

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from common.events.base import Event, Part
from common.events.parts import Digest


class RecordKind(StrEnum):
    CALL = "call"
    """A call with its outcome."""
    BEGIN = "begin"
    """Committed before an effect outside (a provider's interface, a write)."""
    END = "end"


class Filter(Part):
    """A filter of a call; its value only as keyed hash."""

    item: str
    operator: str
    value: Digest


class CallRecord(Part):
    """One call, as evidence. Values that may be personal stand here only as keyed hashes (`pepper` names the key)."""

    call: UUID
    number: int = Field(ge=1)
    """Without gaps per worker and start."""
    kind: RecordKind
    method: str
    unit: str | None
    unit_key: str | None
    """Id of the key that was used, never the key."""
    service: str | None
    service_version: int | None
    entry: str | None
    resource_version: str | None
    grant: UUID | None
    grant_version: int | None
    method_key: str | None
    application: str | None
    edition: str | None
    article: str | None
    items: tuple[str, ...]
    filters: tuple[Filter, ...]
    subject: Digest | None
    pepper: str
    using_system: str | None
    operator: str | None
    matter: str | None
    source_address: str
    batches: tuple[UUID, ...] = Field(max_length=16)
    batch_count: int = Field(ge=0)
    batch_digest: Digest | None
    rows: int = Field(ge=0)
    status: int
    code: str
    """`1` for success, else the protocol's code; a transport refusal carries its HTTP status."""
    received_at: AwareDatetime
    checked_at: AwareDatetime | None
    sourced_at: AwareDatetime | None
    recorded_at: AwareDatetime
    answer: Digest | None
    trace_id: str
    charged: str | None = Field(default=None, max_length=64)
    """The lease of the daily quota that the call was taken from (`holder:day`); None where there is no such quota."""
    signing_key: str | None = Field(default=None, max_length=64)
    """Id of the unit's signing key under which the request's signature is right; where the grant demands one."""
    certificate: str | None = Field(default=None, max_length=64)
    """Id of the bound client certificate that was shown to the ingress; where the grant demands one."""
    unproven: str | None = Field(default=None, max_length=64)
    """What was wrong with the proof that the grant demands (`replay`, `wrong-signature`)."""
    count: int = Field(default=1, ge=1)
    """Of how many this speaks: of a flood, refusals to one source within one minute are counted, not told one by one.

    Then `received_at` is when the first came, call and trace are the count's own, and an address `*` stands for many.
    """


class AccessLogged(Event):
    """A group of call records of one gateway worker since one start."""

    topic: ClassVar[str] = "access-logged"
    owner: ClassVar[str] = "gateway"
    partitions: ClassVar[int] = 8
    retention: ClassVar[timedelta] = timedelta(days=30)

    worker: str
    start: UUID
    first: int = Field(ge=1)
    records: tuple[CallRecord, ...] = Field(min_length=1)

    @property
    def key(self) -> str:
        return self.worker
