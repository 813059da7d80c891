"""Takes files that come in parts, and finds those that were posted and never said to be complete.

The state of a file in parts is the object store's and this service's: a client that was killed sends the same file
again and is told what is missing. Every road ends in `service.receive`, so each file is received once.
"""

import contextlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from common import log
from common.errors import Refusal
from common.ids import uuid7
from common.roles import Caller, Role
from exchange.ways import Way
from ingest_files import errors, records, service, store
from ingest_files.blobs import Held
from ingest_files.domain import transfers, uploads
from ingest_files.domain.transfers import Link, Part, Transfer
from ingest_files.domain.uploads import State, Upload
from ingest_files.pieces import Pieces
from ingest_files.service import Desk

LINK_GOOD: Final = timedelta(minutes=15)
"""How long a part may be put with what was handed out for it."""
SETTLED: Final = timedelta(seconds=20)
"""Age at which an upload by form is looked for: whoever posted it has said so by then, if they live."""
_AT_ONCE: Final = 2000
_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A large file that somebody wants to bring; `sha256` is its digest, as they say."""

    entry: str
    name: str
    size: int
    sha256: str
    way: Way = Way.REPLACE
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A file in parts as it stands."""

    upload: Upload
    transfer: Transfer
    held: list[Part]
    whole: bool = False
    """The parts are one object already, and it only remains to say so."""


