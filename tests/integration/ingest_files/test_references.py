"""Values that must stand in another resource are looked up there, whatever road the rows come by (REQ-A7)."""

import pytest

from common.events import EntryState, FileReceived, QualityRule, QualityThresholds, RuleName, Severity
from common.roles import Role
from exchange.ways import Way
from ingest_files import service
from tests.support.annex_files import FILE, ROWS, TITLES, annex, whole, xlsx
from tests.support.catalog_values import catalog_changed
from tests.support.ingest_bench import post
from tests.support.items import integer, key, text
from tests.support.street_texts import CSV, streets
from tests.support.street_texts import text as csv

AREAS = (key(text("area", 12)), integer("number"))


@pytest.fixture
async def areas(ingest):
    """Another resource, of another unit, that has two areas."""
    resource = await ingest.store.made(*AREAS, provider="jyj")
    await ingest.store.load(resource, [("310105", 1), ("310106", 2)])
    await known(ingest, resource)
    return resource


async def known(ingest, resource, **more):
    code = resource.version.partition("_")[0]
    told = {"items": AREAS, "resource_version": resource.version, "name": "区县", "provider": "jyj", **more}
    await ingest.running.hear(catalog_changed(code, **told))


def refers(resource, items=("area_code",), targets=("area",), **more):
    code = resource if isinstance(resource, str) else resource.version.partition("_")[0]
    return QualityRule(name=RuleName.REFERENCE, items=items, resource=code, target_items=targets, **more)


async def declared(ingest, *rules, **more):
    await ingest.running.hear(ingest.entry_event(version=2, rules=rules, **more))


async def taken(ingest, data, name=FILE):
    event, meta = await ingest.received(data, name)
    await service.take_file(event, meta, ingest.desk)
    return await ingest.upload(event.upload)


async def findings(ingest, upload):
    rows = (await ingest.as_().get(f"/uploads/{upload['id']}/findings", params={"limit": 1000})).json()
    return [(one["row"], one["column"], one["item"], one["rule"], one["severity"], one["value"]) for one in rows]


WRONG = [ROWS[0], ("310104003", "天平路街道", "310104", None, None, None), ROWS[1]]


async def test_a_row_whose_value_the_other_resource_lacks_is_told_with_its_place_and_nothing_is_loaded(ingest, areas):
    await declared(ingest, refers(areas, advice="请核对区划"))
    assert (await taken(ingest, annex()))["state"] == "loaded"
    held = await taken(ingest, annex(WRONG))
    assert (held["state"], held["reason"]) == ("rejected", "quality")
    assert await findings(ingest, held) == [(3, 4, "area_code", "reference", "error", "3****4")]
    (told,) = (await ingest.as_().get(f"/uploads/{held['id']}/findings")).json()
    assert told["message"].endswith("请核对，或待该资源更新后再报送；请核对区划")
    assert len(await ingest.store.rows(ingest.resource)) == 3


async def test_a_warning_is_told_and_a_tolerated_row_is_left_out(ingest, areas):
    await declared(ingest, refers(areas, severity=Severity.WARNING))
    held = await taken(ingest, annex(WRONG))
    assert (held["state"], held["rows"], held["findings"]) == ("loaded", 3, 1)
    tolerated = ingest.entry_event(version=3, rules=(refers(areas),), thresholds=QualityThresholds(bad_rows=1))
    await ingest.running.hear(tolerated)
    held = await taken(ingest, annex([*WRONG, ROWS[2]]))
    assert (held["state"], held["rows"], held["findings"]) == ("loaded", 3, 1)


async def test_in_the_guided_profile_it_is_the_same(ingest, areas):
    await declared(ingest, refers(areas))
    await ingest.as_().put(f"/entries/{ingest.entry}/intake", {"profile": "guided"})
    held = await taken(ingest, xlsx([["名录"], *whole(WRONG)]))
    assert [one[:4] for one in await findings(ingest, held)] == [(4, 4, "area_code", "reference")]


