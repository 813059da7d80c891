"""Rows of the road in: files in parts, sightings, forms that lapsed; and what of a unit is under way."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from ingest_files import errors
from ingest_files.domain.arrivals import Sighting
from ingest_files.domain.limits import DAY, HOUR, Used
from ingest_files.domain.objects import EXPIRES as OBJECT_EXPIRES
from ingest_files.domain.objects import Object
from ingest_files.domain.objects import State as ObjectState
from ingest_files.domain.transfers import Transfer
from ingest_files.domain.uploads import EXPIRES, State, Upload
from ingest_files.store import EntryRow, Rows, UploadRow

Tx = AsyncSession


class TransferRow(Rows, table=True):
    __tablename__ = "transfer"

    upload: UUID = Field(primary_key=True)
    store_id: str | None
    size: int
    sha256: str
    part_bytes: int
    expires_at: datetime
    ended_at: datetime | None


class SightingRow(Rows, table=True):
    __tablename__ = "sighting"

    bucket: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    seen_at: datetime
    provider: str | None
    upload: UUID | None
    reason: str | None
    message: str | None


class LapsedRow(Rows, table=True):
    """An upload whose form ended with nothing posted."""

    __tablename__ = "lapsed"

    upload: UUID = Field(primary_key=True)


class ObjectRow(Rows, table=True):
    __tablename__ = "object"

    id: UUID = Field(primary_key=True)
    entry: str
    provider: str
    name: str
    note: str | None
    values: dict[str, Any] = Field(sa_column=Column("values", JSONB))
    bucket: str
    object_key: str
    state: str
    uploaded_by: str
    created_at: datetime
    object_version: str | None
    size: int | None
    sha256: str | None
    media_type: str | None
    resource_version: str | None
    received_at: datetime | None
    reason: str | None
    message: str | None
    done_at: datetime | None


async def used(tx: AsyncSession, unit: str, at: datetime) -> Used:
    """What a unit has under way and has brought; until this transaction ends it brings nothing else."""
    await tx.execute(text("select pg_advisory_xact_lock(hashtextextended('unit ' || :unit, 0))"), {"unit": unit})
    counted = text(
        "select count(*) filter (where state = 'received' or (state = 'awaited' and ended_at is null and until > :at))"
        " as waiting, count(*) filter (where created_at > :hour) as files,"
        " coalesce(sum(size) filter (where created_at > :day), 0)::bigint as bytes from ("
        " select u.state, u.created_at, u.size, t.ended_at, coalesce(t.expires_at, u.created_at + :form) as until"
        " from upload u left join transfer t on t.upload = u.id where u.provider = :unit"
        " union all select state, created_at, size, null, created_at + :object from object where provider = :unit"
        ") brought where created_at > :day or state in ('awaited', 'received')"
    )
    moments = {"at": at, "hour": at - timedelta(seconds=HOUR), "day": at - timedelta(seconds=DAY)}
    given = {"unit": unit, "form": EXPIRES, "object": OBJECT_EXPIRES, **moments}
    row = (await tx.execute(counted, given)).one()
    return Used(waiting=row.waiting, files=row.files, bytes=row.bytes)


def _transfer(row: TransferRow) -> Transfer:
    return Transfer(**row.model_dump())


async def transfer(tx: AsyncSession, upload: UUID, *, lock: bool = False) -> Transfer:
    """Raises TransferUnknown if there is none that is open."""
    query = select(TransferRow).where(TransferRow.upload == upload, col(TransferRow.ended_at).is_(None))
    row = (await tx.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        raise errors.TransferUnknown
    return _transfer(row)


async def open_transfer_of(tx: AsyncSession, upload: Upload, sha256: str, at: datetime) -> Transfer | None:
    """The transfer, still open, of the same file by the same account: what was broken off is gone on with."""
    query = (
        select(TransferRow)
        .join(UploadRow, col(UploadRow.id) == col(TransferRow.upload))
        .where(
            UploadRow.provider == upload.provider,
            UploadRow.uploaded_by == upload.uploaded_by,
            UploadRow.entry == upload.entry,
            UploadRow.name == upload.name,
            UploadRow.way == upload.way.value,
            col(UploadRow.mark).is_not_distinct_from(upload.mark),
            TransferRow.sha256 == sha256,
            TransferRow.size == upload.size,
            col(TransferRow.ended_at).is_(None),
            col(TransferRow.expires_at) > at,
        )
        .order_by(col(TransferRow.expires_at).desc())
        .limit(1)
    )
    row = (await tx.exec(query)).first()
    return None if row is None else _transfer(row)


async def save_transfer(tx: AsyncSession, changed: Transfer) -> None:
    """Keep a transfer, new or changed."""
    await tx.merge(TransferRow(**asdict(changed)))
    await tx.flush()


async def late_transfers(tx: AsyncSession, at: datetime, limit: int) -> list[UUID]:
    """Transfers past their time that nobody ended."""
    query = select(TransferRow.upload).where(col(TransferRow.ended_at).is_(None), col(TransferRow.expires_at) <= at)
    return list((await tx.exec(query.order_by(col(TransferRow.expires_at)).limit(limit))).all())


async def posted_perhaps(tx: AsyncSession, before: datetime, limit: int) -> list[UUID]:
    """Uploads by form that were begun before then and never said to be complete, and may have been posted."""
    query = select(UploadRow.id).where(
        UploadRow.state == State.AWAITED.value,
        col(UploadRow.created_at) < before,
        ~select(LapsedRow.upload).where(LapsedRow.upload == UploadRow.id).exists(),
        ~select(TransferRow.upload).where(TransferRow.upload == UploadRow.id).exists(),
    )
    return list((await tx.exec(query.order_by(col(UploadRow.created_at)).limit(limit))).all())


async def note_lapsed(tx: AsyncSession, upload: UUID) -> None:
    """Nothing was posted and nothing can be any more."""
    await tx.execute(insert(LapsedRow).values(upload=upload).on_conflict_do_nothing())


async def unseen(tx: AsyncSession, seen: list[Sighting]) -> list[Sighting]:
    """Those of one bucket's sightings that are not on record."""
    if not seen:
        return []
    query = select(SightingRow.key, SightingRow.version).where(
        SightingRow.bucket == seen[0].bucket, col(SightingRow.key).in_({one.key for one in seen})
    )
    known = set((await tx.exec(query)).all())
    return [one for one in seen if (one.key, one.version) not in known]


