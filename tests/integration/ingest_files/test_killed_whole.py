"""FAULT-31: the ingest killed with SIGKILL at each step of a whole load, and PostgreSQL's side of it cut.

The moments are made from outside, by locks that the step needs. Oracle: readers see the rows of before until those of
the file are there; the file delivered again ends with one result; no child and no stage is left.
"""

import asyncio

import pytest

from common.errors import Unwell
from common.events import BatchIngested
from common.roles import Role
from ingest_files import service
from tests.support import killing
from tests.support.annex_files import ROWS
from tests.support.street_texts import CSV, streets, text
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

COUNT = 60_000
"""Rows enough that a child is still at it when the first of them are on their way."""


@pytest.fixture
async def anything(ingest):
    """A resource that takes whole files, with rows of before."""
    body = {"ways": ["replace"], "whole": True}
    await ingest.as_("mzj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", body)
    event, meta = await ingest.received(text(ROWS), CSV)
    await service.take_file(event, meta, ingest.desk)
    return ingest


async def rows_seen(at):
    return len(await at.store.rows(at.resource))


async def _all_there(at):
    return await rows_seen(at) == COUNT


async def completed(at, event, meta):
    """Delivered again, twice: one result, all rows, nothing left over."""
    for _ in range(2):
        await service.take_file(event, meta, at.desk)
    assert await rows_seen(at) == COUNT
    assert await at.store.stages() == []
    (told,) = await at.results(event.upload)
    assert isinstance(told, BatchIngested)
    assert told.rows == COUNT
    held = await at.upload(event.upload)
    assert (held["state"], held["rows"]) == ("loaded", COUNT)


async def waiting_loader(at):
    async with at.store.connected() as admin:
        return await admin.fetchval(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name = 'ingest-files loader' and wait_event_type = 'Lock'"
        )


async def copied(at):
    async with at.store.connected() as admin:
        return await admin.fetchval("select tuples_processed from pg_stat_progress_copy where tuples_processed > 0")


async def test_while_the_child_parses_and_before_any_row(anything):
    at = anything
    event, meta = await at.received(text(streets(COUNT)), CSV)
    async with at.store.connected() as other:
        async with other.transaction():
            await other.execute("select from exchange.resource where version = $1 for update", at.resource.version)
            async with killing.taking(at, event, meta) as made:
                await eventually(lambda: waiting_loader(at), what="the load waits, its child at work")
                assert killing.children_of(made), "a child is parsing"
                await killing.kill(made)
        assert await rows_seen(at) == 3
    await completed(at, event, meta)


async def test_while_rows_are_on_their_way_into_the_table(anything):
    at = anything
    event, meta = await at.received(text(streets(COUNT)), CSV)
    async with killing.taking(at, event, meta) as made:
        await eventually(lambda: copied(at), what="rows on their way")
        assert await rows_seen(at) == 3
        await killing.kill(made)
    assert await rows_seen(at) == 3
    await completed(at, event, meta)


async def test_between_the_commit_of_the_rows_and_their_result(anything):
    at = anything
    event, meta = await at.received(text(streets(COUNT)), CSV)
    async with killing.no_result(at), killing.taking(at, event, meta) as made:
        await eventually(lambda: _all_there(at), within=30, what="rows that are committed")
        await killing.killed_at_its_result(at, made, "taken and killed")
    assert await at.results(event.upload) == []
    await completed(at, event, meta)


async def test_with_the_loaders_connection_cut_while_rows_are_on_their_way(anything):
    at = anything
    event, meta = await at.received(text(streets(COUNT)), CSV)
    taking = asyncio.create_task(service.take_file(event, meta, at.desk))
    async with at.store.connected() as admin:
        await eventually(lambda: copied(at), what="rows on their way")
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'ingest-files loader'"
        )
    with pytest.raises(Unwell):
        await taking
    assert await rows_seen(at) == 3
    await completed(at, event, meta)


async def test_left_alone_the_same_process_ends(anything):
    """The oracle sees an end where there is one."""
    at = anything
    event, meta = await at.received(text(streets(COUNT)), CSV)
    async with killing.taking(at, event, meta) as made:
        assert (await made.communicate())[0].endswith(b"done")
    await completed(at, event, meta)
