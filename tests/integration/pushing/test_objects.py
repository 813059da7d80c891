"""Unstructured files (REQ-A8): kept with what they are, listed and fetched under the grants of any resource."""

import hashlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import pytest

from common.errors import Unwell
from common.events import BatchIngested, BatchRejected, GrantedItem, ItemMode
from common.roles import Role
from exchange.layout import READER, Resource
from gateway.store.ingest import Ingest as IngestDoor
from ingest_files import errors, service
from ingest_files.domain.limits import Limits
from ingest_files.objects import LINK_GOOD, Keeping
from ingest_files.scanning import Clamd, NoScanner, Scanner, scanner
from tests.support import road, scanners
from tests.support.gateway_door import Door, opened
from tests.support.gateway_world import World
from tests.support.ingest_bench import Ingest, post
from tests.support.items import integer, key, text
from tests.support.push_world import Between, Token

ITEMS = (
    key(text("object_id", 36)),
    text("object_name", 400, nullable=False),
    text("media_type", 100),
    integer("object_size"),
    text("object_sha256", 64),
    text("object_note", 200),
    text("object_link", 2000),
    text("topic", 10),
)
CODES = [item.code for item in ITEMS]
PDF = b"%PDF-1.7\n" + b"x" * 2000
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@dataclass(slots=True)
class Shelf:
    """The ingest with an entry of objects, the gateway before it, and who scans."""

    ingest: Ingest
    keeping: Keeping
    door: Door
    between: Between

    async def begun(self, name="a.pdf", **more):
        body = {"entry": self.ingest.entry, "name": name, "size": 10, **more}
        answer = await self.ingest.as_().post("/objects", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def brought(self, data=PDF, name="a.pdf", **more):
        begun = await self.begun(name, **more)
        assert (await post(begun["url"], begun["fields"], data)).status_code == 204
        object_id = begun["object"]["id"]
        answer = await self.ingest.as_().post(f"/objects/{object_id}/completion")
        assert (answer.status_code, answer.json()["state"]) == (202, "received")
        return object_id

    async def kept(self, *given, **more):
        object_id = await self.brought(*given, **more)
        assert await self.keeping.work() == 1
        return object_id

    async def one(self, object_id):
        return (await self.ingest.as_().get(f"/objects/{object_id}")).json()

    async def asked(self, object_id, **more):
        return await self.door.call("objects", unit="jyj", object_id=object_id, rsStructure="KV", **more)


@pytest.fixture
async def shelf(ingest, store, outbox, installation):
    await ingest.running.hear(ingest.entry_event(version=2, structure=2, items=ITEMS, format="file"))
    resource = Resource(provider="mzj", version=f"{ingest.entry}_v2", items=ITEMS)
    world = World()
    for unit in ("mzj", "jyj"):
        world.unit(unit)
    world.service("objects", ITEMS, {"object_id": "eq", "media_type": "eq"}, resource=resource)
    world.grant("jyj", "objects", CODES)
    between = Between(ingest.running.parts.http)
    async with AsyncExitStack() as stack:
        pieces = await stack.enter_async_context(road.pieces(installation))
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=between))
        door = await stack.enter_async_context(
            opened(
                world=world,
                store_url=store.database.url(READER),
                outbox_url=outbox.app_url,
                admin_url=outbox.admin_url(),
                ingest=IngestDoor("http://ingest-files", http, Token(installation)),
            )
        )
        yield Shelf(ingest, Keeping(ingest.desk, pieces, NoScanner()), door, between)


async def fetched(url):
    async with httpx2.AsyncClient() as http:
        return await http.get(url)


async def told(shelf, kind):
    return [one.event for one in await shelf.ingest.running.told(kind)]


