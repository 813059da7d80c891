"""Rows of the trail and nothing but; they are added, never altered."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from audit.domain import UNKNOWN_AFTER, Call, Kept, Line, Outcome, Progress, Search
from common import delivery
from common.events import CallRecord, RecordKind

metadata: Final = sa.MetaData()

call: Final = sa.Table(
    "call",
    metadata,
    sa.Column("received_at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("call", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("worker", sa.Text),
    sa.Column("start", pg.UUID(as_uuid=True)),
    sa.Column("number", sa.BigInteger),
    sa.Column("trace_id", sa.Text),
    sa.Column("unit", sa.Text),
    sa.Column("entry", sa.Text),
    sa.Column("grant", pg.UUID(as_uuid=True)),
    sa.Column("code", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("batches", pg.ARRAY(pg.UUID(as_uuid=True))),
    sa.Column("record", sa.Text),
)
kept: Final = sa.Table(
    "kept_event",
    metadata,
    sa.Column("id", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("topic", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("ref", sa.Text),
    sa.Column("version", sa.Integer),
    sa.Column("happened_at", sa.DateTime(timezone=True)),
    sa.Column("trace_id", sa.Text),
    sa.Column("body", pg.JSONB),
)
progress: Final = sa.Table(
    "worker_progress",
    metadata,
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("start", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("next_number", sa.BigInteger),
)
gap: Final = sa.Table(
    "worker_gap",
    metadata,
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("start", pg.UUID(as_uuid=True), primary_key=True),
    sa.Column("first", sa.BigInteger, primary_key=True),
    sa.Column("last", sa.BigInteger),
    sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
)


async def add_event(tx: AsyncSession, event: Kept) -> None:
    await tx.execute(
        insert(kept)
        .values(
            id=event.id,
            topic=event.topic,
            key=event.key,
            ref=event.ref,
            version=event.version,
            happened_at=event.happened_at,
            trace_id=event.trace_id,
            body=event.body,
        )
        .on_conflict_do_nothing()
    )


async def claim(tx: AsyncSession, consumer: str, digests: Mapping[UUID, bytes]) -> dict[UUID, bytes]:
    """Claim events for a consumer, as `common.inbox` claims one; those that were claimed before, with their digests."""
    new = await tx.execute(_CLAIM, {"consumer": consumer, "ids": list(digests), "digests": list(digests.values())})
    old = digests.keys() - {row.event_id for row in new}
    if not old:
        return {}
    held = sa.select(delivery.inbox.c.event_id, delivery.inbox.c.digest).where(
        delivery.inbox.c.consumer == consumer, delivery.inbox.c.event_id.in_(old)
    )
    return {row.event_id: row.digest for row in await tx.execute(held)}


_CLAIM: Final = sa.text(
    "insert into inbox (consumer, event_id, digest) select :consumer, claimed.id, claimed.digest"
    " from unnest(cast(:ids as uuid[]), cast(:digests as bytea[])) as claimed(id, digest)"
    " on conflict do nothing returning event_id"
)


async def add_calls(tx: AsyncSession, lines: Sequence[Line]) -> None:
    """Add records of calls; those that are held already stay as they are.

    By COPY, a third of the cost of inserting them. It knows no conflict, so where it meets one they are inserted.
    """
    try:
        async with tx.begin_nested():
            raw = await (await tx.connection()).get_raw_connection()
            driver: Any = raw.driver_connection
            await driver.copy_records_to_table(call.name, records=lines, columns=Line._fields)
    except asyncpg.UniqueViolationError:
        await tx.execute(insert(call).on_conflict_do_nothing(), [line._asdict() for line in lines])


async def progress_of(tx: AsyncSession, asked: Collection[tuple[str, UUID]]) -> dict[tuple[str, UUID], Progress]:
    """How far the records of workers since their starts have come; locked until the transaction ends."""
    query = sa.select(progress).where(sa.tuple_(progress.c.worker, progress.c.start).in_(asked))
    rows = await tx.execute(query.order_by(progress.c.worker, progress.c.start).with_for_update())
    held = {(row.worker, row.start): row.next_number for row in rows}
    return {one: Progress(worker=one[0], start=one[1], next_number=held.get(one, 1)) for one in sorted(asked)}


async def save_progress(tx: AsyncSession, reached: Iterable[Progress]) -> None:
    query = insert(progress)
    further = sa.func.greatest(progress.c.next_number, query.excluded.next_number)
    await tx.execute(
        # Two that began a worker's progress at once held no lock: it never goes back.
        query.on_conflict_do_update(index_elements=["worker", "start"], set_={"next_number": further}),
        [{"worker": one.worker, "start": one.start, "next_number": one.next_number} for one in reached],
    )


async def add_gap(tx: AsyncSession, reached: Progress, first: int, last: int) -> None:
    await tx.execute(
        insert(gap).values(worker=reached.worker, start=reached.start, first=first, last=last).on_conflict_do_nothing()
    )


async def gaps(tx: AsyncSession) -> list[dict[str, Any]]:
    """Numbers that were missing when a later group came and that have not all come since."""
    come = (
        sa.select(sa.func.count(sa.distinct(call.c.number)))
        .where(
            call.c.worker == gap.c.worker,
            call.c.start == gap.c.start,
            call.c.number.between(gap.c.first, gap.c.last),
        )
        .scalar_subquery()
    )
    query = sa.select(gap).where(come < gap.c.last - gap.c.first + 1)
    rows = await tx.execute(query.order_by(gap.c.found_at, gap.c.worker, gap.c.start, gap.c.first))
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  SQLAlchemy's name for a row as a mapping


def _call(row: sa.Row[Any]) -> Call:
    record = CallRecord.model_validate_json(row.record)
    return Call(worker=row.worker, start=row.start, record=record, outcome=Outcome(row.outcome))


_later: Final = call.alias("later")
_ended: Final = sa.exists().where(
    _later.c.call == call.c.call, _later.c.received_at == call.c.received_at, _later.c.kind == RecordKind.END.value
)
_begun: Final = call.c.kind == RecordKind.BEGIN.value
_open: Final = sa.and_(_begun, sa.not_(_ended))
_overdue: Final = call.c.received_at < sa.func.now() - UNKNOWN_AFTER
_shown: Final = (
    call.c.worker,
    call.c.start,
    call.c.record,
    sa.case(
        (sa.not_(_open), Outcome.RECORDED.value), (_overdue, Outcome.UNKNOWN.value), else_=Outcome.PENDING.value
    ).label("outcome"),
)


async def find(tx: AsyncSession, search: Search, *, seen_by: str | None) -> list[Call]:
    """Calls that fit, the newest first; with `seen_by` only that unit's own calls and those of its resources."""
    query = sa.select(*_shown).where(sa.not_(sa.and_(_begun, _ended))).order_by(call.c.received_at.desc())
    for column, value in (
        (call.c.trace_id, search.trace_id),
        (call.c.unit, search.unit),
        (call.c.grant, search.grant),
        (call.c.entry, search.entry),
    ):
        if value is not None:
            query = query.where(column == value)
    if search.batch is not None:
        query = query.where(call.c.batches.contains([search.batch]))
    if search.since is not None:
        query = query.where(call.c.received_at >= search.since)
    if search.until is not None:
        query = query.where(call.c.received_at < search.until)
    if seen_by is not None:
        query = query.where(sa.or_(call.c.unit == seen_by, call.c.entry.in_(_entries_of(seen_by))))
    rows = await tx.execute(query.limit(search.limit))
    return [_call(row) for row in rows]


