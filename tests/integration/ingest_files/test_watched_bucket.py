"""A watched bucket: each version registered once, whatever notifications say (FAULT-34, PIT-O2, PIT-O6, IN-X3)."""

import asyncio
import io
import json
from uuid import UUID

import pytest

from common.events import FileReceived, UnitState
from ingest_files import road as doors
from tests.support import road
from tests.support.annex_files import FILE, annex


@pytest.fixture
async def pieces(installation):
    async with road.pieces(installation) as made:
        yield made


@pytest.fixture
def watching(ingest, pieces):
    return road.watching(ingest, pieces)


@pytest.fixture
def lay(installation, ingest):
    """Lays a file down as a unit's own system does; its version."""
    store = road.administrator(installation)

    def put(data=None, name=FILE, unit="mzj", entry=None):
        data = annex() if data is None else data
        key = f"{unit}/{entry or ingest.entry}/{name}"
        return store.put_object(bucket_name="drop", object_name=key, data=io.BytesIO(data), length=len(data)).version_id

    return put


async def arrivals(ingest, unit="mzj"):
    return (await ingest.as_(unit).get("/arrivals")).json()


async def test_a_file_that_nobody_told_of_is_found_and_registered_once(ingest, watching, lay):
    version = lay()
    assert await watching.look(f"mzj/{ingest.entry}/") == 1
    assert await watching.look(f"mzj/{ingest.entry}/") == 0
    (told,) = await ingest.running.told(FileReceived)
    (row,) = await arrivals(ingest)
    assert (row["version"], row["upload"], row["reason"]) == (version, str(told.event.upload), None)
    upload = await ingest.upload(told.event.upload)
    assert (upload["state"], upload["name"], upload["uploaded_by"]) == ("received", FILE, "bucket:drop")
    # The original is kept under a key of ours, pinned, whatever becomes of what was laid down.
    event = told.event
    assert (event.bucket, event.object_key) == ("inbox", f"mzj/{ingest.entry}/{event.upload}")
    got = await ingest.desk.blobs.get(event.bucket, event.object_key, event.object_version, most=10**6)
    assert got.data == annex()


async def test_the_same_name_with_new_content_is_another_file(ingest, watching, lay):
    lay()
    assert await watching.look(f"mzj/{ingest.entry}/") == 1
    lay(b"something else")
    lay(b"and again")
    assert await watching.look(f"mzj/{ingest.entry}/") == 2
    assert len(await ingest.running.told(FileReceived)) == 3


async def test_hints_doubled_and_out_of_order_register_each_version_once(ingest, watching, lay):
    names = [f"街道信息-2023063{n}.xls" for n in range(3)]
    for name in names:
        lay(name=name)
    for name in [names[2], names[0], names[2], names[1], names[0], names[2]]:
        watching.hint(f"mzj/{ingest.entry}/{name}")
    assert await watching.follow_hints() == 3
    for name in names:
        watching.hint(f"mzj/{ingest.entry}/{name}")
    assert await watching.follow_hints() == 0
    assert await watching.look(f"mzj/{ingest.entry}/") == 0
    assert len(await ingest.running.told(FileReceived)) == 3


@pytest.mark.parametrize("hint", ["", "../../etc/passwd", "a\nb", "x" * 1024, "mzj/307001-999999/none.xls"])
async def test_a_hint_that_is_false_or_hostile_changes_nothing(ingest, watching, hint):
    before = len(await ingest.running.told(FileReceived))
    watching.hint(f"mzj/{ingest.entry}/{hint}")
    assert await watching.follow_hints() == 0
    assert len(await ingest.running.told(FileReceived)) == before


async def test_two_replicas_that_look_at_once_register_it_once(ingest, watching, pieces, lay):
    lay()
    other = road.watching(ingest, pieces)
    found = await asyncio.gather(*(one.look(f"mzj/{ingest.entry}/") for one in (watching, other, watching, other)))
    assert sum(found) == 1
    assert len(await ingest.running.told(FileReceived)) == 1


