"""FAULT-31: PostgreSQL and MinIO killed with SIGKILL midway through loads of the running service.

Oracle: a reader of the gateway's role that looks all the while sees the old rows or the new, never a mix; each file
ends with one result; every version of an object in the inbox belongs to an upload.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import asyncpg
import pytest
from minio import Minio

from shuqiao import Away, Refused, Session, files
from tests.fault.conftest import Faulty
from tests.support import annex_files
from tests.support.annex_files import FILE, NAME, annex
from tests.support.databases import query, value
from tests.support.street_texts import CSV, streets, text
from tests.support.told_entries import Told, reader_url, told
from tests.support.waiting import PAUSE, until

pytestmark = pytest.mark.slow

# The streets of the other tests, but for the code set: its codes are the story's.
ITEMS = tuple(item.model_copy(update={"code_set": None}) for item in annex_files.ITEMS)
MANY = 200_000
"""Rows enough that a server can be killed while they are on their way."""
EVERYBODY = ["registry", "catalog", "sharing", "ingest-files", "gateway", "audit"]
WAITS = (
    "select count(*) from pg_stat_activity where application_name = 'ingest-files loader' and wait_event_type = 'Lock'"
)
_numbers = count(1)

Seen = tuple[int, str | None, str | None]
"""How many rows there are, their first key and their last: no two files have the same."""


@pytest.fixture(scope="module")
def provider(faulty: Faulty) -> Iterator[Session]:
    with Session(faulty.system.profile, "mzj.fabu", faulty.system.held.passwords["mzj.fabu"]) as session:
        yield session


@pytest.fixture(params=["ordinary", "whole"])
def register(request: pytest.FixtureRequest, faulty: Faulty, provider: Session) -> Told:
    made = told(faulty.system, f"307001-9001{next(_numbers):02}", NAME, ITEMS)
    body = {"ways": ["replace"], "whole": request.param == "whole"}
    provider.put("ingest-files", f"/entries/{made.code}/loading", body)
    return made


def expected(first: int, rows: int) -> Seen:
    made = streets(1, first)[0][0], streets(1, first + rows - 1)[0][0]
    return rows, *made


def posted(provider: Session, register: Told, data: bytes, name: str) -> str:
    begun = provider.post("ingest-files", "/uploads", {"entry": register.code, "name": name, "size": len(data)})
    files.post(begun["url"], begun["fields"], data)
    provider.post("ingest-files", f"/uploads/{begun['upload']['id']}/completion")
    return begun["upload"]["id"]


def result(provider: Session, upload: str) -> dict[str, Any]:
    """The result, asked for until the platform is there again to say it."""

    def asked() -> dict[str, Any] | None:
        with contextlib.suppress(Away, Refused):
            found: dict[str, Any] = files.result(provider, upload, within=5)
            return found
        return None

    found = until(asked, within=180, what="a result")
    assert found is not None
    return found


@contextlib.contextmanager
def looking(register: Told) -> Iterator[set[Seen]]:
    """A reader that looks all the while; what it saw. A server that is away shows nothing."""
    seen: set[Seen] = set()
    ended = threading.Event()
    view = register.resource.qualified_view
    sql = f"select count(*), min(street_code), max(street_code) from {view}"

    async def look() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(reader_url(register.system), timeout=5)
                try:
                    while not ended.is_set():
                        seen.add(tuple(await connection.fetchrow(sql)))
                        await asyncio.sleep(PAUSE)
                finally:
                    await connection.close(timeout=2)
            await asyncio.sleep(PAUSE)

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join(30)


@contextlib.contextmanager
def held_back(register: Told) -> Iterator[None]:
    """Loads of the resource wait while the block runs, or until the server is killed."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(register.system.endpoints.postgres.url("exchange")))
    lock = f"select from exchange.resource where version = '{register.resource.version}' for update"
    loop.run_until_complete(connection.execute("begin"))
    loop.run_until_complete(connection.execute(lock))
    try:
        yield
    finally:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            loop.run_until_complete(connection.close(timeout=5))
        loop.close()