async def test_an_object_is_kept_with_what_it_is_and_listed_under_the_grant(shelf):
    object_id = await shelf.kept(name="会议纪要.exe", note="说明", values={"topic": "民政"})
    one = await shelf.one(object_id)
    digest = hashlib.sha256(PDF).hexdigest()
    # By content, whatever the name says.
    assert (one["state"], one["media_type"], one["sha256"]) == ("registered", "application/pdf", digest)
    (row,) = (await shelf.door.call("objects", unit="jyj")).data
    assert row == {
        "object_id": object_id,
        "object_name": "会议纪要.exe",
        "media_type": "application/pdf",
        "object_size": len(PDF),
        "object_sha256": digest,
        "object_note": "说明",
        "object_link": None,
        "topic": "民政",
    }
    (event,) = await told(shelf, BatchIngested)
    assert (str(event.batch), event.file.bucket, event.file.sha256) == (object_id, "objects", digest)


async def test_one_object_asked_for_comes_with_a_link_to_its_version_and_the_call_is_in_the_trail(shelf):
    object_id = await shelf.kept()
    answer = await shelf.asked(object_id)
    got = await fetched(answer.data["object_link"])
    assert (got.status_code, got.content) == (200, PDF)
    assert hashlib.sha256(got.content).hexdigest() == answer.data["object_sha256"]
    assert got.headers["content-disposition"].startswith("attachment")
    record = await shelf.door.record_of(answer)
    assert (record.unit, record.code, [str(batch) for batch in record.batches]) == ("jyj", "1", [object_id])
    assert record.subject is not None


async def test_a_link_is_good_for_five_minutes_and_for_nothing_else(shelf):
    first, second = await shelf.kept(), await shelf.kept(PNG, "b.png")
    url = (await shelf.asked(first)).data["object_link"]
    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Expires"] == [str(int(LINK_GOOD.total_seconds()))]
    assert (await fetched(url.replace(first, second))).status_code == 403
    version = query["versionId"][0]
    assert (await fetched(url.replace(version, str(uuid4())))).status_code == 403
    async with httpx2.AsyncClient() as http:
        assert (await http.put(url, content=b"x")).status_code == 403
    shelf.ingest.running.clock.shows -= LINK_GOOD + timedelta(seconds=5)
    late = (await shelf.asked(first)).data["object_link"]
    assert (await fetched(late)).status_code == 403


async def test_a_list_gives_no_links_so_that_each_download_is_a_call_of_its_own(shelf):
    object_id = await shelf.kept()
    for more in ({}, {"object_id": object_id}, {"rsStructure": "MA"}):
        answer = await shelf.door.call("objects", unit="jyj", **more)
        assert "X-Amz" not in answer.response.text
    assert shelf.between.passed == 0


async def test_without_the_link_in_the_grant_there_is_none(shelf):
    object_id = await shelf.kept()
    world = shelf.door.world
    world.grant("jyj", "objects", [code for code in CODES if code != "object_link"])
    assert "object_link" not in (await shelf.asked(object_id)).data
    masked = [
        GrantedItem(code=code, mode=ItemMode.MASKED if code == "object_link" else ItemMode.CLEAR) for code in CODES
    ]
    world.grant("jyj", "objects", masked)
    assert "X-Amz" not in (await shelf.asked(object_id)).response.text
    assert shelf.between.passed == 0


async def test_a_grant_taken_back_while_the_link_is_made_gives_none(shelf):
    object_id = await shelf.kept()

    async def revoke():
        from common.events import GrantState

        shelf.door.world.grant("jyj", "objects", CODES, state=GrantState.REVOKED)

    shelf.between.before = revoke
    answer = await shelf.asked(object_id)
    assert (answer.code, "X-Amz" in answer.response.text) == ("203", False)


@pytest.mark.parametrize("other", [str(uuid4()), "x"])
async def test_an_object_that_is_not_there_is_none(shelf, other):
    await shelf.kept()
    assert (await shelf.asked(other)).data is None


async def test_with_the_ingest_away_no_answer_is_given_without_its_link(shelf):
    object_id = await shelf.kept()
    shelf.between.lose = 1
    answer = await shelf.asked(object_id)
    assert (answer.status, answer.reason) == (503, "store")
    assert (await shelf.asked(object_id)).data["object_link"]


