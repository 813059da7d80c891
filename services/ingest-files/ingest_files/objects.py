"""Takes unstructured files as objects of a resource, and hands out short-lived links to single ones (REQ-A8).

Begun, posted, pinned, then looked at in the background: digest, kind by content, the scanner's word, the rules of the
resource's items, the row. What fails in between is begun again under the same id, which the exchange store takes once.
"""

import asyncio
import hashlib
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote
from uuid import UUID

import puremagic

from common import log, outbox
from common.errors import Forbidden, Refusal, Unwell
from common.ids import uuid7
from common.roles import Caller, Role
from exchange.loading import Clash, Loaded
from exchange.ways import Way
from ingest_files import errors, noted, records, service, store
from ingest_files.blobs import Posting
from ingest_files.domain import judgement, objects, pushes
from ingest_files.domain.judgement import Bad
from ingest_files.domain.objects import Found, Object, State
from ingest_files.domain.uploads import Entry
from ingest_files.pieces import Pieces
from ingest_files.referring import Referring
from ingest_files.scanning import Scanner
from ingest_files.service import Desk

BUCKET: Final = "objects"
SENDER: Final = "service:gateway"
"""Who asks for links: it has checked the grant, and records the call."""
LINK_GOOD: Final = timedelta(minutes=5)
_AT_ONCE: Final = 20
_HEAD: Final = 64 * 1024
_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An object that somebody wants to bring, and what they say of it."""

    entry: str
    name: str
    size: int
    note: str | None
    values: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Given:
    """A link to one version of one object, good until then."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Keeping:
    """What objects are kept with."""

    desk: Desk
    pieces: Pieces
    scanner: Scanner

    async def begin(self, wanted: Wanted, caller: Caller) -> tuple[Object, Posting]:
        """Where and how an object is posted.

        Raises:
            NoObjects: the entry has none. EntryUnknown, UnitNotActive, FileTooLarge, TooMany: as for an upload.
        """
        caller.need(Role.COMPILER, Role.PUBLISHER)
        desk, most = self.desk, self.desk.limits.large_bytes
        async with desk.db.begin() as tx:
            await service.may_bring(tx, wanted.entry, wanted.size, unit=caller.unit, desk=desk, most=most)
            entry, fmt = await self._entry(tx, wanted.entry)
            objects.check_entry(entry.code, fmt, entry.items)
            object_id, at = uuid7(), desk.clock()
            made = Object(
                id=object_id,
                entry=wanted.entry,
                provider=caller.unit,
                name=wanted.name,
                note=wanted.note,
                values=wanted.values,
                bucket=BUCKET,
                object_key=f"{caller.unit}/{wanted.entry}/{object_id}",
                state=State.AWAITED,
                uploaded_by=caller.account,
                created_at=at,
                size=wanted.size,
            )
            await records.save_object(tx, made)
        return made, await desk.blobs.posting(BUCKET, made.object_key, most=most, until=at + objects.EXPIRES)

    async def _entry(self, tx: records.Tx, code: str) -> tuple[Entry, str | None]:
        found = await store.entry(tx, code)
        if found is None:
            raise errors.EntryUnknown(code)
        return found, await records.format_of(tx, code)

    async def complete(self, object_id: UUID, caller: Caller) -> Object:
        """The object is posted: it is pinned, and looked at soon. Raises ObjectUnknown, NotUploaded, UploadState."""
        caller.need(Role.COMPILER, Role.PUBLISHER)
        held = await self.one(object_id, caller)
        found = await self.desk.blobs.find(held.bucket, held.object_key)
        if found is None:
            raise errors.NotUploaded("对象存储中还没有这个文件，请先上传")
        async with self.desk.db.begin() as tx:
            held = await records.object_(tx, object_id, lock=True)
            done = objects.receive(held, version=found.version, size=found.size, at=self.desk.clock())
            await records.save_object(tx, done)
        return done

    async def one(self, object_id: UUID, caller: Caller) -> Object:
        """An object of the caller's unit. Raises ObjectUnknown."""
        async with self.desk.db.begin() as tx:
            held = await records.object_(tx, object_id)
        if held.provider != caller.unit:
            raise errors.ObjectUnknown
        return held

    async def mine(self, caller: Caller, entry: str | None, limit: int) -> list[Object]:
        """The newest objects of the caller's unit."""
        async with self.desk.db.begin() as tx:
            return await records.objects(tx, caller.unit, entry, limit)

    async def work(self) -> int:
        """Look at what was received. How many objects ended; what cannot be looked at now is held."""
        async with self.desk.db.begin() as tx:
            waiting = await records.received_objects(tx, _AT_ONCE)
        done = 0
        for held in waiting:
            try:
                done += await self._look_at(held)
            except Unwell as away:
                _log.warning("ingest.object_held", object=str(held.id), what=away.what)
        return done

    async def _look_at(self, held: Object) -> bool:
        desk = self.desk
        async with desk.db.begin() as tx:
            entry, fmt = await self._entry(tx, held.entry)
            rule_set = await noted.rule_set(tx, entry)
            code_sets = await store.code_sets(tx, rule_set.code_sets)
        loaded = await desk.exchange.find(held.id)
        with tempfile.TemporaryDirectory(prefix="shuqiao-object-") as folder:
            path = Path(folder) / "content"
            assert held.object_version is not None
            sha256 = ""
            try:
                await self.pieces.fetch(
                    held.bucket, held.object_key, held.object_version, path, most=desk.limits.large_bytes
                )
                sha256, head = await asyncio.to_thread(_digest, path)
                found = Found(path.stat().st_size, sha256, media_type(head))
                if loaded is not None:
                    # Something came between the row and its result.
                    return await self._register(held.id, found, loaded)
                objects.check_entry(entry.code, fmt, entry.items)
                objects.check_content(fmt, found.media_type, head)
                await self.scanner.scan(path)
                row = list(objects.members(held, found, entry.items).items())
            except Refusal as refused:
                told = sha256 or hashlib.sha256(b"").hexdigest()
                return await self._refuse(held.id, told, refused.code, refused.message, {})
        referring = Referring(desk.db, desk.exchange)
        judged = await referring.ended(pushes.judge([row], rule_set, code_sets), entry, Way.APPEND)
        if isinstance(judged, Bad):
            text = "；".join(one.message for one in judged.findings)[:1000]
            rules = Counter(one.rule for one in judged.findings)
            return await self._refuse(held.id, sha256, judged.reason, text, rules)
        try:
            loaded = await desk.exchange.load(
                version=entry.resource_version,
                batch=held.id,
                sha256=sha256,
                columns=judgement.items_by_code(entry.items),
                rows=judged.rows,
                way=Way.APPEND,
            )
        except Clash as clash:
            return await self._refuse(held.id, sha256, judgement.QUALITY, clash.message, {})
        return await self._register(held.id, found, loaded)

    async def _register(self, object_id: UUID, found: Found, loaded: Loaded) -> bool:
        at = self.desk.clock()
        async with self.desk.db.begin() as tx:
            held = await records.object_(tx, object_id, lock=True)
            if held.state is not State.RECEIVED:
                return False
            done, told = objects.register(
                held, found, resource_version=loaded.version, committed_at=loaded.committed_at, at=at
            )
            await records.save_object(tx, done)
            await outbox.put(tx, told)
        _log.info("ingest.object_registered", object=str(object_id), media_type=found.media_type)
        return True

    async def _refuse(self, object_id: UUID, sha256: str, reason: str, message: str, rules: dict[str, int]) -> bool:
        async with self.desk.db.begin() as tx:
            held = await records.object_(tx, object_id, lock=True)
            if held.state is not State.RECEIVED:
                return False
            done, told = objects.refuse(
                held, sha256=sha256, reason=reason, message=message, rules=rules, at=self.desk.clock()
            )
            await records.save_object(tx, done)
            await outbox.put(tx, told)
        _log.info("ingest.object_refused", object=str(object_id), reason=reason)
        return True

    async def link(self, entry: str, resource_version: str, object_id: UUID, caller: Caller) -> Given:
        """A link to one object of a resource, for five minutes, bound to its key and version.

        Raises:
            Forbidden: not the gateway. ObjectUnknown: no such object is registered in this resource version.
        """
        caller.need(Role.SERVICE)
        if caller.account != SENDER:
            raise Forbidden("只接受网关转来的请求")
        async with self.desk.db.begin() as tx:
            held = await records.object_(tx, object_id)
        known = held.state is State.REGISTERED and held.resource_version == resource_version
        if not known or held.entry != entry or held.object_version is None:
            raise errors.ObjectUnknown
        at = self.desk.clock()
        answer = {
            "response-content-type": objects.shown_as(held.media_type),
            "response-content-disposition": f"attachment; filename*=UTF-8''{quote(_file_name(held.name), safe='')}",
        }
        url = self.pieces.download(held.bucket, held.object_key, held.object_version, answer, at=at, good=LINK_GOOD)
        return Given(url, at + LINK_GOOD)


def media_type(head: bytes) -> str:
    """What content is, by its beginning and never by its name."""
    try:
        return puremagic.from_string(head, mime=True) or objects.UNKNOWN
    except (puremagic.PureError, ValueError):
        return objects.UNKNOWN


def _digest(path: Path) -> tuple[str, bytes]:
    """The digest of a file, and its beginning."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest(), head


def _file_name(name: str) -> str:
    return "".join("_" if not one.isprintable() or one in '/\\:*?"<>|' else one for one in name)[:120] or "file"
