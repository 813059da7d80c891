"""Months are made ahead; a record of any time is kept; what is kept stays as it was written (PIT-P10)."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from audit import jobs
from common import clock
from common.roles import Role
from tests.support.trail_values import TRACE, logged, record
from tests.support.waiting import eventually

MONTH = timedelta(days=31)


def month_of(instant):
    return f"call_{clock.local(instant):%Y%m}"


def ahead(months):
    """The first instant of a month in Asia/Shanghai, so many months from now."""
    first = clock.local(clock.now()).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(months):
        first = (first + MONTH).replace(day=1)
    return first


async def months(trail):
    rows = await trail.rows(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'call'::regclass order by 1"
    )
    return [row["name"] for row in rows]


async def places(trail):
    rows = await trail.rows("select tableoid::regclass::text as place, number from call order by number")
    return [row["place"] for row in rows]


async def make(trail, count=3):
    connection = await asyncpg.connect(trail.fresh.app_url)
    try:
        await connection.execute("select make_call_partitions($1)", count)
    finally:
        await connection.close()


async def without(trail, instant):
    """Take a month away, as if it had not been made yet."""
    await trail.rows(f"alter table call detach partition {month_of(instant)}")
    await trail.rows(f"drop table {month_of(instant)}")


async def test_this_month_and_the_next_two_are_there(trail):
    assert {month_of(ahead(n)) for n in range(3)} | {"call_other"} == set(await months(trail))


async def test_made_again_nothing_changes(trail):
    before = await months(trail)
    await make(trail)
    assert await months(trail) == before


async def test_the_service_makes_them_by_itself(trail):
    await without(trail, ahead(2))
    async with jobs.partitions(trail.parts.db):
        await eventually(lambda: _there(trail, ahead(2)), what="the month is made")


async def _there(trail, instant):
    return month_of(instant) in await months(trail)


async def test_a_failure_is_said_and_tried_again(trail, monkeypatch):
    monkeypatch.setattr(jobs, "AFTER_FAILURE", 0.05)
    await without(trail, ahead(1))
    await trail.rows("alter function make_call_partitions rename to hidden")
    with capture_logs() as said:
        async with jobs.partitions(trail.parts.db):
            await eventually(lambda: _said(said, "audit.partitions_failed"), what="the failure is said")
            await trail.rows("alter function hidden rename to make_call_partitions")
            await eventually(lambda: _there(trail, ahead(1)), what="the month is made after all")


async def _said(said, event):
    return event in [entry["event"] for entry in said]


async def test_records_lie_in_their_month_of_asia_shanghai(trail):
    first = ahead(1)
    instants = [first - timedelta(microseconds=1), first, first.astimezone(UTC) + timedelta(hours=1)]
    await trail.hear(logged([record(n, at=at) for n, at in enumerate(instants, 1)]))
    assert await places(trail) == [month_of(ahead(0)), month_of(first), month_of(first)]


@pytest.mark.parametrize(
    "at",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2020, 2, 29, tzinfo=UTC),
        ahead(3),
        datetime(2099, 12, 31, tzinfo=UTC),
        datetime(9999, 12, 30, tzinfo=UTC),
    ],
)
async def test_a_record_of_any_other_time_is_kept_and_found_all_the_same(trail, at):
    """IN-E6: the time is stored as claimed."""
    await trail.hear(logged([record(1, at=at)]))
    assert await places(trail) == ["call_other"]
    auditor = trail.as_("dsjzx.shenji", "dsjzx", Role.AUDITOR)
    (found,) = (await auditor.get("/calls", params={"trace_id": TRACE})).json()
    assert datetime.fromisoformat(found["record"]["received_at"]) == at


async def test_records_that_came_before_their_month_was_made_move_into_it(trail):
    """A clock that runs ahead must not keep a month from ever being made."""
    early = ahead(2)
    await without(trail, early)
    kept = [
        record(1, at=early),
        record(2, at=early + timedelta(days=3)),
        record(3, at=datetime(2099, 1, 1, tzinfo=UTC)),
    ]
    await trail.hear(logged(kept))
    assert await places(trail) == ["call_other"] * 3
    await make(trail)
    assert await places(trail) == [month_of(early), month_of(early), "call_other"]
    await trail.hear(logged([record(4, at=early)]))
    assert (await places(trail))[3] == month_of(early)
    assert await trail.rows(f"select indexname from pg_indexes where tablename = '{month_of(early)}'")


@pytest.mark.parametrize("count", [0, 13, -1])
async def test_the_service_cannot_make_months_without_end(trail, count):
    with pytest.raises(asyncpg.RaiseError):
        await make(trail, count)


async def test_the_service_adds_and_reads_and_can_alter_nothing_of_the_trail(trail):
    """PIT-P10: not as a whole and not by any of its parts, those made later included."""
    await without(trail, ahead(1))
    await make(trail)
    trail_tables = [*await months(trail), "call", "kept_event", "worker_gap"]
    assert len(trail_tables) == 7
    for table in trail_tables:
        for right in ("update", "delete", "truncate", "trigger", "references"):
            held = await trail.rows("select has_table_privilege('audit_app', $1, $2) as held", table, right)
            assert not held[0]["held"], (table, right)
        assert (await trail.rows("select has_table_privilege('audit_app', $1, 'select') as held", table))[0]["held"]


@pytest.mark.parametrize(
    "statement",
    [
        "update call set code = '1'",
        "delete from call",
        "truncate call",
        "update {month} set code = '1'",
        "delete from {month}",
        "delete from call_other",
        "update kept_event set body = '{{}}'",
        "delete from kept_event",
        "delete from worker_gap",
        "update worker_gap set last = first",
        "alter table call detach partition {month}",
        "drop table {month}",
        "create table more (a int)",
        "drop function make_call_partitions",
        "set role audit_owner",
    ],
)
async def test_the_service_tries_to_alter_it_and_fails(trail, statement):
    await trail.hear(logged([record(1, at=clock.now())]))
    connection = await asyncpg.connect(trail.fresh.app_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(month=month_of(clock.now())))
    finally:
        await connection.close()
    assert len(await places(trail)) == 1
