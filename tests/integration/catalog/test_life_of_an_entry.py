"""An entry and its services over HTTP, with what the exchange is told of each step (REQ-C0 to C2, U2)."""

import pytest

from common.events import CatalogChanged, ServiceChanged
from common.roles import Role
from tests.support.catalog_steps import Unit
from tests.support.catalog_values import REASONED, entry_body, service_body, text
from tests.support.given_clock import IN_2019, at

WIDER = [text("street_code", key_place=1, nullable=False), text("street_name", length=80)]


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


async def history(unit, code):
    return (await unit.compiler.get(f"/entries/{code}/history")).json()


async def told(catalog, kind):
    return [one.event for one in await catalog.told(kind)]


async def test_from_draft_to_withdrawal_each_step_is_on_record_and_two_are_told(catalog, unit):
    code = await unit.under_review()
    back = await unit.reviewer.post(f"/entries/{code}/review", {"approve": False, "opinion": "名称不准确"})
    assert back.json()["state"] == "draft"
    assert await catalog.told() == []
    await unit.change(code, name="长宁区街道镇名录")
    await unit.submit(code)
    await unit.approve(code)
    out = await unit.publish(code)
    ended = await unit.publisher.post(f"/entries/{code}/withdrawal", {"reason": "职责调整"})

    assert (out["state"], ended.json()["state"]) == ("published", "withdrawn")
    assert out["edition"]["separation"] == "two-person"
    assert [(step["action"], step["done_by"], step["opinion"]) for step in (await history(unit, code))["steps"]] == [
        ("compiled", "mzj.bianzhi", None),
        ("submitted", "mzj.bianzhi", None),
        ("sent-back", "mzj.shenhe", "名称不准确"),
        ("compiled", "mzj.bianzhi", None),
        ("submitted", "mzj.bianzhi", None),
        ("approved", "mzj.shenhe", None),
        ("published", "mzj.fabu", None),
        ("withdrawn", "mzj.fabu", "职责调整"),
    ]
    events = await told(catalog, CatalogChanged)
    assert [(event.version, event.state, event.name) for event in events] == [
        (1, "published", "长宁区街道镇名录"),
        (2, "withdrawn", "长宁区街道镇名录"),
    ]


async def test_codes_count_within_a_classification_without_gap(catalog, unit):
    found = [await unit.draft(classification=classification) for classification in ("307001", "307001", "307002")]

    assert found == ["307001-000001", "307001-000002", "307002-000001"]


async def test_a_refused_compilation_takes_no_code(catalog, unit):
    unknown = [text("a", key_place=1, code_set={"id": "nowhere", "version": 1})]
    refused = await unit.compiler.post("/entries", entry_body(items=unknown))

    assert (refused.status_code, refused.json()["code"]) == (404, "code-set-unknown")
    assert await unit.draft() == "307001-000001"


async def test_a_restricted_entry_is_not_submitted_without_reason_and_basis(catalog, unit):
    """IN-C2."""
    code = await unit.draft(sharing_type="authorized")
    refused = await unit.compiler.post(f"/entries/{code}/submission")
    assert (refused.status_code, refused.json()["code"]) == (422, "basis-missing")
    assert "长府规〔2021〕2号第十四条第一款" in refused.json()["title"]

    await unit.change(code, sharing_type="authorized", **REASONED)
    assert (await unit.submit(code))["draft"]["state"] == "under-review"


async def test_a_unit_with_one_keeper_publishes_with_the_platforms_review_on_record(catalog):
    single = Unit(catalog, "gaj")
    everything = catalog.as_("gaj.zhuanren", "gaj", Role.COMPILER, Role.REVIEWER, Role.PUBLISHER)
    code = (await everything.post("/entries", entry_body())).json()["code"]
    await everything.post(f"/entries/{code}/submission")
    own = await everything.post(f"/entries/{code}/review", {"approve": True})
    assert (own.status_code, own.json()["code"]) == (403, "not-separated")
    await single.approve(code, by=single.platform)
    out = await everything.post(f"/entries/{code}/publication")

    assert out.json()["edition"]["separation"] == "platform-review"
    assert [event.separation for event in await told(catalog, CatalogChanged)] == ["platform-review"]


async def test_a_publication_says_by_which_edition_and_screens_say_when_its_term_has_passed(catalog, unit):
    catalog.clock.shows = IN_2019
    before = await unit.published()
    catalog.clock.shows = at("2025-12-31", "23:59:59.999")
    within = await unit.published()
    catalog.clock.shows = at("2026-01-01", "00:00:00")
    after = await unit.published()
    shown = {code: (await unit.compiler.get(f"/entries/{code}")).json() for code in (before, within, after)}

    assert [shown[code]["edition"]["basis"]["edition"] for code in (before, within, after)] == ["2019", "2021", "2021"]
    assert [shown[code]["edition"]["basis"]["past_term"] for code in (before, within, after)] == [False, False, True]
    assert "有效期已于2025年12月31日届满" in shown[after]["term_notice"]


