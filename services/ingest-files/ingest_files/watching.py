"""Watches a bucket in which units' own systems lay files down: whatever is there is registered, each version once.

Notifications are hints and nothing more (PIT-O2): they say where to look at once. What they miss, a listing of the
whole bucket finds; what they say twice, or out of order, or falsely, is looked at and changes nothing.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from common import log, outbox
from common.errors import Refusal, Unwell
from common.roles import Caller
from ingest_files import errors, records, service, store
from ingest_files.domain import arrivals, uploads
from ingest_files.domain.arrivals import BUCKET, Place, Sighting
from ingest_files.pieces import Pieces
from ingest_files.records import SightingRow
from ingest_files.service import Desk

LOOK_EVERY: Final = 30.0
"""Seconds between two looks at the whole bucket: half of the minute within which a file is registered."""
HINTS: Final = 1000
"""Hints that are kept; of more, the next look at everything takes care."""
_log = log.get(__name__)


@dataclass(slots=True)
class Watching:
    """A bucket and what is done with what lies in it. Keys are `unit/entry/name`."""

    desk: Desk
    pieces: Pieces
    bucket: str = BUCKET
    _hints: set[str] = field(default_factory=set, init=False)
    _hinted: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def hint(self, key: str) -> None:
        """Somebody says that something lies there; it is looked at soon."""
        if len(self._hints) < HINTS:
            self._hints.add(key)
        self._hinted.set()

    async def hinted(self) -> None:
        """Until there are hints."""
        await self._hinted.wait()
        self._hinted.clear()

    async def follow_hints(self) -> int:
        """Look where hints say. How many files were registered."""
        hints, self._hints = self._hints, set()
        done = 0
        for key in sorted(hints):
            try:
                done += await self.look(key)
            except Unwell:
                # The store is away, or takes it for no key at all; the next look at everything needs no hint.
                _log.warning("ingest.hint_not_followed")
        return done

    async def look(self, prefix: str = "") -> int:
        """Look at everything whose key begins so. How many files were registered."""
        done = 0
        async for page in self.pieces.pages(self.bucket, prefix):
            async with self.desk.db.begin() as tx:
                new = await records.unseen(tx, page)
            for seen in new:
                done += await self._take(seen)
        return done

    async def seen(self, caller: Caller, limit: int) -> list[SightingRow]:
        """What the caller's unit laid down, and what became of it."""
        async with self.desk.db.begin() as tx:
            return await records.sightings(tx, caller.unit, limit)

    async def _take(self, seen: Sighting) -> bool:
        """Register one version, or note why it is refused; later, if the unit has brought too much for now."""
        provider: str | None = None
        try:
            place = arrivals.place(seen.key)
            provider = place.unit
            await self._check(seen, place)
            version = await self.pieces.copy(seen, service.INBOX, _key(place, seen))
            return await self._register(seen, place, version)
        except errors.TooMany as later:
            _log.warning("ingest.arrival_waits", unit=provider, code=later.code)
        except Refusal as refused:
            await self._refuse(seen, provider, refused)
        return False

    async def _check(self, seen: Sighting, place: Place) -> None:
        """What can be known before the file is copied. Raises Refusal."""
        if seen.size < 1:
            raise errors.NotUploaded("文件为空（0 字节）")
        desk, most = self.desk, self.desk.limits.large_bytes
        async with desk.db.begin() as tx:
            await service.may_bring(tx, place.entry, seen.size, unit=place.unit, desk=desk, most=most)

    async def _register(self, seen: Sighting, place: Place, version: str) -> bool:
        desk = self.desk
        async with desk.db.begin() as tx:
            if not await records.note_sighting(tx, self._row(seen, place.unit, None)):
                return False
            upload = await service.new_upload(
                tx,
                seen.upload,
                place.entry,
                place.name,
                seen.size,
                unit=place.unit,
                by=f"bucket:{self.bucket}",
                desk=desk,
                most=desk.limits.large_bytes,
            )
            done = uploads.receive(upload, version=version, size=seen.size, at=desk.clock())
            await store.save_upload(tx, done)
            await outbox.put(tx, uploads.received_event(done))
        _log.info("ingest.arrived", upload=str(seen.upload), unit=place.unit)
        return True

    async def _refuse(self, seen: Sighting, provider: str | None, refused: Refusal) -> None:
        async with self.desk.db.begin() as tx:
            if await records.note_sighting(tx, self._row(seen, provider, refused)):
                _log.info("ingest.arrival_refused", unit=provider, code=refused.code)

    def _row(self, seen: Sighting, provider: str | None, refused: Refusal | None) -> SightingRow:
        return SightingRow(
            bucket=seen.bucket,
            key=seen.key,
            version=seen.version,
            seen_at=self.desk.clock(),
            provider=provider,
            upload=None if refused else seen.upload,
            reason=refused.code if refused else None,
            message=refused.message if refused else None,
        )


def _key(place: Place, seen: Sighting) -> str:
    return f"{place.unit}/{place.entry}/{seen.upload}"
