"""What is kept for the rules: those of an entry, what was found in files that were taken, batches in numbers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, func, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from common.clock import local_day
from common.db import Db
from common.events import CatalogChanged
from exchange.ways import Way
from ingest_files import store
from ingest_files.domain.judgement import Good
from ingest_files.domain.uploads import Entry
from ingest_files.store import FindingRow, Rows, UploadRow
from quality.model import RuleSet
from quality.surroundings import COMPARED, History, Profile, Surroundings

COUNTED: Final = 12
"""Batches whose numbers the summary shows."""


class EntryRulesRow(Rows, table=True):
    """The rules of an entry, from `catalog-changed`."""

    __tablename__ = "entry_rules"

    entry: str = Field(primary_key=True)
    version: int
    declared: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class BatchNumbersRow(Rows, table=True):
    """A batch in numbers, for drift; it counts once its upload or push is loaded."""

    __tablename__ = "batch_numbers"

    upload: UUID = Field(primary_key=True)
    rows: int
    nulls: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))
    distinct_values: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))


async def note_rules(tx: AsyncSession, told: CatalogChanged) -> None:
    """Keep the rules of an entry; an older telling changes nothing."""
    declared = told.model_dump(mode="json", include={"rules", "thresholds", "update_frequency"})
    query = insert(EntryRulesRow).values(entry=told.entry, version=told.version, declared=declared)
    newer = {"version": query.excluded.version, "declared": query.excluded.declared}
    await tx.execute(
        query.on_conflict_do_update(
            index_elements=["entry"], set_=newer, where=col(EntryRulesRow.version) < query.excluded.version
        )
    )


async def rule_set(tx: AsyncSession, entry: Entry) -> RuleSet:
    """All that rows of this entry are held to; an entry that was told before there were rules has none."""
    row = await tx.get(EntryRulesRow, entry.code)
    declared: Mapping[str, Any] = row.declared if row is not None else {}
    return replace(RuleSet.of_entry({**declared, "items": []}), items=entry.items)


async def surroundings(tx: AsyncSession, entry: Entry, way: Way, at: datetime) -> Surroundings:
    """The day in Beijing, and the batches that files and pushes brought to this resource version before.

    The numbers are those of batches that came in the same way: an update of ten rows is no sudden loss of the others.
    """
    given = {"version": entry.resource_version, "way": way.value, "most": COMPARED}
    newest = (await tx.execute(text(f"select max(done_at) from ({_DONE}) done"), given)).scalar_one()  # noqa: S608  our own
    query = text(
        f"select n.rows, n.nulls, n.distinct_values from batch_numbers n join ({_DONE}) done on done.id = n.upload"  # noqa: S608
        " where done.way = :way order by done.done_at desc limit :most"
    )
    found = (await tx.execute(query, given)).all()
    profiles = tuple(Profile(rows=rows, nulls=nulls, distinct=distinct) for rows, nulls, distinct in found)
    history = History(newest=None if newest is None else local_day(newest), profiles=profiles)
    return Surroundings(today=local_day(at), history=history)


_DONE: Final = (
    "select came.id, came.way, came.done_at from ("
    "select id, way, done_at from upload where resource_version = :version and state = 'loaded' union all"
    " select id, way, done_at from push where resource_version = :version and state = 'loaded') came"
    # What was taken back is as if it had never come.
    " where not exists (select from taking_back t where t.batch = came.id and t.state = 'done')"
)


async def keep(database: Db, upload: UUID, good: Good) -> None:
    """Keep what was found in rows that are about to be loaded, before they are; kept again it is the same."""
    async with database.begin() as tx:
        await store.add_findings(tx, upload, good.findings)
        await add_numbers(tx, upload, good.profile)


async def add_numbers(tx: AsyncSession, upload: UUID, profile: Profile | None) -> None:
    """Keep the rows that were checked in numbers, if they were; kept again they stay as they were."""
    if profile is not None:
        numbers = {"rows": profile.rows, "nulls": dict(profile.nulls), "distinct_values": dict(profile.distinct)}
        await tx.execute(insert(BatchNumbersRow).values(upload=upload, **numbers).on_conflict_do_nothing())


async def records(tx: AsyncSession, upload: UUID) -> int | None:
    """How many rows were checked."""
    row = await tx.get(BatchNumbersRow, upload)
    return None if row is None else row.rows


async def count(tx: AsyncSession, upload: UUID) -> int:
    """How many findings are kept of an upload."""
    query = select(func.count()).select_from(FindingRow).where(FindingRow.upload == upload)
    return int((await tx.exec(query)).one())


async def every_finding(tx: AsyncSession, upload: UUID, most: int) -> list[FindingRow]:
    """The findings of an upload in the order of the sheet, `most` of them."""
    query = select(FindingRow).where(FindingRow.upload == upload).order_by(col(FindingRow.place)).limit(most)
    return list((await tx.exec(query)).all())


async def batches(tx: AsyncSession, entry: str) -> list[UploadRow]:
    """The last uploads of an entry that have a result, oldest first."""
    query = (
        select(UploadRow)
        .where(UploadRow.entry == entry, col(UploadRow.done_at).is_not(None))
        .order_by(col(UploadRow.done_at).desc(), col(UploadRow.id).desc())
        .limit(COUNTED)
    )
    return list((await tx.exec(query)).all())[::-1]
