"""Quotas that all replicas share: counts in the gateway's database, from which each replica leases a few calls ahead.

Never more than the quota is served. Without a crash exactly as much: what a replica leased and does not use goes back
as soon as little is left for the others. A replica that dies is settled by another from the records that it committed,
and one that was thought dead while it stood still uses nothing of what it had leased.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from common import log
from common.ids import uuid7
from gateway.domain.grants import Grant
from gateway.domain.quotas import TERM, Charge, Leases, Need, Period, bucket
from gateway.errors import Code, Refused, Trouble, Unavailable
from gateway.store.link import Link

LEASE_WITHIN: Final = 2.0
BEAT: Final = 3.0
"""Seconds between two signs of life of a replica."""
ALIVE: Final = 12.0
"""Seconds after its last sign of life for which a replica may use its leases."""
DEAD: Final = 20.0
"""Seconds after its last sign of life when another settles for it; more than ALIVE by more than clocks may differ."""
AHEAD: Final = {Period.SECOND: 128, Period.DAY: 1024}
"""Calls leased beyond those that wait, while there are plenty."""
_SWEEP: Final = 0.5
_SETTLE: Final = 10.0
_STEPPED: Final = 0.25
_log = log.get(__name__)

# A lease is at most an eighth of what is left, and one where that is little. Rows are locked in the order of the
# grants, so that replicas do not lock each other out. Who waited for a row until the calendar unit was over gets
# nothing of it, and asks again.
_LEASE: Final = """
with unit as (select {unit} as bucket),
leased as (
    insert into {table} as q (grant_id, bucket, used, most, want{columns})
    select n.g, unit.bucket, least(n.most, greatest(1, least(n.want, n.most / 8))), n.most, n.want{first}
    from unnest($1::uuid[], $2::bigint[], $3::bigint[]) n(g, most, want), unit
    order by n.g
    on conflict (grant_id) do update set
        bucket = excluded.bucket,
        most = excluded.most,
        want = excluded.want{again},
        used = {used} + greatest(0, least(
            excluded.most - {used}, greatest(1, least(excluded.want, (excluded.most - {used}) / 8))
        ))
        where excluded.bucket = {unit}
    returning new.grant_id, new.bucket, new.used, new.used >= new.most as spent,
        new.used - {was} as count, {share} as share
){held}
select grant_id, bucket, count, used, spent, share, extract(epoch from clock_timestamp())::float8 as now from leased
"""
_HELD: Final = """,
held as (
    insert into quota_held as h (holder, grant_id, bucket, count)
    select $4::uuid, grant_id, bucket, count from leased where count > 0
    on conflict (holder, grant_id, bucket) do update set count = h.count + excluded.count
)"""
# A share is at most 1/256 of the quota at a time and all of them 1/16. In each second of their term all of them count
# as used from its beginning; a replica that does not yet know of another quota may still use the share of the old one.
_KEPT: Final = "case when q.term = excluded.term and q.most = excluded.most then q.shared else 0 end"
LEASE: Final = {
    Period.SECOND: _LEASE.format(
        unit="floor(extract(epoch from clock_timestamp()))::bigint",
        table="quota_second",
        columns=", term, shared",
        first=f", unit.bucket / {TERM}, least(n.want, n.most / 256)",
        again=f""",
        term = excluded.term,
        shared = {_KEPT} + greatest(0, least(excluded.shared, excluded.most / 16 - {_KEPT}))""",
        used="(case when q.bucket = excluded.bucket then q.used when q.term = excluded.term then q.shared else 0 end)",
        was="case when old.bucket = new.bucket then old.used when old.term = new.term then old.shared else 0 end",
        share="new.shared - case when old.term = new.term and old.most = new.most then old.shared else 0 end",
        held="",
    ),
    Period.DAY: _LEASE.format(
        unit="floor((extract(epoch from clock_timestamp()) + 28800) / 86400)::bigint",
        table="quota_day",
        columns="",
        first="",
        again="",
        used="(case when q.bucket = excluded.bucket then q.used else 0 end)",
        was="case when old.bucket = new.bucket then old.used else 0 end",
        share="0",
        held=_HELD,
    ),
}
_SCARCE: Final = """
select q.grant_id from quota_day q join unnest($1::uuid[], $2::bigint[]) n(g, bucket)
    on q.grant_id = n.g and q.bucket = n.bucket
where q.most - q.used < greatest(q.most / 4, 1024)
"""
_RETURN: Final = """
with n as (select * from unnest($1::uuid[], $2::bigint[], $3::bigint[]) n(g, bucket, count)),
held as (
    update quota_held h set count = h.count - n.count from n
    where h.holder = $4 and h.grant_id = n.g and h.bucket = n.bucket
),
locked as materialized (
    select q.grant_id, n.count from quota_day q join n on q.grant_id = n.g and q.bucket = n.bucket
    order by q.grant_id for update of q
)
update quota_day q set used = greatest(0, q.used - locked.count) from locked where q.grant_id = locked.grant_id
"""
_BEAT: Final = """
insert into replica as r (holder, worker, seen_at) values ($1, $2, clock_timestamp())
on conflict (holder) do update set seen_at = excluded.seen_at where not r.settled
returning extract(epoch from clock_timestamp())::float8 as now
"""
_FORGET: Final = """
delete from replica r where settled and seen_at < now() - interval '2 days'
    and not exists (select from quota_held h where h.holder = r.holder)
