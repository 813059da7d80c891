"""FAULT-31: the ingest killed between its load and its answer. The same push again is the same batch, nothing twice.

Oracle: the exchange store's books, the outbox, and what the process wrote down. The moment is made by a lock on the
outbox: the rows are committed, their result cannot be.
"""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from ingest_files.pushing import Pushing
from tests.support import killing
from tests.support.push_world import GOOD, batch_of, row, told

ROWS = json.dumps([row()], ensure_ascii=False)


def process(at, key):
    sent = {
        "call": str(uuid4()),
        "service": "streets-push",
        "entry": at.ingest.entry,
        "unit": "mzj",
        "resource_version": at.resource.version,
        "way": "append",
        "key": key,
        "rows": ROWS,
    }
    return killing.process(at.ingest, killing.PUSHING, sent=sent)


async def batches(at, store):
    async with store.connected() as admin:
        found = await admin.fetch("select batch from exchange.batch where version = $1", at.resource.version)
        return [row["batch"] for row in found]


async def killed_between_its_load_and_its_answer(at, store, key):
    """The batch that the store has of it; its result is lost with the process."""
    async with killing.no_result(at.ingest), process(at, key) as made:
        await killing.killed_at_its_result(at.ingest, made, "pushed and killed")
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
    async with process(at, None) as made:
        written, _ = await made.communicate()
    assert [UUID(written.split()[-1].decode())] == await batches(at, store)
