"""The record of a call (`gateway-protocol`, Promises): what the trail is told, with nothing personal in clear."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from common.events import Operator, RecordKind
from common.ids import uuid7
from common.keys import Pepper
from gateway.domain.decisions import Bound, Plan, Who
from gateway.domain.requests import Notes

MAX_BATCHES: Final = 16
"""Batches that a record names; of more it keeps number and digest."""


@dataclass(slots=True, kw_only=True)
class Call:
    """What is known of a call while it is being answered; becomes its record."""

    method: str
    address: str
    trace_id: str
    received_at: datetime
    id: UUID = field(default_factory=uuid7)
    who: Who = field(default_factory=Who)
    plan: Plan | None = None
    notes: Notes = field(default_factory=lambda: Notes(None, None, None))
    service_name: str | None = None
    checked_at: datetime | None = None
    sourced_at: datetime | None = None
    batches: tuple[UUID, ...] = ()
    rows: int = 0
    status: int = 200
    code: str = ""
    answer: bytes = b""


def content_digest(answer: bytes) -> tuple[str, bytes]:
    """The SHA-256 of an answer: in hexadecimal for the record, and as `Content-Digest` (RFC 9530)."""
    raw = hashlib.sha256(answer).digest()
    return raw.hex(), b"sha-256=:" + base64.b64encode(raw) + b":"


def record(call: Call, answer_digest: str | None, pepper: Pepper, recorded_at: datetime) -> dict[str, Any]:
    """The record of a call, without its number, in the form of `common.events.CallRecord`."""
    who, plan = call.who, call.plan
    service = who.service.told if who.service else None
    grant = who.grant.told if who.grant else None
    return {
        "call": call.id,
        "kind": RecordKind.CALL.value,
        "method": call.method,
        "unit": who.unit,
        "unit_key": who.unit_key,
        "service": service.service if service else call.service_name,
        "service_version": service.version if service else None,
        "entry": service.entry if service else None,
        "resource_version": service.resource_version if service else None,
        "grant": grant.grant if grant else None,
        "grant_version": grant.version if grant else None,
        "method_key": who.method_key,
        "application": grant.application if grant else None,
        "edition": grant.basis.edition if grant else None,
        "article": grant.basis.article if grant else None,
        "items": [item.code for item in plan.items] if plan else [],
        "filters": _filters(plan.filters, pepper) if plan else [],
        "subject": _subject(plan, service.entry, pepper) if plan and service else None,
        "pepper": pepper.id,
        "using_system": call.notes.using_system,
        "operator": call.notes.operator,
        "matter": call.notes.matter,
        "source_address": call.address,
        "batches": [str(batch) for batch in call.batches[:MAX_BATCHES]],
        "batch_count": len(call.batches),
        "batch_digest": _batch_digest(call.batches) if len(call.batches) > MAX_BATCHES else None,
        "rows": call.rows,
        "status": call.status,
        "code": call.code,
        "received_at": call.received_at,
        "checked_at": call.checked_at,
        "sourced_at": call.sourced_at,
        "recorded_at": recorded_at,
        "answer": answer_digest,
        "trace_id": call.trace_id,
    }


def _filters(filters: tuple[Bound, ...], pepper: Pepper) -> list[dict[str, str]]:
    found = []
    for bound in filters:
        values = bound.value if isinstance(bound.value, list) else [bound.value]
        text = "\x1f".join([bound.item, *map(str, values)])
        found.append({"item": bound.item, "operator": bound.operator.value, "value": pepper.digest(text)})
    return found


def _subject(plan: Plan, entry: str, pepper: Pepper) -> str | None:
    """Whom or what the call asked for: the equality values of the resource's key in key order, if all are given."""
    equal = {bound.item: str(bound.value) for bound in plan.filters if bound.operator is Operator.EQ}
    key = plan.shape.key
    if not key or not all(code in equal for code in key):
        return None
    return subject_digest(entry, [equal[code] for code in key], pepper)


def subject_digest(entry: str, values: Iterable[str], pepper: Pepper) -> str:
    """The keyed hash under which the trail finds what was asked about one person or thing."""
    return pepper.digest("\x1f".join([entry, *values]))


def _batch_digest(batches: tuple[UUID, ...]) -> str:
    return hashlib.sha256(b"".join(batch.bytes for batch in sorted(batches))).hexdigest()
