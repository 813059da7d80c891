"""What the ingest of files does: uploads in, one result out; and the tables of the exchange store."""

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from common import inbox, log, outbox
from common.clock import Clock
from common.db import Db
from common.errors import Unwell
from common.events import (
    CatalogChanged,
    CodeSetChanged,
    EntryState,
    FileReceived,
    Meta,
    ResourceReady,
    ResourceState,
    UnitChanged,
    UnitState,
)
from common.ids import uuid7
from common.roles import Caller, Role
from exchange.layout import Resource
from exchange.loading import Clash, Loaded
from ingest_files import errors, mappings, noted, records, store
from ingest_files.blobs import Blobs, Content, Held, Posting
from ingest_files.domain import judgement, limits, mapping, uploads
from ingest_files.domain.judgement import Bad, Good
from ingest_files.domain.limits import Limits
from ingest_files.domain.mapping import Intake
from ingest_files.domain.uploads import Entry, Upload
from ingest_files.store import EntryRow, ExchangeStore, FindingRow, UnitRow
from sheets.cells import Workbook
from sheets.errors import Reason, Unreadable
from sheets.limits import GUIDED, STRICT
from sheets.limits import Limits as SheetLimits
from sheets.names import display_name
from sheets.reading import read_async
from vetting.report import Profile

NAME: Final = "ingest-files"
INBOX: Final = "inbox"
MAX_BYTES: Final = STRICT.file_bytes
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the use cases lean on beside the transaction."""

    clock: Clock
    db: Db
    blobs: Blobs
    exchange: ExchangeStore
    limits: Limits = Limits()  # noqa: RUF009  frozen, and so one for all

    async def may_see(self, upload_id: UUID, caller: Caller) -> Upload:
        """The upload, if the caller may see it; raises UploadUnknown."""
        async with self.db.begin() as tx:
            return await upload(tx, upload_id, caller)


async def begin(
    tx: AsyncSession, entry_code: str, name: str, size: int, caller: Caller, desk: Desk
) -> tuple[Upload, Posting]:
    """Begin an upload: where and how the file is posted, for a quarter of an hour.

    Raises:
        EntryUnknown: no published entry of the caller's unit.
        FileTooLarge: more than the limit; the object store refuses it too.
    """
    caller.need(Role.COMPILER, Role.PUBLISHER)
    made = await new_upload(tx, uuid7(), entry_code, name, size, unit=caller.unit, by=caller.account, desk=desk)
    until = made.created_at + uploads.EXPIRES
    return made, await desk.blobs.posting(INBOX, made.object_key, most=MAX_BYTES, until=until)


async def may_bring(
    tx: AsyncSession, entry_code: str, size: int, *, unit: str, desk: Desk, most: int = MAX_BYTES
) -> None:
    """Whether this unit may bring a file for this entry now; until this transaction ends it brings no other.

    Raises:
        EntryUnknown, UnitNotActive: it has nothing to bring here.
        FileTooLarge: more than `most`.
        TooMany: the unit has brought what it may for now (IN-X23).
    """
    known = await store.unit(tx, unit)
    if known is None or known.state != UnitState.ACTIVE.value:
        raise errors.UnitNotActive("单位未登记、已暂停或已撤销", unit=unit)
    entry = await store.entry(tx, entry_code)
    if entry is None or not entry.published or entry.provider != unit:
        raise errors.EntryUnknown(entry_code)
    if size > most:
        raise errors.FileTooLarge(f"文件大小{size}字节超过上限{most}字节", limit=most)
    limits.check(await records.used(tx, unit, desk.clock()), size, desk.limits)


async def new_upload(
    tx: AsyncSession,
    upload_id: UUID,
    entry_code: str,
    name: str,
    size: int,
    *,
    unit: str,
    by: str,
    desk: Desk,
    most: int = MAX_BYTES,
) -> Upload:
    """An upload of this unit, awaited; by whichever road the file comes. Raises as `may_bring`."""
    await may_bring(tx, entry_code, size, unit=unit, desk=desk, most=most)
    made = Upload(
        id=upload_id,
        entry=entry_code,
        provider=unit,
        name=name,
        bucket=INBOX,
        # The key is ours; the provider's name is data and never a path (IN-X3).
        object_key=f"{unit}/{entry_code}/{upload_id}",
        state=uploads.State.AWAITED,
        uploaded_by=by,
        created_at=desk.clock(),
        size=size,
    )
    await store.add_upload(tx, made)
    return made


async def awaited(tx: AsyncSession, upload_id: UUID, caller: Caller) -> Upload:
    """An upload of the caller's unit that is still awaited. Raises UploadUnknown, UploadState."""
    caller.need(Role.COMPILER, Role.PUBLISHER)
    held = await _own(tx, upload_id, caller, own=True)
    uploads.check_awaited(held)
    return held


