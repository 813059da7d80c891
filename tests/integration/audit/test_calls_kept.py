"""Every call is kept once; a missing number is seen, and seen to have come (REQ-T1, IN-E3)."""

from uuid import UUID, uuid4

import pytest

from audit import store
from audit.domain import Progress
from common.errors import Undecodable
from common.roles import Role
from tests.support.trail_values import logged, numbers, record


async def kept(trail):
    rows = await trail.rows("select worker, start, number from call order by worker, start, number")
    return [(row["worker"], row["number"]) for row in rows]


async def gaps(trail):
    answer = await trail.as_("dsjzx.shenji", "dsjzx", Role.AUDITOR).get("/gaps")
    assert answer.status_code == 200, answer.text
    return [(gap["worker"], gap["first"], gap["last"]) for gap in answer.json()]


async def test_each_record_is_kept_with_what_it_is_found_by(trail):
    batch = uuid4()
    told = record(1, batches=(batch,), batch_count=1, subject="cd" * 32, code="206")
    await trail.hear(logged([told]))
    (row,) = await trail.rows("select * from call")
    assert (row["call"], row["worker"], row["start"], row["number"]) == (told.call, "w1", UUID(int=1), 1)
    assert (row["unit"], row["entry"], row["grant"], row["code"]) == ("jyj", told.entry, told.grant, "206")
    assert (row["trace_id"], row["subject"], row["batches"]) == (told.trace_id, "cd" * 32, [batch])
    assert row["received_at"] == told.received_at


async def test_a_group_that_comes_again_is_kept_once(trail):
    event = logged(numbers(1, 3))
    meta = await trail.hear(event)
    await trail.hear(event, event_id=meta.id)
    assert await kept(trail) == [("w1", 1), ("w1", 2), ("w1", 3)]
    # Sent again from the outbox after a crash it may even have another id.
    await trail.hear(event)
    assert await kept(trail) == [("w1", 1), ("w1", 2), ("w1", 3)]
    assert await gaps(trail) == []


async def test_another_body_under_the_same_id_is_no_repetition(trail):
    """IN-E3."""
    meta = await trail.hear(logged(numbers(1, 1)))
    with pytest.raises(Undecodable):
        await trail.hear(logged(numbers(1, 2)), event_id=meta.id)
    assert await kept(trail) == [("w1", 1)]


async def test_numbers_without_gap_show_none(trail):
    for first, last in ((1, 3), (4, 4), (5, 9)):
        await trail.hear(logged(numbers(first, last)))
    assert await gaps(trail) == []


async def test_a_missing_number_is_seen_when_a_later_one_comes(trail):
    await trail.hear(logged(numbers(1, 3)))
    await trail.hear(logged(numbers(6, 7)))
    assert await gaps(trail) == [("w1", 4, 5)]
    await trail.hear(logged(numbers(8, 8)))
    assert await gaps(trail) == [("w1", 4, 5)]


async def test_the_first_numbers_are_missed_too(trail):
    await trail.hear(logged(numbers(5, 6)))
    assert await gaps(trail) == [("w1", 1, 4)]


async def test_a_gap_is_closed_when_all_its_numbers_have_come_and_not_before(trail):
    await trail.hear(logged(numbers(1, 1)))
    await trail.hear(logged(numbers(8, 8)))
    for first, last, open_ in ((2, 3, True), (6, 7, True), (4, 5, False)):
        await trail.hear(logged(numbers(first, last)))
        assert bool(await gaps(trail)) is open_, (first, last)
    assert [number for _, number in await kept(trail)] == list(range(1, 9))


async def test_the_same_record_twice_does_not_close_a_gap(trail):
    await trail.hear(logged(numbers(4, 4)))
    group = numbers(1, 1)
    for _ in range(3):
        await trail.hear(logged(group))
        # The same number under other calls is not another number either.
        await trail.hear(logged(numbers(1, 1)))
    assert await gaps(trail) == [("w1", 1, 3)]


async def test_several_gaps_are_listed_each(trail):
    for number in (2, 5, 9):
        await trail.hear(logged(numbers(number, number)))
    assert await gaps(trail) == [("w1", 1, 1), ("w1", 3, 4), ("w1", 6, 8)]


async def test_workers_and_starts_count_each_for_themselves(trail):
    await trail.hear(logged(numbers(1, 5)))
    await trail.hear(logged(numbers(1, 2), worker="w2"))
    await trail.hear(logged(numbers(1, 2), start=UUID(int=2)))
    assert await gaps(trail) == []
    await trail.hear(logged(numbers(6, 6), start=UUID(int=2)))
    assert await gaps(trail) == [("w1", 3, 5)]


@pytest.mark.parametrize("role", set(Role) - {Role.AUDITOR})
async def test_gaps_are_shown_to_auditors_alone(trail, role):
    assert (await trail.as_("x", "dsjzx", role).get("/gaps")).status_code == 403


async def test_the_progress_of_a_worker_never_goes_back(trail):
    """Two readers that begin a worker's progress at the same time find no row to lock."""
    for reached in (5, 3):
        async with trail.parts.db.begin() as tx:
            await store.save_progress(tx, [Progress(worker="w1", start=UUID(int=1), next_number=reached)])
    assert await trail.rows("select next_number from worker_progress") == [{"next_number": 5}]
