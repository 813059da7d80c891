"""Ways of loading, deletes that a file states, and taking the newest batch back (REQ-A1)."""

from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from common.events import BatchIngested, BatchTakenBack, QualityRule, RuleName
from common.roles import Role
from ingest_files import loadings, service, undoing
from ingest_files.loadings import TakingBack
from tests.support.annex_files import FILE, ROWS, TITLES, annex

WAYS = ["replace", "append", "upsert", "delete"]


@pytest.fixture
async def open_to_all(ingest):
    answer = await ingest.as_("mzj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", {"ways": WAYS})
    assert answer.json() == {"ways": WAYS, "whole": False}
    return ingest


async def load(ingest, rows, titles=TITLES, **more):
    """A file in the annex's form, taken to its result."""
    data = annex(rows, titles)
    begun = await ingest.as_().post("/uploads", {"entry": ingest.entry, "name": FILE, "size": len(data), **more})
    assert begun.status_code == 201, begun.text
    from tests.support.ingest_bench import post

    assert (await post(begun.json()["url"], begun.json()["fields"], data)).status_code == 204
    upload = begun.json()["upload"]["id"]
    await ingest.as_().post(f"/uploads/{upload}/completion")
    (told,) = [one for one in await ingest.running.told() if str(getattr(one.event, "upload", "")) == upload]
    await service.take_file(told.event, told.meta, ingest.desk)
    return await ingest.upload(upload)


async def names(ingest):
    return {row[0][-1]: row[1] for row in await ingest.store.rows(ingest.resource)}


def street(number, name):
    return (f"31010500{number}", name, "310105", None, None, None)


async def back(ingest, batch, why="送错了", unit="mzj"):
    path = f"/entries/{ingest.entry}/batches/{batch}/taking-back"
    return await ingest.as_(unit, Role.PUBLISHER).post(path, {"why": why})


async def test_only_the_ways_that_the_publisher_allows(ingest):
    for way in ("append", "upsert", "delete"):
        body = {"entry": ingest.entry, "name": FILE, "size": 1, "way": way}
        answer = await ingest.as_().post("/uploads", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "way-unfit")
    answer = await ingest.as_().put(f"/entries/{ingest.entry}/loading", {"ways": WAYS})
    assert answer.status_code == 403, "a compiler does not decide it"
    answer = await ingest.as_("jyj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", {"ways": WAYS})
    assert answer.status_code == 404, "nor does another unit"


async def test_a_batch_appended_one_by_key_and_a_list_of_keys_to_delete(open_to_all):
    at = open_to_all
    await load(at, [street(1, "甲"), street(2, "乙")])
    held = await load(at, [street(3, "丙")], way="append")
    assert (held["state"], held["way"]) == ("loaded", "append")
    await load(at, [street(2, "乙二"), street(4, "丁")], way="upsert")
    assert await names(at) == {"1": "甲", "2": "乙二", "3": "丙", "4": "丁"}
    held = await load(at, [("310105001",), ("310105009",)], ("街道代码",), way="delete")
    assert (held["state"], held["message"]) == ("loaded", None)
    assert await names(at) == {"2": "乙二", "3": "丙", "4": "丁"}
    told = [one.event for one in await at.running.told(BatchIngested)]
    assert [(one.mode, one.rows, one.deleted) for one in told[-4:]] == [
        ("replace", 2, 0),
        ("append", 1, 0),
        ("upsert", 2, 0),
        ("delete", 0, 1),
    ]


async def test_a_column_marks_rows_to_be_deleted(open_to_all):
    at = open_to_all
    await load(at, [street(1, "甲"), street(2, "乙")])
    marked = [(*street(1, None), "是"), (*street(3, "丙"), None)]
    held = await load(at, marked, (*TITLES, "删除"), way="upsert", mark="删除")
    assert (held["state"], held["message"]) == ("loaded", None)
    assert await names(at) == {"2": "乙", "3": "丙"}
    for rows, rule in (
        ([(*street(1, "甲"), "也许")], "code_set"),
        ([(*street(1, "甲"), "1"), (*street(1, "甲"), "0")], "unique"),
    ):
        held = await load(at, rows, (*TITLES, "删除"), way="upsert", mark="删除")
        found = (await at.as_().get(f"/uploads/{held['id']}/findings")).json()
        assert [one["rule"] for one in found] == [rule]
    held = await load(at, [street(1, "甲")], way="upsert", mark="删除")
    assert held["reason"] == "structure-mismatch"


async def test_taken_back_in_order_the_batch_before_is_current_each_time(open_to_all):
    at = open_to_all
    batches = [
        (await load(at, [street(1, "甲"), street(2, "乙")]))["id"],
        (await load(at, [street(2, "乙二"), street(3, "丙")], way="upsert"))["id"],
        (await load(at, [("310105001",)], ("街道代码",), way="delete"))["id"],
    ]
    states = [{}, {"1": "甲", "2": "乙"}, {"1": "甲", "2": "乙二", "3": "丙"}]
    refused = await back(at, batches[0])
    assert (refused.status_code, refused.json()["code"]) == (409, "batch-built-on")
    for batch, rows in zip(reversed(batches), reversed(states), strict=True):
        answer = await back(at, batch)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["taken_back_by"], answer.json()["taken_back_why"]) == ("mzj.somebody", "送错了")
        assert await names(at) == rows
        assert (await back(at, batch)).json() == answer.json(), "again it changes nothing"
    told = [one.event for one in await at.running.told(BatchTakenBack)]
    assert [(str(one.batch), one.why) for one in told[-3:]] == [(batch, "送错了") for batch in reversed(batches)]
    assert [None if one.current is None else str(one.current) for one in told[-3:]] == [batches[1], batches[0], None]


