"""Rows of the guided profile: how each resource's files are read, and what was found in each file."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from ingest_files.domain.mapping import DetectedSheet, Intake
from ingest_files.store import Rows
from vetting.report import Profile


class IntakeRow(Rows, table=True):
    """How the files of a resource are read; a resource without a row is strict."""

    __tablename__ = "intake"

    entry: str = Field(primary_key=True)
    profile: str
    titles: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    headers: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    set_by: str
    set_at: datetime


class DetectionRow(Rows, table=True):
    """What was found in the sheets of a file."""

    __tablename__ = "detection"

    upload: UUID = Field(primary_key=True)
    sheets: list[Any] = Field(sa_column=Column(JSONB, nullable=False))


async def intake(tx: AsyncSession, entry: str, *, lock: bool = False) -> Intake:
    """How the files of a resource are read."""
    query = select(IntakeRow).where(IntakeRow.entry == entry)
    row = (await tx.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        return Intake(entry=entry)
    return Intake(
        entry=row.entry,
        profile=Profile(row.profile),
        titles=row.titles,
        headers={sheet: tuple(rows) for sheet, rows in row.headers.items()},
        set_by=row.set_by,
        set_at=row.set_at,
    )


async def save_intake(tx: AsyncSession, new: Intake) -> None:
    """Keep how the files of a resource are read, in place of what was kept before."""
    values = {
        "entry": new.entry,
        "profile": new.profile.value,
        "titles": dict(new.titles),
        "headers": {sheet: list(rows) for sheet, rows in new.headers.items()},
        "set_by": new.set_by,
        "set_at": new.set_at,
    }
    query = insert(IntakeRow).values(**values)
    await tx.execute(query.on_conflict_do_update(index_elements=["entry"], set_=values))


async def save_detection(tx: AsyncSession, upload: UUID, sheets: Sequence[DetectedSheet]) -> None:
    """Keep what was found in a file; found again, it is the same."""
    told = [sheet.to_json() for sheet in sheets]
    query = insert(DetectionRow).values(upload=upload, sheets=told)
    await tx.execute(query.on_conflict_do_update(index_elements=["upload"], set_={"sheets": told}))


async def detection(tx: AsyncSession, upload: UUID) -> list[Any] | None:
    """What was found in a file; None before it was read, or if it was read strictly."""
    row = (await tx.exec(select(DetectionRow).where(col(DetectionRow.upload) == upload))).first()
    return None if row is None else row.sheets