@dataclass(frozen=True, slots=True)
class Receiving:
    """What files in parts are taken with."""

    desk: Desk
    pieces: Pieces

    async def begin(self, wanted: Wanted, caller: Caller) -> Progress:
        """Begin a file in parts, or go on with it: the same file of the same account that was broken off.

        Raises:
            EntryUnknown, UnitNotActive, FileTooLarge, TooMany: as for any upload.
        """
        caller.need(Role.COMPILER, Role.PUBLISHER)
        desk = self.desk
        async with desk.db.begin() as tx:
            at = desk.clock()
            # Two that begin the same at once wait for one another here.
            await records.used(tx, caller.unit, at)
            asked = Upload(
                id=uuid7(),
                entry=wanted.entry,
                provider=caller.unit,
                name=wanted.name,
                bucket=service.INBOX,
                object_key="",
                state=State.AWAITED,
                uploaded_by=caller.account,
                created_at=at,
                size=wanted.size,
                way=wanted.way,
                mark=wanted.mark,
            )
            transfer = await records.open_transfer_of(tx, asked, wanted.sha256, at)
            if transfer is None:
                most = desk.limits.large_bytes
                upload = await service.new_upload(
                    tx,
                    asked.id,
                    wanted.entry,
                    wanted.name,
                    wanted.size,
                    unit=caller.unit,
                    by=caller.account,
                    desk=desk,
                    most=most,
                    way=wanted.way,
                    mark=wanted.mark,
                )
                transfer = Transfer(
                    upload=upload.id,
                    store_id=None,
                    size=wanted.size,
                    sha256=wanted.sha256,
                    part_bytes=transfers.part_bytes(wanted.size),
                    expires_at=at + transfers.OPEN_FOR,
                )
                await records.save_transfer(tx, transfer)
            else:
                upload = await store.upload(tx, transfer.upload)
        if transfer.store_id is None:
            transfer = await self._begin_there(upload, transfer)
        return await self._progress(upload, transfer)

    async def _begin_there(self, upload: Upload, transfer: Transfer) -> Transfer:
        store_id = await self.pieces.begin(upload.bucket, upload.object_key)
        async with self.desk.db.begin() as tx:
            now = await records.transfer(tx, upload.id, lock=True)
            if now.store_id is None:
                now = replace(transfer, store_id=store_id)
                await records.save_transfer(tx, now)
        if now.store_id != store_id:
            # Another was sooner.
            await self.pieces.abandon(upload.bucket, upload.object_key, store_id)
        return now

    async def progress(self, upload_id: UUID, caller: Caller) -> Progress:
        """What of a file has come. Raises UploadUnknown, UploadState, TransferUnknown."""
        return await self._progress(*await self._open(upload_id, caller))

    async def _open(self, upload_id: UUID, caller: Caller) -> tuple[Upload, Transfer]:
        async with self.desk.db.begin() as tx:
            upload = await service.awaited(tx, upload_id, caller)
            transfer = await records.transfer(tx, upload_id)
        if transfer.store_id is None or transfer.expires_at <= self.desk.clock():
            raise errors.TransferUnknown
        return upload, transfer

    async def _progress(self, upload: Upload, transfer: Transfer) -> Progress:
        assert transfer.store_id is not None
        held = await self.pieces.held(upload.bucket, upload.object_key, transfer.store_id)
        if held is not None:
            return Progress(upload, transfer, held)
        if await self.desk.blobs.find(upload.bucket, upload.object_key) is not None:
            return Progress(upload, transfer, [], whole=True)
        # The store has thrown it away by itself: nothing of it is left to go on with.
        await self._end(upload.id)
        raise errors.TransferUnknown

    async def links(self, upload_id: UUID, numbers: list[int], caller: Caller) -> list[Link]:
        """Where parts are put, each with exactly its size, for a quarter of an hour. Raises PartUnknown too."""
        upload, transfer = await self._open(upload_id, caller)
        at = self.desk.clock()
        return [
            self.pieces.link(upload.bucket, upload.object_key, transfer, number, at=at, good=LINK_GOOD)
            for number in numbers
        ]

    async def complete(self, upload_id: UUID, caller: Caller) -> Upload:
        """The parts are there: they become one object, pinned by its version, and its turn will come.

        Raises:
            PartsMissing: a part is missing or of another size.
            UploadState: it was received before.
        """
        upload, transfer = await self._open(upload_id, caller)
        return await self._join(upload, transfer)

    async def _join(self, upload: Upload, transfer: Transfer) -> Upload:
        assert transfer.store_id is not None
        bucket, key, store_id = upload.bucket, upload.object_key, transfer.store_id
        held = await self.pieces.held(bucket, key, store_id)
        if held is not None:
            transfers.check_whole(transfer, held)
            await self.pieces.join(bucket, key, store_id, held)
        # Joined now, or before whoever did it could say so.
        found = await self.desk.blobs.find(bucket, key)
        if found is not None and found.size != transfer.size:
            raise errors.PartsMissing("对象的大小与声明的不一致", missing=[])
        async with self.desk.db.begin() as tx:
            done = await service.receive(tx, upload.id, found, self.desk)
            await records.save_transfer(tx, replace(transfer, ended_at=self.desk.clock()))
        return done

    async def abandon(self, upload_id: UUID, caller: Caller) -> None:
        """The sender gives it up."""
        await self._throw_away(*await self._open(upload_id, caller))

    async def _throw_away(self, upload: Upload, transfer: Transfer) -> None:
        if transfer.store_id is not None:
            await self.pieces.abandon(upload.bucket, upload.object_key, transfer.store_id)
        await self._end(upload.id)

    async def _end(self, upload_id: UUID) -> None:
        async with self.desk.db.begin() as tx:
            with contextlib.suppress(errors.TransferUnknown):
                transfer = await records.transfer(tx, upload_id, lock=True)
                await records.save_transfer(tx, replace(transfer, ended_at=self.desk.clock()))

    async def sweep(self) -> int:
        """Receive what was posted and never said to be complete, and end files in parts past their time. How many."""
        desk, at = self.desk, self.desk.clock()
        async with desk.db.begin() as tx:
            posted = await records.posted_perhaps(tx, at - SETTLED, _AT_ONCE)
            late = await records.late_transfers(tx, at, _AT_ONCE)
        done = 0
        for upload_id in posted:
            done += await self._look_for(upload_id)
        for upload_id in late:
            async with desk.db.begin() as tx:
                upload = await store.upload(tx, upload_id)
                transfer = await records.transfer(tx, upload_id)
            found = await desk.blobs.find(upload.bucket, upload.object_key) if upload.state is State.AWAITED else None
            if found is not None and found.size == transfer.size:
                done += await self._receive(upload_id, found)
                await self._end(upload_id)
            else:
                await self._throw_away(upload, transfer)
                _log.info("ingest.transfer_abandoned", upload=str(upload_id))
        return done

    async def _look_for(self, upload_id: UUID) -> bool:
        async with self.desk.db.begin() as tx:
            upload = await store.upload(tx, upload_id)
        # Looked at before the clock: what comes until the form ends is found by a later look.
        over = self.desk.clock() > upload.created_at + uploads.EXPIRES + SETTLED
        found = await self.desk.blobs.find(upload.bucket, upload.object_key)
        if found is None:
            if over:
                async with self.desk.db.begin() as tx:
                    await records.note_lapsed(tx, upload_id)
            return False
        return await self._receive(upload_id, found)

    async def _receive(self, upload_id: UUID, found: Held) -> bool:
        try:
            async with self.desk.db.begin() as tx:
                await service.receive(tx, upload_id, found, self.desk)
        except Refusal as refused:
            # Whoever sent it was sooner.
            _log.info("ingest.found_too_late", upload=str(upload_id), code=refused.code)
            return False
        _log.info("ingest.found", upload=str(upload_id))
        return True