"""
_LOST: Final = """
update replica set settled = true where holder = (
    select r.holder from replica r
    where r.holder <> $2 and r.seen_at < clock_timestamp() - make_interval(secs => $1)
        and (not r.settled or exists (select from quota_held h where h.holder = r.holder))
    order by r.holder limit 1 for update skip locked
) returning holder, worker
"""
# What a replica served of a day's lease is in the records that it committed; all else of the lease goes back.
_SETTLED: Final = """
with served as (
    select (r ->> 'grant')::uuid as grant_id, split_part(r ->> 'charged', ':', 2)::bigint as bucket, count(*) as count
    from outbox o, jsonb_array_elements(convert_from(o.payload, 'UTF8')::jsonb -> 'records') r
    where o.topic = 'access-logged' and o.key = $2 and o.created_at > now() - interval '26 hours'
        and split_part(r ->> 'charged', ':', 1) = $1::uuid::text
    group by 1, 2
),
over as (delete from quota_held where holder = $1 returning grant_id, bucket, count),
freed as (
    select over.grant_id, over.bucket, over.count - coalesce(served.count, 0) as count
    from over left join served using (grant_id, bucket)
),
locked as materialized (
    select q.grant_id, freed.count from quota_day q join freed using (grant_id, bucket)
    order by q.grant_id for update of q
)
update quota_day q set used = greatest(0, q.used - locked.count) from locked where q.grant_id = locked.grant_id
"""


HeardUsed = Callable[[Need, int, int], None]
"""Told what was leased for, in which calendar unit, and how many calls all replicas have leased of it together."""


class Meter:
    """The leases of this replica, and the connection over which they come and go."""

    def __init__(self, url: str, worker: str) -> None:
        self._worker = worker
        self.holder = uuid7()
        """Who holds the leases: this replica, until the others gave it up."""
        self.leases = Leases()
        self._link = Link(url, "gateway meter", within=LEASE_WITHIN)
        self._named: tuple[tuple[UUID, int], str] = ((self.holder, 0), "")
        """The lease's name in records, which stays the same for a day."""
        self._wanted: dict[Need, int] = {}
        self._round: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ahead = time.time() - time.monotonic()
        """The database's time less our own steady clock's: never more than it is, by the soonest answer so far."""
        self._beaten_at = float("-inf")
        self.heard_used: HeardUsed | None = None
        """Told how much of a quota is leased out, whenever something is leased."""

    def start(self) -> None:
        for run in (self._sweep, self._settle):
            self._run(run())

    def _run(self, job: Any) -> None:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give back what was leased, as far as the database is there."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Unavailable):
            await self._give_back(self.leases.idle(self.now(), unused_for=float("-inf")), scarce=False)
        await self._link.close()

    def now(self) -> float:
        """The database's time, as Unix time in seconds."""
        return time.monotonic() + self._ahead

    def clock(self) -> datetime:
        """The same as an instant: by it calls are received, and grants begin and end, whatever this machine's clock."""
        return datetime.fromtimestamp(self.now(), UTC)

    def skew(self) -> float:
        """Seconds by which this machine's clock is ahead of the database's."""
        return time.time() - self.now()

    @property
    def alive(self) -> bool:
        """Whether the others count this replica among the living; else its leases are void."""
        return time.monotonic() - self._beaten_at < ALIVE

    def take_at_once(self, grant: Grant) -> Charge | None:
        """The same as `take` where nothing has to be asked first; None where something has."""
        at = self.now()
        if self.alive and self.leases.take(grant, at) is True:
            return self._charge(grant, at)
        return None

    async def take(self, grant: Grant) -> Charge:
        """Charge one call to the grant's quota.

        Raises:
            Refused: 207, the quota is used up.
            Unavailable: the shared counts cannot be asked.
        """
        if not self.alive:
            await self._beat()
        at = self.now()
        taken = self.leases.take(grant, at)
        if taken is True:
            return self._charge(grant, at)
        try:
            async with asyncio.timeout(LEASE_WITHIN):
                while taken is not True:
                    if taken is False:
                        raise Refused(Code.QUOTA)
                    await self._lease(taken)
                    at = self.now()
                    taken = self.leases.take(grant, at)
        except TimeoutError:
            raise Unavailable(Trouble.GRANTS) from None
        return self._charge(grant, at)

    def _charge(self, grant: Grant, at: float) -> Charge:
        if grant.per_day is None:
            return Charge(self.leases, grant, at, None)
        day = bucket(Period.DAY, at)
        if self._named[0] != (self.holder, day):
            self._named = ((self.holder, day), f"{self.holder}:{day}")
        return Charge(self.leases, grant, at, self._named[1])

    def check(self, charge: Charge | None) -> None:
        """Raises Unavailable if the lease that a call was charged to has been settled meanwhile."""
        if charge is not None and charge.lease is not None and not (self.alive and charge.leases is self.leases):
            raise Unavailable(Trouble.GRANTS)

    def give_back(self, charge: Charge) -> None:
        """A call that was charged is answered 503 after all."""
        # Where the replica was given up meanwhile, its leases went back as a whole.
        if charge.leases is self.leases:
            self.leases.give_back(charge.grant, charge.at)

    def distrust(self) -> None:
        """The database was lost: what it counts in seconds it may have forgotten."""
        self.leases.distrust()

    async def _lease(self, needs: list[Need]) -> None:
        """One query for all that need something at the moment."""
        for need in needs:
            self._wanted[need] = self._wanted.get(need, 0) + 1
        if self._round is None:
            self._round = asyncio.get_running_loop().create_future()
            self._run(self._lease_round(self._round))
        await asyncio.shield(self._round)

    async def _lease_round(self, done: "asyncio.Future[None]") -> None:
        try:
            async with self._link.lock:
                # Those who came while the last round was under way are in this one.
                wanted, self._wanted, self._round = self._wanted, {}, None
                for period in Period:
                    asked = {need: n for need, n in wanted.items() if need.period is period}
                    if asked:
                        await self._ask(period, asked)
        except Unavailable as away:
            done.set_exception(away)
            # Somebody may have gone meanwhile; that nobody looks at it is no fault.
            done.exception()
        else:
            done.set_result(None)

    async def _ask(self, period: Period, asked: dict[Need, int]) -> None:
        # One row per grant: of two quotas, one of which has just replaced the other, the one asked for last.
        needs = {need.grant: need for need in asked}
        values: list[Any] = [
            list(needs),
            [need.limit for need in needs.values()],
            [asked[need] + AHEAD[period] for need in needs.values()],
        ]
        if period is Period.DAY:
            values.append(self.holder)
        for row in await self._link.query(LEASE[period], *values):
            self._set_clock(row["now"])
            need = needs[UUID(bytes=row["grant_id"].bytes)]
            if self.heard_used is not None:
                self.heard_used(need, row["bucket"], row["used"])
            self.leases.add(
                need, row["bucket"], count=row["count"], spent=row["spent"], at=self.now(), share=row["share"]
            )

    def _set_clock(self, told: float) -> None:
        ahead = told - time.monotonic()
        if ahead > self._ahead or ahead < self._ahead - _STEPPED:
            self._ahead = ahead

    async def _beat(self) -> None:
        """Show that this replica lives. If it was given up meanwhile, it begins anew, with no lease."""
        async with self._link.lock:
            if self.alive:
                return
            await self._sign()

    async def _sign(self) -> None:
        began = time.monotonic()
        told = await self._link.query(_BEAT, self.holder, self._worker)
        if not told:
            self.holder = uuid7()
            self.leases = Leases()
            told = await self._link.query(_BEAT, self.holder, self._worker)
        self._set_clock(told[0]["now"])
        self._beaten_at = began

    async def _sweep(self) -> None:
        """Signs of life, and idle leases back where the others may need them."""
        while True:
            with contextlib.suppress(Unavailable):
                if time.monotonic() - self._beaten_at >= BEAT:
                    async with self._link.lock:
                        await self._sign()
                await self._give_back(self.leases.idle(self.now()), scarce=True)
            await asyncio.sleep(_SWEEP)

    async def _give_back(self, idle: list[tuple[UUID, int, int]], *, scarce: bool) -> None:
        if not idle:
            return
        async with self._link.lock:
            chosen = {grant for grant, _, _ in idle}
            if scarce:
                rows = await self._link.query(_SCARCE, [grant for grant, _, _ in idle], [day for _, day, _ in idle])
                chosen = {UUID(bytes=row["grant_id"].bytes) for row in rows}
            back = [(g, day, self.leases.withdraw(g, day)) for g, day, _ in idle if g in chosen]
            back = sorted(one for one in back if one[2])
            if back:
                grants, days, counts = (list(part) for part in zip(*back, strict=True))
                await self._link.query(_RETURN, grants, days, counts, self.holder)

    async def _settle(self) -> None:
        """Give back what replicas had leased that died."""
        while True:
            await asyncio.sleep(_SETTLE)
            with contextlib.suppress(Unavailable):
                # All of them: a pod that dies is several replicas, and each deployment leaves those that stopped.
                while await self._settle_one():
                    pass
                async with self._link.lock:
                    await self._link.query(_FORGET)

    async def _settle_one(self) -> bool:
        """Whether there was one; calls that need a lease are let in between."""
        async with self._link.lock:
            lost = await self._link.query(_LOST, DEAD, self.holder)
            for one in lost:
                await self._link.query(_SETTLED, one["holder"], one["worker"])
                _log.info("gateway.replica_settled", worker=one["worker"])
        return bool(lost)
