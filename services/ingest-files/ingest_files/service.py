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
from ingest_files import errors, loadings, store
from ingest_files.blobs import Posting
from ingest_files.domain import uploads
from ingest_files.domain.uploads import Upload
from ingest_files.store import EntryRow, FindingRow, UnitRow
from ingest_files.taking import MAX_BYTES, NAME, Desk, take_file
from ingest_files.whole import WHOLE

__all__ = ["NAME", "Desk", "take_file"]
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
    unit = await store.unit(tx, caller.unit)
    if unit is None or unit.state != UnitState.ACTIVE.value:
        raise errors.UnitNotActive("单位未登记、已暂停或已撤销", unit=caller.unit)
    entry = await store.entry(tx, entry_code)
    if entry is None or not entry.published or entry.provider != caller.unit:
        raise errors.EntryUnknown(entry_code)
    allowed = await loadings.loading(tx, entry_code)
    uploads.check_way(entry, way, mark, allowed=allowed.ways)
    most = WHOLE.file_bytes if allowed.whole else MAX_BYTES
    if size > most:
        raise errors.FileTooLarge(f"文件大小{size}字节超过上限{most}字节", limit=most)
    at = desk.clock()
    upload_id = uuid7()
    made = Upload(
        id=upload_id,
        entry=entry_code,
        provider=caller.unit,
        name=name,
        bucket=INBOX,
        # The key is ours; the provider's name is data and never a path (IN-X3).
        object_key=f"{caller.unit}/{entry_code}/{upload_id}",
        state=uploads.State.AWAITED,
        uploaded_by=caller.account,
        created_at=at,
        way=way,
        mark=mark,
    )
    await store.add_upload(tx, made)
    return made, await desk.blobs.posting(INBOX, made.object_key, most=most, until=at + uploads.EXPIRES)


async def complete(tx: AsyncSession, upload_id: UUID, caller: Caller, desk: Desk) -> Upload:
    """The provider says that the file is posted: it is pinned by its version, and its turn will come.

    Raises:
        UploadState: it was completed before.
        NotUploaded: the object store has no such object.
    """
    caller.need(Role.COMPILER, Role.PUBLISHER)
    held = await _own(tx, upload_id, caller, lock=True)
    uploads.check_awaited(held)
    found = await desk.blobs.find(held.bucket, held.object_key)
    if found is None:
        raise errors.NotUploaded("对象存储中还没有这个文件，请先上传")
    done = uploads.receive(held, version=found.version, size=found.size, at=desk.clock())
    await store.save_upload(tx, done)
    await outbox.put(tx, uploads.received_event(done))
    return done


async def _own(tx: AsyncSession, upload_id: UUID, caller: Caller, *, lock: bool = False) -> Upload:
    held = await store.upload(tx, upload_id, lock=lock)
    inside = not lock and caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR)
    if held.provider != caller.unit and not inside:
        raise errors.UploadUnknown
    return held


async def upload(tx: AsyncSession, upload_id: UUID, caller: Caller) -> Upload:
    return await _own(tx, upload_id, caller)


async def list_uploads(tx: AsyncSession, entry_code: str | None, limit: int, caller: Caller) -> list[Upload]:
    inside = caller.may(Role.PLATFORM_REVIEWER, Role.AUDITOR)
    return await store.uploads(tx, provider=None if inside else caller.unit, entry_code=entry_code, limit=limit)


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
            ),
        )
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
