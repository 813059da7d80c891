"""Pages by cursor and by number: every row once, in order, whatever the size of the pages (protocol page, Pages)."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import RowCondition
from exchange.layout import READER, Resource
from gateway.domain.cursors import Seal
from tests.support.exchange_store import Store
from tests.support.gateway_door import opened
from tests.support.items import day, integer, key, numeric, text

ITEMS = (key(text("letter", 1), 1), key(integer("n"), 2), text("name", 20), day("born"), numeric("amount", 8, 2))
ORDERINGS = ("name", "born", "amount", "n")
BORN = date(2000, 1, 1)


def row(n):
    """Many with the same name, day and amount, and many without one."""
    return (
        "abc"[n % 3],
        n,
        None if n % 5 == 0 else f"名{n % 7}",
        None if n % 4 == 0 else BORN + timedelta(days=n % 11),
        None if n % 3 == 0 else (n % 13) - 6,
    )


ROWS = [row(n) for n in range(1, 1101)]


def sorted_by(order, rows):
    """As the protocol orders them: nulls last either way, ties by key."""
    by_key = sorted(rows, key=lambda r: (r[0], r[1]))
    if order is None:
        return by_key
    place = [item.code for item in ITEMS].index(order.lstrip("-"))
    filled = [r for r in by_key if r[place] is not None]
    filled.sort(key=lambda r: r[place].encode() if isinstance(r[place], str) else r[place], reverse=False)
    if order.startswith("-"):
        groups = [list(group) for _, group in itertools.groupby(filled, key=lambda r: r[place])]
        filled = [r for group in reversed(groups) for r in group]
    return filled + [r for r in by_key if r[place] is None]


@pytest.fixture(scope="session")
async def many(store: Store) -> Resource:
    made = await store.made(*ITEMS, provider="pages")
    await store.load(made, ROWS)
    return made


def serving(world, resource, **more):
    inputs = {"letter": "eq in", "n": "ge lt eq", "name": "eq prefix"}
    world.service("many", ITEMS, inputs, resource=resource, orderings=ORDERINGS, **more)
    world.grant("edu", "many", ["letter", "n"])
    return world


@pytest.fixture
def world(world, many):
    return serving(world, many)


async def walked(door, size=100, between=None, **parameters):
    """The keys of all rows, page by page, and the pages' lengths."""
    found, lengths, cursor = [], [], {}
    while True:
        answer = await door.call("many", pageSize=str(size), **parameters, **cursor)
        found += [(r["letter"], r["n"]) for r in answer.data]
        lengths.append(len(answer.data))
        headers = answer.response.headers
        if "x-next-cursor" not in headers:
            return found, lengths
        assert len(answer.data) == size, "only the last page is shorter"
        assert len(lengths) < 3000
        cursor = {"cursor": headers["x-next-cursor"]}
        if between is not None:
            await between(len(lengths), found)


def keys(rows):
    return [(r[0], r[1]) for r in rows]