async def complete(upload_id: UUID, caller: Caller, desk: Desk) -> Upload:
    """The provider says that the file is posted. Raises as `awaited` and `receive`."""
    async with desk.db.begin() as tx:
        held = await awaited(tx, upload_id, caller)
    # Outside of a transaction: an object store that hangs keeps no connection.
    found = await desk.blobs.find(held.bucket, held.object_key)
    async with desk.db.begin() as tx:
        return await receive(tx, upload_id, found, desk)


async def receive(tx: AsyncSession, upload_id: UUID, found: Held | None, desk: Desk) -> Upload:
    """The file is there: it is pinned by its version, and its turn will come.

    Raises:
        UploadState: it was received before.
        NotUploaded: the object store has no such object.
    """
    held = await store.upload(tx, upload_id, lock=True)
    uploads.check_awaited(held)
    if found is None:
        raise errors.NotUploaded("对象存储中还没有这个文件，请先上传")
    done = uploads.receive(held, version=found.version, size=found.size, at=desk.clock())
    await store.save_upload(tx, done)
    await outbox.put(tx, uploads.received_event(done))
    return done


async def _own(tx: AsyncSession, upload_id: UUID, caller: Caller, *, own: bool = False) -> Upload:
    held = await store.upload(tx, upload_id)
    inside = not own and caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR)
    if held.provider != caller.unit and not inside:
        raise errors.UploadUnknown
    return held


async def upload(tx: AsyncSession, upload_id: UUID, caller: Caller) -> Upload:
    return await _own(tx, upload_id, caller)


async def list_uploads(tx: AsyncSession, entry_code: str | None, limit: int, caller: Caller) -> list[Upload]:
    inside = caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR)
    return await store.uploads(tx, provider=None if inside else caller.unit, entry_code=entry_code, limit=limit)


async def published(tx: AsyncSession, caller: Caller) -> list[tuple[str, str]]:
    """Codes and names of the published entries of the caller's unit."""
    return await records.published(tx, caller.unit)


async def findings(tx: AsyncSession, upload_id: UUID, after: int, limit: int, caller: Caller) -> list[FindingRow]:
    """Everything that was found in a file, in the order of the sheet."""
    await _own(tx, upload_id, caller)
    return await store.findings(tx, upload_id, after=after, limit=limit)


async def take_file(event: FileReceived, meta: Meta, desk: Desk) -> None:
    """Check and load a file; it ends with exactly one result, however often this is begun.

    The rows are loaded under the upload's id, which the exchange store takes once; the result and its event are
    committed together with the claim of the event. What fails in between is begun again.
    """
    async with desk.db.begin() as tx:
        held = await store.upload(tx, event.upload)
        entry = await store.entry(tx, held.entry)
        if held.state in uploads.FINAL:
            await inbox.first_time(tx, NAME, meta)
            return
        rule_set = await noted.rule_set(tx, entry) if entry else None
        code_sets = await store.code_sets(tx, rule_set.code_sets) if rule_set else {}
        around = await noted.surroundings(tx, entry, desk.clock()) if entry else None
        intake = await mappings.intake(tx, held.entry)
    if entry is None:
        raise Unwell(f"entry {event.entry}")
    loaded = await desk.exchange.find(held.id)
    if loaded is not None:
        # Something came between the rows and their result. They are what was read then, and nothing is judged anew.
        await _finish(loaded, held, meta, desk)
        return
    try:
        content = await desk.blobs.get(event.bucket, event.object_key, event.object_version, most=MAX_BYTES)
    except (errors.ObjectGone, errors.FileTooLarge) as refused:
        # Nobody but an administrator of the object store can bring this about; the file still gets its result.
        nothing = Content(b"", hashlib.sha256(b"").hexdigest())
        await _reject(Bad(refused.code, refused.message), nothing, held, meta, desk)
        return
    async with desk.db.begin() as tx:
        again = await store.loaded_before(tx, entry.resource_version, content.sha256, held.id)
    rules = judgement.Rules(code_sets, rule_set, around)
    judged = judgement.duplicate() if again else await _judge(content, held, entry, rules, intake, desk)
    bad = await _load(judged, content, held, entry, meta, desk) if isinstance(judged, Good) else judged
    if bad is not None:
        await _reject(bad, content, held, meta, desk)


async def _judge(
    content: Content, held: Upload, entry: Entry, rules: judgement.Rules, intake: Intake, desk: Desk
) -> Good | Bad:
    try:
        workbook = await read_workbook(content.data, intake.limits)
    except Unreadable as refused:
        return judgement.unreadable(refused.reason.value, str(refused))
    if intake.profile is Profile.STRICT:
        return judgement.judge(workbook, held.name, entry, *rules)
    judged = await asyncio.to_thread(mapping.judge, workbook, held.name, entry, intake, *rules)
    async with desk.db.begin() as tx:
        await mappings.save_detection(tx, held.id, judged.detected)
    return judged.result


