"""Large files in parts: handed out part by part, gone on with after a cut, whole or not there (REQ-A1, PIT-O5)."""

import hashlib
from datetime import timedelta
from uuid import uuid4

import pytest

from common.events import FileReceived
from common.roles import Role
from ingest_files.domain.transfers import OPEN_FOR, PART_BYTES
from tests.support import road

DATA = bytes(range(256)) * (PART_BYTES // 256) * 2 + b"the rest"


@pytest.fixture
async def pieces(installation):
    async with road.pieces(installation) as made:
        yield made


@pytest.fixture(autouse=True)
async def whole(ingest):
    """The resource takes files of any length."""
    answer = await ingest.as_("mzj", Role.PUBLISHER).put(
        f"/entries/{ingest.entry}/loading", {"ways": ["replace"], "whole": True}
    )
    assert answer.status_code == 200, answer.text


async def test_a_resource_that_takes_no_large_files_is_sent_none_in_parts(ingest):
    await ingest.as_("mzj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", {"ways": ["replace"]})
    await refused(await ingest.as_().post("/transfers", road.wanted(ingest, DATA)), 413, "file-too-large")


async def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_file_in_parts_becomes_one_object_that_is_pinned_and_told_of(ingest):
    transfer = await road.begun(ingest, DATA)
    assert (transfer["parts"], transfer["held"], transfer["whole"]) == (3, [], False)
    await road.sent(ingest, transfer, DATA, [3, 1, 2])
    upload = transfer["upload"]["id"]
    answer = await ingest.as_().post(f"/transfers/{upload}/completion")
    assert (answer.status_code, answer.json()["state"], answer.json()["size"]) == (202, "received", len(DATA))
    (told,) = await ingest.running.told(FileReceived)
    got = await ingest.desk.blobs.get("inbox", told.event.object_key, told.event.object_version, most=len(DATA))
    assert got.data == DATA
    # IN-X3: the key is ours.
    assert told.event.object_key == f"mzj/{ingest.entry}/{upload}"


async def test_who_begins_the_same_file_again_goes_on_where_it_was_broken_off(ingest):
    """A client that was killed knows nothing; the state is the service's and the object store's."""
    first = await road.begun(ingest, DATA)
    await road.sent(ingest, first, DATA, [2])
    again = await road.begun(ingest, DATA)
    assert again["upload"]["id"] == first["upload"]["id"]
    digest = hashlib.md5(DATA[PART_BYTES : 2 * PART_BYTES], usedforsecurity=False).hexdigest()
    assert again["held"] == [{"number": 2, "size": PART_BYTES, "etag": digest}]


@pytest.mark.parametrize("other", ["content", "name", "account"])
async def test_another_file_name_or_account_begins_anew(ingest, other):
    first = await road.begun(ingest, DATA)
    data = DATA[:-1] + b"x" if other == "content" else DATA
    body = road.wanted(ingest, data, "企业-20231231.csv" if other == "name" else "街道信息-20230630.xls")
    who = ingest.running.as_("mzj.other", "mzj", Role.COMPILER) if other == "account" else ingest.as_()
    if other == "account":
        body["name"] = first["upload"]["name"]
    again = (await who.post("/transfers", body)).json()
    assert again["upload"]["id"] != first["upload"]["id"]


async def test_a_part_of_another_size_is_refused_by_the_store_itself(ingest):
    """PIT-O5: a link to a part is good for that many bytes and no other number."""
    transfer = await road.begun(ingest, DATA)
    path = f"/transfers/{transfer['upload']['id']}/links"
    (link,) = (await ingest.as_().post(path, {"numbers": [3]})).json()
    assert link["size"] == len(b"the rest")
    for data in (b"the rest and more", b"less", b""):
        assert (await road.put(link["url"], data)).status_code in {400, 403, 411}, data
    other = link["url"].replace("partNumber=3", "partNumber=2")
    assert (await road.put(other, b"the rest")).status_code == 403
    assert (await ingest.as_().get(path.removesuffix("/links"))).json()["held"] == []
    assert (await road.put(link["url"], b"the rest")).status_code == 200


async def test_a_file_with_parts_missing_is_not_received_and_can_be_completed_later(ingest):
    transfer = await road.begun(ingest, DATA)
    await road.sent(ingest, transfer, DATA, [1, 3])
    path = f"/transfers/{transfer['upload']['id']}/completion"
    answer = await ingest.as_().post(path)
    await refused(answer, 409, "parts-missing")
    assert answer.json()["details"] == {"missing": [2]}
    assert await ingest.running.told(FileReceived) == []
    await road.sent(ingest, transfer, DATA, [2])
    assert (await ingest.as_().post(path)).status_code == 202
    await refused(await ingest.as_().post(path), 409, "upload-state")
    assert len(await ingest.running.told(FileReceived)) == 1


async def test_parts_that_were_joined_before_anybody_could_say_so_are_received_all_the_same(ingest, pieces):
    """A crash between the store's word and our own."""
    transfer = await road.begun(ingest, DATA)
    await road.sent(ingest, transfer, DATA, [1, 2, 3])
    upload, held = transfer["upload"], (await road.begun(ingest, DATA))["held"]
    (row,) = await ingest.running.rows("select store_id from transfer")
    key = f"mzj/{ingest.entry}/{upload['id']}"
    there = await pieces.held("inbox", key, row["store_id"])
    assert [part["etag"] for part in held] == [part.etag for part in there]
    assert await pieces.join("inbox", key, row["store_id"], there)
    assert (await road.begun(ingest, DATA))["whole"] is True
    assert (await ingest.as_().post(f"/transfers/{upload['id']}/completion")).status_code == 202
    assert len(await ingest.running.told(FileReceived)) == 1


async def test_what_is_not_whole_after_its_time_is_thrown_away(ingest, pieces):
    transfer = await road.begun(ingest, DATA)
    await road.sent(ingest, transfer, DATA, [1])
    (row,) = await ingest.running.rows("select store_id from transfer")
    ingest.running.clock.shows += OPEN_FOR + timedelta(seconds=1)
    path = f"/transfers/{transfer['upload']['id']}"
    for answer in (await ingest.as_().get(path), await ingest.as_().post(f"{path}/completion")):
        await refused(answer, 404, "transfer-unknown")
    assert await road.receiving(ingest, pieces).sweep() == 0
    assert await pieces.held("inbox", f"mzj/{ingest.entry}/{transfer['upload']['id']}", row["store_id"]) is None
    assert (await road.begun(ingest, DATA))["upload"]["id"] != transfer["upload"]["id"]


async def test_a_sender_gives_up_and_nothing_is_left(ingest, pieces):
    transfer = await road.begun(ingest, DATA)
    path = f"/transfers/{transfer['upload']['id']}"
    assert (await ingest.as_().delete(path)).status_code == 204
    await refused(await ingest.as_().post(f"{path}/links", {"numbers": [1]}), 404, "transfer-unknown")


async def test_those_who_keep_the_catalogue_send_parts_and_nobody_else(ingest):
    transfer = await road.begun(ingest, DATA)
    path = f"/transfers/{transfer['upload']['id']}"
    for role in set(Role) - {Role.COMPILER, Role.PUBLISHER}:
        who = ingest.as_("mzj", role)
        assert (await who.post("/transfers", road.wanted(ingest, DATA))).status_code == 403
        assert (await who.post(f"{path}/links", {"numbers": [1]})).status_code == 403
    for answer in (
        await ingest.as_("jyj").get(path),
        await ingest.as_("jyj").delete(path),
        await ingest.as_("jyj").post(f"{path}/completion"),
        await ingest.as_().get(f"/transfers/{uuid4()}"),
    ):
        await refused(answer, 404, "upload-unknown")


@pytest.mark.parametrize("numbers", [[], [0], [-1], ["x"], list(range(1, 60)), [4], [10**9]])
async def test_parts_that_the_file_does_not_have_get_no_link(ingest, numbers):
    transfer = await road.begun(ingest, DATA)
    answer = await ingest.as_().post(f"/transfers/{transfer['upload']['id']}/links", {"numbers": numbers})
    assert (answer.status_code, answer.json()["code"]) in {(422, "malformed"), (422, "part-unknown")}


async def test_a_file_of_more_than_the_limit_is_refused_before_it_is_sent(ingest):
    body = road.wanted(ingest, DATA) | {"size": 512 * 1024 * 1024 + 1}
    await refused(await ingest.as_().post("/transfers", body), 413, "file-too-large")


class TestFoundWithoutAWord:
    """The client posted its file and was killed before it could say so (FAULT-34)."""

    async def test_a_posted_file_is_received_once_within_a_minute(self, ingest, pieces):
        upload = await ingest.posted(b"x")
        looks = road.receiving(ingest, pieces)
        ingest.running.clock.shows += timedelta(seconds=10)
        assert await looks.sweep() == 0, "whoever posted it may yet say so"
        ingest.running.clock.shows += timedelta(seconds=30)
        assert await looks.sweep() == 1
        assert await looks.sweep() == 0
        assert (await ingest.upload(upload))["state"] == "received"
        assert len(await ingest.running.told(FileReceived)) == 1

    async def test_a_form_that_ended_with_nothing_posted_is_not_looked_for_any_more(self, ingest, pieces):
        begun = await ingest.begun(b"x")
        ingest.running.clock.shows += timedelta(minutes=16)
        looks = road.receiving(ingest, pieces)
        assert await looks.sweep() == 0
        (row,) = await ingest.running.rows("select upload::text from lapsed")
        assert row["upload"] == begun["upload"]["id"]
        assert (await ingest.upload(begun["upload"]["id"]))["state"] == "awaited"