async def test_links_are_made_for_the_gateway_alone(shelf, installation):
    object_id = await shelf.kept()
    query = f"/links?entry={shelf.ingest.entry}&resource_version={shelf.ingest.entry}_v2&object_id={object_id}"
    for who in (
        shelf.ingest.as_(),
        shelf.ingest.running.as_("service:sharing", "-", Role.SERVICE),
        shelf.ingest.running.as_("service:gateway", "-", Role.ADMINISTRATOR),
    ):
        assert (await who.post(query)).status_code == 403
    gateway = shelf.ingest.running.as_("service:gateway", "-", Role.SERVICE)
    assert (await gateway.post(query)).status_code == 200
    assert (await gateway.post(query.replace("_v2", "_v1"))).status_code == 404
    held = await shelf.brought()
    assert (await gateway.post(query.replace(object_id, held))).status_code == 404


class TestRefused:
    @pytest.mark.parametrize("data", [b"MZ\x90\0" + b"\0" * 99, b"\x7fELF\x02\x01\x01", b"#!/bin/sh\nrm -rf /"])
    async def test_programs_are_not_kept(self, shelf, data):
        object_id = await shelf.kept(data)
        assert (await shelf.one(object_id))["reason"] == "content-unfit"
        (event,) = await told(shelf, BatchRejected)
        assert event.file.sha256 == hashlib.sha256(data).hexdigest()
        assert (await shelf.door.call("objects", unit="jyj")).data == []

    async def test_an_image_resource_takes_images_alone(self, shelf):
        await shelf.ingest.running.hear(shelf.ingest.entry_event(version=3, structure=2, items=ITEMS, format="image"))
        assert (await shelf.one(await shelf.kept(PDF)))["reason"] == "content-unfit"
        assert (await shelf.one(await shelf.kept(PNG)))["state"] == "registered"

    @pytest.mark.parametrize(
        "more",
        [{"values": {"topic": "x" * 11}}, {"values": {"object_link": "http://evil"}}, {"values": {"nowhere": "x"}}],
    )
    async def test_what_the_provider_says_is_judged_by_the_rules_of_the_items(self, shelf, more):
        one = await shelf.one(await shelf.kept(**more))
        assert (one["state"], bool(one["message"])) == ("refused", True)

    async def test_an_entry_of_tables_has_no_objects(self, shelf):
        for change in ({"format": "spreadsheet"}, {"items": ITEMS[:-2]}, {"items": ITEMS[1:]}):
            more = {"items": ITEMS, "format": "file", **change}
            event = shelf.ingest.entry_event(version=4 + len(str(change)), structure=3, **more)
            await shelf.ingest.running.hear(event)
            body = {"entry": shelf.ingest.entry, "name": "x", "size": 1}
            answer = await shelf.ingest.as_().post("/objects", body)
            assert answer.json()["code"] == "no-objects", change

    async def test_objects_count_among_what_a_unit_may_bring(self, shelf):
        """IN-X23."""
        await shelf.begun(size=70)
        desk = replace(shelf.ingest.desk, limits=Limits(bytes_a_day=100))
        async with desk.db.begin() as tx:
            await service.may_bring(tx, shelf.ingest.entry, 30, unit="mzj", desk=desk)
            with pytest.raises(errors.TooManyBytes):
                await service.may_bring(tx, shelf.ingest.entry, 31, unit="mzj", desk=desk)
            desk = replace(desk, limits=Limits(waiting=1))
            with pytest.raises(errors.TooManyWaiting):
                await service.may_bring(tx, shelf.ingest.entry, 1, unit="mzj", desk=desk)

    async def test_another_unit_sees_and_completes_none_of_it(self, shelf):
        begun = (await shelf.begun())["object"]["id"]
        for ask in (
            shelf.ingest.as_("jyj").get(f"/objects/{begun}"),
            shelf.ingest.as_("jyj").post(f"/objects/{begun}/completion"),
        ):
            assert (await ask).json()["code"] == "object-unknown"
        assert (await shelf.ingest.as_("jyj").get("/objects")).json() == []
        assert (await shelf.ingest.as_("mzj", Role.APPLICANT).post(f"/objects/{begun}/completion")).status_code == 403

    @pytest.mark.parametrize("media", ["text/html", "image/svg+xml", None, "application/x-foo"])
    def test_nothing_that_a_browser_would_run_is_shown_as_what_it_is(self, media):
        from ingest_files.domain.objects import shown_as

        assert shown_as(media) == "application/octet-stream"
        assert shown_as("image/png") == "image/png"


