"""FAULT-31: the ingest killed with SIGKILL at each step of a whole load, and PostgreSQL's side of it cut.

The moments are made from outside, by locks that the step needs. Oracle: readers see the rows of before until those of
the file are there; the file delivered again ends with one result; no child and no stage is left.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from common.errors import Unwell
from common.events import BatchIngested
from common.roles import Role
from exchange.layout import LOADER
from ingest_files import service
from provision.secrets import KEEPER
from tests.support.annex_files import ROWS
from tests.support.street_texts import CSV, streets, text
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
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


@contextlib.asynccontextmanager
async def process(at, event, meta):
    settings = at.running.fresh.installation.settings("ingest-files")
    told = {
        "database_url": at.running.fresh.app_url,
        "keeper_url": at.store.database.url(KEEPER),
        "loader_url": at.store.database.url(LOADER),
        "blobs": {
            "endpoint": settings["INGEST_FILES_S3_ENDPOINT"],
            "public": settings["INGEST_FILES_S3_ENDPOINT"],
            "region": settings["INGEST_FILES_S3_REGION"],
            "access_key": settings["INGEST_FILES_S3_ACCESS_KEY"],
            "secret_key": settings["INGEST_FILES_S3_SECRET_KEY"],
        },
        "event": event.model_dump_json(),
        "meta": {
            "id": str(meta.id),
            "type": meta.type,
            "source": meta.source,
            "traceparent": meta.traceparent,
            "digest": meta.digest.hex(),
        },
    }
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.take_process"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    made.stdin.write(json.dumps(told).encode())
    made.stdin.write_eof()
    try:
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            made.kill()
        await made.communicate()


def children_of(made):
    return psutil.Process(made.pid).children(recursive=True)


async def rows_seen(at):
    return len(await at.store.rows(at.resource))


async def kill(made):
    """SIGKILL; the child that it had is gone too."""
    left = children_of(made)
    made.kill()
    assert (await made.communicate())[0] == b"", "it was killed before its end"
    await eventually(lambda: _all_gone(left), what="no child left")


async def _all_gone(left):
    return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in left)


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
            async with process(at, event, meta) as made:
                await eventually(lambda: waiting_loader(at), what="the load waits, its child at work")
                assert children_of(made), "a child is parsing"
                await kill(made)
        assert await rows_seen(at) == 3
    await completed(at, event, meta)


async def test_while_rows_are_on_their_way_into_the_table(anything):
    at = anything
    event, meta = await at.received(text(streets(COUNT)), CSV)
    async with process(at, event, meta) as made:
        await eventually(lambda: copied(at), what="rows on their way")
        assert await rows_seen(at) == 3
        await kill(made)
    assert await rows_seen(at) == 3
    await completed(at, event, meta)


async def test_between_the_commit_of_the_rows_and_their_result(anything):
    at = anything
    event, meta = await at.received(text(streets(COUNT)), CSV)
    holder = await asyncpg.connect(at.running.fresh.admin_url())
    try:
        async with holder.transaction():
            await holder.execute("lock table outbox in exclusive mode")
            async with process(at, event, meta) as made:
                waits = (
                    "select pid from pg_stat_activity where datname = current_database()"
                    " and application_name = 'taken and killed' and wait_event_type = 'Lock'"
                )
                (left,) = await eventually(lambda: at.running.rows(waits), within=30, what="a result that waits")
                assert await rows_seen(at) == COUNT
                await kill(made)
                await at.running.rows("select pg_terminate_backend($1)", left["pid"])
    finally:
        await holder.close()
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
    async with process(at, event, meta) as made:
        assert (await made.communicate())[0].endswith(b"done")
    await completed(at, event, meta)
