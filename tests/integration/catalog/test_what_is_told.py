"""What the catalogue keeps of others' events: units and batches; older tellings and repetitions change nothing."""

from uuid import uuid4

import pytest

from common.errors import Undecodable
from common.events import BatchIngested, ServiceChanged, StoredFile, UnitState
from common.ids import uuid7
from tests.support.catalog_steps import Unit
from tests.support.catalog_values import entry_body, service_body, text
from tests.support.given_clock import PAST_TERM, at
from tests.support.registry_values import unit_changed

WIDER = [text("street_code", key_place=1, nullable=False), text("street_name", length=80)]
NARROWER = [text("street_code", key_place=1, nullable=False)]


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


def batch(resource_version, *, when=PAST_TERM, rows=10):
    stored = StoredFile(bucket="inbox", key="k", version="v", sha256="0" * 64, size=1, name="街道镇名录-20260929.xls")
    return BatchIngested(
        batch=uuid4(),
        entry=resource_version.partition("_")[0],
        resource_version=resource_version,
        provider="mzj",
        file=stored,
        rows=rows,
        mode="full",
        uploaded_by="mzj.bianzhi",
        committed_at=when,
    )


async def unit_row(catalog, code):
    (found,) = await catalog.rows("select state, catalog_keepers, version from unit where code = $1", code)
    return found


# --- Units -----------------------------------------------------------------------------------------------------------


async def test_an_older_telling_of_a_unit_changes_nothing(catalog):
    await catalog.hear(unit_changed("mzj", version=5, catalog_keepers=4))
    await catalog.hear(unit_changed("mzj", version=4, state=UnitState.SUSPENDED, catalog_keepers=1))
    await catalog.hear(unit_changed("mzj", version=5, state=UnitState.SUSPENDED))

    assert await unit_row(catalog, "mzj") == {"state": "active", "catalog_keepers": 4, "version": 5}


async def test_the_same_record_again_has_its_effect_once(catalog):
    once = uuid7()
    told = unit_changed("mzj", version=9)
    await catalog.hear(told, event_id=once)
    await catalog.rows("update unit set version = 0 where code = 'mzj' returning code")
    await catalog.hear(told, event_id=once)

    assert (await unit_row(catalog, "mzj"))["version"] == 0


async def test_another_event_under_a_known_id_is_refused(catalog):
    once = uuid7()
    await catalog.hear(unit_changed("mzj", version=2), event_id=once)
    with pytest.raises(Undecodable):
        await catalog.hear(unit_changed("mzj", version=3), event_id=once)

    assert (await unit_row(catalog, "mzj"))["version"] == 2


@pytest.mark.parametrize("state", [UnitState.SUSPENDED, UnitState.WITHDRAWN])
async def test_a_unit_that_is_not_at_work_takes_no_step_until_it_is_again(catalog, unit, state):
    """REQ-R2."""
    entries = [await unit.draft(), await unit.under_review(), await unit.approved(), await unit.published()]
    drafted, waiting, approved, published = entries
    await unit.active(published, "streets")
    await unit.registered(published, "hidden")
    await catalog.hear(unit_changed("mzj", version=2, state=state))
    steps = [
        lambda: unit.compiler.post("/entries", entry_body()),
        lambda: unit.compiler.put(f"/entries/{drafted}/draft", {"revision": 1, "content": entry_body()}),
        lambda: unit.compiler.post(f"/entries/{drafted}/submission"),
        lambda: unit.reviewer.post(f"/entries/{waiting}/review", {"approve": True}),
        lambda: unit.publisher.post(f"/entries/{approved}/publication"),
        lambda: unit.publisher.post(f"/entries/{published}/withdrawal", {"reason": "职责调整"}),
        lambda: unit.compiler.post("/services", {"code": "x", "entry": published, "content": service_body()}),
        lambda: unit.publisher.put("/services/hidden/state", {"state": "active"}),
        lambda: unit.publisher.put("/services/streets/state", {"state": "withdrawn", "reason": "停"}),
        # The platform may stop what a suspended unit offers, and not let out more of it.
        lambda: unit.platform.put("/services/hidden/state", {"state": "active"}),
    ]
    before = await catalog.told()
    for step in steps:
        refused = await step()
        assert (refused.status_code, refused.json()["code"]) == (403, "unit-not-active")
    assert await catalog.told() == before
    stopped = await unit.platform.put("/services/streets/state", {"state": "stopped", "reason": "单位暂停"})
    assert stopped.json()["state"] == "stopped"

    if state is UnitState.SUSPENDED:
        await catalog.hear(unit_changed("mzj", version=3))
        assert [(await step()).is_success for step in steps[1:5]] == [True] * 4