class BrokenError(Exception):
    """Between the row and its result."""


async def test_what_fails_between_the_row_and_its_result_is_ended_once(shelf, monkeypatch):
    object_id = await shelf.brought()
    with monkeypatch.context() as patch:

        async def fail(*_given, **_more):
            raise BrokenError

        patch.setattr(Keeping, "_register", fail)
        with pytest.raises(BrokenError):
            await shelf.keeping.work()
    assert (await shelf.one(object_id))["state"] == "received"
    assert await shelf.keeping.work() == 1
    assert await shelf.keeping.work() == 0
    assert (await shelf.one(object_id))["state"] == "registered"
    assert len((await shelf.door.call("objects", unit="jyj")).data) == 1
    assert len(await told(shelf, BatchIngested)) == 1


class TestScanner:
    """A port: held while the scanner is away, refused where it finds something, kept where it finds nothing."""

    def with_(self, shelf, found: Scanner) -> Keeping:
        return Keeping(shelf.ingest.desk, shelf.keeping.pieces, found)

    async def test_held_while_it_is_away_and_kept_when_it_is_back(self, shelf):
        object_id = await shelf.brought()
        assert await self.with_(shelf, Clamd("127.0.0.1", 9)).work() == 0
        assert (await shelf.one(object_id))["state"] == "received"
        assert (await shelf.door.call("objects", unit="jyj")).data == []
        async with scanners.speaking(lambda _: b"stream: OK\0") as address:
            assert await self.with_(shelf, scanner(address)).work() == 1
        assert (await shelf.one(object_id))["state"] == "registered"

    async def test_what_it_finds_is_refused_and_gets_no_link(self, shelf):
        seen = []

        def say(data):
            seen.append(data)
            return b"stream: Win.Test.EICAR_HDB-1 FOUND\0"

        object_id = await shelf.brought()
        async with scanners.speaking(say) as address:
            assert await self.with_(shelf, scanner(address)).work() == 1
        assert seen == [PDF], "the whole content was looked at"
        one = await shelf.one(object_id)
        assert (one["reason"], "EICAR" in one["message"]) == ("infected", False)

    @pytest.mark.parametrize("said", [None, b"", b"UNKNOWN COMMAND\0", b"stream: Can't allocate memory ERROR\0"])
    async def test_one_that_cannot_say_lets_nothing_through(self, tmp_path, said):
        path = tmp_path / "x"
        path.write_bytes(b"x" * 300_000)
        async with scanners.speaking(lambda _: said) as address:
            with pytest.raises(Unwell):
                await scanner(address).scan(path)

    def test_where_none_is_named_none_is_asked(self):
        assert isinstance(scanner(None), NoScanner)

    @pytest.mark.skipif(scanners.CLAMD is None, reason="needs Debian's package clamav-daemon")
    async def test_clamav_itself(self, tmp_path):
        bad, good, large = (tmp_path / name for name in ("bad", "good", "large"))
        bad.write_bytes(b"before " + scanners.BAD + b" behind")
        good.write_bytes(PDF)
        large.write_bytes(b"x" * 3_000_000)
        (tmp_path / "clamd").mkdir()
        with scanners.clamd(tmp_path / "clamd") as address:
            asked = scanner(address)
            await asked.scan(good)
            with pytest.raises(errors.Infected):
                await asked.scan(bad)
            # More than it takes: it says so or hangs up, and lets nothing through.
            with pytest.raises((errors.Infected, Unwell)):
                await asked.scan(large)
        with pytest.raises(Unwell):
            await asked.scan(good)
