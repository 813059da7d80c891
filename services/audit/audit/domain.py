"""The trail as values: what is kept of an event, and the thread from a call back to the file and the article."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from common.errors import Undecodable
from common.events import (
    AccessLogged,
    BatchIngested,
    BatchRejected,
    BatchTakenBack,
    CallRecord,
    CatalogChanged,
    CodeSetChanged,
    Event,
    ExchangeStateChanged,
    FileReceived,
    GrantChanged,
    Meta,
    ResourceReady,
    ServiceChanged,
    ShareApproved,
    ShareRefused,
    ShareRequested,
    UnitChanged,
)

KEPT: Final[tuple[type[Event], ...]] = (
    UnitChanged,
    ExchangeStateChanged,
    CatalogChanged,
    ServiceChanged,
    CodeSetChanged,
    ShareRequested,
    ShareApproved,
    ShareRefused,
    GrantChanged,
    FileReceived,
    BatchIngested,
    BatchRejected,
    BatchTakenBack,
    ResourceReady,
)
"""Every event but the records of calls, which have a table of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An event as the trail keeps it, whole."""

    id: UUID
    topic: str
    key: str
    ref: str
    """By what other things name it: a batch its id, an upload its id, else the key."""
    version: int | None
    happened_at: datetime
    trace_id: str | None
    body: dict[str, Any]


def keep(event: Event, meta: Meta) -> Kept:
    """The event as the trail keeps it."""
    ref = event.key
    if isinstance(event, (BatchIngested, BatchTakenBack)):
        ref = str(event.batch)
    elif isinstance(event, (FileReceived, BatchRejected)):
        ref = str(event.upload)
    return Kept(
        id=meta.id,
        topic=event.topic,
        key=event.key,
        ref=ref,
        version=event.order,
        happened_at=meta.time,
        trace_id=meta.traceparent.split("-")[1] if meta.traceparent and meta.traceparent.count("-") == 3 else None,
        body=event.model_dump(mode="json"),
    )


def service_for(unit: str | None, told: dict[str, Any] | None) -> dict[str, Any] | None:
    """A service as a unit may see it: where and how a provider is asked is that provider's own (None: an auditor)."""
    if told is None or unit is None or unit == told.get("provider") or told.get("interface") is None:
        return told
    return {**told, "interface": None}


class Line(NamedTuple):
    """A record of a call as the trail keeps it: by what it is found, and its JSON text."""

    received_at: datetime
    call: UUID
    kind: str
    worker: str
    start: UUID
    number: int
    trace_id: str
    unit: str | None
    entry: str | None
    grant: UUID | None
    code: str
    subject: str | None
    batches: tuple[UUID, ...]
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of records of one worker since one start."""

    worker: str
    start: UUID
    first: int
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, event: AccessLogged) -> "Group":
        """What was understood of a group."""
        return cls._of(event, [record.model_dump_json() for record in event.records])

    @classmethod
    def told(cls, event: AccessLogged, value: bytes) -> "Group":
        """The group in a value, its records as their writer wrote them: members unknown to us are evidence too.

        Raises:
            Undecodable: the value is no strict JSON (a number that is none, half a character).
        """
        try:
            written = orjson.loads(value)["records"]
        except orjson.JSONDecodeError:
            raise Undecodable("事件内容不符合其结构", reason="schema") from None
        return cls._of(event, [orjson.dumps(record).decode() for record in written])

    @classmethod
    def _of(cls, event: AccessLogged, texts: Sequence[str]) -> "Group":
        worker, start = event.worker, event.start
        lines = tuple(
            Line(
                record.received_at,
                record.call,
                record.kind.value,
                worker,
                start,
                record.number,
                record.trace_id,
                record.unit,
                record.entry,
                record.grant,
                record.code,
                record.subject,
                record.batches,
                text,
            )
            for record, text in zip(event.records, texts, strict=True)
        )
        return cls(worker=worker, start=start, first=event.first, lines=lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the records of one worker since one start have come."""

    worker: str
    start: UUID
    next_number: int

    def missing_before(self, first: int) -> tuple[int, int] | None:
        """The numbers that a group beginning with `first` shows to be missing, if any."""
        return (self.next_number, first - 1) if first > self.next_number else None

    def after(self, first: int, count: int) -> "Progress":
        """The progress with a group of records; one that was seen before changes nothing."""
        reached = max(self.next_number, first + count)
        return Progress(worker=self.worker, start=self.start, next_number=reached)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for in the trail; at least one of the first five must be named."""

    trace_id: str | None = None
    unit: str | None = None
    grant: UUID | None = None
    entry: str | None = None
    batch: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100

    @property
    def asks(self) -> bool:
        named = (self.trace_id, self.unit, self.grant, self.entry, self.batch)
        return any(value is not None for value in named)


UNKNOWN_AFTER: Final = timedelta(seconds=60)
"""After which a call that began an effect outside and has no end on record counts as unknown."""
COUNTED_BACK: Final = timedelta(hours=1)
"""How far back calls whose end is unknown are counted for the alert; all of them are found by `GET /unknown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What the trail lacks, in numbers."""

    gaps: int
    unknown: int


class Outcome(StrEnum):
    """What the trail knows of a call's end."""

    RECORDED = "recorded"
    """Its record, or that of its end, is there."""
    PENDING = "pending"
    """It has begun an effect outside less than `UNKNOWN_AFTER` ago."""
    UNKNOWN = "unknown"
    """It has begun, and nobody can say how it ended; nothing was answered. An end that comes late makes it known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call's record with the worker that numbered it; of one with an effect outside its end, else its beginning."""

    worker: str
    start: UUID
    record: CallRecord
    outcome: Outcome = Outcome.RECORDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A call, and everything that it rests on, each as the exchange told it at the time."""

    call: Call
    begun: Call | None
    """The record that was committed before an effect outside, if there was one."""
    unit: dict[str, Any] | None
    service: dict[str, Any] | None
    grant: dict[str, Any] | None
    application: dict[str, Any] | None
    decision: dict[str, Any] | None
    entry: dict[str, Any] | None
    batches: tuple[dict[str, Any], ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts that the call names and the trail does not hold (yet)."""
        record = self.call.record
        asked = {
            "unit": (record.unit, self.unit),
            "service": (record.service_version, self.service),
            "grant": (record.grant, self.grant),
            "application": (record.application, self.application),
            "decision": (record.application, self.decision),
            "entry": (record.entry, self.entry),
        }
        found = [name for name, (named, held) in asked.items() if named is not None and held is None]
        if len(self.batches) < len(record.batches):
            found.append("batches")
        return tuple(found)
