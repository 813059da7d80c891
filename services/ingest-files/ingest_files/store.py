"""Rows of this service."""

import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Column, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import registry as orm_registry
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from common.errors import Unwell
from common.events import CodeSetChanged, Item
from exchange.ways import Way
from ingest_files import errors
from ingest_files.domain.judgement import Finding
from ingest_files.domain.pushes import Push
from ingest_files.domain.pushes import State as PushState
from ingest_files.domain.uploads import Entry, State, Upload

_items = TypeAdapter(tuple[Item, ...])


class Rows(SQLModel, registry=orm_registry()):
    """Metadata of this service's tables alone."""


class UploadRow(Rows, table=True):
    __tablename__ = "upload"

    id: UUID = Field(primary_key=True)
    entry: str
    provider: str
    name: str
    bucket: str
    object_key: str
    object_version: str | None
    size: int | None
    sha256: str | None
    state: str
    uploaded_by: str
    created_at: datetime
    received_at: datetime | None
    resource_version: str | None
    rows: int | None
    reason: str | None
    message: str | None
    findings: int
    done_at: datetime | None
    way: str
    mark: str | None
    difference: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True)))


class FindingRow(Rows, table=True):
    __tablename__ = "finding"

    upload: UUID = Field(primary_key=True)
    place: int = Field(primary_key=True)
    row: int | None
    col: int | None
    item: str | None
    rule: str
    message: str
    severity: str
    value: str | None
    sheet: str | None


class PushRow(Rows, table=True):
    __tablename__ = "push"

    id: UUID = Field(primary_key=True)
    call: UUID
    service: str
    entry: str
    provider: str
    key: str | None
    way: str
    sha256: str
    size: int
    bucket: str
    object_key: str
    object_version: str | None
    resource_version: str
    state: str
    rows: int | None
    reason: str | None
    tried_at: datetime
    done_at: datetime | None
    committed_at: datetime | None


class UnitRow(Rows, table=True):
    """What is known of units, from `unit-changed`."""

    __tablename__ = "unit"

    code: str = Field(primary_key=True)
    state: str
    version: int


class EntryRow(Rows, table=True):
    """What is known of entries, from `catalog-changed`."""

    __tablename__ = "entry"

    code: str = Field(primary_key=True)
    name: str
    provider: str
    published: bool
    resource_version: str
    items: list[Any] = Field(sa_column=Column(JSONB))
    version: int
    format: str | None = None


class CodeSetRow(Rows, table=True):
    """Parts of code sets, from `code-set-changed`."""

    __tablename__ = "code_set_part"

    code_set: str = Field(primary_key=True)
    edition: int = Field(primary_key=True)
    part: int = Field(primary_key=True)
    parts: int
    codes: list[Any] = Field(sa_column=Column(JSONB))


async def unit(tx: AsyncSession, code: str) -> UnitRow | None:
    return await tx.get(UnitRow, code)


async def entry(tx: AsyncSession, code: str) -> Entry | None:
    row = await tx.get(EntryRow, code)
    if row is None:
        return None
    return Entry(
        code=row.code,
        name=row.name,
        provider=row.provider,
        published=row.published,
        resource_version=row.resource_version,
        items=_items.validate_python(row.items),
    )


async def note(tx: AsyncSession, row: UnitRow | EntryRow) -> None:
    """Keep what another service last told; an older telling changes nothing."""
    table = type(row)
    values = row.model_dump()
    query = insert(table).values(**values)
    newer = {name: query.excluded[name] for name in values if name != "code"}
    await tx.execute(
        query.on_conflict_do_update(
            index_elements=["code"], set_=newer, where=col(table.version) < query.excluded.version
        )
    )


async def note_codes(tx: AsyncSession, told: CodeSetChanged) -> None:
    """Keep a part of a code set; a part never changes once it was told."""
    values = {
        "code_set": told.code_set,
        "edition": told.edition,
        "part": told.part,
        "parts": told.parts,
        "codes": [code.code for code in told.codes],
    }
    await tx.execute(insert(CodeSetRow).values(**values).on_conflict_do_nothing())


async def code_sets(tx: AsyncSession, named: Iterable[tuple[str, int]]) -> dict[tuple[str, int], frozenset[str]]:
    """The code sets of these ids and versions.

    Raises:
        Unwell: one has not been told whole yet.
    """
    found: dict[tuple[str, int], frozenset[str]] = {}
    for reference in set(named):
        query = select(CodeSetRow).where(CodeSetRow.code_set == reference[0], CodeSetRow.edition == reference[1])
        rows = (await tx.exec(query)).all()
        if not rows or len(rows) < rows[0].parts:
            raise Unwell(f"code set {reference[0]}@{reference[1]}")
        found[reference] = frozenset(code for row in rows for code in row.codes)
    return found


