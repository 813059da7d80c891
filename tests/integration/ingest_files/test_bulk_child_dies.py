"""FAULT-32 for whole loads: the child dies, spins, forks, eats memory or floods while its rows are on their way.

Each happens in the real child, confined as it is, at its second block. Oracle: the rows of before stay, the file is
refused with its reason and one result, the parent's memory stays, no process is left, and the next file is fine.
"""

import sys
from dataclasses import replace

import psutil
import pytest

from common.roles import Role
from ingest_files import service, whole
from ingest_files.bulk import reading
from sheets.limits import MIB
from tests.support.annex_files import ROWS
from tests.support.street_texts import CSV, streets, text
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

COUNT = 60_000
MEMORY_STAYS = 20 * MIB
LIMITS = replace(whole.WHOLE, child_cpu_seconds=3, wall_seconds=8.0, child_memory_bytes=512 * MIB)
GOES_WRONG = """
import ctypes, os, sys, time
from ingest_files.bulk import child
take, blocks = child.Reading._take, []
def wrong(self, form, block):
    blocks.append(0)
    if len(blocks) == 2:
        {wrong}
    take(self, form, block)
child.Reading._take = wrong
sys.exit(child.main())
"""
WAYS = {
    "segfault": ("ctypes.string_at(0)", {"child-crashed"}),
    "abort": ("os.abort()", {"child-crashed"}),
    "loop": ("while True: pass", {"child-timeout"}),
    # Where it may not even fork it ends at once; where it may, both are ended at the wall.
    "fork": ("os.fork(); time.sleep(600)", {"child-crashed", "child-timeout"}),
    "memory": ("kept = [bytes(1 << 20) for _ in range(1 << 20)]", {"child-memory"}),
    "silence": ("time.sleep(600)", {"child-timeout"}),
    "early-end": ("sys.stdout.flush(); os._exit(0)", {"child-crashed"}),
    "noise": ("sys.stdout.buffer.write(bytes(64 << 20))", {"child-crashed"}),
    "complaints": ("sys.stderr.write('x' * (64 << 20)); sys.exit(3)", {"child-crashed"}),
}


@pytest.fixture
async def anything(ingest):
    """A resource that takes whole files; one was loaded, so that what the parent keeps for good is there."""
    body = {"ways": ["replace"], "whole": True}
    await ingest.as_("mzj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", body)
    for rows in (streets(COUNT), ROWS):
        assert (await taken(ingest, text(rows)))["state"] == "loaded"
    return ingest


async def taken(ingest, data):
    event, meta = await ingest.received(data, CSV)
    await service.take_file(event, meta, ingest.desk)
    assert len(await ingest.results(event.upload)) == 1
    return await ingest.upload(event.upload)


@pytest.mark.parametrize("way", WAYS)
async def test_whatever_becomes_of_the_child_the_file_is_refused_and_nothing_else_happens(anything, monkeypatch, way):
    at = anything
    wrong, reasons = WAYS[way]
    before = await at.store.rows(at.resource)
    data = text(streets(COUNT))
    me = psutil.Process()
    others, memory = set(me.children(recursive=True)), me.memory_info().rss
    monkeypatch.setattr(whole, "WHOLE", LIMITS)
    monkeypatch.setattr(reading, "_command", lambda: [sys.executable, "-I", "-c", GOES_WRONG.format(wrong=wrong)])
    held = await taken(at, data)
    assert abs(me.memory_info().rss - memory) <= MEMORY_STAYS
    assert held["state"] == "rejected"
    assert held["reason"].removeprefix("unreadable:") in reasons
    assert held["message"].startswith("文件无法解析")
    assert await at.store.rows(at.resource) == before
    assert await at.store.stages() == []
    monkeypatch.undo()

    async def nobody_left():
        return not set(me.children(recursive=True)) - others and not _of_the_child()

    await eventually(nobody_left, what="no process left")
    assert (await taken(at, data))["state"] == "loaded"


def _of_the_child():
    """Processes with the child's program that are alive, whoever their parent is by now."""
    found = []
    for one in psutil.process_iter(["cmdline", "status"]):
        ours = any("child.Reading._take = wrong" in word for word in one.info["cmdline"] or [])
        if ours and one.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(one.pid)
    return found
