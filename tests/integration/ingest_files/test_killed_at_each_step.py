"""FAULT-31: the ingest killed with SIGKILL at every statement of the functions that merge, close and take back.

Each point is made in the function itself. Oracle: a reader that looks all the while sees the rows of before or those
of after and never a mix; the file delivered again ends with one result; no stage and no child is left.
"""

import asyncio
import contextlib
from datetime import timedelta
from decimal import Decimal

import pytest

from common.events import BatchIngested, BatchTakenBack
from common.roles import Role
from exchange.layout import READER
from ingest_files import service, undoing
from tests.support import killing, labelled
from tests.support.annex_files import FILE, annex
from tests.support.exchange_store import read, terminate
from tests.support.street_texts import CSV, streets, text
from tests.support.waiting import PAUSE, eventually

pytestmark = pytest.mark.slow

ORDINARY, WHOLE = "ordinary", "whole"


def rows(number):
    """The rows of the file of this number, as a reader sees them; no other file has any of them."""
    return [(*row[:4], Decimal(str(row[4])), row[5]) for row in streets(3 + number % 3, 100 * number)]


@pytest.fixture(params=[ORDINARY, WHOLE])
async def kind(request, ingest):
    body = {"ways": ["replace"], "whole": request.param == WHOLE}
    await ingest.as_("mzj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", body)
    return request.param


async def received(at, kind, number):
    sent = streets(3 + number % 3, 100 * number)
    return await at.received(*((text(sent), CSV) if kind == WHOLE else (annex(sent), FILE)))


async def loaded(at, kind, number):
    event, meta = await received(at, kind, number)
    await service.take_file(event, meta, at.desk)
    assert await at.store.rows(at.resource) == rows(number)
    return event.upload


@contextlib.asynccontextmanager
async def never_a_mix(at, *allowed):
    """A reader that looks all the while, as the gateway does; how often it saw each of what is allowed."""
    seen = [0] * len(allowed)
    ended = asyncio.Event()

    async def look():
        async with at.store.connected(READER) as reader:
            while not ended.is_set():
                seen[allowed.index(await read(reader, at.resource))] += 1
                await asyncio.sleep(PAUSE)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        ended.set()
        await looking


async def killed_there(at, admin, made, label, before):
    """Kill it at its point; at every second one the connection is cut besides, as when the server's process ends."""
    await eventually(lambda: labelled.waiting(admin), what=f"point {label}")
    assert await at.store.rows(at.resource) == before
    await killing.kill(made)
    if label % 2:
        await terminate(admin, "ingest-files loader")


STEPS = [(WHOLE, "open_table"), (WHOLE, "close_table"), (WHOLE, "enter"), (ORDINARY, "open_stage"), (ORDINARY, "merge")]


@pytest.mark.parametrize(("kind", "function"), STEPS, indirect=["kind"])
async def test_at_each_statement_of_a_load(ingest, kind, function):
    at = ingest
    await loaded(at, kind, 0)
    async with at.store.connected() as admin:
        count = labelled.points(await labelled.body_of(admin, function))
    assert count >= 3
    before = 0
    for label in range(count):
        number = label + 1
        event, meta = await received(at, kind, number)
        async with never_a_mix(at, rows(before), rows(number)) as seen:
            async with labelled.held(at.store, function, label) as admin, killing.taking(at, event, meta) as made:
                await killed_there(at, admin, made, label, rows(before))
            for _ in range(2):
                await service.take_file(event, meta, at.desk)
            assert await at.store.rows(at.resource) == rows(number)
            await eventually(lambda seen=seen: _all(seen), what="both were seen")
        assert await at.store.stages() == []
        (told,) = await at.results(event.upload)
        assert isinstance(told, BatchIngested)
        assert (await at.upload(event.upload))["state"] == "loaded"
        before = number


async def _all(seen):
    return all(seen)


@pytest.mark.parametrize("kind", [ORDINARY, WHOLE], indirect=True)
async def test_at_each_statement_of_taking_back(ingest, kind):
    at = ingest
    await loaded(at, kind, 0)
    async with at.store.connected() as admin:
        count = labelled.points(await labelled.body_of(admin, "take_back"))
    assert count >= 8
    for label in range(count):
        number = label + 1
        batch = await loaded(at, kind, number)
        async with never_a_mix(at, rows(0), rows(number)):
            told = {"entry": at.entry, "batch": str(batch)}
            async with (
                labelled.held(at.store, "take_back", label) as admin,
                killing.process(at, killing.UNDOING, **told) as made,
            ):
                await killed_there(at, admin, made, label, rows(number))
            at.running.clock.shows += timedelta(minutes=5)
            assert await undoing.settle(at.desk) == 1
            assert await undoing.settle(at.desk) == 0
            assert await at.store.rows(at.resource) == rows(0)
        ended = [one.event for one in await at.running.told(BatchTakenBack) if one.event.batch == batch]
        assert [one.why for one in ended] == ["送错了"]