def _upload(row: UploadRow) -> Upload:
    return Upload(**{**row.model_dump(), "state": State(row.state), "way": Way(row.way)})


async def add_upload(tx: AsyncSession, new: Upload) -> None:
    tx.add(UploadRow(**_values(new)))
    await tx.flush()


def _values(upload: Upload) -> dict[str, Any]:
    values = {name: getattr(upload, name) for name in UploadRow.model_fields}
    return values | {"state": upload.state.value, "way": upload.way.value}


async def upload(tx: AsyncSession, upload_id: UUID, *, lock: bool = False) -> Upload:
    """Raises UploadUnknown if there is none of this id."""
    query = select(UploadRow).where(UploadRow.id == upload_id)
    row = (await tx.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        raise errors.UploadUnknown
    return _upload(row)


async def uploads(tx: AsyncSession, *, provider: str | None, entry_code: str | None, limit: int) -> list[Upload]:
    query = select(UploadRow).order_by(col(UploadRow.created_at).desc()).limit(limit)
    if provider is not None:
        query = query.where(UploadRow.provider == provider)
    if entry_code is not None:
        query = query.where(UploadRow.entry == entry_code)
    return [_upload(row) for row in (await tx.exec(query)).all()]


async def save_upload(tx: AsyncSession, changed: Upload) -> None:
    row = await tx.get_one(UploadRow, changed.id)
    row.sqlmodel_update(_values(changed))
    tx.add(row)
    await tx.flush()


def _push(row: PushRow) -> Push:
    return Push(**{**row.model_dump(), "state": PushState(row.state), "way": Way(row.way)})


async def serialize_pushes(tx: AsyncSession, service: str) -> None:
    """Pushes of one service are begun one after the other; the next waits here until this transaction ends."""
    await tx.execute(text("select pg_advisory_xact_lock(hashtextextended(:service, 0))"), {"service": service})


async def push(tx: AsyncSession, push_id: UUID) -> Push:
    """A push, locked."""
    return _push((await tx.exec(select(PushRow).where(PushRow.id == push_id).with_for_update())).one())


async def push_of_key(tx: AsyncSession, service: str, key: str) -> Push | None:
    """The push of this name, unless it was refused."""
    query = select(PushRow).where(
        PushRow.service == service, PushRow.key == key, PushRow.state != PushState.REJECTED.value
    )
    row = (await tx.exec(query)).first()
    return None if row is None else _push(row)


async def newest_push(tx: AsyncSession, service: str, since: datetime) -> Push | None:
    """The push of a service that was tried last, unless that is longer ago."""
    query = select(PushRow).where(PushRow.service == service, col(PushRow.tried_at) >= since)
    row = (await tx.exec(query.order_by(col(PushRow.tried_at).desc(), col(PushRow.id).desc()).limit(1))).first()
    return None if row is None else _push(row)


async def open_pushes(tx: AsyncSession, before: datetime, limit: int) -> list[UUID]:
    """Pushes without a result that nobody tried since."""
    query = select(PushRow.id).where(PushRow.state == PushState.RECEIVED.value, col(PushRow.tried_at) < before)
    return list((await tx.exec(query.order_by(col(PushRow.tried_at)).limit(limit))).all())


async def save_push(tx: AsyncSession, changed: Push) -> None:
    """Keep a push, new or changed."""
    await tx.merge(PushRow(**{name: getattr(changed, name) for name in PushRow.model_fields}))
    await tx.flush()


_FINDINGS_AT_ONCE: Final = 2000


async def add_findings(tx: AsyncSession, upload_id: UUID, findings: Iterable[Finding]) -> None:
    numbered = enumerate(findings)
    while some := list(itertools.islice(numbered, _FINDINGS_AT_ONCE)):
        rows = [
            {
                "upload": upload_id,
                "place": place,
                "row": finding.row,
                "col": finding.column,
                "item": finding.item,
                "rule": finding.rule,
                "message": finding.message,
                "severity": finding.severity.value,
                "value": finding.value,
                "sheet": finding.sheet,
            }
            for place, finding in some
        ]
        # Those of a file whose rows were loaded are there already when its taking was broken off.
        await tx.execute(insert(FindingRow).on_conflict_do_nothing(), rows)


async def findings(tx: AsyncSession, upload_id: UUID, *, after: int, limit: int) -> list[FindingRow]:
    query = select(FindingRow).where(FindingRow.upload == upload_id, col(FindingRow.place) >= after)
    return list((await tx.exec(query.order_by(col(FindingRow.place)).limit(limit))).all())
