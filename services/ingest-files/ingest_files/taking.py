"""Takes one file: fetched, judged, loaded; it ends with exactly one result."""

import hashlib
import tempfile
from dataclasses import dataclass
from typing import Final

from common import inbox, log, outbox
from common.clock import Clock
from common.db import Db
from common.errors import Unwell
from common.events import FileReceived, Meta
from exchange.loading import Clash, Loaded
from exchange.ways import Way
from ingest_files import errors, loadings, store
from ingest_files.blobs import Blobs, Content
from ingest_files.domain import judgement, uploads
from ingest_files.domain.judgement import Bad, Good
from ingest_files.domain.uploads import Entry, Upload
from ingest_files.exchange_store import ExchangeStore
from ingest_files.whole import WHOLE, Loader
from sheets.cells import Workbook
from sheets.errors import Reason, Unreadable
from sheets.limits import STRICT
from sheets.names import display_name
from sheets.reading import read_async

NAME: Final = "ingest-files"
MAX_BYTES: Final = STRICT.file_bytes
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the use cases lean on beside the transaction."""

    clock: Clock
    db: Db
    blobs: Blobs
    exchange: ExchangeStore


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
        code_sets = await store.code_sets(tx, entry.items) if entry else {}
        allowed = await loadings.loading(tx, held.entry)
    if entry is None:
        raise Unwell(f"entry {event.entry}")
    loaded = await desk.exchange.find(held.id)
    if loaded is not None:
        # Something came between the rows and their result. They are what was read then, and nothing is judged anew.
        await _finish(loaded, held, meta, desk)
        return
    job = _Job(event, meta, desk, held, entry, code_sets)
    try:
        whole = allowed.whole and held.mark is None and held.way is not Way.DELETE
        await (_take_whole(job) if whole else _take_short(job))
    except (errors.ObjectGone, errors.FileTooLarge) as refused:
        # Nobody but an administrator of the object store can bring this about; the file still gets its result.
        await _reject(Bad(refused.code, refused.message), hashlib.sha256(b"").hexdigest(), held, meta, desk)


@dataclass(frozen=True, slots=True)
class _Job:
    """One file, and what its taking leans on."""

    event: FileReceived
    meta: Meta
    desk: Desk
    held: Upload
    entry: Entry
    code_sets: dict[tuple[str, int], frozenset[str]]

    async def is_current(self, sha256: str) -> bool:
        """Whether this very content is what the resource holds now."""
        now = await self.desk.exchange.current(self.entry.resource_version)
        return now is not None and (now.sha256, now.mode) == (sha256, self.held.way.value)


async def _take_short(job: _Job) -> None:
    """A file of the annex's length, which is held in memory."""
    event, held, entry, desk = job.event, job.held, job.entry, job.desk
    content = await desk.blobs.get(event.bucket, event.object_key, event.object_version, most=MAX_BYTES)
    again = await job.is_current(content.sha256)
    judged = judgement.duplicate() if again else await _judge(content, held, entry, job.code_sets)
    bad = await _load(judged, content, held, entry, job.meta, desk) if isinstance(judged, Good) else judged
    if bad is not None:
        await _reject(bad, content.sha256, held, job.meta, desk)


async def _take_whole(job: _Job) -> None:
    """A file of any length, which is never held whole."""
    event, held, desk = job.event, job.held, job.desk
    with tempfile.TemporaryFile(prefix="upload-") as file:
        sha256 = await desk.blobs.fetch(
            event.bucket, event.object_key, event.object_version, file, most=WHOLE.file_bytes
        )
        if await job.is_current(sha256):
            await _reject(judgement.duplicate(), sha256, held, job.meta, desk)
            return
        loader = Loader(desk.exchange, job.entry, job.code_sets, held.name)
        done = await loader.load(file, sha256, held.id, held.way)
    if isinstance(done, Bad):
        await _reject(done, sha256, held, job.meta, desk)
    else:
        await _finish(done, held, job.meta, desk)


async def _judge(
    content: Content, held: Upload, entry: Entry, code_sets: dict[tuple[str, int], frozenset[str]]
) -> Good | Bad:
    try:
        workbook = await _read(content.data)
    except Unreadable as refused:
        return judgement.unreadable(refused.reason.value, str(refused))
    return judgement.judge(workbook, held.name, entry, code_sets, held.way, held.mark)


async def _read(data: bytes) -> Workbook:
    """The workbook in these bytes. A child that died over them gets a second chance; more would not help.

    Raises:
        Unreadable: it is refused.
        Unwell: no child could be started, which is no fault of the file.
    """
    try:
        return await read_async(data)
    except Unreadable as refused:
        if not refused.is_childs_death:
            raise
    try:
        return await read_async(data)
    except Unreadable as refused:
        if refused.reason is Reason.CHILD_NOT_STARTED:
            raise Unwell("spreadsheet reader") from refused
        raise


async def _load(good: Good, content: Content, held: Upload, entry: Entry, meta: Meta, desk: Desk) -> Bad | None:
    try:
        loaded = await desk.exchange.load(
            version=entry.resource_version,
            batch=held.id,
            sha256=content.sha256,
            columns=judgement.items_by_code(entry.items),
            rows=good.rows,
            gone=good.gone,
            sheet=good.sheet,
            way=held.way,
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
        await store.save_upload(tx, done)
        await outbox.put(tx, uploads.loaded_event(done, display_name(held.name), loaded))
    _log.info("ingest.loaded", upload=str(held.id), resource=loaded.version, rows=loaded.rows)


async def _reject(bad: Bad, sha256: str, held: Upload, meta: Meta, desk: Desk) -> None:
    async with desk.db.begin() as tx:
        if not await inbox.first_time(tx, NAME, meta):
            return
        await store.upload(tx, held.id, lock=True)
        done = uploads.reject(
            held,
            sha256=sha256,
            reason=bad.reason,
            message=bad.message,
            findings=len(bad.findings),
            at=desk.clock(),
            difference=None if bad.difference is None else bad.difference.as_data(),
        )
        await store.save_upload(tx, done)
        await store.add_findings(tx, held.id, bad.findings)
        await outbox.put(tx, uploads.rejected_event(done, display_name(held.name), bad.counts))
    _log.info("ingest.rejected", upload=str(held.id), reason=bad.reason, findings=len(bad.findings))
