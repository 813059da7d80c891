"""Rows appended or put in by key: whole or not at all, each row naming the batch that wrote it last (REQ-A3)."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange import loading
from exchange.layout import LOADER, READER
from exchange.loading import Clash, newest
from exchange.ways import Way
from tests.support.exchange_store import DIGEST
from tests.support.items import key, text

CODE, NAME = key(text("code", 9)), text("name", 40, unique=True)


async def put(store, way, resource, rows, batch=None):
    async with store.connected(LOADER) as loader:
        return await loading.load(
            loader,
            way=way,
            version=resource.version,
            batch=batch or uuid4(),
            sha256=DIGEST,
            columns=[item.code for item in resource.items],
            rows=list(enumerate(rows, 1)),
        )


async def lineage(store, resource):
    async with store.connected(READER) as reader:
        rows = await reader.fetch(f"select code, name, _batch from {resource.qualified_view} order by code")
        return [tuple(row) for row in rows]


async def head(store, resource):
    async with store.connected(READER) as reader:
        return await reader.fetchval(
            "select batch from exchange.batch_heads where resource_version = $1", resource.version
        )


async def test_rows_put_in_by_key_change_those_and_no_others(store):
    resource = await store.made(CODE, NAME)
    first = await store.load(resource, [("1", "a"), ("2", "b")])
    second = await put(store, Way.UPSERT, resource, [("2", "B"), ("3", "c")])
    assert await lineage(store, resource) == [
        ("1", "a", first.batch),
        ("2", "B", second.batch),
        ("3", "c", second.batch),
    ]
    assert (second.rows, await head(store, resource)) == (2, second.batch)
    async with store.connected(LOADER) as loader:
        assert await newest(loader, resource.version) == second.batch
    assert await store.stages() == []


async def test_a_key_of_several_items_is_the_whole_key(store):
    resource = await store.made(key(text("code", 9), 2), key(text("area", 9), 1), text("name", 40))
    await put(store, Way.UPSERT, resource, [("1", "x", "a"), ("2", "x", "b")])
    await put(store, Way.UPSERT, resource, [("1", "y", "c"), ("2", "x", "d")])
    assert sorted(await store.rows(resource)) == [("1", "x", "a"), ("1", "y", "c"), ("2", "x", "d")]


async def test_appended_rows_must_be_new_or_nothing_changes(store):
    resource = await store.made(CODE, NAME)
    first = await put(store, Way.APPEND, resource, [("1", "a")])
    with pytest.raises(Clash):
        await put(store, Way.APPEND, resource, [("2", "b"), ("1", "c")])
    assert await lineage(store, resource) == [("1", "a", first.batch)]
    assert await head(store, resource) == first.batch
    await put(store, Way.APPEND, resource, [("2", "b")])
    assert len(await lineage(store, resource)) == 2
    assert await store.stages() == []


async def test_a_unique_item_that_another_row_has_is_a_clash(store):
    resource = await store.made(CODE, NAME)
    first = await put(store, Way.UPSERT, resource, [("1", "a")])
    with pytest.raises(Clash):
        await put(store, Way.UPSERT, resource, [("2", "a")])
    assert await lineage(store, resource) == [("1", "a", first.batch)]


async def test_a_resource_without_a_key_takes_rows_beside_and_none_by_key(store):
    resource = await store.made(text("code", 9), text("name", 40))
    await put(store, Way.APPEND, resource, [("1", "a")])
    await put(store, Way.APPEND, resource, [("1", "a")])
    assert await store.rows(resource) == [("1", "a")] * 2
    with pytest.raises(asyncpg.DataError):
        await put(store, Way.UPSERT, resource, [("1", "a")])
    assert len(await store.rows(resource)) == 2


@pytest.mark.parametrize("way", [Way.APPEND, Way.UPSERT])
async def test_the_same_batch_again_changes_nothing(store, way):
    resource = await store.made(CODE, NAME)
    batch = uuid4()
    first = await put(store, way, resource, [("1", "a")], batch)
    await put(store, Way.UPSERT, resource, [("1", "z")])
    assert await put(store, way, resource, [("1", "a")], batch) == first
    assert await store.rows(resource) == [("1", "z")]


async def test_batches_at_once_are_each_whole(store):
    resource = await store.made(CODE, text("name", 40))
    made = [[(str(n), letter) for n in range(50)] for letter in "abcd"]
    await asyncio.gather(*(put(store, Way.UPSERT, resource, rows) for rows in made))
    rows = await lineage(store, resource)
    assert len(rows) == 50
    assert len({(name, batch) for _, name, batch in rows}) == 1
    assert rows[0][2] == await head(store, resource)


async def test_only_the_three_ways_are_known_to_the_store(store):
    resource = await store.made(CODE, NAME)
    async with store.connected(LOADER) as loader:
        for way in ("replace", "merge", None):
            with pytest.raises(asyncpg.DataError):
                await loader.fetchval("select exchange.add($1, $2, $3, $4)", resource.version, uuid4(), DIGEST, way)


KEYS = st.sampled_from("123456")
ROWS = st.dictionaries(KEYS, st.sampled_from("abc"), max_size=4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(list(Way)), ROWS), max_size=5))
async def test_whatever_is_put_in_the_rows_are_those_of_a_dictionary_that_was_told_the_same(store, steps):
    resource = await store.made(CODE, text("name", 40))
    held = {}
    for way, rows in steps:
        if way is Way.APPEND and not held.keys().isdisjoint(rows):
            with pytest.raises(Clash):
                await put(store, way, resource, list(rows.items()))
            continue
        await put(store, way, resource, list(rows.items()))
        held = dict(rows) if way is Way.REPLACE else held | rows
    assert [(code, name) for code, name, _ in await lineage(store, resource)] == sorted(held.items())