async def test_a_replacement_taken_back_gives_the_rows_of_before_with_their_lineage(open_to_all):
    at = open_to_all
    first = await load(at, [street(1, "甲"), street(2, "乙")])
    lineage = f"select _batch, _row, street_code from {at.resource.qualified_table} order by _row"
    async with at.store.connected() as admin:
        before = await admin.fetch(lineage)
    second = await load(at, [street(3, "丙")])
    assert (await back(at, second["id"])).status_code == 200
    async with at.store.connected() as admin:
        assert await admin.fetch(lineage) == before
        head = await admin.fetchval("select batch from exchange.head where version = $1", at.resource.version)
    assert str(head) == first["id"]
    listed = (await at.as_().get(f"/entries/{at.entry}/batches")).json()
    assert [(one["number"], one["sheet"], one["taken_back_at"] is None) for one in listed] == [
        (2, FILE.split("-", maxsplit=1)[0], False),
        (1, FILE.split("-", maxsplit=1)[0], True),
    ]


async def test_only_what_is_kept_can_be_taken_back(open_to_all):
    at = open_to_all
    batches = [(await load(at, [street(n, f"第{n}批")]))["id"] for n in range(1, 6)]
    for batch in reversed(batches[2:]):
        assert (await back(at, batch)).status_code == 200
    refused = await back(at, batches[1])
    assert (refused.status_code, refused.json()["code"]) == (409, "batch-not-kept")
    assert await names(at) == {"2": "第2批"}
    async with at.store.connected() as admin:
        assert await admin.fetchval("select count(*) from pg_class where relname = $1", f"h_{batches[1]}") == 0


async def test_a_stranger_takes_nothing_back(open_to_all):
    at = open_to_all
    batch = (await load(at, ROWS))["id"]
    assert (await back(at, batch, unit="jyj")).status_code == 404
    path = f"/entries/{at.entry}/batches/{batch}/taking-back"
    assert (await at.as_().post(path, {"why": "x"})).status_code == 403
    unknown = await back(at, uuid4())
    assert (unknown.status_code, unknown.json()["code"]) == (404, "batch-unknown")
    assert len(await at.store.rows(at.resource)) == 3


async def test_the_same_file_is_refused_while_it_is_what_is_there_and_not_after_others(open_to_all):
    """IN-X21."""
    at = open_to_all
    first, second = [street(1, "甲")], [street(2, "乙")]
    assert (await load(at, first))["state"] == "loaded"
    assert (await load(at, first))["reason"] == "duplicate-file"
    assert (await load(at, second))["state"] == "loaded"
    third = await load(at, first)
    assert third["state"] == "loaded", "what was there before came back"
    assert (await back(at, third["id"])).status_code == 200
    assert (await load(at, first))["state"] == "loaded", "it was taken back"


async def test_a_wish_that_was_left_in_the_middle_is_carried_out_and_told(open_to_all):
    """A crash between the wish, the exchange store and the event."""
    at = open_to_all
    await load(at, [street(1, "甲")])
    batch = (await load(at, [street(2, "乙")]))["id"]
    wish = TakingBack(
        batch=batch,
        entry=at.entry,
        provider="mzj",
        resource_version=at.resource.version,
        by="mzj.fabu",
        why="演练",
        asked_at=at.desk.clock() - undoing.FORGOTTEN * 2,
    )
    async with at.desk.db.begin() as tx:
        await loadings.save_taking_back(tx, wish)
    await at.desk.exchange.take_back(wish.resource_version, batch, by=wish.by, why=wish.why)
    assert await undoing.settle(at.desk) == 1
    assert await undoing.settle(at.desk) == 0
    assert await names(at) == {"1": "甲"}
    assert [one.event.why for one in await at.running.told(BatchTakenBack) if str(one.event.batch) == batch] == ["演练"]


async def test_a_column_of_another_type_is_a_difference_of_structure(ingest):
    """REQ-A5."""
    rows = [(f"31010500{n}", f"街道{n}", "310105", "许多", None, None) for n in range(4)]
    held = await load(ingest, rows)
    assert (held["reason"], held["difference"]["retyped"]) == ("structure-mismatch", ["people"])
    assert held["findings"] == 4


async def test_a_batch_that_was_taken_back_is_none_that_later_ones_are_compared_with(open_to_all):
    at = open_to_all
    rules = (
        QualityRule(name=RuleName.DRIFT, rows_drop=Decimal("0.6")),
        QualityRule(name=RuleName.FRESHNESS, days=3),
    )
    await at.running.hear(at.entry_event(version=2, rules=rules))
    await load(at, [street(1, "甲"), street(2, "乙")])
    wrong = await load(at, [street(number, f"路{number}") for number in range(1, 9)])
    few = [street(1, "甲")]
    assert (await load(at, few))["state"] == "rejected", "a loss of seven in eight"
    assert (await back(at, wrong["id"])).status_code == 200
    await at.running.rows("update upload set done_at = done_at - interval '4 days' where id <> $1", UUID(wrong["id"]))
    held = await load(at, few)
    assert held["state"] == "rejected", "the one before is four days old: the wrong one does not make it younger"
    found = (await at.as_().get(f"/uploads/{held['id']}/findings")).json()
    assert [one["rule"] for one in found] == ["freshness"]
