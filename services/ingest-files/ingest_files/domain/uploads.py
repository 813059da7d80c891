"""An upload: awaited, received, then loaded or rejected; each file ends with exactly one result."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

from common.events import BatchIngested, BatchRejected, FileReceived, Item, RuleCount, StoredFile
from exchange.ways import Way
from ingest_files import errors

EXPIRES: Final = timedelta(minutes=15)
"""How long an upload may be begun with what was handed out for it."""


class State(StrEnum):
    AWAITED = "awaited"
    RECEIVED = "received"
    LOADED = "loaded"
    REJECTED = "rejected"


FINAL: Final = frozenset({State.LOADED, State.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a published entry, from `catalog-changed`."""

    code: str
    name: str
    provider: str
    published: bool
    resource_version: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file on its way. The object is pinned by its version; the name is the provider's, as data."""

    id: UUID
    entry: str
    provider: str
    name: str
    bucket: str
    object_key: str
    state: State
    uploaded_by: str
    created_at: datetime
    object_version: str | None = None
    size: int | None = None
    sha256: str | None = None
    received_at: datetime | None = None
    resource_version: str | None = None
    rows: int | None = None
    reason: str | None = None
    message: str | None = None
    findings: int = 0
    done_at: datetime | None = None
    way: Way = Way.REPLACE
    """In which way its rows go to those that are there."""
    mark: str | None = None
    """Of an upsert: the title of the column that marks rows to be deleted."""
    difference: dict[str, Any] | None = None
    """How the file's columns differ from the resource's items, where it was refused for that; plain types."""


class Booked(Protocol):
    """What the books of the exchange store say of a batch."""

    @property
    def mode(self) -> str: ...
    @property
    def deleted(self) -> int: ...
    @property
    def sheet(self) -> str | None: ...
    @property
    def committed_at(self) -> datetime: ...


def check_awaited(upload: Upload) -> None:
    """Raises UploadState if it was received before."""
    if upload.state is not State.AWAITED:
        raise errors.UploadState("文件已提交，不能重复提交", state=upload.state.value)


def check_way(entry: Entry, way: Way, mark: str | None, *, allowed: tuple[Way, ...]) -> None:
    """Whether a file may go to the resource in this way.

    Raises:
        WayUnfit: the resource does not allow it, or has no key, or the way knows no marked rows.
    """
    if way not in allowed:
        raise errors.WayUnfit("这个资源不允许这种导入方式", way=way.value, allowed=[one.value for one in allowed])
    if way in {Way.UPSERT, Way.DELETE} and not any(item.key_place is not None for item in entry.items):
        raise errors.WayUnfit("资源没有主键，不能按主键更新或删除", way=way.value)
    if mark is not None and way is not Way.UPSERT:
        raise errors.WayUnfit("只有按主键更新（upsert）可以用一列标记要删除的行", way=way.value)


def receive(upload: Upload, *, version: str, size: int, at: datetime) -> Upload:
    """The object is there, pinned by its version.

    Raises:
        UploadState: it was received before.
    """
    check_awaited(upload)
    return replace(upload, state=State.RECEIVED, object_version=version, size=size, received_at=at)


def received_event(upload: Upload) -> FileReceived:
    assert upload.object_version is not None
    assert upload.size is not None
    assert upload.received_at is not None
    return FileReceived(
        upload=upload.id,
        entry=upload.entry,
        provider=upload.provider,
        bucket=upload.bucket,
        object_key=upload.object_key,
        object_version=upload.object_version,
        size=upload.size,
        uploaded_by=upload.uploaded_by,
        received_at=upload.received_at,
    )


def stored_file(upload: Upload, shown_name: str) -> StoredFile:
    assert upload.object_version is not None
    assert upload.sha256 is not None
    assert upload.size is not None
    return StoredFile(
        bucket=upload.bucket,
        key=upload.object_key,
        version=upload.object_version,
        sha256=upload.sha256,
        size=upload.size,
        name=shown_name,
    )


def load(upload: Upload, *, resource_version: str, sha256: str, rows: int, at: datetime) -> Upload:
    """The file's rows are in the store."""
    return replace(upload, state=State.LOADED, resource_version=resource_version, sha256=sha256, rows=rows, done_at=at)


def loaded_event(upload: Upload, shown_name: str, loaded: Booked) -> BatchIngested:
    assert upload.resource_version is not None
    assert upload.rows is not None
    return BatchIngested(
        batch=upload.id,
        entry=upload.entry,
        resource_version=upload.resource_version,
        provider=upload.provider,
        file=stored_file(upload, shown_name),
        rows=upload.rows,
        mode=loaded.mode,
        deleted=loaded.deleted,
        sheet=loaded.sheet,
        uploaded_by=upload.uploaded_by,
        committed_at=loaded.committed_at,
    )


def reject(
    upload: Upload,
    *,
    sha256: str,
    reason: str,
    message: str,
    findings: int,
    at: datetime,
    difference: dict[str, Any] | None = None,
) -> Upload:
    """The file is refused whole, with the reason for people; the object stays as evidence."""
    return replace(
        upload,
        state=State.REJECTED,
        sha256=sha256,
        reason=reason,
        message=message,
        findings=findings,
        difference=difference,
        done_at=at,
    )


def rejected_event(upload: Upload, shown_name: str, counts: dict[str, int]) -> BatchRejected:
    assert upload.reason is not None
    assert upload.done_at is not None
    return BatchRejected(
        upload=upload.id,
        entry=upload.entry,
        provider=upload.provider,
        file=stored_file(upload, shown_name),
        reason=upload.reason,
        findings=tuple(RuleCount(rule=rule, count=count) for rule, count in sorted(counts.items())),
        uploaded_by=upload.uploaded_by,
        rejected_at=upload.done_at,
    )