def one_result_each(register: Told, *uploads: str) -> None:
    sql = (
        "select count(*) from outbox where topic in ('batch-ingested', 'batch-rejected')"
        " and convert_from(payload, 'UTF8') like $1"
    )
    for upload in uploads:
        assert value(register.system, "ingest_files", sql, f"%{upload}%") == 1


def every_object_is_registered(register: Told) -> None:
    s3 = register.system.endpoints.s3
    store = Minio(s3.endpoint, access_key=s3.access_key, secret_key=s3.secret_key, secure=s3.secure, region=s3.region)
    found = store.list_objects(
        bucket_name="inbox", prefix=f"mzj/{register.code}/", recursive=True, include_version=True
    )
    sql = "select object_key, object_version from upload where entry = $1"
    registered = {
        (row["object_key"], row["object_version"]) for row in query(register.system, "ingest_files", sql, register.code)
    }
    assert {(one.object_name, one.version_id) for one in found} == registered


def files_of(register: Told, provider: Session, rows: int) -> tuple[bytes, str]:
    """The next file as this resource takes it."""
    whole = provider.get("ingest-files", f"/entries/{register.code}/loading")["whole"]
    return (text(streets(rows, 5)), CSV) if whole else (annex(streets(rows, 5)), FILE)


def test_postgresql_killed_midway(faulty: Faulty, provider: Session, register: Told) -> None:
    system = faulty.system
    whole = provider.get("ingest-files", f"/entries/{register.code}/loading")["whole"]
    rows = MANY if whole else 2000
    first = posted(provider, register, annex(streets(3)), FILE)
    assert result(provider, first)["state"] == "loaded"
    with looking(register) as seen:
        until(lambda: seen, what="a reader at work")
        data, name = files_of(register, provider, rows)
        if whole:
            second = posted(provider, register, data, name)
            copied = "select count(*) from pg_stat_progress_copy where tuples_processed > 0"
            until(lambda: value(system, "exchange", copied), what="rows on their way")
            system.control.kill("postgres")
        else:
            with held_back(register):
                second = posted(provider, register, data, name)
                until(lambda: value(system, "exchange", WAITS), what="a load under way")
                system.control.kill("postgres")
        system.control.start("postgres")
        ended = result(provider, second)
        assert (ended["state"], ended["rows"]) == ("loaded", rows)
        until(lambda: expected(5, rows) in seen, within=30, what="the new rows seen")
    assert seen == {expected(0, 3), expected(5, rows)}
    system.wait_ready(EVERYBODY, within=90)
    one_result_each(register, first, second)
    every_object_is_registered(register)


def test_minio_killed_midway(faulty: Faulty, provider: Session, register: Told) -> None:
    """One file is being loaded, the next one waits for it and is fetched when the store is not there."""
    system = faulty.system
    first = posted(provider, register, annex(streets(3)), FILE)
    assert result(provider, first)["state"] == "loaded"
    with looking(register) as seen:
        until(lambda: seen, what="a reader at work")
        with held_back(register):
            second = posted(provider, register, *files_of(register, provider, 2000))
            until(lambda: value(system, "exchange", WAITS), what="a load under way")
            third = posted(provider, register, annex(streets(4, 50)), FILE)
            system.control.kill("minio")
        assert result(provider, second)["state"] == "loaded"
        until(lambda: expected(5, 2000) in seen, within=30, what="the new rows seen")
        assert provider.get("ingest-files", f"/uploads/{third}")["state"] == "received"
        system.control.start("minio")
        assert result(provider, third)["state"] == "loaded"
        until(lambda: expected(50, 4) in seen, within=30, what="the newest rows seen")
    assert seen == {expected(0, 3), expected(5, 2000), expected(50, 4)}
    one_result_each(register, first, second, third)
    every_object_is_registered(register)
