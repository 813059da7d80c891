"""Watches a drop folder: what units' systems lay down in `unit/entry/` becomes an upload, with its result beside it.

A file in `unit/entry/` replaces the resource; one in `append`, `upsert` or `delete` below goes to it in that way.

A file is taken when it is whole: nothing changed between two looks, or it was renamed into its place. It is taken by a
rename, which happens once; from then on it lies under its upload's id, so that a watcher that was killed, or a second
one, goes on with the same upload. It ends in `done` or `refused`, with its result as `….result.json` beside it. Units
write into their folders, so no name and no link of theirs is ever followed: each folder is opened by itself, without
following links, and only plain files are read.
"""

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from common import log, outbox
from common.errors import Refusal
from common.ids import uuid7
from exchange.ways import Way
from ingest_files import errors, service, store
from ingest_files.domain import arrivals, uploads
from ingest_files.domain.arrivals import Place
from ingest_files.domain.uploads import Upload
from ingest_files.service import INBOX, MAX_BYTES, Desk

LOOK_EVERY: Final = 2.0
TAKEN, DONE, REFUSED = ".taken", "done", "refused"
SUFFIX: Final = ".result.json"
FINDINGS: Final = 10_000
"""Findings in a result; of more their number, and all at the API."""
BY: Final = "folder"
_OWN: Final = frozenset({DONE, REFUSED})
_UNFINISHED: Final = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")
"""Ends of names under which programs write what is not whole."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """What of a file tells that it was changed."""

    inode: int
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class Box:
    """A unit's folder of one entry; below it one for each way of loading that is not `replace`, if the unit made it."""

    unit: str
    entry: str
    way: Way = Way.REPLACE


