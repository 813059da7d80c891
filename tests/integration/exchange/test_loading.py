"""A batch replaces all rows at once or not at all, once however often it is loaded (REQ-A1, IN-X20, IN-X21)."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest

from exchange.layout import LOADER, READER
from exchange.loading import Clash, find
from quality.checking import MAX_INDEXED
from tests.support.exchange_store import DIGEST, gone, load, read, terminate, waits_for_a_lock
from tests.support.items import day, integer, key, moment, numeric, text
from tests.support.waiting import eventually

CODE, NAME = key(text("code", 9)), text("name", 40, unique=True)
GONE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


def rows_of(letter, count=5):
    return [(f"{n}", f"{letter}{n}") for n in range(count)]


async def test_values_of_every_type_come_back_as_they_were(store):
    resource = await store.made(CODE, text("name", 400), integer(), numeric(), day(), moment())
    at = datetime.fromisoformat("2023-06-30 23:59:59")
    rows = [
        ("1", '上海𠮷祥"引号"与\\斜杠\'', 2**63 - 1, Decimal("12345678901234.567890"), date(2020, 2, 29), at),
        ("2", " <b>&{{7*7}} ", -(2**63), Decimal("-0.000001"), date(1, 1, 1), at.replace(1, 1, 1)),
        # asyncpg's own way would write these as infinity: 9999/12/31 stands for 长期有效 in half of all registers.
        ("3", "长期", None, None, date(9999, 12, 31), at.replace(9999, 12, 31)),
        ("4", None, None, None, None, None),
    ]
    loaded = await store.load(resource, rows)
    assert loaded.rows == 4
    assert await store.rows(resource) == rows


async def test_a_batch_is_in_the_books_with_its_rows_its_digest_and_its_time(store):
    resource = await store.made(CODE, NAME)
    batch = uuid4()
    async with store.connected(LOADER) as loader:
        assert await find(loader, batch) is None
        loaded = await load(loader, resource, rows_of("a"), batch, sha256="ab" * 32)
        assert await find(loader, batch) == loaded
    assert (loaded.batch, loaded.version, loaded.sha256, loaded.rows) == (batch, resource.version, "ab" * 32, 5)
    async with store.connected(READER) as reader:
        head = await reader.fetchrow("select * from exchange.batch_heads where resource_version = $1", resource.version)
    assert (head["batch"], head["committed_at"]) == (batch, loaded.committed_at)


async def test_a_batch_takes_the_place_of_all_rows(store):
    resource = await store.made(CODE, NAME)
    await store.load(resource, rows_of("a", 7))
    await store.load(resource, rows_of("b", 2))
    assert await store.rows(resource) == rows_of("b", 2)
    await store.load(resource, [])
    assert await store.rows(resource) == []


async def test_readers_see_the_old_rows_or_the_new_and_never_a_mix(store):
    resource = await store.made(CODE, NAME)
    versions = {letter: rows_of(letter, 40) for letter in "abcdefgh"}
    await store.load(resource, versions["a"])
    loading = asyncio.Event()
    seen = []

    async def watch():
        async with store.connected(READER) as reader:
            while not loading.is_set():
                async with reader.transaction(isolation="repeatable_read", readonly=True):
                    rows = await read(reader, resource)
                    batches = await reader.fetch(f"select distinct _batch from {resource.qualified_view}")
                    head = await reader.fetchval(
                        "select batch from exchange.batch_heads where resource_version = $1", resource.version
                    )
                seen.append((rows, [row[0] for row in batches] == [head]))

    watching = [asyncio.create_task(watch()) for _ in range(2)]
    try:
        for letter in "bcdefgh" * 3:
            await store.load(resource, versions[letter])
    finally:
        loading.set()
        await asyncio.gather(*watching)
    assert all(rows in versions.values() for rows, _ in seen)
    assert all(agrees for _, agrees in seen)
    assert len({rows[0][1] for rows, _ in seen}) > 2, "the readers saw the batches alternate"


async def test_the_same_batch_twice_changes_nothing(store):
    resource = await store.made(CODE, NAME)
    batch = uuid4()
    first = await store.load(resource, rows_of("a"), batch)
    await store.load(resource, rows_of("b"))
    assert await store.load(resource, rows_of("never"), batch) == first
    assert await store.rows(resource) == rows_of("b")
    assert await store.stages() == []


async def test_two_loaders_of_one_batch_at_once_load_it_once_and_whole(store):
    """PIT-A2: a record is delivered again while the first run is still going."""
    resource = await store.made(CODE, NAME)
    await store.load(resource, rows_of("old"))
    batch, half_way, go_on = uuid4(), threading.Event(), threading.Event()

    def slowly():
        for n, row in enumerate(rows_of("new", 20)):
            if n == 10:
                half_way.set()
                assert go_on.wait(20)
            yield row

    async def second():
        async with store.connected(LOADER) as loader:
            await loader.execute("set application_name = 'second loader'")
            return await load(loader, resource, rows_of("new", 20), batch)

    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(lambda: asyncio.run(store.load(resource, slowly(), batch)))
        assert await asyncio.to_thread(half_way.wait, 20)
        other = asyncio.create_task(second())
        async with store.connected() as admin:
            await eventually(lambda: waits_for_a_lock(admin, "second loader"), what="the second loader waits")
            go_on.set()
            results = [await asyncio.wrap_future(first), await other]
    assert results[0] == results[1]
    assert results[0].rows == 20
    assert await store.rows(resource) == rows_of("new", 20)
    assert await store.stages() == []


async def test_batches_at_once_come_one_after_the_other(store):
    resource = await store.made(CODE, NAME)
    batches = {uuid4(): rows_of(letter, 30) for letter in "abcdef"}
    loaded = await asyncio.gather(*(store.load(resource, rows, batch) for batch, rows in batches.items()))
    assert [one.rows for one in loaded] == [30] * 6
    async with store.connected(READER) as reader:
        head = await reader.fetchval(
            "select batch from exchange.batch_heads where resource_version = $1", resource.version
        )
    assert await store.rows(resource) == batches[head]


@pytest.mark.parametrize(
    "clashing",
    [
        [("1", "a"), ("1", "b")],  # the key
        [("1", "a"), ("2", "a")],  # a unique item
    ],
)
async def test_a_clash_is_refused_and_leaves_the_old_rows(store, clashing):
    resource = await store.made(CODE, NAME)
    await store.load(resource, rows_of("a"))
    batch = uuid4()
    with pytest.raises(Clash) as refused:
        await store.load(resource, clashing, batch)
    assert refused.value.code == "rows-clash"
    assert await store.rows(resource) == rows_of("a")
    assert await store.stages() == []
    async with store.connected(LOADER) as loader:
        assert await find(loader, batch) is None
    # What was refused can be mended and loaded under the same id.
    assert (await store.load(resource, rows_of("b"), batch)).rows == 5


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([(None, "a")], asyncpg.NotNullViolationError),
        ([("0123456789", "a")], asyncpg.StringDataRightTruncationError),
        ([("1", "a\x00b")], asyncpg.PostgresError),
    ],
)
async def test_rows_that_no_check_has_seen_leave_the_old_rows_too(store, rows, kind):
    resource = await store.made(CODE, NAME)
    await store.load(resource, rows_of("a"))
    with pytest.raises(kind):
        await store.load(resource, rows)
    assert await store.rows(resource) == rows_of("a")
    assert await store.stages() == []


async def test_the_longest_key_that_the_rules_let_through_fits_into_its_index(store):
    """A key beyond what an index holds would fail in the merge, for ever: the rules refuse it before."""
    resource = await store.made(key(text("a", 5000), 1), key(text("b", 5000), 2), text("c", 5000, unique=True))

    def incompressible(length, seed):
        return "".join(chr(33 + (seed + n * n * 7919 + n * 104729) % 89) for n in range(length))

    first, second = incompressible(MAX_INDEXED - 100, 1), incompressible(100, 2)
    await store.load(resource, [(first, second, incompressible(MAX_INDEXED, 3))])
    assert len(await store.rows(resource)) == 1


async def test_a_version_that_is_not_made_cannot_be_loaded(store):
    with pytest.raises(asyncpg.PostgresError):
        await store.load(store.resource(CODE, NAME), rows_of("a"))


class TestKilledLoaders:
    """FAULT-31: whatever the moment, readers have the old rows or the new, and a repetition completes it."""

    async def killed(self, store, resource, batch, when, *, rows=None):
        """Begin to load; when `when` returns, the connection is cut."""
        async with store.connected(LOADER) as loader, store.connected() as admin:
            await loader.execute("set application_name = 'doomed'")
            loading = asyncio.create_task(load(loader, resource, rows or rows_of("new"), batch))
            await when(admin)
            await terminate(admin, "doomed")
            with pytest.raises(GONE):
                await loading
            await eventually(lambda: gone(admin, "doomed"))

    async def completed(self, store, resource, batch):
        assert await store.stages() == []
        assert (await store.load(resource, rows_of("new"), batch)).rows == 5
        assert await store.rows(resource) == rows_of("new")
        assert await store.stages() == []

    async def test_while_the_stage_is_filled(self, store):
        resource = await store.made(CODE, NAME)
        await store.load(resource, rows_of("old"))
        batch, half_way, go_on = uuid4(), threading.Event(), threading.Event()

        def slowly():
            yield ("0", "new0")
            half_way.set()
            assert go_on.wait(20)
            yield from (("x" * 9, "y" * 40) for _ in range(50_000))

        async def run():
            async with store.connected(LOADER) as loader:
                await loader.execute("set application_name = 'doomed'")
                await load(loader, resource, slowly(), batch)

        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(lambda: asyncio.run(run()))
            assert await asyncio.to_thread(half_way.wait, 20)
            async with store.connected() as admin:
                await terminate(admin, "doomed")
            go_on.set()
            with pytest.raises(GONE):
                await asyncio.wrap_future(running)
        assert await store.rows(resource) == rows_of("old")
        await self.completed(store, resource, batch)

    async def test_in_front_of_the_merge(self, store):
        resource = await store.made(CODE, NAME)
        await store.load(resource, rows_of("old"))
        batch = uuid4()
        async with store.connected() as other, other.transaction():
            await other.execute("select from exchange.resource where version = $1 for update", resource.version)
            await self.killed(
                store, resource, batch, lambda admin: eventually(lambda: waits_for_a_lock(admin, "doomed"))
            )
        assert await store.rows(resource) == rows_of("old")
        await self.completed(store, resource, batch)

    async def test_within_the_merge_after_the_old_rows_are_deleted(self, store):
        resource = await store.made(CODE, NAME)
        await store.load(resource, rows_of("old"))
        batch = uuid4()
        async with store.connected() as other, other.transaction():
            # The merge enters the batch into the books after it has replaced the rows.
            await other.execute("lock table exchange.batch in share mode")
            await self.killed(
                store, resource, batch, lambda admin: eventually(lambda: waits_for_a_lock(admin, "doomed"))
            )
            assert await store.rows(resource) == rows_of("old")
        await self.completed(store, resource, batch)

    async def test_between_the_merge_and_its_commit(self, store):
        resource = await store.made(CODE, NAME)
        await store.load(resource, rows_of("old"))
        batch = uuid4()
        async with store.connected() as admin, store.connected(LOADER) as loader:
            await loader.execute("set application_name = 'doomed'")
            await loader.transaction().start()
            await load(loader, resource, rows_of("new"), batch)
            await terminate(admin, "doomed")
            await eventually(lambda: gone(admin, "doomed"))
        assert await store.rows(resource) == rows_of("old")
        await self.completed(store, resource, batch)

    async def test_between_the_commit_and_its_news(self, store):
        """The one moment at which the new rows are there although the loader knows nothing of it."""
        resource = await store.made(CODE, NAME)
        await store.load(resource, rows_of("old"))
        batch = uuid4()
        async with store.connected(LOADER) as loader:
            await load(loader, resource, rows_of("new"), batch)
            loader.terminate()
        assert await store.rows(resource) == rows_of("new")
        await self.completed(store, resource, batch)


async def test_a_batch_says_which_bytes_it_came_from(store):
    resource = await store.made(CODE, NAME)
    with pytest.raises(asyncpg.CheckViolationError):
        async with store.connected(LOADER) as loader:
            await load(loader, resource, rows_of("a"), uuid4(), sha256="no digest")
    assert (await store.load(resource, rows_of("a"))).sha256 == DIGEST
