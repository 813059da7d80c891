"""What the ingest of files does: uploads in, one result out; and the tables of the exchange store."""

from typing import Final
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from common import inbox, outbox
from common.events import (
    CatalogChanged,
    CodeSetChanged,
    EntryState,
    Meta,
    ResourceReady,
    ResourceState,
    UnitChanged,
    UnitState,
)
from common.ids import uuid7
from common.roles import Caller, Role
from exchange.layout import Resource
from exchange.ways import Way
from ingest_files import errors, loadings, noted, records, store
from ingest_files.blobs import Held, Posting
from ingest_files.domain import limits, uploads
from ingest_files.domain.uploads import Entry, Upload
from ingest_files.loadings import Loading
from ingest_files.store import EntryRow, FindingRow, UnitRow
from ingest_files.taking import MAX_BYTES, NAME, Desk, read_again, take_file
from ingest_files.whole import WHOLE

__all__ = ["MAX_BYTES", "NAME", "Desk", "read_again", "take_file"]
INBOX: Final = "inbox"


async def begin(
    tx: AsyncSession,
    entry_code: str,
    name: str,
    size: int,
    caller: Caller,
    desk: Desk,
    way: Way = Way.REPLACE,
    mark: str | None = None,
) -> tuple[Upload, Posting]:
    """Begin an upload: where and how the file is posted, for a quarter of an hour.

    Raises:
        EntryUnknown: no published entry of the caller's unit.
        FileTooLarge: more than the limit; the object store refuses it too.
    """
    caller.need(Role.COMPILER, Role.PUBLISHER)
    most = _most(await loadings.loading(tx, entry_code))
    made = await new_upload(
        tx,
        uuid7(),
        entry_code,
        name,
        size,
        unit=caller.unit,
        by=caller.account,
        desk=desk,
        most=most,
        way=way,
        mark=mark,
    )
    until = made.created_at + uploads.EXPIRES
    return made, await desk.blobs.posting(INBOX, made.object_key, most=most, until=until)


def _most(allowed: Loading) -> int:
    """Bytes that a file for this entry may have."""
    return WHOLE.file_bytes if allowed.whole else MAX_BYTES


async def may_bring(
    tx: AsyncSession, entry_code: str, size: int, *, unit: str, desk: Desk, most: int = MAX_BYTES
) -> Entry:
    """The entry, if this unit may bring a file for it now; until this transaction ends it brings no other.

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
    return entry


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
    way: Way = Way.REPLACE,
    mark: str | None = None,
) -> Upload:
    """An upload of this unit, awaited; by whichever road the file comes.

    Raises:
        WayUnfit: the resource does not allow this way.
        EntryUnknown, UnitNotActive, FileTooLarge, TooMany: as `may_bring`.
    """
    allowed = await loadings.loading(tx, entry_code)
    entry = await may_bring(tx, entry_code, size, unit=unit, desk=desk, most=min(most, _most(allowed)))
    uploads.check_way(entry, way, mark, allowed=allowed.ways)
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
        way=way,
        mark=mark,
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


async def may_see(upload_id: UUID, caller: Caller, desk: Desk) -> Upload:
    """The upload, if the caller may see it; raises UploadUnknown."""
    async with desk.db.begin() as tx:
        return await upload(tx, upload_id, caller)


async def list_uploads(tx: AsyncSession, entry_code: str | None, limit: int, caller: Caller) -> list[Upload]:
    inside = caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR)
    return await store.uploads(tx, provider=None if inside else caller.unit, entry_code=entry_code, limit=limit)


async def published(tx: AsyncSession, caller: Caller) -> list[tuple[str, str, Loading]]:
    """Codes and names of the published entries of the caller's unit, and how files may go to each."""
    found = await records.published(tx, caller.unit)
    return [(code, name, await loadings.loading(tx, code)) for code, name in found]


async def item_names(tx: AsyncSession, entry_code: str) -> dict[str, str]:
    """What people call the items of an entry, by their codes."""
    entry = await store.entry(tx, entry_code)
    return {} if entry is None else {item.code: item.name for item in entry.items}


async def findings(tx: AsyncSession, upload_id: UUID, after: int, limit: int, caller: Caller) -> list[FindingRow]:
    """Everything that was found in a file, in the order of the sheet."""
    await _own(tx, upload_id, caller)
    return await store.findings(tx, upload_id, after=after, limit=limit)


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