@dataclass(slots=True)
class Folder:
    """A drop folder and what is done with what lies in it."""

    desk: Desk
    root: Path
    _seen: dict[tuple[Box, str], Mark] = field(default_factory=dict, init=False)

    async def look(self) -> int:
        """Take what is whole, and bring what was taken as far as it goes. How many files were taken."""
        taken, seen = 0, {}
        for box in self._boxes():
            try:
                for name, mark in self._waiting(box):
                    seen[box, name] = mark
                    if self._seen.get((box, name)) == mark and (upload_id := await self._take(box, name)):
                        taken += 1
                        await self._go_on_with(box, upload_id)
                await self._go_on(box)
            except Exception as error:  # noqa: BLE001  whatever it was, the other boxes and the next look go on
                _log.warning("ingest.folder_not_looked", unit=box.unit, error=type(error).__name__)
        self._seen = seen
        return taken

    def _boxes(self) -> list[Box]:
        """Folders that a unit's code and an entry's name; whatever else lies there is nobody's."""
        found = []
        with opened(self.root) as root:
            for unit in _folders(root):
                with contextlib.suppress(OSError), opened(unit, at=root) as inside:
                    found += [box for entry in _folders(inside) for box in _of_entry(inside, unit, entry)]
        return [box for box in found if _is_place(box)]

    def _waiting(self, box: Box) -> list[tuple[str, Mark]]:
        """Plain files that lie in a box under a name of their own."""
        with self._inside(box) as folder:
            names = [name for name in _names(folder) if not name.startswith((".", "~$"))]
            found = []
            for name in sorted(names):
                if name in _OWN or name.lower().endswith(_UNFINISHED):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    told = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISREG(told.st_mode):
                        found.append((name, Mark(told.st_ino, told.st_size, told.st_mtime_ns)))
        return found

    async def _take(self, box: Box, name: str) -> UUID | None:
        """Move a file to under its upload's id, unless its unit has brought too much for now."""
        desk, upload_id = self.desk, uuid7()
        try:
            async with desk.db.begin() as tx:
                await service.may_bring(tx, box.entry, 0, unit=box.unit, desk=desk, most=MAX_BYTES)
        except errors.TooMany as later:
            _log.warning("ingest.folder_waits", unit=box.unit, code=later.code)
            return None
        except Refusal:
            pass  # it is refused with its result beside it, like any other
        with self._inside(box) as folder, _below(folder, TAKEN) as taken:
            os.mkdir(str(upload_id), 0o700, dir_fd=taken)
            with opened(str(upload_id), at=taken) as own:
                try:
                    os.rename(name, name, src_dir_fd=folder, dst_dir_fd=own)
                except FileNotFoundError:
                    # Another watcher, or its owner, was sooner.
                    os.rmdir(str(upload_id), dir_fd=taken)
                    return None
        _log.info("ingest.folder_taken", upload=str(upload_id), unit=box.unit)
        return upload_id

    async def _go_on(self, box: Box) -> None:
        """Whatever was taken and has not ended: hand it in, or end it with its result."""
        with self._inside(box) as folder:
            try:
                with opened(TAKEN, at=folder) as taken:
                    ids = sorted(_folders(taken))
            except FileNotFoundError:
                return
        for name in ids:
            with contextlib.suppress(ValueError):
                await self._go_on_with(box, UUID(name))

    async def _go_on_with(self, box: Box, upload_id: UUID) -> None:
        desk = self.desk
        try:
            async with desk.db.begin() as tx:
                found = await store.upload(tx, upload_id)
        except errors.UploadUnknown:
            await self._hand_in(box, upload_id)
            return
        if found.state in uploads.FINAL:
            await self._end(box, upload_id, await self._result(found))

    async def _hand_in(self, box: Box, upload_id: UUID) -> None:
        with self._inside(box) as folder, opened(TAKEN, at=folder) as taken, opened(str(upload_id), at=taken) as own:
            names = _names(own)
            if not names:
                os.rmdir(str(upload_id), dir_fd=taken)
                return
            data = await asyncio.to_thread(_read, own, names[0])
        place = Place(box.unit, box.entry, arrivals.shown(names[0]))
        try:
            await self._register(place, upload_id, data, box.way)
        except errors.TooMany as later:
            _log.warning("ingest.folder_waits", unit=box.unit, code=later.code)
        except Refusal as refused:
            told = {"state": "rejected", "reason": refused.code, "message": refused.message, "findings": []}
            await self._end(box, upload_id, {"upload": None, **told})

    async def _register(self, place: Place, upload_id: UUID, data: bytes | None, way: Way) -> None:
        desk = self.desk
        if not data:
            raise errors.NotUploaded("文件为空（0 字节），或不是普通文件")
        async with desk.db.begin() as tx:
            await service.may_bring(tx, place.entry, len(data), unit=place.unit, desk=desk, most=MAX_BYTES)
        version = await desk.blobs.put(INBOX, f"{place.unit}/{place.entry}/{upload_id}", data)
        async with desk.db.begin() as tx:
            made = await service.new_upload(
                tx, upload_id, place.entry, place.name, len(data), unit=place.unit, by=BY, desk=desk, way=way
            )
            done = uploads.receive(made, version=version, size=len(data), at=desk.clock())
            await store.save_upload(tx, done)
            await outbox.put(tx, uploads.received_event(done))

    async def _result(self, upload: Upload) -> dict[str, Any]:
        async with self.desk.db.begin() as tx:
            found = await store.findings(tx, upload.id, after=0, limit=FINDINGS)
        return {
            "upload": str(upload.id),
            "state": upload.state.value,
            "rows": upload.rows,
            "sha256": upload.sha256,
            "reason": upload.reason,
            "message": upload.message,
            "count": upload.findings,
            "done_at": upload.done_at,
            "findings": [row.model_dump(exclude={"upload", "place"}) for row in found],
        }

    async def _end(self, box: Box, upload_id: UUID, result: dict[str, Any]) -> None:
        """The result first, then the file: a watcher killed in between writes the same result again."""
        where = DONE if result["state"] == uploads.State.LOADED.value else REFUSED
        written = json.dumps(result, ensure_ascii=False, indent=1, default=_json).encode()
        with self._inside(box) as folder, opened(TAKEN, at=folder) as taken, _below(folder, where) as ended:
            _write(ended, f"{upload_id}{SUFFIX}", written)
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                os.rename(str(upload_id), str(upload_id), src_dir_fd=taken, dst_dir_fd=ended)
        _log.info("ingest.folder_ended", upload=str(upload_id), state=result["state"])

    @contextlib.contextmanager
    def _inside(self, box: Box) -> Iterator[int]:
        with opened(self.root) as root, opened(box.unit, at=root) as unit, opened(box.entry, at=unit) as folder:
            if box.way is Way.REPLACE:
                yield folder
                return
            with opened(box.way.value, at=folder) as below:
                yield below


@contextlib.contextmanager
def opened(name: str | Path, *, at: int | None = None) -> Iterator[int]:
    """A folder, never by a link. Raises OSError."""
    handle = os.open(name, _FOLDER, dir_fd=at)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _below(folder: int, name: str) -> Iterator[int]:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o770, dir_fd=folder)
    with opened(name, at=folder) as inside:
        yield inside


def _folders(folder: int) -> list[str]:
    with os.scandir(folder) as found:
        return [one.name for one in found if one.is_dir(follow_symlinks=False)]


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as found:
        return [one.name for one in found]


def _of_entry(unit_folder: int, unit: str, entry: str) -> Iterator[Box]:
    yield Box(unit, entry)
    with contextlib.suppress(OSError), opened(entry, at=unit_folder) as inside:
        names = _folders(inside)
        yield from (Box(unit, entry, way) for way in Way if way is not Way.REPLACE and way.value in names)


def _is_place(box: Box) -> bool:
    try:
        arrivals.place(f"{box.unit}/{box.entry}/x")
    except errors.PlaceUnknown:
        return False
    return True


def _read(folder: int, name: str) -> bytes | None:
    """A plain file, up to one byte more than may come; None if it is none."""
    try:
        handle = os.open(name, _FILE, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return file.read(MAX_BYTES + 1)


def _write(folder: int, name: str, data: bytes) -> None:
    """Write a file that is there whole or not at all; what lay there under its name is replaced, not followed."""
    new = f".{name}.{uuid7()}"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660, dir_fd=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
