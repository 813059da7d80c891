"""Reports of a checked file for its provider: the annotated copy by a short-lived link, the summary as a page.

Both are made when they are asked for, from the original, which is pinned, and from the findings that are kept; the
taking of files waits for neither.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from common.clock import Clock
from common.db import Db
from common.roles import Caller
from ingest_files import errors, noted, store
from ingest_files.blobs import Blobs
from ingest_files.domain import annotated, summary
from ingest_files.domain.judgement import Finding
from ingest_files.domain.uploads import FINAL, State, Upload
from ingest_files.store import FindingRow
from quality.model import Severity
from sheets.cells import Workbook
from sheets.errors import Unreadable
from sheets.names import display_name

BUCKET: Final = "reports"
LINK_LASTS: Final = timedelta(minutes=5)
MAX_ORIGINAL: Final = 64 * 1024 * 1024
MAX_FINDINGS: Final = 200_000
"""Findings in an annotated copy and in the numbers of a summary; beyond, the API has them all."""
Read = Callable[[bytes], Awaitable[Workbook]]
May = Callable[[UUID, Caller], Awaitable[Upload]]


@dataclass(frozen=True, slots=True)
class Reporting:
    """What reports are made with. `read` parses in the confined child; `may` says who may see an upload."""

    clock: Clock
    db: Db
    blobs: Blobs
    read: Read
    may: May

    async def _checked(self, upload_id: UUID, caller: Caller) -> tuple[Upload, list[Finding]]:
        upload = await self.may(upload_id, caller)
        if upload.state not in FINAL:
            raise errors.UploadState("文件还没有检查结果", state=upload.state.value)
        async with self.db.begin() as tx:
            found = await noted.every_finding(tx, upload_id, MAX_FINDINGS)
        return upload, [finding_of(row) for row in found]

    async def annotated(self, upload_id: UUID, caller: Caller) -> str:
        """Where the annotated copy of the file is fetched, for five minutes; made now if it was not made before.

        Raises:
            UploadUnknown: there is none that the caller may see.
            UploadState: it has no result yet.
            NoReport: the file cannot be read, so there is nothing to annotate.
        """
        upload, found = await self._checked(upload_id, caller)
        key = f"{upload.provider}/{upload.entry}/{upload.id}/annotated.xlsx"
        if await self.blobs.find(BUCKET, key) is None:
            assert upload.object_version is not None
            content = await self.blobs.get(
                upload.bucket, upload.object_key, upload.object_version, most=upload.size or MAX_ORIGINAL
            )
            try:
                workbook = await self.read(content.data)
            except Unreadable as refused:
                raise errors.NoReport("文件无法读取，没有可标注的内容", reason=refused.reason.value) from refused
            async with self.db.begin() as tx:
                entry = await store.entry(tx, upload.entry)
            names = {item.code: item.name for item in entry.items} if entry is not None else {}
            await self.blobs.put(BUCKET, key, annotated.annotate(workbook, found, names))
        name = f"{display_name(upload.name).rpartition('.')[0] or 'file'}-检查结果.xlsx"
        return self.blobs.link(BUCKET, key, name=name, lasts=LINK_LASTS)

    async def summary(self, upload_id: UUID, caller: Caller) -> str:
        """The summary of the check, as an HTML page.

        Raises:
            UploadUnknown: there is none that the caller may see. UploadState: it has no result yet.
        """
        upload, found = await self._checked(upload_id, caller)
        async with self.db.begin() as tx:
            entry = await store.entry(tx, upload.entry)
            before = await noted.batches(tx, upload.entry)
            total = await noted.count(tx, upload_id)
            records = await noted.records(tx, upload_id)
        return summary.page(
            summary.Checked(
                name=display_name(upload.name),
                entry=upload.entry,
                entry_name=entry.name if entry else upload.entry,
                provider=upload.provider,
                loaded=upload.state is State.LOADED,
                message=upload.message,
                records=records if records is not None else upload.rows,
                total=total,
                findings=found,
                item_names={item.code: item.name for item in entry.items} if entry else {},
                batches=[
                    summary.Batch(
                        name=display_name(row.name),
                        done_at=row.done_at,
                        loaded=row.state == State.LOADED.value,
                        rows=row.rows or 0,
                        findings=row.findings,
                    )
                    for row in before
                    if row.done_at is not None
                ],
                done_at=upload.done_at,
            )
        )


def finding_of(row: FindingRow) -> Finding:
    """A finding as it is kept."""
    return Finding(
        row=row.row,
        column=row.col,
        item=row.item,
        rule=row.rule,
        message=row.message,
        severity=Severity(row.severity),
        value=row.value,
        sheet=row.sheet,
    )
