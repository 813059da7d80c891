"""Batches of a resource: in which ways files may come, what came, and taking the newest back.

A batch is taken back in the exchange store first; the wish is on record before and the event behind it, so that a crash
in between is mended by whoever looks next (`settle`).
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from common import log, outbox
from common.events import BatchTakenBack
from common.roles import Caller, Role
from exchange.batches import Batch, BuiltOn, NotKept
from exchange.ways import Way
from ingest_files import errors, loadings, store
from ingest_files.domain.uploads import Entry
from ingest_files.loadings import Asked, Loading, TakingBack
from ingest_files.taking import Desk

FORGOTTEN: Final = timedelta(minutes=2)
"""After so long a wish of which nobody knows what became is taken up again; longer than taking back may take."""
LISTED: Final = 100
_AT_ONCE: Final = 100
_log = log.get(__name__)


async def _own_entry(tx: AsyncSession, code: str, caller: Caller, *, look: bool = False) -> Entry:
    entry = await store.entry(tx, code)
    inside = look and caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR)
    if entry is None or (entry.provider != caller.unit and not inside):
        raise errors.EntryUnknown(code)
    return entry


async def loading(tx: AsyncSession, code: str, caller: Caller) -> Loading:
    """How files may go to a resource."""
    await _own_entry(tx, code, caller, look=True)
    return await loadings.loading(tx, code)


async def allow(tx: AsyncSession, code: str, new: Loading, caller: Caller, desk: Desk) -> Loading:
    """Say how files may go to a resource: its publisher decides.

    Raises:
        WayUnfit: a way that needs a key, and the resource has none.
    """
    caller.need(Role.PUBLISHER)
    entry = await _own_entry(tx, code, caller)
    if {Way.UPSERT, Way.DELETE} & {*new.ways} and not any(item.key_place is not None for item in entry.items):
        raise errors.WayUnfit("资源没有主键，不能按主键更新或删除")
    await loadings.save_loading(tx, code, new, by=caller.account, at=desk.clock())
    return new


async def listed(code: str, caller: Caller, desk: Desk) -> list[Batch]:
    """The batches of a resource as it is now, the newest first."""
    async with desk.db.begin() as tx:
        entry = await _own_entry(tx, code, caller, look=True)
    return await desk.exchange.batches(entry.resource_version, LISTED)


async def take_back(code: str, batch: UUID, why: str, caller: Caller, desk: Desk) -> Batch:
    """Undo the newest batch of a resource: the one before is current again. Again, it changes nothing.

    Raises:
        BatchUnknown: the resource has no such batch.
        BuiltOn: later batches build on it. NotKept: what it displaced is gone.
    """
    caller.need(Role.PUBLISHER)
    async with desk.db.begin() as tx:
        entry = await _own_entry(tx, code, caller)
    known = {one.batch for one in await desk.exchange.batches(entry.resource_version, LISTED)}
    if batch not in known:
        raise errors.BatchUnknown
    async with desk.db.begin() as tx:
        before = await loadings.taking_back(tx, batch)
        if before is None or before.state is Asked.REFUSED:
            before = TakingBack(
                batch=batch,
                entry=code,
                provider=caller.unit,
                resource_version=entry.resource_version,
                by=caller.account,
                why=why,
                asked_at=desk.clock(),
            )
            await loadings.save_taking_back(tx, before)
    return await _go_on(before, desk)


async def _go_on(asked: TakingBack, desk: Desk) -> Batch:
    try:
        done = await desk.exchange.take_back(asked.resource_version, asked.batch, by=asked.by, why=asked.why)
    except (BuiltOn, NotKept):
        await _end(asked.batch, None, desk)
        raise
    await _end(asked.batch, done, desk)
    return done


async def _end(batch: UUID, done: Batch | None, desk: Desk) -> None:
    """Note what became of it; told once."""
    now = None if done is None else await desk.exchange.current(done.version)
    async with desk.db.begin() as tx:
        asked = await loadings.taking_back(tx, batch)
        if asked is None or asked.state is not Asked.ASKED:
            return
        await loadings.save_taking_back(tx, replace(asked, state=Asked.REFUSED if done is None else Asked.DONE))
        if done is None:
            return
        assert done.taken_back_at is not None
        told = BatchTakenBack(
            batch=batch,
            entry=asked.entry,
            resource_version=asked.resource_version,
            provider=asked.provider,
            current=None if now is None else now.batch,
            why=asked.why,
            taken_back_by=asked.by,
            taken_back_at=done.taken_back_at,
        )
        await outbox.put(tx, told)
    _log.info("ingest.taken_back", batch=str(batch), resource=asked.resource_version)


async def settle(desk: Desk) -> int:
    """Take up wishes of which nobody knows what became. How many."""
    async with desk.db.begin() as tx:
        found = await loadings.open_takings(tx, desk.clock() - FORGOTTEN, _AT_ONCE)
    for batch in found:
        async with desk.db.begin() as tx:
            asked = await loadings.taking_back(tx, batch)
        if asked is None or asked.state is not Asked.ASKED:
            continue
        try:
            await _go_on(asked, desk)
        except (BuiltOn, NotKept) as refused:
            _log.info("ingest.not_taken_back", batch=str(batch), code=refused.code)
    return len(found)
