"""Tables and views of resources are made once, whole, and never altered."""

import asyncio

import asyncpg
import pytest

from exchange import making
from exchange.layout import OWNER, READER, Resource
from provision.secrets import KEEPER
from tests.support.exchange_store import Store, terminate, waits_for_a_lock
from tests.support.items import day, integer, key, moment, numeric, text
from tests.support.waiting import eventually

EVERY_TYPE = (key(text("code", 9)), text("name", 40), integer(), numeric(), day(), moment())
EVERYTHING = """
select c.oid, c.relfilenode, c.relkind, pg_get_userbyid(c.relowner), c.relacl::text, c.reloptions::text,
       case when c.relkind = 'v' then pg_get_viewdef(c.oid) end,
       (select array_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull order by attnum)::text
          from pg_attribute where attrelid = c.oid and attnum > 0)
  from pg_class c where c.relnamespace = (select oid from pg_namespace where nspname = $1) order by c.oid
"""


async def everything(store: Store, resource: Resource):
    """All that the database knows of a provider's schema."""
    async with store.connected() as admin:
        return [tuple(row) for row in await admin.fetch(EVERYTHING, resource.schema)]


async def test_a_made_resource_is_empty_readable_and_in_the_books(store):
    resource = await store.made(*EVERY_TYPE)
    assert await store.rows(resource) == []
    async with store.connected("loader") as loader:
        row = await loader.fetchrow("select * from exchange.resource where version = $1", resource.version)
    assert (row["schema_name"], row["table_name"], row["view_name"]) == (resource.schema, resource.table, resource.view)
    assert row["columns"] == ["code", "name", "count", "amount", "day", "moment"]


async def test_all_of_it_belongs_to_the_owner_who_cannot_log_in(store):
    resource = await store.made(*EVERY_TYPE, provider="owned")
    assert {row[3] for row in await everything(store, resource)} == {OWNER}
    async with store.connected() as admin:
        assert not await admin.fetchval("select rolcanlogin from pg_roles where rolname = $1", OWNER)


async def test_made_twice_changes_nothing(store):
    resource = await store.made(*EVERY_TYPE, provider="made-twice")
    await store.load(resource, [("1", "华阳路街道", 1, None, None, None)])
    before = await everything(store, resource)
    async with store.connected(KEEPER) as keeper:
        await making.make(keeper, resource)
    assert await everything(store, resource) == before
    assert len(await store.rows(resource)) == 1


async def test_a_view_is_never_altered_even_if_the_same_version_is_told_differently(store):
    """A changed view breaks prepared statements and loses its rights: another structure is another version."""
    resource = await store.made(*EVERY_TYPE, provider="told-again")
    before = await everything(store, resource)
    other = Resource(provider=resource.provider, version=resource.version, items=(key(text("other", 5)), day("new")))
    async with store.connected(KEEPER) as keeper:
        await making.make(keeper, other)
    assert await everything(store, resource) == before


async def test_makers_at_once_of_one_resource_make_it_once(store):
    resource = store.resource(*EVERY_TYPE, provider="one-of-many")

    async def make() -> None:
        async with store.connected(KEEPER) as keeper:
            await making.make(keeper, resource)

    await asyncio.gather(*(make() for _ in range(6)))
    assert await store.rows(resource) == []
    assert [row[2] for row in await everything(store, resource)].count(b"v") == 1


async def test_makers_at_once_of_one_new_provider_all_succeed(store):
    resources = [store.resource(*EVERY_TYPE, provider="many-at-once") for _ in range(6)]

    async def make(resource: Resource) -> None:
        async with store.connected(KEEPER) as keeper:
            await making.make(keeper, resource)

    await asyncio.gather(*map(make, resources))
    for resource in resources:
        assert await store.rows(resource) == []


async def test_a_maker_cut_off_leaves_nothing_and_the_next_one_makes_it(store):
    resource = store.resource(*EVERY_TYPE, provider="cut-off")
    async with store.connected() as admin, store.connected(KEEPER) as keeper:
        # The last statement of the making is stopped in front of the books; all before it is done by then.
        blocking = admin.transaction()
        await blocking.start()
        await admin.execute("lock table exchange.resource in share mode")
        making_it = asyncio.create_task(making.make(keeper, resource))
        await eventually(lambda: waits_for_a_lock_aside(store), what="the maker waits")
        await terminate(admin, f"test {KEEPER}")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await making_it
        await blocking.rollback()
    assert await everything(store, resource) == []
    async with store.connected(KEEPER) as keeper:
        await making.make(keeper, resource)
    assert await store.rows(resource) == []


async def waits_for_a_lock_aside(store: Store) -> int | None:
    async with store.connected() as other:
        return await waits_for_a_lock(other, f"test {KEEPER}")


@pytest.mark.parametrize("words", [("select", "user", "order"), ("XMIN", "Primary", "a" * 63), ("table", "null", "in")])
async def test_words_of_sql_are_columns_like_others(store, words):
    resource = await store.made(key(text(words[0], 5)), *(text(word, 5) for word in words[1:]))
    await store.load(resource, [("1", "2", "3")])
    assert await store.rows(resource) == [("1", "2", "3")]


async def test_without_a_key_equal_rows_lie_side_by_side(store):
    resource = await store.made(text("name", 5))
    await store.load(resource, [("甲",), ("甲",)])
    assert await store.rows(resource) == [("甲",), ("甲",)]


async def test_the_view_shows_items_batch_and_row_and_nothing_else(store):
    resource = await store.made(key(text("code", 9)))
    loaded = await store.load(resource, [("1",), ("2",)])
    async with store.connected(READER) as reader:
        found = await reader.fetch(f"select * from {resource.qualified_view} order by code")
    assert [dict(row) for row in found] == [
        {"code": "1", "_batch": loaded.batch, "_row": 2},
        {"code": "2", "_batch": loaded.batch, "_row": 3},
    ]