async def test_in_files_of_any_length_it_is_the_same(ingest, areas):
    await declared(ingest, refers(areas))
    await allow(ingest, ["replace"], whole=True)
    rows = streets(3_000)
    held = await taken(ingest, csv(rows), CSV)
    assert (held["state"], held["rows"]) == ("loaded", 3_000)
    rows[2_500] = (*rows[2_500][:2], "310104", *rows[2_500][3:])
    held = await taken(ingest, csv(rows), CSV)
    assert [one[:4] for one in await findings(ingest, held)] == [(2_502, 4, "area_code", "reference")]
    assert len(await ingest.store.rows(ingest.resource)) == 3_000


async def allow(ingest, ways, **more):
    body = {"ways": ways, **more}
    answer = await ingest.as_("mzj", Role.PUBLISHER).put(f"/entries/{ingest.entry}/loading", body)
    assert answer.status_code == 200, answer.text


async def sent(ingest, data, way, mark=None):
    """As `taken`, in a way of loading."""
    begun = {"entry": ingest.entry, "name": FILE, "size": len(data), "way": way.value, "mark": mark}
    answer = await ingest.as_().post("/uploads", begun)
    assert answer.status_code == 201, answer.text
    return await finished(ingest, answer.json(), data)


async def finished(ingest, begun, data):
    assert (await post(begun["url"], begun["fields"], data)).status_code == 204
    upload = begun["upload"]["id"]
    await ingest.as_().post(f"/uploads/{upload}/completion")
    (told,) = [one for one in await ingest.running.told(FileReceived) if str(one.event.upload) == upload]
    await service.take_file(told.event, told.meta, ingest.desk)
    return await ingest.upload(upload)


async def test_rows_that_are_marked_to_go_are_not_looked_up_and_the_others_are(ingest, areas):
    await declared(ingest, refers(areas))
    await allow(ingest, ["replace", "upsert"])
    await taken(ingest, annex())
    rows = [(*row, mark) for row, mark in zip(WRONG, (None, "是", None), strict=True)]
    held = await sent(ingest, annex(rows, (*TITLES, "删除")), Way.UPSERT, "删除")
    assert (held["state"], held["rows"]) == ("loaded", 2)
    rows = [(*row, None) for row in WRONG]
    held = await sent(ingest, annex(rows, (*TITLES, "删除")), Way.UPSERT, "删除")
    assert [one[:4] for one in await findings(ingest, held)] == [(3, 4, "area_code", "reference")]


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("不存在或没有发布", {"state": EntryState.WITHDRAWN}),
        ("没有信息项 area", {"items": (key(text("other")),)}),
        ("类型不同", {"items": (key(integer("area")),)}),
    ],
)
async def test_a_reference_that_cannot_be_looked_up_refuses_and_says_why(ingest, areas, said, change):
    await known(ingest, areas, version=9, **change)
    await declared(ingest, refers(areas))
    held = await taken(ingest, annex())
    ((row, _, _, rule, severity, value),) = await findings(ingest, held)
    assert (held["reason"], row, rule, severity, value) == ("quality", None, "reference", "error", None)
    assert said in (await ingest.as_().get(f"/uploads/{held['id']}/findings")).json()[0]["message"]


async def test_a_resource_that_is_unknown_and_one_without_rows_are_said_once_for_the_whole(ingest):
    empty = await ingest.store.made(*AREAS, provider="jyj")
    await known(ingest, empty)
    await declared(ingest, refers(empty), refers("307001-999999", severity=Severity.WARNING))
    held = await taken(ingest, annex())
    told = (await ingest.as_().get(f"/uploads/{held['id']}/findings")).json()
    assert held["state"] == "rejected"
    assert sorted((one["row"], one["severity"]) for one in told) == [(None, "error"), (None, "warning")]
    assert {"还没有数据" in one["message"] for one in told} == {True, False}


async def test_a_resource_that_refers_to_itself_has_the_rows_that_come_with_the_file(ingest):
    await declared(ingest, refers(ingest.entry, ("street_name",), ("street_code",)))
    of = [("1", "1", "310105", None, None, None), ("2", "1", "310105", None, None, None)]
    assert (await taken(ingest, annex(of)))["state"] == "loaded"
    lost = [("2", "1", "310105", None, None, None)]
    held = await taken(ingest, annex(lost))
    assert [one[:4] for one in await findings(ingest, held)] == [(2, 3, "street_name", "reference")]
    await allow(ingest, ["replace", "upsert"])
    assert (await sent(ingest, annex(lost), Way.UPSERT))["state"] == "loaded"
