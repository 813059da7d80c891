"""Events of aggregation: files received, batches loaded or refused, resources ready to be read."""

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from common.events.base import Event, Part, StateEvent
from common.events.parts import EntryCode, ResourceVersion, StoredFile, UnitCode


class FileReceived(Event):
    """A file lies in the inbox, pinned by its version, waiting to be checked and loaded; in order per resource."""

    topic: ClassVar[str] = "file-received"
    owner: ClassVar[str] = "ingest-files"

    upload: UUID
    entry: EntryCode
    provider: UnitCode
    bucket: str
    object_key: str
    object_version: str
    size: int = Field(ge=0)
    uploaded_by: str
    received_at: AwareDatetime

    @property
    def key(self) -> str:
        return self.entry


class BatchIngested(Event):
    """Rows of a file are readable: all of them, in one transaction."""

    topic: ClassVar[str] = "batch-ingested"
    owner: ClassVar[str] = "ingest-files"
    # The road from a call back to its file is asked for long after the file came.
    retention: ClassVar[timedelta] = timedelta(days=400)

    batch: UUID
    entry: EntryCode
    resource_version: ResourceVersion
    provider: UnitCode
    file: StoredFile
    rows: int = Field(ge=0)
    mode: str
    uploaded_by: str
    committed_at: AwareDatetime
    deleted: int | None = Field(default=None, ge=0)
    """Rows that it took away by their keys."""
    sheet: str | None = None
    """The sheet of the file whose rows they are."""

    @property
    def key(self) -> str:
        return self.entry


class BatchTakenBack(Event):
    """A batch was undone: the rows of before are readable again."""

    topic: ClassVar[str] = "batch-taken-back"
    owner: ClassVar[str] = "ingest-files"
    retention: ClassVar[timedelta] = timedelta(days=400)

    batch: UUID
    entry: EntryCode
    resource_version: ResourceVersion
    provider: UnitCode
    current: UUID | None
    """The batch that is the newest again; none where there was no other."""
    why: str
    taken_back_by: str
    taken_back_at: AwareDatetime

    @property
    def key(self) -> str:
        return self.entry


class RuleCount(Part):
    rule: str
    count: int = Field(ge=1)


class BatchRejected(Event):
    """A file was refused whole; how often each rule was broken, never a value."""

    topic: ClassVar[str] = "batch-rejected"
    owner: ClassVar[str] = "ingest-files"
    retention: ClassVar[timedelta] = timedelta(days=400)

    upload: UUID
    entry: EntryCode
    provider: UnitCode
    file: StoredFile
    reason: str
    findings: tuple[RuleCount, ...]
    uploaded_by: str
    rejected_at: AwareDatetime

    @property
    def key(self) -> str:
        return self.entry


class ResourceState(StrEnum):
    READY = "ready"
    DROPPED = "dropped"


class ResourceReady(StateEvent):
    """The view of a resource version can be read; until then its services are out of use (208)."""

    topic: ClassVar[str] = "resource-ready"
    owner: ClassVar[str] = "ingest-files"

    resource_version: ResourceVersion
    entry: EntryCode
    provider: UnitCode
    view_schema: str
    view_name: str
    state: ResourceState
    changed_at: AwareDatetime

    @property
    def key(self) -> str:
        return self.resource_version