async def test_a_unit_that_the_catalogue_was_not_told_of_does_not_work_in_it_yet(catalog):
    refused = await Unit(catalog, "gtj").compiler.post("/entries", entry_body())

    assert refused.json()["code"] == "unit-not-active"


# --- Batches ---------------------------------------------------------------------------------------------------------


async def test_an_entry_shows_its_newest_batch_whatever_comes_late(catalog, unit):
    entry = await unit.published()
    newest = batch(f"{entry}_v1", when=at("2026-09-29"), rows=12)
    for told in (batch(f"{entry}_v1", when=at("2026-09-28")), newest, batch(f"{entry}_v1", when=at("2026-09-27"))):
        await catalog.hear(told)
    shown = (await unit.compiler.get(f"/entries/{entry}")).json()["data"]

    assert (shown["batch"], shown["rows"]) == (str(newest.batch), 12)


async def test_the_first_batch_of_a_new_structure_brings_its_services_over(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets")
    await unit.active(entry, "stopped")
    await unit.moved("stopped", "stopped", "维护")
    await unit.active(entry, "ended")
    await unit.moved("ended", "withdrawn", "不再提供")
    await unit.registered(entry, "hidden")
    await unit.published_again(entry, items=WIDER)
    before = len(await catalog.told(ServiceChanged))
    first = batch(f"{entry}_v2")
    await catalog.hear(first)
    await catalog.hear(batch(f"{entry}_v2", when=at("2026-09-30")))

    events = [one.event for one in (await catalog.told(ServiceChanged))[before:]]
    # What has ended is told of no more, and what was never let out is nobody's business.
    assert [(event.service, event.state, event.resource_version) for event in events] == [
        ("stopped", "stopped", f"{entry}_v2"),
        ("streets", "active", f"{entry}_v2"),
    ]
    assert events[1].items[1].length == 80


async def test_a_write_service_goes_over_before_there_is_data_for_it_brings_them(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets")
    await unit.active(entry, "streets-push", source="write", inputs=[])
    before = len(await catalog.told(ServiceChanged))
    await unit.published_again(entry, items=WIDER)
    events = [one.event for one in (await catalog.told(ServiceChanged))[before:]]
    assert [(event.service, event.resource_version) for event in events] == [("streets-push", f"{entry}_v2")]
    assert events[0].items[1].length == 80


async def test_a_service_that_does_not_fit_the_new_structure_is_stopped_and_says_why(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "by-name", inputs=[{"item": "street_name", "operators": ["eq"], "required": True}])
    await unit.published_again(entry, items=NARROWER)
    await catalog.hear(batch(f"{entry}_v2"))
    await catalog.hear(batch(f"{entry}_v2", when=at("2026-09-30")))

    last = (await catalog.told(ServiceChanged))[-1].event
    assert (last.version, last.state, last.resource_version) == (2, "stopped", f"{entry}_v1")
    assert "资源结构已变更" in last.reason


async def test_batches_of_an_old_structure_or_of_nothing_known_move_no_service(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets")
    await unit.published_again(entry, items=WIDER)
    before = await catalog.told()
    await catalog.hear(batch(f"{entry}_v1"))
    await catalog.hear(batch("307009-000001_v1"))

    assert await catalog.told() == before
