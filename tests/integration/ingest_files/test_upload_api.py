"""Uploads: begun with a form that the object store enforces, completed once, seen by their unit (REQ-A1, PIT-O5)."""

from datetime import timedelta
from uuid import uuid4

import pytest

from common.events import FileReceived, UnitState
from common.roles import Role
from ingest_files.domain.uploads import EXPIRES
from ingest_files.service import MAX_BYTES
from tests.support.annex_files import FILE, annex
from tests.support.ingest_bench import delete, post


async def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return True


class TestBeginning:
    async def test_an_upload_begins_with_where_and_how_the_file_is_posted(self, ingest):
        begun = await ingest.begun(annex())
        upload = begun["upload"]
        assert (upload["state"], upload["provider"], upload["uploaded_by"]) == ("awaited", "mzj", "mzj.somebody")
        # IN-X3: the key is ours, whatever the name is.
        assert begun["fields"]["key"] == f"mzj/{ingest.entry}/{upload['id']}"
        assert (await post(begun["url"], begun["fields"], annex())).status_code == 204

    @pytest.mark.parametrize("name", ["../../x.xls", "a\nb.xls", "<script>.xls", "\u202eslx.x", "𠮷" * 400, "x"])
    async def test_any_name_is_data(self, ingest, name):
        """IN-X3: it is judged with the file, and shown only in a form that is safe."""
        begun = await ingest.begun(b"x", name)
        assert begun["upload"]["name"] == name
        assert name not in begun["fields"]["key"]

    @pytest.mark.parametrize(
        "change",
        [
            *({"name": name} for name in ("", "x" * 401, "a\x00b", 7)),
            *({"size": size} for size in (0, -1, "many", None)),
            *({"entry": entry} for entry in ("", "307001-000001; drop", "../etc", None)),
            *({extra: "x"} for extra in ("provider", "id", "state", "uploaded_by", "object_key")),
        ],
    )
    async def test_a_malformed_beginning_is_refused(self, ingest, change):
        """IN-C1: what is not named cannot be set."""
        body = {"entry": ingest.entry, "name": FILE, "size": 1, **change}
        assert await refused(await ingest.as_().post("/uploads", body), 422, "malformed")

    async def test_a_file_of_more_than_the_limit_is_refused_before_it_is_sent(self, ingest):
        body = {"entry": ingest.entry, "name": FILE, "size": MAX_BYTES + 1}
        assert await refused(await ingest.as_().post("/uploads", body), 413, "file-too-large")

    async def test_an_entry_that_is_not_published_or_not_ones_own_is_as_if_it_were_not_there(self, ingest):
        body = {"entry": "307001-999999", "name": FILE, "size": 1}
        assert await refused(await ingest.as_().post("/uploads", body), 404, "entry-unknown")
        body["entry"] = ingest.entry
        assert await refused(await ingest.as_("jyj").post("/uploads", body), 404, "entry-unknown")
        await ingest.withdraw()
        assert await refused(await ingest.as_().post("/uploads", body), 404, "entry-unknown")

    @pytest.mark.parametrize("state", [UnitState.SUSPENDED, UnitState.WITHDRAWN])
    async def test_a_unit_that_is_not_active_begins_nothing(self, ingest, state):
        """REQ-R2."""
        await ingest.suspend("mzj", state)
        body = {"entry": ingest.entry, "name": FILE, "size": 1}
        assert await refused(await ingest.as_().post("/uploads", body), 403, "unit-not-active")
        assert await refused(await ingest.as_("nobody").post("/uploads", body), 403, "unit-not-active")

    @pytest.mark.parametrize("role", set(Role))
    async def test_those_who_keep_the_catalogue_upload(self, ingest, role):
        body = {"entry": ingest.entry, "name": FILE, "size": 1}
        answer = await ingest.as_("mzj", role).post("/uploads", body)
        assert (answer.status_code == 201) is (role in {Role.COMPILER, Role.PUBLISHER})

    async def test_nobody_without_a_token_gets_in(self, ingest):
        for method, path in (("POST", "/uploads"), ("GET", "/uploads"), ("GET", f"/uploads/{uuid4()}")):
            assert await refused(await ingest.running.http.request(method, path), 401, "unauthenticated")


class TestThePolicy:
    """What was handed out is good for one key, up to the limit, for a quarter of an hour; the store sees to it."""

    async def test_a_file_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(self, ingest):
        begun = await ingest.begun(b"x")
        answer = await post(begun["url"], begun["fields"], b"x" * (MAX_BYTES + 1))
        assert (answer.status_code, "EntityTooLarge" in answer.text) == (400, True)
        assert await ingest.desk.blobs.find("inbox", begun["fields"]["key"]) is None
        assert (await post(begun["url"], begun["fields"], b"x" * MAX_BYTES)).status_code == 204

    async def test_an_empty_file_is_not_taken(self, ingest):
        begun = await ingest.begun(b"x")
        assert "EntityTooSmall" in (await post(begun["url"], begun["fields"], b"")).text

    @pytest.mark.parametrize(
        "change",
        [
            lambda fields, other: {"key": other["key"]},
            lambda fields, other: {"key": fields["key"] + "/more"},
            lambda fields, other: {"key": "../" + fields["key"]},
            lambda fields, other: {"Content-Type": "text/html"},
            lambda fields, other: {"policy": other["policy"]},
            lambda fields, other: {"x-amz-signature": "0" * 64},
            lambda fields, other: {"x-amz-meta-own": "x"},
        ],
    )
    async def test_another_key_type_policy_or_signature_is_refused(self, ingest, change):
        mine, other = (await ingest.begun())["fields"], await ingest.begun()
        answer = await post(other["url"], mine | change(mine, other["fields"]), b"x")
        assert answer.status_code in {400, 403}, answer.text
        for fields in (mine, other["fields"]):
            assert await ingest.desk.blobs.find("inbox", fields["key"]) is None

    async def test_another_bucket_is_refused(self, ingest):
        begun = await ingest.begun()
        answer = await post(begun["url"].replace("/inbox", "/objects"), begun["fields"], b"x")
        assert answer.status_code in {400, 403}

    async def test_after_a_quarter_of_an_hour_it_is_refused(self, ingest):
        ingest.running.clock.shows -= EXPIRES + timedelta(seconds=5)
        begun = await ingest.begun()
        answer = await post(begun["url"], begun["fields"], b"x")
        assert (answer.status_code, "expired" in answer.text.lower()) == (403, True), answer.text


