"""Takes one file: fetched, judged, loaded; it ends with exactly one result."""

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass, replace
from typing import Final

from common import inbox, log, outbox
from common.clock import Clock
from common.db import Db
from common.errors import Unwell
from common.events import FileReceived, Meta
from exchange.loading import Clash, Loaded
from exchange.ways import Way
from ingest_files import errors, loadings, mappings, noted, store
from ingest_files.blobs import Blobs, Content
from ingest_files.domain import judgement, mapping, uploads
from ingest_files.domain.judgement import Bad, Good, Rules
from ingest_files.domain.limits import Limits
from ingest_files.domain.mapping import Intake
from ingest_files.domain.uploads import Entry, Upload
from ingest_files.exchange_store import ExchangeStore
from ingest_files.referring import Referring
from ingest_files.whole import WHOLE, Loader
from sheets.cells import Workbook
from sheets.errors import Reason, Unreadable
from sheets.limits import GUIDED, STRICT
from sheets.limits import Limits as SheetLimits
from sheets.names import display_name
from sheets.reading import read_async
from vetting.report import Profile

NAME: Final = "ingest-files"
MAX_BYTES: Final = STRICT.file_bytes
MAX_IN_MEMORY: Final = 4 * MAX_BYTES
"""Of a file of a resource that allows whole loads, where its rows are checked one by one: those of the guided profile,
and those of resources that declare rules beyond what their items say."""
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the use cases lean on beside the transaction."""

    clock: Clock
    db: Db
    blobs: Blobs
    exchange: ExchangeStore
    limits: Limits = Limits()  # noqa: RUF009  frozen, and so one for all


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
        around = await noted.surroundings(tx, entry, held.way, desk.clock()) if entry else None
        intake = await mappings.intake(tx, held.entry)
        allowed = await loadings.loading(tx, held.entry)
    if entry is None:
        raise Unwell(f"entry {event.entry}")
    loaded = await desk.exchange.find(held.id)
    if loaded is not None:
        # Something came between the rows and their result. They are what was read then, and nothing is judged anew.
        await _finish(loaded, held, meta, desk)
        return
    job = _Job(event, meta, desk, held, entry, Rules(code_sets, rule_set, around), intake, allowed.whole)
    try:
        await (_take_whole(job) if job.whole and job.is_plain else _take_short(job))
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
    rules: Rules
    intake: Intake
    whole: bool
    """Whether its files may have any length."""

    @property
    def is_plain(self) -> bool:
        """Whether what the items say is all that its rows are held to, and each row is put in as it stands."""
        declared = self.rules.rule_set is not None and bool(self.rules.rule_set.rules)
        marked = self.held.mark is not None or self.held.way is Way.DELETE
        return not declared and not marked and self.intake.profile is Profile.STRICT

    async def is_current(self, sha256: str) -> bool:
        """Whether this very content is what the resource holds now."""
        now = await self.desk.exchange.current(self.entry.resource_version)
        return now is not None and (now.sha256, now.mode) == (sha256, self.held.way.value)


async def _take_short(job: _Job) -> None:
    """A file that is held in memory."""
    event, held, entry, desk = job.event, job.held, job.entry, job.desk
    most = MAX_IN_MEMORY if job.whole else MAX_BYTES
    content = await desk.blobs.get(event.bucket, event.object_key, event.object_version, most=most)
    again = await job.is_current(content.sha256)
    judged = judgement.duplicate() if again else await _judge(content, job)
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
        loader = Loader(desk.exchange, job.entry, job.rules.code_sets, held.name)
        done = await loader.load(file, sha256, held.id, held.way)
    if isinstance(done, Bad):
        await _reject(done, sha256, held, job.meta, desk)
    else:
        await _finish(done, held, job.meta, desk)


async def _judge(content: Content, job: _Job) -> Good | Bad:
    held, entry = job.held, job.entry
    # Deletes are stated in the annex's form.
    of_annex = held.mark is not None or held.way is Way.DELETE
    intake = replace(job.intake, profile=Profile.STRICT) if of_annex else job.intake
    limits = intake.limits(whole=job.whole)
    try:
        workbook = await read_workbook(content.data, limits)
    except Unreadable as refused:
        return judgement.unreadable(refused.reason.value, str(refused))
    judged: judgement.Judged
    if intake.profile is Profile.STRICT:
        judged = await asyncio.to_thread(
            judgement.judge,
            workbook,
            held.name,
            entry,
            *job.rules,
            way=held.way,
            mark=held.mark,
            max_rows=limits.data_rows,
        )
    else:
        found = await asyncio.to_thread(mapping.judge, workbook, held.name, entry, intake, *job.rules)
        async with job.desk.db.begin() as tx:
            await mappings.save_detection(tx, held.id, found.detected)
        judged = found.result
    return await Referring(job.desk.db, job.desk.exchange).ended(judged, entry, held.way)


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


async def read_again(data: bytes) -> Workbook:
    """A file that was judged before, by whatever profile, for its report."""
    return await read_workbook(data, GUIDED)


async def _load(good: Good, content: Content, held: Upload, entry: Entry, meta: Meta, desk: Desk) -> Bad | None:
    await noted.keep(desk.db, held.id, good)
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
        done = replace(done, findings=await noted.count(tx, held.id))
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
        await noted.add_numbers(tx, held.id, bad.profile)
        await outbox.put(tx, uploads.rejected_event(done, display_name(held.name), bad.counts))
    _log.info("ingest.rejected", upload=str(held.id), reason=bad.reason, findings=len(bad.findings))
