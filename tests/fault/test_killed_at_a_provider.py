"""FAULT-1, FAULT-2: a gateway killed before its evidence is committed has asked nobody; killed when the provider has
answered it leaves a beginning without an end. Nothing is answered either way.

Oracle: the outbox, what the provider was asked, and what the process wrote down of its answer. The moment is made by a
lock on the outbox: the record is handed over and cannot be committed.
"""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import asyncpg

from common.events import AccessLogged, RecordKind, base
from tests.support.provider_server import Provider, people
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
WAITING = (
    "select pid from pg_stat_activity where datname = current_database()"
    " and application_name = 'gateway recorder' and wait_event_type = 'Lock'"
)


@contextlib.asynccontextmanager
async def process(outbox, provider):
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.provider_process", outbox.app_url, provider.url()),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            made.kill()
        await made.communicate()


@contextlib.asynccontextmanager
async def administrator(outbox):
    connection = await asyncpg.connect(outbox.admin_url())
    try:
        yield connection
    finally:
        await connection.close()


async def records(admin):
    rows = await admin.fetch("select key, payload from outbox order by id")
    groups = [base.read(AccessLogged, row["key"].encode(), row["payload"]) for row in rows]
    return [record for group in groups for record in group.records]


async def killed_while_it_commits(made, admin):
    """Kill the process while a record waits for its commit, and end its session: the record is lost with it."""
    await eventually(lambda: admin.fetch(WAITING), within=30, what="a record that waits for its commit")
    made.kill()
    written, _ = await made.communicate()
    for row in await admin.fetch(WAITING):
        await admin.execute("select pg_terminate_backend($1)", row["pid"])
    await eventually(lambda: none_waits(admin), what="the session is gone")
    return written


async def none_waits(admin):
    return not await admin.fetch(WAITING)


async def test_killed_before_the_beginning_is_committed_the_provider_was_never_asked(fresh):
    """FAULT-1."""
    outbox = fresh("gateway")
    async with Provider() as provider, administrator(outbox) as admin, administrator(outbox) as holder:
        async with holder.transaction():
            await holder.execute("lock table outbox in exclusive mode")
            async with process(outbox, provider) as made:
                assert await killed_while_it_commits(made, admin) == b""
        assert provider.requests == []
        assert await records(admin) == []


async def test_killed_after_the_provider_answered_it_leaves_a_beginning_and_nothing_was_answered(fresh):
    """FAULT-2. That such a call is unknown after a minute: tests/integration/audit/test_outcomes.py."""
    outbox = fresh("gateway")
    async with Provider() as provider, administrator(outbox) as admin, administrator(outbox) as holder:
        holding = holder.transaction()

        async def answers_when_nothing_can_be_committed(request, writer):
            await holding.start()
            await holder.execute("lock table outbox in exclusive mode")
            await people(request, writer)

        provider.behave = answers_when_nothing_can_be_committed
        async with process(outbox, provider) as made:
            assert await killed_while_it_commits(made, admin) == b""
        await holding.rollback()
        assert len(provider.requests) == 1
        (begin,) = await records(admin)
        assert (begin.kind, begin.number, begin.status, begin.charged) == (RecordKind.BEGIN, 1, 0, None)


async def test_left_alone_the_same_process_answers(fresh):
    """The oracle sees an answer where there is one."""
    outbox = fresh("gateway")
    async with Provider() as provider, administrator(outbox) as admin, process(outbox, provider) as made:
        written, _ = await made.communicate()
        assert json.loads(written)["DATA"] == [{"person_no": "0001", "name": "张示例"}]
        assert [record.kind for record in await records(admin)] == [RecordKind.BEGIN, RecordKind.END]
