"""FAULT-31: the ingest killed between its load and its answer. The same push again is the same batch, nothing twice.

Oracle: the exchange store's books, the outbox, and what the process wrote down. The moment is made by a lock on the
outbox: the rows are committed, their result cannot be.
"""

import asyncio
import contextlib
import json
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from exchange.layout import LOADER
from ingest_files.pushing import Pushing
from provision.secrets import KEEPER
from tests.support.push_world import GOOD, batch_of, row, told
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]
ROWS = json.dumps([row()], ensure_ascii=False)


@contextlib.asynccontextmanager
async def process(at, store, key):
    running = at.ingest.running
    settings = running.fresh.installation.settings("ingest-files")
    told = {
        "database_url": running.fresh.app_url,
        "keeper_url": store.database.url(KEEPER),
        "loader_url": store.database.url(LOADER),
        "blobs": {
            "endpoint": settings["INGEST_FILES_S3_ENDPOINT"],
            "public": settings["INGEST_FILES_S3_ENDPOINT"],
            "region": settings["INGEST_FILES_S3_REGION"],
            "access_key": settings["INGEST_FILES_S3_ACCESS_KEY"],
            "secret_key": settings["INGEST_FILES_S3_SECRET_KEY"],
        },
        "sent": {
            "call": str(uuid4()),
            "service": "streets-push",
            "entry": at.ingest.entry,
            "unit": "mzj",
            "resource_version": at.resource.version,
            "way": "append",
            "key": key,
            "rows": ROWS,
        },
    }
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.push_process"),
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


async def batches(at, store):
    async with store.connected() as admin:
        found = await admin.fetch("select batch from exchange.batch where version = $1", at.resource.version)
        return [row["batch"] for row in found]


async def killed_between_its_load_and_its_answer(at, store, key):
    """The batch that the store has of it; its result is lost with the process."""
    holder = await asyncpg.connect(at.ingest.running.fresh.admin_url())
    try:
        async with holder.transaction():
            await holder.execute("lock table outbox in exclusive mode")
            async with process(at, store, key) as made:
                waits = (
                    "select pid from pg_stat_activity where datname = current_database()"
                    " and application_name = 'pushed and killed' and wait_event_type = 'Lock'"
                )
                (left,) = await eventually(lambda: at.ingest.running.rows(waits), within=30, what="a result that waits")
                made.kill()
                assert (await made.communicate())[0] == b""
                await at.ingest.running.rows("select pg_terminate_backend($1)", left["pid"])
    finally:
        await holder.close()
    (batch,) = await batches(at, store)
    assert await told(at) == []
    return batch


@pytest.mark.parametrize("key", [None, "k1"])
async def test_the_same_push_again_is_the_same_batch(at, store, key):
    # Both ask the same clock whether it was just now.
    at.ingest.running.clock.shows = at.ingest.running.clock.shows + timedelta(seconds=30)
    batch = await killed_between_its_load_and_its_answer(at, store, key)
    assert UUID(batch_of(await at.push(ROWS.encode(), "append", key=key))) == batch
    assert await batches(at, store) == [batch]
    assert [event.batch for event in await told(at)] == [batch]
    assert await at.rows() == [GOOD]


async def test_a_push_that_nobody_sends_again_gets_its_result_all_the_same(at, store):
    batch = await killed_between_its_load_and_its_answer(at, store, "k1")
    desk = at.ingest.desk
    pushing = Pushing(desk.clock, desk.db, desk.blobs, desk.exchange)
    assert await pushing.settle() == 0, "somebody may still be at it"
    at.ingest.running.clock.shows += timedelta(minutes=16)
    assert await pushing.settle() == 1
    assert [event.batch for event in await told(at)] == [batch]
    assert await pushing.settle() == 0


async def test_left_alone_the_same_process_answers(at, store):
    """The oracle sees an answer where there is one."""
    async with process(at, store, None) as made:
        written, _ = await made.communicate()
    assert [UUID(written.split()[-1].decode())] == await batches(at, store)