class TestWalk:
    @pytest.mark.parametrize("order", [None, *ORDERINGS, *(f"-{code}" for code in ORDERINGS)])
    @pytest.mark.parametrize("size", [97, 1000])
    async def test_gives_every_row_once_in_order(self, door, order, size):
        asked = {"orderBy": order} if order else {}
        found, lengths = await walked(door, size, **asked)
        assert found == keys(sorted_by(order, ROWS))
        assert len(lengths) == -(-len(ROWS) // size)

    async def test_without_a_condition_a_call_gets_a_page_and_never_everything(self, door):
        """IN-G19."""
        assert len((await door.call("many")).data) == 100
        assert len((await door.call("many", pageSize="1000", n__ge="-99999")).data) == 1000
        assert (await door.call("many", pageSize="1001")).code == "206"

    @pytest.mark.parametrize("size", [1, 10, 50, 110, 1000])
    async def test_a_last_page_that_is_full_is_the_last(self, door, size):
        found, lengths = await walked(door, size, n__lt="111", orderBy="-born")
        assert found == keys(sorted_by("-born", ROWS[:110]))
        assert len(lengths) == -(-110 // size)

    async def test_filters_hold_on_every_page(self, door):
        found, _ = await walked(door, 7, letter="b", n__ge="500", orderBy="name")
        wanted = [r for r in ROWS if r[0] == "b" and r[1] >= 500]
        assert found == keys(sorted_by("name", wanted))

    async def test_a_condition_of_the_grant_holds_on_every_page(self, door):
        door.world.grant("edu", "many", ["letter", "n"], row_filter=(RowCondition(item="letter", values=("a", "c")),))
        found, _ = await walked(door, 100, orderBy="amount")
        assert found == keys(sorted_by("amount", [r for r in ROWS if r[0] != "b"]))

    async def test_the_format_may_change_from_page_to_page(self, door):
        first = await door.call("many", pageSize="2")
        cursor = first.response.headers["x-next-cursor"]
        columns = await door.call("many", pageSize="3", cursor=cursor, rsStructure="MA")
        assert columns.data == {"letter": ["a"] * 3, "n": [9, 12, 15]}
        xml = await door.call("many", pageSize="3", cursor=cursor, format="xml")
        assert "<n>9</n>" in xml.response.text
        assert "x-next-cursor" in xml.response.headers

    async def test_a_cursor_may_be_used_again(self, door):
        cursor = (await door.call("many", pageSize="2")).response.headers["x-next-cursor"]
        one, other = [await door.call("many", pageSize="2", cursor=cursor) for _ in range(2)]
        assert one.data == other.data

    async def test_pages_of_the_service_may_be_shorter(self, door, many):
        serving(door.world, many, page_limit=10)
        answer = await door.call("many", pageSize="1000")
        assert len(answer.data) == 10
        assert "x-next-cursor" in answer.response.headers
        assert len((await door.call("many")).data) == 10


@given(
    size=st.integers(1, 1000),
    order=st.sampled_from([None, *ORDERINGS, *(f"-{code}" for code in ORDERINGS)]),
    first=st.integers(1, 1100),
    count=st.integers(0, 60),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_walk_gives_every_row_once_in_order(door, size, order, first, count):
    asked = {"orderBy": order} if order else {}
    found, _ = await walked(door, size, n__ge=str(first), n__lt=str(first + count), **asked)
    assert found == keys(sorted_by(order, [r for r in ROWS if first <= r[1] < first + count]))


class TestMeanwhile:
    """A batch that is loaded between two pages."""

    @pytest.fixture
    async def own(self, store, world):
        made = await store.made(*ITEMS, provider="pages")
        await store.load(made, ROWS[:300])
        serving(world, made)
        return made

    @pytest.mark.parametrize("order", [None, "born", "-born", "name", "-amount"])
    async def test_rows_that_come_and_go_repeat_and_lose_no_others(self, door, store, own, order):
        held = {r[1]: r for r in ROWS[:300]}

        async def change(page, _found):
            for n in range(page * 11, page * 11 + 5):
                held.pop(n, None)
            for n in range(400 + page * 5, 405 + page * 5):
                held[n] = row(n)
            await store.load(own, held.values())

        asked = {"orderBy": order} if order else {}
        found, lengths = await walked(door, 40, change, **asked)
        assert len(lengths) > 5
        assert len(found) == len(set(found)), "none twice"
        stayed = {n for n in range(1, 301) if n in held}
        assert stayed <= {n for _, n in found}
        ordered = [pair for pair in keys(sorted_by(order, [row(n) for _, n in found])) if pair in set(found)]
        assert found == ordered

    async def test_a_cursor_is_good_for_the_version_of_the_resource_alone(self, door, many, own):
        cursor = (await door.call("many", pageSize="2")).response.headers["x-next-cursor"]
        serving(door.world, many)
        assert (await door.call("many", pageSize="2", cursor=cursor)).code == "206"


class TestForeignCursors:
    async def cursor(self, door, **asked):
        return (await door.call("many", pageSize="2", **asked)).response.headers["x-next-cursor"]

    async def test_any_altered_character_is_206(self, door):
        cursor = await self.cursor(door)
        for place in range(len(cursor)):
            altered = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
            assert (await door.call("many", cursor=altered)).code == "206"

    @pytest.mark.parametrize(
        "asked",
        [{"n__ge": "5"}, {"n__ge": "04"}, {"n__lt": "4"}, {"orderBy": "name"}, {"n__ge": "4", "orderBy": "name"}, {}],
    )
    async def test_with_another_question_it_is_206(self, door, asked):
        cursor = await self.cursor(door, n__ge="4", orderBy="-name")
        assert (await door.call("many", cursor=cursor, **asked)).code == "206"
        assert (await door.call("many", cursor=cursor, n__ge="4", orderBy="-name")).code == "1"

    async def test_another_units_or_another_services_is_206(self, door, many):
        cursor = await self.cursor(door)
        world = door.world
        world.unit("health")
        world.grant("health", "many", ["letter", "n"])
        assert (await door.call("many", "health", cursor=cursor)).code == "206"
        world.service("twin", ITEMS, {"n": "ge"}, resource=many)
        world.grant("edu", "twin", ["letter", "n"])
        assert (await door.call("twin", cursor=cursor)).code == "206"

    async def test_it_opens_nothing_that_the_grant_no_longer_shows(self, door):
        cursor = await self.cursor(door)
        door.world.grant("edu", "many", ["n"])
        assert set((await door.call("many", cursor=cursor)).data[0]) == {"n"}

    async def test_no_value_of_a_row_is_in_it(self, door):
        cursor = await self.cursor(door, orderBy="name", name="名6")
        assert "名6".encode().hex() not in cursor.encode().hex()

    async def test_a_replica_with_another_secret_knows_none_of_it(self, door, world, store, outbox):
        cursor = await self.cursor(door)
        async with opened(
            world=world, store_url=store.database.url(READER), outbox_url=outbox.app_url, admin_url=outbox.admin_url()
        ) as other:
            assert (await other.call("many", cursor=cursor)).code == "1"
            object.__setattr__(other.gateway, "seal", Seal.of(b"other" * 8))
            assert (await other.call("many", cursor=cursor)).code == "206"


class TestNumbers:
    async def test_pages_by_number_serve_the_first_ten_thousand(self, door):
        wanted = keys(sorted_by(None, ROWS))
        found = []
        for page in range(1, 13):
            answer = await door.call("many", page=str(page))
            found += [(r["letter"], r["n"]) for r in answer.data]
        assert found == wanted
        assert (await door.call("many", page="100")).data == []
        for page, size in (("101", "100"), ("11", "1000"), ("10001", "1"), ("0", "1")):
            assert (await door.call("many", page=page, pageSize=size)).code == "206"
        assert (await door.call("many", page="10000", pageSize="1")).data == []

    async def test_a_page_by_number_has_a_cursor_to_go_on_with(self, door):
        answer = await door.call("many", page="2", pageSize="100", orderBy="-n")
        cursor = answer.response.headers["x-next-cursor"]
        following = await door.call("many", pageSize="3", cursor=cursor, orderBy="-n")
        assert [r["n"] for r in following.data] == [900, 899, 898]

    async def test_both_at_once_are_101(self, door):
        assert (await door.call("many", page="1", cursor="x")).code == "101"


class TestCount:
    @pytest.mark.parametrize(
        ("asked", "count"),
        [
            ({"n__lt": "51"}, "50"),
            ({"n__lt": "101"}, "100"),
            ({"n__lt": "0"}, "0"),
            ({"n__lt": "151", "page": "2"}, "150"),
            ({"n__lt": "201", "page": "2"}, "200"),
            ({"n__lt": "102"}, None),
            ({"n__lt": "151", "page": "9"}, None),
            ({}, None),
            ({"n": "7", "letter": "b"}, "1"),
            ({"n": "7", "letter": "a"}, "0"),
        ],
    )
    async def test_the_number_of_all_is_told_where_the_end_was_seen(self, door, asked, count):
        headers = (await door.call("many", **asked)).response.headers
        assert headers.get("x-total-count") == count

    @pytest.mark.parametrize("structure", ["KV"])
    async def test_one_record_has_neither_count_nor_cursor(self, door, structure):
        headers = (await door.call("many", n="7", rsStructure=structure)).response.headers
        assert "x-total-count" not in headers
        assert "x-next-cursor" not in headers


def test_the_worlds_rows_have_ties_and_nulls_in_every_ordering():
    for place in (2, 3, 4):
        values = [r[place] for r in ROWS]
        assert None in values
        assert len(set(values)) < 20
