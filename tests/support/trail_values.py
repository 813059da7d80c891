"""Records of calls and what they rest on, as the trail is told of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from common.events import (
    AccessLogged,
    BatchIngested,
    CallRecord,
    GrantChanged,
    GrantedItem,
    GrantState,
    ItemMode,
    Quota,
    RecordKind,
    ShareApproved,
    ShareRequested,
    SharingType,
    StoredFile,
    UseMode,
)
from tests.support.given_clock import PAST_TERM
from tests.support.sharing_values import BASIS

ENTRY = "307001-000001"
APPLICATION = "CNZYSQ260001"
TRACE = "0af7651916cd43dd8448eb211c80319c"
DIGEST = "ab" * 32
START = UUID(int=1)


def record(number: int = 1, **more: Any) -> CallRecord:
    """An answered call of 区教育局 for streets of 区民政局."""
    at: datetime = more.pop("at", PAST_TERM)
    values: dict[str, Any] = {
        "call": uuid4(),
        "number": number,
        "kind": RecordKind.CALL,
        "method": "POST",
        "unit": "jyj",
        "unit_key": "k1",
        "service": "streets",
        "service_version": 1,
        "entry": ENTRY,
        "resource_version": f"{ENTRY}_v1",
        "grant": UUID(int=5),
        "grant_version": 1,
        "method_key": "k2",
        "application": APPLICATION,
        "edition": "2021",
        "article": "17.1",
        "items": ("street_code", "street_name"),
        "filters": (),
        "subject": None,
        "pepper": "e1",
        "using_system": None,
        "operator": "staff-7",
        "matter": None,
        "source_address": "198.51.100.7",
        "batches": (),
        "batch_count": 0,
        "batch_digest": None,
        "rows": 1,
        "status": 200,
        "code": "1",
        "received_at": at,
        "checked_at": at,
        "sourced_at": at,
        "recorded_at": at,
        "answer": DIGEST,
        "trace_id": TRACE,
    }
    return CallRecord(**values | more)


def logged(records: Iterable[CallRecord], *, worker: str = "w1", start: UUID = START) -> AccessLogged:
    """A group of records as one worker sent it."""
    group = tuple(records)
    return AccessLogged(worker=worker, start=start, first=group[0].number, records=group)


def numbers(first: int, last: int, **more: Any) -> list[CallRecord]:
    return [record(number, **more) for number in range(first, last + 1)]


def requested(**more: Any) -> ShareRequested:
    values: dict[str, Any] = {
        "application": APPLICATION,
        "unit": "jyj",
        "applicant": "jyj.shenqing",
        "entry": ENTRY,
        "provider": "mzj",
        "sharing_type": SharingType.AUTHORIZED,
        "services": ("streets",),
        "items": ("street_code", "street_name"),
        "use_mode": UseMode.INTERFACE,
        "using_system": None,
        "submitted_at": PAST_TERM,
        "due_on": None,
        "due_open": None,
        "basis": BASIS,
    }
    return ShareRequested(**values | more)


def approved(**more: Any) -> ShareApproved:
    values: dict[str, Any] = {
        "application": APPLICATION,
        "unit": "jyj",
        "entry": ENTRY,
        "services": ("streets",),
        "items": ("street_code", "street_name"),
        "grants": (UUID(int=5),),
        "decided_by": "dsjzx.shenhe",
        "decided_at": PAST_TERM,
        "basis": BASIS,
    }
    return ShareApproved(**values | more)


def granted(version: int = 1, **more: Any) -> GrantChanged:
    values: dict[str, Any] = {
        "version": version,
        "grant": UUID(int=5),
        "unit": "jyj",
        "service": "streets",
        "entry": ENTRY,
        "application": APPLICATION,
        "basis": BASIS,
        "items": (GrantedItem(code="street_code", mode=ItemMode.CLEAR),),
        "row_filter": (),
        "source_addresses": (),
        "required_headers": (),
        "demand_signature": False,
        "demand_certificate": False,
        "valid_from": PAST_TERM,
        "valid_until": None,
        "quota": Quota(),
        "state": GrantState.ACTIVE,
        "keys": (),
        "changed_at": PAST_TERM,
        "changed_by": "dsjzx.shenhe",
        "reason": None,
    }
    return GrantChanged(**values | more)


def ingested(batch: UUID, **more: Any) -> BatchIngested:
    values: dict[str, Any] = {
        "batch": batch,
        "entry": ENTRY,
        "resource_version": f"{ENTRY}_v1",
        "provider": "mzj",
        "file": StoredFile(
            bucket="inbox", key=f"mzj/{batch}", version="v", sha256=DIGEST, size=1, name="街道-20230630.xls"
        ),
        "rows": 3,
        "mode": "replace",
        "uploaded_by": "mzj.bianzhi",
        "committed_at": PAST_TERM,
    }
    return BatchIngested(**values | more)
