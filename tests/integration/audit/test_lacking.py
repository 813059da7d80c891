"""What the trail lacks is counted by itself, so that nobody has to look to learn of it (REQ-G3, R2)."""

from datetime import timedelta
from math import isnan

from prometheus_client import CollectorRegistry

from audit import jobs
from common import clock
from common.events import RecordKind
from tests.support.trail_values import logged, record
from tests.support.waiting import eventually


def begun(number, ago):
    values = {"status": 0, "code": "", "rows": 0, "answer": None, "sourced_at": None}
    return record(number, **values, kind=RecordKind.BEGIN, at=clock.now() - ago)


async def counts(trail):
    """What is told after the first count: gaps, and calls whose end is unknown."""
    metrics = CollectorRegistry()
    names = ("trail_gaps", "trail_unknown_calls")

    async def told():
        found = [metrics.get_sample_value(name) for name in names]
        return None if any(map(isnan, found)) else found

    async with jobs.measures(trail.parts.db, metrics):
        return await eventually(told, what="a count")


async def test_all_is_there(trail):
    await trail.hear(logged([record(1), record(2)]))
    assert await counts(trail) == [0, 0]


async def test_numbers_that_never_came_are_a_gap_until_they_come(trail):
    await trail.hear(logged([record(1)]))
    await trail.hear(logged([record(4)]))
    assert await counts(trail) == [1, 0]
    await trail.hear(logged([record(2), record(3)]))
    assert await counts(trail) == [0, 0]


async def test_a_call_without_an_end_counts_from_a_minute_to_an_hour(trail):
    ages = [timedelta(seconds=30), timedelta(seconds=90), timedelta(minutes=30), timedelta(hours=2)]
    await trail.hear(logged([begun(number, ago) for number, ago in enumerate(ages, 1)]))
    assert await counts(trail) == [0, 2]