@pytest.mark.parametrize("name", ["a\nb.xls", "<script>.xls", "\u202eslx.x", "folder/deeper/x.xls", "=1+1.xls"])
async def test_any_name_is_data(ingest, watching, lay, name):
    lay(name=name)
    assert await watching.look(f"mzj/{ingest.entry}/") == 1
    (told,) = await ingest.running.told(FileReceived)
    assert told.event.object_key == f"mzj/{ingest.entry}/{told.event.upload}"
    assert (await ingest.upload(told.event.upload))["name"] == name.rpartition("/")[2]


async def test_what_lies_in_nobodys_place_is_refused_with_its_reason_and_not_looked_at_again(ingest, watching, lay):
    lay(entry="307001-999999")
    assert await watching.look("mzj/307001-999999/") == 0
    assert {row["reason"] for row in await arrivals(ingest)} == {"entry-unknown"}
    lay(unit="jyj")
    assert await watching.look("jyj/") == 0
    assert {row["reason"] for row in await arrivals(ingest, "jyj")} == {"entry-unknown"}
    lay(data=b"")
    assert await watching.look(f"mzj/{ingest.entry}/") == 0
    assert "not-uploaded" in {row["reason"] for row in await arrivals(ingest)}
    assert await ingest.running.told(FileReceived) == []
    assert await arrivals(ingest, "czj") == []


async def test_a_unit_that_is_suspended_brings_nothing(ingest, watching, lay):
    """REQ-R2."""
    lay()
    await ingest.suspend("mzj", UnitState.SUSPENDED)
    assert await watching.look(f"mzj/{ingest.entry}/") == 0
    assert [row["reason"] for row in await arrivals(ingest)] == ["unit-not-active"]


class TestNotifications:
    def test_the_keys_of_a_notification_are_read_as_s3_writes_them(self):
        told = {"Records": [{"s3": {"object": {"key": "mzj/307001-000001/%E8%A1%97+x.xls", "size": 1}}}]}
        assert doors._keys(json.dumps(told).encode()) == ["mzj/307001-000001/街 x.xls"]

    @pytest.mark.parametrize("told", [None, [], 7, {}, {"Records": 1}, {"Records": [{"s3": None}]}, {"Records": [{}]}])
    def test_one_that_is_malformed_names_none(self, told):
        assert doors._keys(json.dumps(told).encode()) == []
        assert doors._keys(b"{") == []

    async def test_without_a_token_in_the_settings_none_is_heard(self, ingest):
        assert (await ingest.running.http.post("/hints", json={})).status_code == 404

    async def test_only_the_object_store_is_heard(self, ingest, watching):
        import httpx2
        from fastapi import FastAPI
        from pydantic import SecretStr

        from common import http

        app = FastAPI()
        app.add_exception_handler(http.Refusal, http._refused)
        app.include_router(doors.arrivals(watching, SecretStr("x" * 24)))
        told = {"Records": [{"s3": {"object": {"key": "a/b/c"}}}]}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x") as client:
            for headers in ({}, {"Authorization": "Bearer " + "y" * 24}, {"Authorization": "x" * 24}):
                assert (await client.post("/hints", json=told, headers=headers)).status_code == 401
            assert watching._hints == set()
            answer = await client.post("/hints", json=told, headers={"Authorization": "Bearer " + "x" * 24})
        assert (answer.status_code, watching._hints) == (204, {"a/b/c"})


def test_the_id_of_an_upload_is_its_versions_own():
    from ingest_files.domain.arrivals import Sighting

    one = Sighting("drop", "a/b/c", "v1", 1)
    assert isinstance(one.upload, UUID)
    assert one.upload == Sighting("drop", "a/b/c", "v1", 2).upload
    others = [Sighting("drop", "a/b/c", "v2", 1), Sighting("drop", "a/b", "c\0v1", 1), Sighting("x", "a/b/c", "v1", 1)]
    assert one.upload not in {other.upload for other in others}
