"""The record of a call (`gateway-protocol`, Promises): what the trail is told, with nothing personal in clear."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from common.events import RecordKind
from common.ids import uuid7
from common.keys import Pepper
from gateway.domain.access import Bindable, Template
from gateway.domain.decisions import NOBODY, Plan, Who
from gateway.domain.grants import Service
from gateway.domain.outside import Outside
from gateway.domain.proofs import Proof
from gateway.domain.quotas import Charge
from gateway.domain.requests import NO_NOTES, Notes

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
    who: Who = field(default_factory=lambda: NOBODY)
    plan: Plan | None = None
    notes: Notes = NO_NOTES
    service_name: str | None = None
    checked_at: datetime | None = None
    sourced_at: datetime | None = None
    batches: tuple[UUID, ...] = ()
    rows: int = 0
    status: int = 200
    code: str = ""
    charge: Charge | None = None
    """What was taken of the grant's quota for it."""
    from_ingress: bool = False
    """Whether its headers of the ingress are the ingress's."""
    proof: Proof | None = None
    """Where its grant demands one."""
    outside: Outside | None = None
    """What it did outside the platform; its record is then that of its end."""


def content_digest(answer: bytes) -> tuple[str, bytes]:
    """The SHA-256 of an answer: in hexadecimal for the record, and as `Content-Digest` (RFC 9530)."""
    raw = hashlib.sha256(answer).digest()
    return raw.hex(), b"sha-256=:" + base64.b64encode(raw) + b":"


def record(call: Call, answer_digest: str | None, pepper: Pepper, recorded_at: datetime) -> bytes:
    """The record of a call as a JSON object, without its number, in the form of `common.events.CallRecord`."""
    plan = call.plan
    return (
        _stub(call, pepper)
        + orjson.dumps(
            {
                "call": call.id,
                "method": call.method,
                "filters": _filters(plan, pepper) if plan else (),
                "subject": _subject(call, plan, pepper) if plan else None,
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
                "charged": call.charge.lease if call.charge else None,
            }
        )[1:]
    )


def _stub(call: Call, pepper: Pepper) -> bytes:
    """The part that is the same for all calls with the same keys and parameters: written once per grant."""
    who = call.who
    template = call.plan.template if call.plan else None
    grant = who.grant
    held = grant.stub if grant is not None else None
    if held is not None and held.is_for(who, template):
        return held.text
    text = _stub_text(call, template, pepper)
    if grant is not None:
        grant.stub = Stub(who.service, who.unit_key, who.method_key, template, text)
    return text


def _stub_text(call: Call, template: Template | None, pepper: Pepper) -> bytes:
    who = call.who
    service, grant = who.service, who.grant
    same = {
        "kind": RecordKind.CALL.value,
        "unit": who.unit,
        "unit_key": who.unit_key,
        "service": service.code if service else call.service_name,
        "service_version": service.version if service else None,
        "entry": service.entry if service else None,
        "resource_version": service.resource_version if service else None,
        "grant": grant.id if grant else None,
        "grant_version": grant.version if grant else None,
        "method_key": who.method_key,
        "application": grant.application if grant else None,
        "edition": grant.edition if grant else None,
        "article": grant.article if grant else None,
        "items": template.codes if template else (),
        "pepper": pepper.id,
    }
    return orjson.dumps(same)[:-1] + b","


@dataclass(frozen=True, slots=True)
class Stub:
    """The written part of a grant's records, and what it was written of."""

    service: Service | None
    unit_key: str | None
    method_key: str | None
    template: Template | None
    text: bytes

    def is_for(self, who: Who, template: Template | None) -> bool:
        return (
            self.template is template
            and self.service is who.service
            and self.unit_key == who.unit_key
            and self.method_key == who.method_key
        )


CLAIM: Final = "claim"
"""The operator of a value that was claimed in a verification."""


def _filters(plan: Plan, pepper: Pepper) -> list[dict[str, str]]:
    template, values = plan.template, plan.values
    found = [
        {"item": code, "operator": operator, "value": _digest(code, value, pepper)}
        for (_, _, code, operator), value in zip(template.bound, values, strict=False)
    ]
    if template.claimed:
        claimed = values[-len(template.claimed) :]
        found += [
            {"item": code, "operator": CLAIM, "value": _digest(code, value, pepper)}
            for code, value in zip(template.claimed, claimed, strict=True)
        ]
    return found


def _digest(code: str, value: Bindable, pepper: Pepper) -> str:
    text = "\x1f".join(map(str, value)) if isinstance(value, list) else str(value)
    return pepper.digest(f"{code}\x1f{text}")


def _subject(call: Call, plan: Plan, pepper: Pepper) -> str | None:
    """Whom or what the call asked for: the equality values of the key, or of the identity, if all are given."""
    places = plan.template.subject
    if not places or call.who.service is None:
        return None
    return subject_digest(call.who.service.entry, [str(plan.values[place]) for place in places], pepper)


def claimed(call: Call, plan: Plan, pepper: Pepper) -> tuple[str, str]:
    """Keyed hashes of the identity that a verification is about, and of the set of its claims."""
    identity = _subject(call, plan, pepper)
    assert identity is not None
    values = map(str, plan.values[-len(plan.template.claimed) :])
    told = (f"{code}\x1e{value}" for code, value in zip(plan.template.claimed, values, strict=True))
    return identity, pepper.digest("\x1f".join(told))


def subject_digest(entry: str, values: Iterable[str], pepper: Pepper) -> str:
    """The keyed hash under which the trail finds what was asked about one person or thing."""
    return pepper.digest("\x1f".join([entry, *values]))


def _batch_digest(batches: tuple[UUID, ...]) -> str:
    return hashlib.sha256(b"".join(batch.bytes for batch in sorted(batches))).hexdigest()
