"""What one unit may bring at a time; another unit notices nothing (IN-X23)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from common.ids import uuid7
from ingest_files import errors, service
from ingest_files.domain.limits import Limits
from ingest_files.domain.uploads import EXPIRES
from tests.support.annex_files import FILE


@pytest.fixture
def bring(ingest):
    """Begins an upload under these limits."""

    async def begin(limits: Limits, size: int = 10, unit: str = "mzj"):
        desk = replace(ingest.desk, limits=limits)
        async with desk.db.begin() as tx:
            return await service.new_upload(tx, uuid7(), ingest.entry, FILE, size, unit=unit, by="somebody", desk=desk)

    return begin


async def many(bring, limits, count):
    """How many of so many uploads are taken, and why the others are not."""
    taken, codes = 0, set()
    for _ in range(count):
        try:
            await bring(limits)
            taken += 1
        except errors.TooMany as refused:
            codes.add(refused.code)
    return taken, codes


async def test_uploads_that_wait_are_bounded(bring):
    assert await many(bring, Limits(waiting=3), 5) == (3, {"too-many-waiting"})


async def test_a_form_that_has_ended_waits_no_more(bring, ingest):
    limits = Limits(waiting=1)
    await bring(limits)
    with pytest.raises(errors.TooManyWaiting):
        await bring(limits)
    ingest.running.clock.shows += EXPIRES + timedelta(seconds=1)
    await bring(limits)


async def test_files_of_an_hour_are_bounded_and_an_hour_later_there_is_room(bring, ingest):
    limits = Limits(files_an_hour=2)
    assert await many(bring, limits, 4) == (2, {"too-many-files"})
    ingest.running.clock.shows += timedelta(minutes=59)
    with pytest.raises(errors.TooManyFiles):
        await bring(limits)
    ingest.running.clock.shows += timedelta(minutes=2)
    await bring(limits)


async def test_bytes_of_a_day_are_bounded_to_the_byte(bring, ingest):
    limits = Limits(bytes_a_day=100)
    await bring(limits, 60)
    with pytest.raises(errors.TooManyBytes):
        await bring(limits, 41)
    await bring(limits, 40)
    ingest.running.clock.shows += timedelta(hours=24, seconds=1)
    await bring(limits, 100)


async def test_a_thousand_uploads_of_one_unit_leave_another_unaffected(ingest):
    """IN-X23, at the door: what is over the limit is refused with its reason, and the other unit gets in."""
    await ingest.running.rows(
        "insert into upload (id, entry, provider, name, bucket, object_key, state, uploaded_by, created_at, findings,"
        " size) select gen_random_uuid(), $1, 'mzj', 'x', 'inbox', 'x', 'loaded', 'x', $2, 0, 1"
        " from generate_series(1, 1000)",
        ingest.entry,
        ingest.running.clock(),
    )
    body = {"entry": ingest.entry, "name": FILE, "size": 1}
    answer = await ingest.as_().post("/uploads", body)
    assert (answer.status_code, answer.json()["code"]) == (429, "too-many-files")
    assert "一小时" in answer.json()["title"]
    other = await ingest.as_("jyj").post("/uploads", body)
    assert other.json()["code"] == "entry-unknown", "refused for its own reason, not for another's files"


async def test_two_that_begin_at_once_do_not_both_take_the_last_place(bring):
    limits = Limits(waiting=1)
    done = await asyncio.gather(*(bring(limits) for _ in range(6)), return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in done) == 1
    assert all(isinstance(one, errors.TooManyWaiting) for one in done if isinstance(one, Exception))
