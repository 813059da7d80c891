"""What the trail does: keep what happens, and lead from a call back to the file and the article."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from audit import domain, errors, store
from audit.domain import Call, Group, Search, Thread
from common import clock, log
from common.events import (
    BatchIngested,
    CatalogChanged,
    Event,
    GrantChanged,
    Meta,
    RecordKind,
    ServiceChanged,
    ShareApproved,
    ShareRequested,
    UnitChanged,
)
from common.roles import Caller, Role

_log = log.get(__name__)


async def keep_event(tx: AsyncSession, event: Event, meta: Meta) -> None:
    """Keep an event whole."""
    await store.add_event(tx, domain.keep(event, meta))


async def keep_calls(tx: AsyncSession, groups: Sequence[Group]) -> None:
    """Keep groups of call records in the order in which they came; numbers that they show to be missing are noted."""
    reached = await store.progress_of(tx, {(group.worker, group.start) for group in groups})
    for group in groups:
        progress = reached[group.worker, group.start]
        missing = progress.missing_before(group.first)
        if missing is not None:
            _log.error("audit.records_missing", worker=group.worker, first=missing[0], last=missing[1])
            await store.add_gap(tx, progress, *missing)
        reached[group.worker, group.start] = progress.after(group.first, len(group.lines))
    await store.add_calls(tx, [line for group in groups for line in group.lines])
    await store.save_progress(tx, reached.values())


def _seen_by(caller: Caller) -> str | None:
    """Auditors see all; anybody else the calls of the own unit and of its resources."""
    return None if caller.may(Role.AUDITOR) else caller.unit


async def find(tx: AsyncSession, search: Search, caller: Caller) -> list[Call]:
    """Calls by trace, unit, grant, resource, batch and time (REQ-T1), the newest first.

    Raises:
        NothingAsked: none of what can be looked for is named.
    """
    if not search.asks:
        raise errors.NothingAsked("请至少给出 trace_id、单位、授权、资源、批次之一")
    return await store.find(tx, search, seen_by=_seen_by(caller))


async def thread(tx: AsyncSession, call_id: UUID, caller: Caller) -> Thread:
    """A call with all that it rests on: grant, application, decision with edition and article, batches and files.

    Raises:
        CallUnknown: there is none, or the caller may not see it.
    """
    held = await store.records(tx, call_id, seen_by=_seen_by(caller))
    if not held:
        raise errors.CallUnknown
    found, last = held[0], held[-1]
    record = found.record
    at = record.recorded_at

    async def told(kind: type[Event], ref: object, version: int | None = None) -> dict[str, object] | None:
        if ref is None:
            return None
        return await store.newest(tx, kind.topic, str(ref), version=version, before=None if version else at)

    return Thread(
        call=found,
        begun=last if last.record.kind is RecordKind.BEGIN else None,
        unit=await told(UnitChanged, record.unit),
        service=domain.service_for(
            _seen_by(caller), await told(ServiceChanged, record.service, record.service_version)
        ),
        grant=await told(GrantChanged, record.grant, record.grant_version),
        application=await told(ShareRequested, record.application),
        decision=await told(ShareApproved, record.application),
        entry=await told(CatalogChanged, record.entry),
        batches=tuple(await store.by_refs(tx, BatchIngested.topic, map(str, record.batches))),
    )


async def gaps(tx: AsyncSession, caller: Caller) -> list[dict[str, object]]:
    """Numbers of call records that are missing in the trail; empty if every call is accounted for."""
    caller.need(Role.AUDITOR)
    return await store.gaps(tx)


async def unknown(tx: AsyncSession, since: datetime, limit: int, caller: Caller) -> list[Call]:
    """Calls that asked a provider, or wrote, and of which nobody can say how they ended; nothing was answered."""
    caller.need(Role.AUDITOR)
    return await store.unknown(tx, since=since, limit=limit)


async def make_partitions(tx: AsyncSession) -> None:
    await store.make_partitions(tx)


async def lacking(tx: AsyncSession) -> domain.Lacking:
    """What the trail lacks now: numbers that never came, and ends of calls of the last hour."""
    since = clock.now() - domain.COUNTED_BACK
    return domain.Lacking(gaps=len(await store.gaps(tx)), unknown=await store.count_unknown(tx, since=since))
