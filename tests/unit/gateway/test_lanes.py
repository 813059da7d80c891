"""Lookups of several resources take turns; one that is slow keeps nobody else waiting."""

import asyncio

import pytest

from common.events import Item, ItemType, Operator
from exchange.reading import Column, Condition, Shape, Source
from gateway.errors import Trouble, Unavailable
from gateway.store import reading

CODE = Item(
    code="code", name="代码", type=ItemType.TEXT, length=9, nullable=False, key_place=1, sharing_type="unrestricted"
)
BATCH = "batch"


def shape(resource: str) -> Shape:
    source = Source(view=f'"mzj"."{resource}"', version=resource, key=(CODE,))
    return Shape(source, (Column(CODE),), (Condition(CODE, Operator.EQ),))


class Store:
    """A store whose queries end when they are let go; told by the resource that they read."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.held: dict[str, asyncio.Event] = {}

    async def query(self, sql, values):
        resource = sql.split('from "mzj"."')[1].split('"')[0]
        self.asked.append((resource, values))
        if resource in self.held:
            await self.held[resource].wait()
        return [(n, None, f'"{value}"', BATCH) for n, value in enumerate(values, 1)]


@pytest.fixture
def store(monkeypatch):
    made = Store()
    monkeypatch.setattr(reading.Reader, "query", lambda _, sql, values: made.query(sql, values))
    return made


async def test_calls_that_wait_for_their_lanes_turn_are_asked_together(store, monkeypatch):
    monkeypatch.setattr(reading, "TURN", 60)
    reader = reading.Reader("", 4)
    store.held = {name: asyncio.Event() for name in ("a", "b")}
    slow = [reader.find(shape(name), ["1"]) for name in store.held]
    await _all_others_ran()
    assert [name for name, _ in store.asked] == ["a", "b"]
    first = reader.find(shape("c"), ["1"])
    await _all_others_ran()
    second = reader.find(shape("c"), ["2"])
    await _all_others_ran()
    assert len(store.asked) == len(slow)
    store.held["a"].set()
    assert [(await found).rows for found in (first, second)] == [(('"1"',),), (('"2"',),)]
    assert store.asked[-1] == ("c", ["1", "2"])
    store.held["b"].set()
    await asyncio.gather(*slow)


async def _all_others_ran():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_resources_that_do_not_answer_hold_up_no_other(store):
    reader = reading.Reader("", 4)
    store.held = {name: asyncio.Event() for name in ("a", "b", "c")}
    slow = [reader.find(shape(name), ["1"]) for name in store.held]
    async with asyncio.timeout(30):
        found = await reader.find(shape("d"), ["1"])
    assert found.batches == (BATCH,)
    assert not any(lookup.done() for lookup in slow)
    for event in store.held.values():
        event.set()
    await asyncio.gather(*slow)
    # Turns that ended early are given back once.
    assert reader.turns._value == reading.LANES_AT_ONCE


async def test_whoever_waits_too_long_is_told_and_those_who_come_later_are_answered(store, monkeypatch):
    """Two queries' times would pass for one who comes while a query is under way that never ends."""
    monkeypatch.setattr(reading, "FIND_WITHIN", 0.05)
    monkeypatch.setattr(reading, "_WATCH", 0.01)
    reader = reading.Reader("", 4)
    store.held = {"a": asyncio.Event()}
    asked = reader.find(shape("a"), ["1"])
    await _all_others_ran()
    behind = [reader.find(shape("a"), [value]) for value in ("2", "3")]
    for late in (asked, *behind):
        with pytest.raises(Unavailable) as told:
            await late
        assert told.value.trouble is Trouble.STORE
    assert reader.waiting == 0
    monkeypatch.setattr(reading, "FIND_WITHIN", 60.0)
    later = reader.find(shape("a"), ["4"])
    store.held["a"].set()
    assert (await later).rows == (('"4"',),)
    assert [values for _, values in store.asked] == [["1"], ["4"]], "nothing is asked for those who have left"
