"""A part of the ingest as a process of its own, held at a moment by a lock of ours, and killed there with SIGKILL."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from common.events import FileReceived, Meta
from exchange.layout import LOADER
from provision.secrets import KEEPER
from tests.support.ingest_bench import Ingest
from tests.support.ingest_parts import blobs_settings
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
TAKING, PUSHING, UNDOING = "take_process", "push_process", "undo_process"
"""Modules of `tests.support` that do one piece of work."""


@contextlib.asynccontextmanager
async def process(ingest: Ingest, work: str, **told: Any) -> AsyncIterator[Process]:
    """The process at this work; killed at the end if it is still there."""
    doors = {
        "database_url": ingest.running.fresh.app_url,
        "keeper_url": ingest.store.database.url(KEEPER),
        "loader_url": ingest.store.database.url(LOADER),
        "blobs": blobs_settings(ingest.running.fresh.installation),
    }
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"tests.support.{work}"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert made.stdin is not None
    made.stdin.write(json.dumps(doors | told).encode())
    made.stdin.write_eof()
    try:
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            made.kill()
        await made.communicate()


def taking(ingest: Ingest, event: FileReceived, meta: Meta) -> contextlib.AbstractAsyncContextManager[Process]:
    """The process that takes one file."""
    told = {
        "id": str(meta.id),
        "type": meta.type,
        "source": meta.source,
        "traceparent": meta.traceparent,
        "digest": meta.digest.hex(),
    }
    return process(ingest, TAKING, event=event.model_dump_json(), meta=told)


def children_of(made: Process) -> list[psutil.Process]:
    return psutil.Process(made.pid).children(recursive=True)


async def kill(made: Process) -> None:
    """SIGKILL; the child that it had is gone too."""
    left = children_of(made)
    made.kill()
    assert (await made.communicate())[0] == b"", "it was killed before its end"
    await eventually(lambda: _all_gone(left), what="no child left")


async def _all_gone(left: list[psutil.Process]) -> bool:
    return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in left)


@contextlib.asynccontextmanager
async def no_result(ingest: Ingest) -> AsyncIterator[None]:
    """While the block runs nothing can be put into the outbox: rows are committed, their result cannot be."""
    holder = await asyncpg.connect(ingest.running.fresh.admin_url())
    try:
        async with holder.transaction():
            await holder.execute("lock table outbox in exclusive mode")
            yield
    finally:
        await holder.close()


async def killed_at_its_result(ingest: Ingest, made: Process, application: str) -> None:
    """Within `no_result`: kill it where it waits to put its result, and end what it left in the database."""
    waits = (
        "select pid from pg_stat_activity where datname = current_database()"
        " and application_name = $1 and wait_event_type = 'Lock'"
    )
    (left,) = await eventually(lambda: ingest.running.rows(waits, application), within=30, what="a result that waits")
    await kill(made)
    await ingest.running.rows("select pg_terminate_backend($1)", left["pid"])