async def note_sighting(tx: AsyncSession, row: SightingRow) -> bool:
    """Whether this version is on record for the first time now."""
    query = insert(SightingRow).values(**row.model_dump()).on_conflict_do_nothing().returning(col(SightingRow.key))
    return (await tx.execute(query)).first() is not None


async def sightings(tx: AsyncSession, unit: str, limit: int) -> list[SightingRow]:
    """What a unit laid down, the newest first."""
    query = select(SightingRow).where(SightingRow.provider == unit)
    return list((await tx.exec(query.order_by(col(SightingRow.seen_at).desc()).limit(limit))).all())


async def published(tx: AsyncSession, unit: str) -> list[tuple[str, str]]:
    """Codes and names of a unit's published entries."""
    query = select(EntryRow.code, EntryRow.name).where(EntryRow.provider == unit, col(EntryRow.published))
    return [(code, name) for code, name in (await tx.exec(query.order_by(EntryRow.code))).all()]


async def format_of(tx: AsyncSession, entry: str) -> str | None:
    """The format of an entry; None where it was told before formats were kept."""
    return (await tx.exec(select(EntryRow.format).where(EntryRow.code == entry))).first()


def _object(row: ObjectRow) -> Object:
    return Object(**{**row.model_dump(), "state": ObjectState(row.state)})


async def object_(tx: AsyncSession, object_id: UUID, *, lock: bool = False) -> Object:
    """Raises ObjectUnknown if there is none of this id."""
    query = select(ObjectRow).where(ObjectRow.id == object_id)
    row = (await tx.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        raise errors.ObjectUnknown
    return _object(row)


async def objects(tx: AsyncSession, unit: str, entry: str | None, limit: int) -> list[Object]:
    """The newest objects of a unit."""
    query = select(ObjectRow).where(ObjectRow.provider == unit).order_by(col(ObjectRow.created_at).desc()).limit(limit)
    found = await tx.exec(query if entry is None else query.where(ObjectRow.entry == entry))
    return [_object(row) for row in found.all()]


async def received_objects(tx: AsyncSession, limit: int) -> list[Object]:
    """Objects that nobody has looked at yet, the oldest first."""
    query = select(ObjectRow).where(ObjectRow.state == ObjectState.RECEIVED.value)
    return [_object(row) for row in (await tx.exec(query.order_by(col(ObjectRow.received_at)).limit(limit))).all()]


async def save_object(tx: AsyncSession, changed: Object) -> None:
    """Keep an object, new or changed."""
    await tx.merge(ObjectRow(**{name: getattr(changed, name) for name in ObjectRow.model_fields}))
    await tx.flush()