class TestCompletion:
    async def test_a_completed_file_is_pinned_and_told_of(self, ingest):
        data = annex()
        event, _ = await ingest.received(data)
        assert (event.entry, event.provider, event.bucket, event.size) == (ingest.entry, "mzj", "inbox", len(data))
        held = await ingest.upload(event.upload)
        assert (held["state"], held["size"]) == ("received", len(data))
        assert event.object_version == (await ingest.desk.blobs.find("inbox", event.object_key)).version

    async def test_without_its_object_it_is_refused_and_can_be_completed_later(self, ingest):
        begun = await ingest.begun(b"x")
        path = f"/uploads/{begun['upload']['id']}/completion"
        assert await refused(await ingest.as_().post(path), 409, "not-uploaded")
        await post(begun["url"], begun["fields"], b"x")
        assert (await ingest.as_().post(path)).status_code == 202

    async def test_completed_twice_is_refused_and_told_once(self, ingest):
        event, _ = await ingest.received()
        path = f"/uploads/{event.upload}/completion"
        assert await refused(await ingest.as_().post(path), 409, "upload-state")
        assert len(await ingest.running.told(FileReceived)) == 1

    async def test_completed_again_after_its_object_is_gone_is_the_same_refusal(self, ingest, installation):
        event, _ = await ingest.received()
        delete(installation, event)
        path = f"/uploads/{event.upload}/completion"
        assert await refused(await ingest.as_().post(path), 409, "upload-state")

    async def test_those_who_keep_the_catalogue_complete_and_nobody_else(self, ingest):
        upload = await ingest.posted(annex())
        path = f"/uploads/{upload}/completion"
        for role in set(Role) - {Role.COMPILER, Role.PUBLISHER}:
            assert (await ingest.as_("mzj", role).post(path)).status_code == 403
        assert await refused(await ingest.as_("jyj").post(path), 404, "upload-unknown")
        assert await refused(await ingest.as_("jyj", Role.COMPILER, Role.AUDITOR).post(path), 404, "upload-unknown")
        assert (await ingest.as_("mzj", Role.PUBLISHER).post(path)).status_code == 202

    async def test_what_was_replaced_after_completion_stays_pinned(self, ingest):
        """IN-X22."""
        begun = await ingest.begun(annex())
        await post(begun["url"], begun["fields"], annex())
        await ingest.as_().post(f"/uploads/{begun['upload']['id']}/completion")
        (told,) = await ingest.running.told(FileReceived)
        await post(begun["url"], begun["fields"], b"something else")
        event = told.event
        got = await ingest.desk.blobs.get(event.bucket, event.object_key, event.object_version, most=MAX_BYTES)
        assert got.data == annex()


class TestReading:
    async def test_a_unit_sees_its_own_uploads_and_no_others(self, ingest):
        """IN-C10: another unit's is as if it were not there."""
        upload = await ingest.posted(annex())
        for path in (f"/uploads/{upload}", f"/uploads/{upload}/findings"):
            assert (await ingest.as_("mzj", Role.APPLICANT).get(path)).status_code == 200
            assert await refused(await ingest.as_("jyj").get(path), 404, "upload-unknown")
            assert await refused(await ingest.as_("mzj").get(path.replace(upload, str(uuid4()))), 404, "upload-unknown")
        assert [found["id"] for found in (await ingest.as_().get("/uploads")).json()] == [upload]
        assert (await ingest.as_("jyj").get("/uploads")).json() == []

    @pytest.mark.parametrize("role", [Role.PLATFORM_REVIEWER, Role.AUDITOR])
    async def test_the_platforms_reviewers_and_auditors_see_all_and_change_nothing(self, ingest, role):
        upload = await ingest.posted(annex())
        assert (await ingest.as_("dsjzx", role).get(f"/uploads/{upload}")).status_code == 200
        assert [found["id"] for found in (await ingest.as_("dsjzx", role).get("/uploads")).json()] == [upload]

    async def test_uploads_are_listed_the_newest_first_by_entry_and_limit(self, ingest):
        uploads = []
        for _ in range(3):
            uploads.append((await ingest.begun())["upload"]["id"])
            ingest.running.clock.go_on(seconds=1)
        assert [found["id"] for found in (await ingest.as_().get("/uploads")).json()] == uploads[::-1]
        limited = await ingest.as_().get("/uploads", params={"entry": ingest.entry, "limit": 2})
        assert [found["id"] for found in limited.json()] == uploads[:0:-1]
        other = await ingest.as_().get("/uploads", params={"entry": "307001-999999"})
        assert other.json() == []
        for limit in ("0", "201", "x"):
            answer = await ingest.as_().get("/uploads", params={"limit": limit})
            assert await refused(answer, 422, "malformed")
