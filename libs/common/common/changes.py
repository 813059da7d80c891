"""`GET /changes`: the second road of state, for a gateway that the broker does not reach.

It tells the state events of a service's outbox that changed since an earlier answer: those that were put in, and those
that were sent meanwhile. Whoever has read the topics to their end after a first answer, and then takes each answer
since, has missed nothing. Repeats happen; state is applied by version, so they change nothing.

What changed is known by the transaction that wrote a row (`xmin`), not by a clock: a row that an earlier answer could
not see was written by a transaction that had not ended then. Only the index of what was sent is asked by time, with a
margin. After a failover of the database, whose transactions may be counted anew, all that the margin covers is told.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

import sqlalchemy as sa
from fastapi import APIRouter, Query
from sqlmodel.ext.asyncio.session import AsyncSession

from common import clock, events
from common.db import Db
from common.errors import Refusal
from common.events import Event, Nature
from common.http import FromService, Out

MOST_EVENTS: Final = 5000
MOST_BYTES: Final = 8 * 1024 * 1024
"""Of an answer, counted by the events' values; one event is told in any case."""
MARGIN: Final = timedelta(seconds=15)
"""How far the database's clock may have been set back between two answers."""
REACH: Final = timedelta(days=6)
"""How old an earlier answer may be: sent events stay in the outbox for a week."""
_WRITTEN: Final = re.compile(r"([0-9A-F]{8})-([0-9]{1,20})-([0-9]{1,17})")
_MICRO: Final = timedelta(microseconds=1)
_EPOCH: Final = clock.from_millis(0)

_NOW: Final = sa.text(
    "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline,"
    " cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint) as oldest, now() as at"
)
# What changed, by the two partial indexes; of each key the newest; as many as fit into an answer, in order.
_CHANGED: Final = sa.text(
    "with changed as ("
    " select id, topic, key, xmin as writer from outbox where published_at is null and topic = any(:topics)"
    " union all"
    " select id, topic, key, xmin from outbox where published_at >= :since and topic = any(:topics)"
    "), newest as ("
    " select max(id) as id from changed"
    " where cast(:writer as text) is null or age(writer) <= age(cast(cast(:writer as text) as xid))"
    " group by topic, key"
    "), sized as ("
    " select id, row_number() over walk as place, count(*) over () as waiting,"
    " sum(octet_length(payload)) over walk as bytes"
    " from outbox join newest using (id) where id > :beyond window walk as (order by id)"
    ") select id, topic, key, headers, payload, waiting from outbox join sized using (id)"
    " where place = 1 or (place <= :most and bytes <= :bytes) order by id"
)


class ChangesUnknown(Refusal):
    """The earlier answer is not known, or so old that some of what was sent since is gone."""

    code = "changes-unknown"
    status = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment of the database: everything that changes after it is seen by whoever asks with it."""

    timeline: str
    """Of the database's log: another one means another count of transactions."""
    oldest: int
    """The oldest transaction that had not ended."""
    at: datetime

    def __str__(self) -> str:
        return f"{self.timeline}-{self.oldest}-{(self.at - _EPOCH) // _MICRO}"

    @classmethod
    def read(cls, written: str) -> Self:
        """The mark as an earlier answer wrote it.

        Raises:
            ChangesUnknown: none did.
        """
        found = _WRITTEN.fullmatch(written)
        if found is None:
            raise ChangesUnknown("变更标记无法识别")
        timeline, oldest, micros = found.groups()
        return cls(timeline=timeline, oldest=int(oldest), at=_EPOCH + int(micros) * _MICRO)

    def writer(self, now: "Mark") -> str | None:
        """The transaction since which rows are new, as PostgreSQL counts them; None if that cannot be said."""
        if self.timeline != now.timeline or self.oldest > now.oldest:
            return None
        return str(self.oldest % 2**32)


class ChangeOut(Out):
    topic: str
    key: str
    headers: dict[str, str]
    value: str
    """The event as it goes over the bus, to the byte."""


class ChangesOut(Out):
    until: str
    """The mark to ask with next, once all pages have been taken."""
    events: list[ChangeOut]
    beyond: int
    """Where the next page begins."""
    more: bool


def told_by(service: str) -> tuple[type[Event], ...]:
    """The events that a service tells here: the states that it owns."""
    return tuple(event for event in events.ALL if event.owner == service and event.nature is Nature.STATE)


async def changes(
    tx: AsyncSession, topics: list[str], after: str | None = None, beyond: int = 0, *, most: int = MOST_EVENTS
) -> ChangesOut:
    """What changed after a mark, or what is not sent yet and was sent just now; a page of it.

    Raises:
        ChangesUnknown: the mark is no mark of ours, or too old.
    """
    row = (await tx.execute(_NOW)).one()
    now = Mark(timeline=row.timeline, oldest=row.oldest, at=row.at)
    mark = Mark.read(after) if after is not None else None
    if mark is not None and not now.at - REACH < mark.at < now.at + MARGIN:
        raise ChangesUnknown("变更标记过旧")
    asked: dict[str, Any] = {
        "topics": topics,
        "since": (mark or now).at - MARGIN,
        "writer": mark.writer(now) if mark is not None else None,
        "beyond": beyond,
        "most": most,
        "bytes": MOST_BYTES,
    }
    # A statement of its own, so that it sees at least what the mark above could see.
    rows = (await tx.execute(_CHANGED, asked)).all()
    return ChangesOut(
        until=str(now),
        events=[
            ChangeOut(topic=row.topic, key=row.key, headers=row.headers, value=row.payload.decode()) for row in rows
        ],
        beyond=rows[-1].id if rows else beyond,
        more=bool(rows) and rows[0].waiting > len(rows),
    )


def routes(db: Db, service: str) -> APIRouter:
    """The route of a service that owns states."""
    router = APIRouter()
    owned = {event.topic for event in told_by(service)}

    @router.get("/changes", tags=["平台服务"], summary="尚未送达或刚送达消息总线的状态（仅限平台服务）")
    async def tell(
        _service: FromService,
        topic: Annotated[list[str], Query(min_length=1, max_length=20)],
        after: Annotated[str | None, Query(max_length=64)] = None,
        beyond: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    ) -> ChangesOut:
        async with db.begin() as tx:
            return await changes(tx, sorted(owned.intersection(topic)), after, beyond)

    return router