def _entries_of(provider: str) -> sa.Select[tuple[str]]:
    return sa.select(kept.c.key).where(kept.c.topic == "catalog-changed", kept.c.body["provider"].astext == provider)


async def records(tx: AsyncSession, call_id: UUID, *, seen_by: str | None) -> list[Call]:
    """The records of a call: its own or that of its end first, that of its beginning last."""
    query = sa.select(*_shown).where(call.c.call == call_id)
    if seen_by is not None:
        query = query.where(sa.or_(call.c.unit == seen_by, call.c.entry.in_(_entries_of(seen_by))))
    return [_call(row) for row in await tx.execute(query.order_by(_begun, call.c.received_at).limit(2))]


async def unknown(tx: AsyncSession, *, since: datetime, limit: int) -> list[Call]:
    """Calls that began an effect outside and whose end is not known, the oldest first."""
    query = sa.select(*_shown).where(_open, _overdue, call.c.received_at >= since)
    return [_call(row) for row in await tx.execute(query.order_by(call.c.received_at).limit(limit))]


async def count_unknown(tx: AsyncSession, *, since: datetime) -> int:
    """How many calls began an effect outside since then and have no end on record after a minute."""
    query = sa.select(sa.func.count()).select_from(call).where(_open, _overdue, call.c.received_at >= since)
    return int((await tx.execute(query)).scalar_one())


async def newest(
    tx: AsyncSession, topic: str, ref: str, *, version: int | None = None, before: datetime | None = None
) -> dict[str, Any] | None:
    """An event of a topic by what names it: of this version, or the newest of those that had happened by an instant."""
    query = sa.select(kept.c.body).where(kept.c.topic == topic, kept.c.ref == ref)
    if version is not None:
        query = query.where(kept.c.version == version)
    if before is not None:
        query = query.where(kept.c.happened_at <= before)
    query = query.order_by(kept.c.version.desc().nulls_last(), kept.c.happened_at.desc()).limit(1)
    body: dict[str, Any] | None = (await tx.execute(query)).scalar_one_or_none()
    return body


async def by_refs(tx: AsyncSession, topic: str, refs: Iterable[str]) -> list[dict[str, Any]]:
    query = sa.select(kept.c.body).where(kept.c.topic == topic, kept.c.ref.in_(list(refs)))
    return list((await tx.execute(query.order_by(kept.c.happened_at))).scalars())


async def make_partitions(tx: AsyncSession) -> None:
    """The partitions of this month and the next two, made ahead by a function of the tables' owner."""
    await tx.execute(sa.text("select make_call_partitions(3)"))