async def read_workbook(data: bytes, limits: SheetLimits) -> Workbook:
    """The workbook in these bytes. A child that died over them gets a second chance; more would not help.

    Raises:
        Unreadable: it is refused.
        Unwell: no child could be started, which is no fault of the file.
    """
    try:
        return await read_async(data, limits=limits)
    except Unreadable as refused:
        if not refused.is_childs_death:
            raise
    try:
        return await read_async(data, limits=limits)
    except Unreadable as refused:
        if refused.reason is Reason.CHILD_NOT_STARTED:
            raise Unwell("spreadsheet reader") from refused
        raise


async def _load(good: Good, content: Content, held: Upload, entry: Entry, meta: Meta, desk: Desk) -> Bad | None:
    await noted.keep(desk.db, held.id, good)
    try:
        loaded = await desk.exchange.load(
            version=entry.resource_version,
            batch=held.id,
            sha256=content.sha256,
            columns=judgement.items_by_code(entry.items),
            rows=good.rows,
        )
    except Clash as clash:
        return Bad(judgement.QUALITY, clash.message)
    await _finish(loaded, held, meta, desk)
    return None


async def _finish(loaded: Loaded, held: Upload, meta: Meta, desk: Desk) -> None:
    """The result of a file whose rows are in the store."""
    async with desk.db.begin() as tx:
        if not await inbox.first_time(tx, NAME, meta):
            return
        await store.upload(tx, held.id, lock=True)
        done = uploads.load(
            held, resource_version=loaded.version, sha256=loaded.sha256, rows=loaded.rows, at=desk.clock()
        )
        done = replace(done, findings=await noted.count(tx, held.id))
        await store.save_upload(tx, done)
        await outbox.put(tx, uploads.loaded_event(done, display_name(held.name), loaded.committed_at))
    _log.info("ingest.loaded", upload=str(held.id), resource=loaded.version, rows=loaded.rows)


async def _reject(bad: Bad, content: Content, held: Upload, meta: Meta, desk: Desk) -> None:
    async with desk.db.begin() as tx:
        if not await inbox.first_time(tx, NAME, meta):
            return
        await store.upload(tx, held.id, lock=True)
        done = uploads.reject(
            held,
            sha256=content.sha256,
            reason=bad.reason,
            message=bad.message,
            findings=len(bad.findings),
            at=desk.clock(),
        )
        await store.save_upload(tx, done)
        await store.add_findings(tx, held.id, bad.findings)
        await noted.add_numbers(tx, held.id, bad.profile)
        await outbox.put(tx, uploads.rejected_event(done, display_name(held.name), bad.counts))
    _log.info("ingest.rejected", upload=str(held.id), reason=bad.reason, findings=len(bad.findings))


async def read_again(data: bytes) -> Workbook:
    """A file that was judged before, by whatever profile, for its report."""
    return await read_workbook(data, GUIDED)


async def take_entry(event: CatalogChanged, meta: Meta, desk: Desk) -> None:
    """Make the table and view of a published entry's resource version, then say that they are ready."""
    if event.state is EntryState.PUBLISHED:
        await desk.exchange.make(_resource(event))
    async with desk.db.begin() as tx:
        if not await inbox.first_time(tx, NAME, meta):
            return
        await store.note(
            tx,
            EntryRow(
                code=event.entry,
                name=event.name,
                provider=event.provider,
                published=event.state is EntryState.PUBLISHED,
                resource_version=event.resource_version,
                items=[item.model_dump(mode="json") for item in event.items],
                version=event.version,
                format=event.format,
            ),
        )
        await noted.note_rules(tx, event)
        if event.state is EntryState.PUBLISHED:
            resource = _resource(event)
            await outbox.put(
                tx,
                ResourceReady(
                    version=1,
                    resource_version=event.resource_version,
                    entry=event.entry,
                    provider=event.provider,
                    view_schema=resource.schema,
                    view_name=resource.view,
                    state=ResourceState.READY,
                    changed_at=desk.clock(),
                ),
            )


def _resource(event: CatalogChanged) -> Resource:
    return Resource(provider=event.provider, version=event.resource_version, items=event.items)


async def note_unit(tx: AsyncSession, told: UnitChanged) -> None:
    await store.note(tx, UnitRow(code=told.unit, state=told.state.value, version=told.version))


async def note_codes(tx: AsyncSession, told: CodeSetChanged) -> None:
    await store.note_codes(tx, told)