# --- Services --------------------------------------------------------------------------------------------------------


async def test_a_service_is_told_of_from_the_moment_that_it_is_let_out(catalog, unit):
    code = await unit.published()
    await unit.registered(code, "streets")
    assert await told(catalog, ServiceChanged) == []
    await unit.moved("streets", "active")
    await unit.moved("streets", "stopped", "资源维护")
    await unit.moved("streets", "active")
    await unit.moved("streets", "withdrawn", "不再提供")

    events = await told(catalog, ServiceChanged)
    assert [(event.version, event.state, event.reason) for event in events] == [
        (1, "active", None),
        (2, "stopped", "资源维护"),
        (3, "active", None),
        (4, "withdrawn", "不再提供"),
    ]
    assert {event.resource_version for event in events} == {f"{code}_v1"}
    assert [item.code for item in events[0].items] == ["street_code", "street_name"]


async def test_what_was_never_let_out_ends_without_a_word(catalog, unit):
    await unit.registered(await unit.published(), "streets")
    ended = await unit.moved("streets", "withdrawn")

    assert (ended["state"], ended["version"]) == ("withdrawn", 0)
    assert await told(catalog, ServiceChanged) == []


async def test_who_registered_a_service_does_not_let_it_out(catalog, unit):
    both = catalog.as_("mzj.bianzhi", "mzj", Role.COMPILER, Role.PUBLISHER)
    await unit.registered(await unit.published(), "streets")
    refused = await both.put("/services/streets/state", {"state": "active"})

    assert (refused.status_code, refused.json()["code"]) == (403, "not-separated")


async def test_a_service_is_not_stopped_without_saying_why(catalog, unit):
    """REQ-R2."""
    await unit.active(await unit.published(), "streets")
    refused = await unit.publisher.put("/services/streets/state", {"state": "stopped", "reason": "\u200b "})

    assert (refused.status_code, refused.json()["code"]) == (422, "reason-missing")


async def test_a_code_of_a_service_is_never_given_again(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets")
    await unit.moved("streets", "withdrawn", "不再提供")
    other = Unit(catalog, "jyj")
    body = {"code": "streets", "entry": await other.published(classification="307002"), "content": service_body()}
    refused = await other.compiler.post("/services", body)

    assert (refused.status_code, refused.json()["code"]) == (409, "service-taken")


async def test_a_withdrawn_entry_takes_its_services_with_it(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets")
    await unit.registered(entry, "hidden")
    await unit.publisher.post(f"/entries/{entry}/withdrawal", {"reason": "职责调整"})
    states = {one["code"]: one["state"] for one in (await unit.compiler.get(f"/entries/{entry}/services")).json()}

    assert states == {"streets": "withdrawn", "hidden": "withdrawn"}
    last = (await told(catalog, ServiceChanged))[-1]
    assert (last.service, last.state, last.reason) == ("streets", "withdrawn", "目录条目已撤销")
    refused = await unit.compiler.post("/services", {"code": "late", "entry": entry, "content": service_body()})
    assert refused.json()["code"] == "entry-state"


async def test_a_rewording_is_told_to_the_services_of_the_same_structure(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets")
    items = [text("street_code", key_place=1, nullable=False) | {"name": "代码"}, text("street_name", length=40)]
    await unit.published_again(entry, items=items)

    last = (await told(catalog, ServiceChanged))[-1]
    assert (last.version, last.resource_version, last.items[0].name) == (2, f"{entry}_v1", "代码")


async def test_a_new_structure_leaves_the_services_where_the_data_are(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets")
    out = await unit.published_again(entry, items=WIDER)

    assert out["resource_version"] == f"{entry}_v2"
    assert [event.version for event in await told(catalog, ServiceChanged)] == [1]
    shown = (await unit.compiler.get("/services/streets")).json()
    assert shown["resource_version"] == f"{entry}_v1"


async def test_a_service_that_waited_is_let_out_on_the_structure_of_today_or_not_at_all(catalog, unit):
    entry = await unit.published()
    await unit.registered(entry, "fits")
    await unit.registered(entry, "unfit", inputs=[{"item": "street_name", "operators": ["eq"], "required": True}])
    await unit.published_again(entry, items=[text("street_code", key_place=1, nullable=False)])
    let_out = await unit.moved("fits", "active")
    refused = await unit.publisher.put("/services/unfit/state", {"state": "active"})

    assert let_out["resource_version"] == f"{entry}_v2"
    assert (refused.status_code, refused.json()["code"]) == (422, "service-unfit")
