"""A published entry gets its table and its view, and the exchange is told once that they can be read."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from common.errors import Refusal, Unwell
from common.events import EntryState, ResourceReady
from exchange.layout import READER, Resource
from ingest_files import service
from ingest_files.exchange_store import ExchangeStore
from provision.secrets import KEEPER
from tests.support.annex_files import ITEMS, annex
from tests.support.items import key, text
from tests.support.registry_values import unit_changed


class ProcessGoneError(Exception):
    """The process is gone."""


async def readies(ingest):
    return [told.event for told in await ingest.running.told(ResourceReady)]


async def columns(ingest, resource):
    """The columns that a reader of the view has; None if it cannot be read."""
    async with ingest.store.connected(READER) as reader:
        found = await reader.fetch(
            "select column_name from information_schema.columns where table_schema = $1 and table_name = $2"
            " order by ordinal_position",
            resource.schema,
            resource.view,
        )
        return [row[0] for row in found if not row[0].startswith("_")]


async def test_a_published_entry_can_be_read_and_is_told_ready(ingest):
    (ready,) = await readies(ingest)
    assert (ready.resource_version, ready.entry, ready.provider) == (ingest.resource.version, ingest.entry, "mzj")
    assert (ready.view_schema, ready.view_name) == (ingest.resource.schema, ingest.resource.view)
    assert ready.state == "ready"
    assert await columns(ingest, ingest.resource) == [item.code for item in ITEMS]


async def test_told_again_it_is_ready_once(ingest):
    event = ingest.entry_event()
    first = await ingest.running.hear(event)
    for _ in range(3):
        await ingest.running.hear(event, event_id=first.id)
    assert len(await readies(ingest)) == 2, "the fixture's telling and this one"
    assert {ready.version for ready in await readies(ingest)} == {1}, "to readers, the same telling"


async def test_told_to_many_at_once_it_is_made_once_and_told_once(ingest):
    ingest.entry = f"307001-{next(ingest.store._numbers):06}"
    event, event_id = ingest.entry_event(), uuid4()
    await asyncio.gather(*(ingest.running.hear(event, event_id=event_id) for _ in range(4)))
    assert [ready.entry for ready in await readies(ingest)].count(ingest.entry) == 1
    assert await columns(ingest, ingest.resource)


async def test_another_structure_is_another_table_beside_the_first(ingest):
    """REQ-A5: nothing of the first is altered, and files are judged by the second from then on."""
    await service.take_file(*await ingest.received(), ingest.desk)
    items = (key(text("code", 5, name="代码")), text("more", 5, name="说明"))
    await ingest.running.hear(ingest.entry_event(version=2, structure=2, items=items))
    second = Resource(provider="mzj", version=f"{ingest.entry}_v2", items=items)
    assert await columns(ingest, second) == ["code", "more"]
    assert len(await ingest.store.rows(ingest.resource)) == 3
    event, meta = await ingest.received()
    await service.take_file(event, meta, ingest.desk)
    assert (await ingest.upload(event.upload))["reason"] == "structure-mismatch"
    await service.take_file(*await ingest.received(annex([("1", "x")], ("代码", "说明"))), ingest.desk)
    assert await ingest.store.rows(second) == [("1", "x")]
    assert len(await ingest.store.rows(ingest.resource)) == 3


async def test_an_older_telling_changes_nothing(ingest):
    items = ITEMS[:2]
    await ingest.running.hear(ingest.entry_event(version=3, structure=2, items=items))
    await ingest.running.hear(ingest.entry_event(version=2))
    (row,) = await ingest.running.rows("select * from entry where code = $1", ingest.entry)
    assert (row["version"], row["resource_version"]) == (3, f"{ingest.entry}_v2")


async def test_a_withdrawn_entry_makes_nothing_and_keeps_what_is_there(ingest):
    other = f"307001-{next(ingest.store._numbers):06}"
    event = ingest.entry_event(state=EntryState.WITHDRAWN)
    await ingest.running.hear(event.model_copy(update={"entry": other, "resource_version": f"{other}_v1"}))
    assert await columns(ingest, Resource(provider="mzj", version=f"{other}_v1", items=ITEMS)) == []
    await ingest.withdraw()
    assert len(await readies(ingest)) == 1
    assert await columns(ingest, ingest.resource)


async def test_broken_off_between_the_table_and_its_news_the_repetition_completes_it(ingest):
    class Dying(ExchangeStore):
        async def make(self, resource):
            await super().make(resource)
            raise ProcessGoneError

    ingest.entry = f"307001-{next(ingest.store._numbers):06}"
    event, meta = ingest.entry_event(), await ingest.running.hear(unit_changed("gaj"))
    meta = replace(meta, id=uuid4(), type=event.topic)
    dying = replace(ingest.desk, exchange=Dying(ingest.store.database.url(KEEPER), ""))
    with pytest.raises(ProcessGoneError):
        await service.take_entry(event, meta, dying)
    assert ingest.entry not in [ready.entry for ready in await readies(ingest)]
    for _ in range(2):
        await service.take_entry(event, meta, ingest.desk)
    assert [ready.entry for ready in await readies(ingest)].count(ingest.entry) == 1


async def test_with_the_store_away_the_entry_waits(ingest):
    away = replace(ingest.desk, exchange=ExchangeStore("postgresql://nobody@127.0.0.1:9/none", ""))
    meta = await ingest.running.hear(unit_changed("gaj"))
    with pytest.raises(Unwell):
        await service.take_entry(ingest.entry_event(), meta, away)


async def test_an_entry_that_cannot_be_laid_out_is_refused_for_good(ingest):
    """It is dead-lettered at once, and the partition goes on."""
    ingest.entry = f"307001-{next(ingest.store._numbers):06}"
    event = ingest.entry_event(items=(ITEMS[0], ITEMS[1].model_copy(update={"code": "xmin"})))
    with pytest.raises(Refusal) as refused:
        await ingest.running.hear(event)
    assert refused.value.code == "bad-layout"
    assert await ingest.running.rows("select * from entry where code = $1", ingest.entry) == []
