"""Each file ends with exactly one result, however often and wherever its taking is broken off (FAULT-31, IN-X21)."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest

from common.errors import Unwell
from common.events import BatchIngested, BatchRejected
from exchange.layout import LOADER
from ingest_files import service, taking
from ingest_files.exchange_store import ExchangeStore
from provision.secrets import KEEPER
from sheets.errors import Reason, Unreadable
from tests.support.annex_files import FILE, ROWS, annex, whole, with_cell, xls
from tests.support.exchange_store import terminate, waits_for_a_lock
from tests.support.ingest_bench import delete
from tests.support.waiting import eventually

VALUES = [
    ("310105001", "华阳路街道", "310105", 70_000, Decimal("2.04"), date(2023, 6, 30)),
    ("310105002", "江苏路街道", "310105", 50_000, Decimal("1.52"), date(2023, 6, 30)),
    ("310105102", "新泾镇", "310105", None, None, None),
]
OTHER = [("310104003", "天平路街道", "310104", None, None, None)]
BROKEN = xls(with_cell(3, 2, "310105001"))


async def take(ingest, event, meta, **changed):
    """The handler, on the pieces of the test."""
    await service.take_file(event, meta, replace(ingest.desk, **changed))


class KilledError(Exception):
    """The process is gone."""


class TestGoodFiles:
    async def test_its_rows_are_readable_and_its_result_is_told(self, ingest):
        data = annex()
        event, meta = await ingest.received(data)
        await take(ingest, event, meta)
        assert await ingest.store.rows(ingest.resource) == VALUES
        held = await ingest.upload(event.upload)
        digest = hashlib.sha256(data).hexdigest()
        assert (held["state"], held["rows"], held["sha256"], held["findings"]) == ("loaded", 3, digest, 0)
        (told,) = await ingest.results(event.upload)
        assert isinstance(told, BatchIngested)
        assert (told.batch, told.entry, told.resource_version) == (event.upload, ingest.entry, ingest.resource.version)
        assert (told.rows, told.mode, told.uploaded_by) == (3, "replace", "mzj.somebody")
        assert (told.file.version, told.file.sha256, told.file.name) == (event.object_version, digest, FILE)
        async with ingest.store.connected(LOADER) as loader:
            batch = await loader.fetchrow("select * from exchange.batch where batch = $1", event.upload)
        assert (batch["version"], batch["sha256"], batch["committed_at"]) == (
            ingest.resource.version,
            digest,
            told.committed_at,
        )

    async def test_a_second_file_takes_the_place_of_the_first(self, ingest):
        for rows in (ROWS, OTHER):
            await take(ingest, *await ingest.received(annex(rows)))
        assert await ingest.store.rows(ingest.resource) == OTHER

    async def test_delivered_again_it_is_harmless(self, ingest):
        first = await ingest.received(annex())
        await take(ingest, *first)
        second = await ingest.received(annex(OTHER))
        await take(ingest, *second)
        for event, meta in (first, second, first):
            await take(ingest, event, meta)
            await take(ingest, event, replace(meta, id=uuid4()))
        assert await ingest.store.rows(ingest.resource) == OTHER
        for event, _ in (first, second):
            assert len(await ingest.results(event.upload)) == 1

    async def test_delivered_to_two_at_once_it_is_taken_once(self, ingest):
        """PIT-A2: the zombie and its heir."""
        event, meta = await ingest.received(annex())
        await asyncio.gather(*(take(ingest, event, meta) for _ in range(3)))
        assert await ingest.store.rows(ingest.resource) == VALUES
        assert len(await ingest.results(event.upload)) == 1


class TestRefusedFiles:
    async def test_every_finding_is_kept_and_nothing_is_loaded(self, ingest):
        await take(ingest, *await ingest.received(annex(OTHER)))
        event, meta = await ingest.received(BROKEN)
        await take(ingest, event, meta)
        await take(ingest, event, meta)
        assert await ingest.store.rows(ingest.resource) == OTHER
        held = await ingest.upload(event.upload)
        assert (held["state"], held["reason"], held["findings"], held["rows"]) == ("rejected", "quality", 1, None)
        findings = (await ingest.as_().get(f"/uploads/{event.upload}/findings")).json()
        message = "“街道代码”与第2行重复"
        place = {"place": 0, "row": 3, "column": 2, "item": "street_code", "rule": "unique", "message": message}
        # The value is shown masked.
        assert findings == [{**place, "sheet": None, "severity": "error", "value": "31*****01"}]
        (told,) = await ingest.results(event.upload)
        assert isinstance(told, BatchRejected)
        assert [(count.rule, count.count) for count in told.findings] == [("unique", 1)]
        assert told.file.sha256 == held["sha256"] == hashlib.sha256(BROKEN).hexdigest()
        # The object stays as evidence.
        assert await ingest.desk.blobs.find(event.bucket, event.object_key)

    @pytest.mark.parametrize(
        ("data", "name", "reason"),
        [
            (b"<html>no sheet</html>", FILE, "unreadable:not-a-spreadsheet"),
            (annex()[:2000], FILE, "unreadable:damaged"),
            (annex(), "别的资源-20230630.xls", "not-annex-form"),
            (xls(whole()[1:]), FILE, "not-annex-form"),
            (annex([("x",)], ("别的列",)), FILE, "structure-mismatch"),
        ],
    )
    async def test_whatever_is_wrong_is_the_reason(self, ingest, data, name, reason):
        event, meta = await ingest.received(data, name)
        await take(ingest, event, meta)
        held = await ingest.upload(event.upload)
        assert (held["state"], held["reason"]) == ("rejected", reason)
        assert held["message"]
        assert [one.reason for one in await ingest.results(event.upload)] == [reason]
        assert await ingest.store.rows(ingest.resource) == []

    async def test_the_same_content_again_is_a_duplicate_and_other_content_is_not(self, ingest):
        """IN-X21."""
        await take(ingest, *await ingest.received(annex()))
        again, meta = await ingest.received(annex(), FILE.replace("20230630", "20230701"))
        await take(ingest, again, meta)
        assert (await ingest.upload(again.upload))["reason"] == "duplicate-file"
        new, meta = await ingest.received(annex(OTHER))
        await take(ingest, new, meta)
        assert (await ingest.upload(new.upload))["state"] == "loaded"

    async def test_a_refused_file_is_no_reason_to_refuse_it_mended_or_again(self, ingest):
        for _ in range(2):
            event, meta = await ingest.received(BROKEN)
            await take(ingest, event, meta)
            assert (await ingest.upload(event.upload))["reason"] == "quality"

    async def test_an_object_that_is_gone_is_a_refusal_with_its_result(self, ingest, installation):
        event, meta = await ingest.received()
        delete(installation, event)
        await take(ingest, event, meta)
        assert (await ingest.upload(event.upload))["reason"] == "object-gone"
        assert len(await ingest.results(event.upload)) == 1

    async def test_findings_are_read_page_by_page_in_the_order_of_the_sheet(self, ingest):
        rows = [(f"{n:09}", None, "x", "y", "z", None) for n in range(60)]
        event, meta = await ingest.received(annex(rows))
        await take(ingest, event, meta)
        assert (await ingest.upload(event.upload))["findings"] == 240
        seen = []
        path = f"/uploads/{event.upload}/findings"
        while page := (await ingest.as_().get(path, params={"after": len(seen), "limit": 100})).json():
            assert len(page) <= 100
            seen += page
        assert [one["place"] for one in seen] == list(range(240))
        assert [(one["row"], one["column"]) for one in seen] == [(2 + n // 4, 3 + n % 4) for n in range(240)]
        assert len((await ingest.as_().get(path)).json()) == 200
        for params in ({"limit": 0}, {"limit": 1001}, {"after": -1}):
            assert (await ingest.as_().get(path, params=params)).status_code == 422


class TestNotYet:
    """What is not there yet is waited for: the record holds its partition, and nothing is refused."""

    async def test_a_code_set_that_has_not_come_whole(self, ingest):
        await ingest.running.rows("truncate code_set_part")
        event, meta = await ingest.received()
        with pytest.raises(Unwell):
            await take(ingest, event, meta)
        await ingest.codes(part=2, parts=2, codes=("310105",))
        with pytest.raises(Unwell):
            await take(ingest, event, meta)
        assert await ingest.results(event.upload) == []
        await ingest.codes(part=1, parts=2, codes=("310104",))
        await take(ingest, event, meta)
        assert (await ingest.upload(event.upload))["state"] == "loaded"

    async def test_the_exchange_store(self, ingest):
        event, meta = await ingest.received()
        away = ExchangeStore("postgresql://nobody@127.0.0.1:9/none", "postgresql://nobody@127.0.0.1:9/none")
        with pytest.raises(Unwell):
            await take(ingest, event, meta, exchange=away)
        assert (await ingest.upload(event.upload))["state"] == "received"

    async def test_the_object_store(self, ingest):
        event, meta = await ingest.received()
        with pytest.raises(Unwell):
            await take(ingest, event, meta, blobs=_Away())
        assert (await ingest.upload(event.upload))["state"] == "received"

    async def test_a_child_that_could_not_be_started_is_no_fault_of_the_file(self, ingest, monkeypatch):
        monkeypatch.setattr(taking, "read_async", _refusing(Reason.CHILD_NOT_STARTED, times=2))
        event, meta = await ingest.received()
        with pytest.raises(Unwell):
            await take(ingest, event, meta)
        assert await ingest.results(event.upload) == []

    @pytest.mark.parametrize("reason", [Reason.CHILD_CRASHED, Reason.CHILD_TIMEOUT, Reason.CHILD_MEMORY])
    async def test_a_child_that_died_gets_one_more_chance(self, ingest, monkeypatch, reason):
        """FAULT-32."""
        monkeypatch.setattr(taking, "read_async", _refusing(reason, times=1))
        event, meta = await ingest.received()
        await take(ingest, event, meta)
        assert (await ingest.upload(event.upload))["state"] == "loaded"
        monkeypatch.setattr(taking, "read_async", _refusing(reason, times=2))
        event, meta = await ingest.received(annex(OTHER))
        await take(ingest, event, meta)
        assert (await ingest.upload(event.upload))["reason"] == f"unreadable:{reason.value}"


class _Away:
    async def get(self, *_args, **_more):
        raise Unwell("object store")


def _refusing(reason, *, times):
    from sheets.reading import read_async

    left = times

    async def read(data, **limited):
        nonlocal left
        if left:
            left -= 1
            raise Unreadable(reason)
        return await read_async(data, **limited)

    return read


class TestBrokenOff:
    """FAULT-31: whatever the moment, the repetition completes it and there is one result."""

    async def completed(self, ingest, event, meta):
        await take(ingest, event, meta)
        await take(ingest, event, meta)
        assert await ingest.store.rows(ingest.resource) == VALUES
        assert await ingest.store.stages() == []
        (told,) = await ingest.results(event.upload)
        assert isinstance(told, BatchIngested)
        held = await ingest.upload(event.upload)
        assert (held["state"], held["rows"]) == ("loaded", 3)

    def dying(self, ingest, *, after_loading):
        class Dying(ExchangeStore):
            async def load(self, **more):
                if after_loading:
                    await super().load(**more)
                raise KilledError

        return Dying(ingest.store.database.url(KEEPER), ingest.store.database.url(LOADER))

    async def test_before_the_rows_are_loaded(self, ingest):
        event, meta = await ingest.received()
        with pytest.raises(KilledError):
            await take(ingest, event, meta, exchange=self.dying(ingest, after_loading=False))
        assert await ingest.store.rows(ingest.resource) == []
        await self.completed(ingest, event, meta)

    async def test_between_the_rows_and_their_result(self, ingest):
        event, meta = await ingest.received()
        with pytest.raises(KilledError):
            await take(ingest, event, meta, exchange=self.dying(ingest, after_loading=True))
        assert await ingest.store.rows(ingest.resource) == VALUES
        assert (await ingest.upload(event.upload))["state"] == "received"
        assert await ingest.results(event.upload) == []
        await self.completed(ingest, event, meta)

    async def test_between_rows_and_result_while_the_resource_got_another_structure(self, ingest):
        """The result tells of the rows that are there, not of those that would be read today."""
        event, meta = await ingest.received()
        with pytest.raises(KilledError):
            await take(ingest, event, meta, exchange=self.dying(ingest, after_loading=True))
        narrower = ingest.entry_event(version=2, structure=2, items=ingest.resource.items[:2])
        await ingest.running.hear(narrower)
        await take(ingest, event, meta)
        (told,) = await ingest.results(event.upload)
        assert isinstance(told, BatchIngested)
        assert (told.resource_version, told.rows) == (ingest.resource.version, 3)

    async def test_with_its_object_gone_after_the_rows_were_loaded(self, ingest, installation):
        event, meta = await ingest.received()
        with pytest.raises(KilledError):
            await take(ingest, event, meta, exchange=self.dying(ingest, after_loading=True))
        delete(installation, event)
        await self.completed(ingest, event, meta)

    async def test_with_the_loaders_connection_cut_in_the_merge(self, ingest):
        event, meta = await ingest.received()
        async with ingest.store.connected() as other, ingest.store.connected() as admin:
            blocking = other.transaction()
            await blocking.start()
            await other.execute("select from exchange.resource where version = $1 for update", ingest.resource.version)
            taking = asyncio.create_task(take(ingest, event, meta))
            await eventually(lambda: waits_for_a_lock(admin, "ingest-files loader"), what="the loader waits")
            await terminate(admin, "ingest-files loader")
            with pytest.raises(Unwell):
                await taking
            await blocking.rollback()
        await self.completed(ingest, event, meta)

    async def test_with_its_own_database_lost_at_the_result(self, ingest):
        event, meta = await ingest.received()
        connection = await asyncpg.connect(ingest.running.fresh.admin_url())
        try:
            blocking = connection.transaction()
            await blocking.start()
            await connection.execute("select from upload where id = $1 for update", event.upload)
            taking = asyncio.create_task(take(ingest, event, meta))
            await eventually(lambda: _stands_waiting(ingest), what="the result waits")
            await terminate(connection, "pieces of ingest-files")
            with pytest.raises(Exception, match=r"terminat|closed"):
                await taking
            await blocking.rollback()
        finally:
            await connection.close()
        await self.completed(ingest, event, meta)


async def _stands_waiting(ingest):
    other = await asyncpg.connect(ingest.running.fresh.admin_url())
    try:
        return await waits_for_a_lock(other, "pieces of ingest-files")
    finally:
        await other.close()
