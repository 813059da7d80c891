"""FAULT-6, 8, 26: the database of the evidence stands still, is full, is cut off. No answer without its record."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
import pytest

from common.events import GrantState
from exchange.layout import READER
from tests.support.gateway_door import opened
from tests.support.gateway_process import replicas
from tests.support.gateway_world import World
from tests.support.proxying import TcpProxy
from tests.support.replica_calls import calling, records
from tests.support.streets import STREETS
from tests.support.waiting import eventually, until

pytestmark = pytest.mark.slow

PATIENCE = 2.0
RECOVERED_WITHIN = 5.0


async def postmaster(url):
    """The server's own process; it is on this machine."""
    return (await processes(url))[0]


async def processes(url):
    """The server's own process, and those that serve this database."""
    connection = await asyncpg.connect(url)
    try:
        own = psutil.Process(await connection.fetchval("select pg_backend_pid()")).parent()
        rows = await connection.fetch(
            "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
    return [own, *(psutil.Process(row[0]) for row in rows)]


@contextlib.contextmanager
def standing_still(every):
    """Nothing that is asked of this database is answered, and no connection is taken."""
    try:
        for one in every:
            one.send_signal(signal.SIGSTOP)
        yield
    finally:
        for one in every:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("seconds", [5.0, 30.0])
async def test_a_database_that_stands_still_is_503_in_time_and_calls_go_on_within_seconds(told, trail, seconds):
    """FAULT-6, with two replicas."""
    with replicas(told(), "one", "two") as both:
        with calling(both) as seen:
            until(lambda: seen.codes()["1"] > 50, what="calls under way")
            with standing_still(await processes(trail.admin_url())):
                began = time.monotonic()
                until(lambda: time.monotonic() - began > seconds, within=seconds + 5, what="the standstill")
                still = [(took, code) for at, took, code, _ in list(seen.answers) if at > began + 0.5]
            ended = time.monotonic()
            until(lambda: seen.codes(ended)["1"] > 20, within=RECOVERED_WITHIN, what="calls answered again")
        assert still
        assert {code for _, code in still} == {"500 trail"}
        assert max(took for took, _ in still) < PATIENCE + 1.5
        found = await records(trail.admin_url(), *(one.worker for one in both))
        assert seen.traces("1") <= {record["trace_id"] for record in found}
        assert seen.reset == []


@contextlib.contextmanager
def small_disk(owner, size):
    """A file system of this size in memory, of this user."""
    # Every user may pass this way, which a test's own folder does not let the server's.
    folder = Path("/dev/shm") / f"shuqiao-{uuid4().hex[:8]}"
    folder.mkdir()
    try:
        mounted = ["mount", "-t", "tmpfs", "-o", f"size={size},uid={owner},mode=0700", "tmpfs", str(folder)]
        done = subprocess.run(mounted, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


async def test_a_full_disk_of_the_evidence_refuses_all_calls_and_room_alone_mends_it(told, trail):
    """FAULT-8: the outbox lies on a file system of its own that is full; the rest of the server has room."""
    server = await postmaster(trail.admin_url())
    admin = await asyncpg.connect(trail.admin_url())
    name = f"small_{uuid4().hex[:8]}"
    try:
        with small_disk(server.uids().real, "6m") as disk:
            await admin.execute(f"create tablespace {name} location '{disk}'")
            await admin.execute(f"alter table outbox set tablespace {name}")
            with replicas(told(per_day=100_000), "one", "two") as both:
                with calling(both) as seen:
                    until(lambda: seen.codes()["1"] > 50, what="calls under way")
                    ballast = disk / "ballast"
                    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                        while True:
                            file.write(b"x" * 4096)
                    assert os.statvfs(disk).f_bavail == 0
                    until(lambda: seen.codes()["500 trail"] > 20, within=60, what="the disk is full")
                    began = time.monotonic()
                    until(lambda: time.monotonic() - began > 3 * PATIENCE, what="all that had room is through")
                    assert set(seen.codes(time.monotonic() - 1.5 * PATIENCE)) == {"500 trail"}
                    ballast.unlink()
                    ended = time.monotonic()
                    until(lambda: seen.codes(ended)["1"] > 20, within=RECOVERED_WITHIN, what="calls answered again")
                assert all(one.process.poll() is None for one in both), "without a restart"
                found = await records(trail.admin_url(), *(one.worker for one in both))
                assert seen.traces("1") <= {record["trace_id"] for record in found}
                # What was refused for want of room is on record too, once there was room.
                charged = sum(record["charged"] is not None for record in found)
                assert charged >= seen.codes()["1"]
            await admin.execute("alter table outbox set tablespace pg_default")
            await admin.execute(f"drop tablespace {name}")
    finally:
        await admin.close()


async def test_a_replica_cut_off_from_its_database_gives_no_answer_after_a_revocation(store, streets, trail):
    """FAULT-26: whatever it is told meanwhile, nothing leaves without a record; afterwards the revocation holds."""
    world = World()
    world.code_set("areas", ["310104", "310105"])
    world.unit("edu")
    world.service("streets", STREETS, {"street_code": "eq"}, resource=streets)
    world.grant("edu", "streets", ["street_code"])
    server = int(trail.app_url.rsplit(":", 1)[1].partition("/")[0])
    with TcpProxy() as proxy:
        proxy.target = server
        url = trail.app_url.replace(f":{server}/", f":{proxy.port}/")
        async with opened(
            world=world, store_url=store.database.url(READER), outbox_url=url, admin_url=trail.admin_url()
        ) as door:
            assert (await door.call(street_code="310105001")).code == "1"
            proxy.cut()
            assert (await door.call(street_code="310105001")).reason == "trail"
            world.grant("edu", "streets", ["street_code"], state=GrantState.REVOKED)
            for _ in range(3):
                answer = await door.call(street_code="310105001")
                assert (answer.status, answer.reason) == (503, "trail")
                assert b"310105001" not in answer.response.content
            proxy.mend()

            async def refused():
                answer = await door.call(street_code="310105001")
                assert (answer.code, answer.reason) in {("203", None), ("500", "trail")}
                return answer.code == "203"

            await eventually(refused, what="the revocation, with a record")
