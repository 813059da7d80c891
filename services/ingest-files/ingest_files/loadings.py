"""Rows of how files may go to a resource, and of batches that somebody asked to be taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, Text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import registry as orm_registry
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from exchange.ways import Way


class Rows(SQLModel, registry=orm_registry()):
    """Metadata of these tables alone."""


class LoadingRow(Rows, table=True):
    __tablename__ = "loading"

    entry: str = Field(primary_key=True)
    ways: list[str] = Field(sa_column=Column(ARRAY(Text)))
    whole: bool
    changed_by: str
    changed_at: datetime


class TakingBackRow(Rows, table=True):
    __tablename__ = "taking_back"

    batch: UUID = Field(primary_key=True)
    entry: str
    provider: str
    resource_version: str
    by: str
    why: str
    asked_at: datetime
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How files may go to a resource: until somebody says otherwise they replace it, at the annex's length."""

    ways: tuple[Way, ...] = (Way.REPLACE,)
    whole: bool = False
    """Files of any length are loaded whole."""


class Asked(StrEnum):
    """What became of the wish to take a batch back."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakingBack:
    """A batch to be taken back: by whom, and why."""

    batch: UUID
    entry: str
    provider: str
    resource_version: str
    by: str
    why: str
    asked_at: datetime
    state: Asked = Asked.ASKED


async def loading(tx: AsyncSession, entry: str) -> Loading:
    row = await tx.get(LoadingRow, entry)
    return Loading() if row is None else Loading(ways=tuple(map(Way, row.ways)), whole=row.whole)


async def save_loading(tx: AsyncSession, entry: str, new: Loading, *, by: str, at: datetime) -> None:
    values: dict[str, Any] = {
        "ways": [way.value for way in new.ways],
        "whole": new.whole,
        "changed_by": by,
        "changed_at": at,
    }
    query = insert(LoadingRow).values(entry=entry, **values)
    await tx.execute(query.on_conflict_do_update(index_elements=["entry"], set_=values))


async def taking_back(tx: AsyncSession, batch: UUID) -> TakingBack | None:
    """What was asked of a batch, locked."""
    row = (await tx.exec(select(TakingBackRow).where(TakingBackRow.batch == batch).with_for_update())).first()
    return None if row is None else TakingBack(**{**row.model_dump(), "state": Asked(row.state)})


async def save_taking_back(tx: AsyncSession, new: TakingBack) -> None:
    values = {name: getattr(new, name) for name in TakingBackRow.model_fields} | {"state": new.state.value}
    query = insert(TakingBackRow).values(**values)
    await tx.execute(query.on_conflict_do_update(index_elements=["batch"], set_=values))


async def open_takings(tx: AsyncSession, before: datetime, limit: int) -> Sequence[UUID]:
    """Batches that were asked for and of which nobody knows what became."""
    query = select(TakingBackRow.batch).where(
        TakingBackRow.state == Asked.ASKED.value, col(TakingBackRow.asked_at) < before
    )
    return (await tx.exec(query.limit(limit))).all()
