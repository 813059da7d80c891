"""One answer leads from a call to grant, application, decision with edition and article, batches and files (REQ-T1)."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from common.events import GrantState
from common.roles import Role
from tests.support.catalog_values import catalog_changed, service_changed
from tests.support.given_clock import PAST_TERM
from tests.support.registry_values import unit_changed
from tests.support.trail_values import DIGEST, ENTRY, approved, granted, ingested, logged, record, requested

BATCHES = (uuid4(), uuid4())
PARTS = {"unit", "service", "grant", "application", "decision", "entry", "batches"}
LATER = PAST_TERM + timedelta(hours=1)


async def told_all(trail, *, but=()):
    """Everything that a call rests on, but for some of it."""
    parts = {
        "unit": unit_changed("jyj"),
        "service": service_changed("streets", entry=ENTRY),
        "grant": granted(),
        "application": requested(),
        "decision": approved(),
        "entry": catalog_changed(ENTRY, provider="mzj"),
    }
    for name, event in parts.items():
        if name not in but:
            await trail.hear(event)
    for batch in BATCHES:
        if "batches" not in but:
            await trail.hear(ingested(batch))


async def called(trail, **more):
    told = record(1, **{"batches": BATCHES, "batch_count": 2, **more})
    await trail.hear(logged([told]))
    return told


async def thread(trail, call, unit="dsjzx", role=Role.AUDITOR):
    answer = await trail.as_("x", unit, role).get(f"/calls/{call}/trace")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_call_leads_to_the_article_and_to_the_bytes_of_the_file(trail):
    await told_all(trail)
    told = await called(trail)
    found = await thread(trail, told.call)
    assert found["missing"] == []
    assert found["call"]["record"] == told.model_dump(mode="json")
    assert (found["unit"]["unit"], found["service"]["service"]) == ("jyj", "streets")
    assert (found["grant"]["grant"], found["grant"]["version"]) == (str(UUID(int=5)), 1)
    assert found["application"]["application"] == found["decision"]["application"] == told.application
    assert (found["decision"]["basis"]["edition"], found["decision"]["basis"]["article"]) == ("2021", "17.1")
    assert found["entry"]["entry"] == ENTRY
    assert sorted(batch["batch"] for batch in found["batches"]) == sorted(map(str, BATCHES))
    assert {batch["file"]["sha256"] for batch in found["batches"]} == {DIGEST}


@pytest.mark.parametrize("name", sorted(PARTS))
async def test_what_the_trail_does_not_hold_is_missing_by_name_until_it_comes(trail, name):
    await told_all(trail, but=[name])
    told = await called(trail)
    found = await thread(trail, told.call)
    assert found["missing"] == [name]
    assert found[name] in (None, [])
    await told_all(trail, but=PARTS - {name})
    assert (await thread(trail, told.call))["missing"] == []


async def test_one_batch_of_two_is_not_all(trail):
    await told_all(trail, but=["batches"])
    await trail.hear(ingested(BATCHES[1]))
    told = await called(trail)
    found = await thread(trail, told.call)
    assert (found["missing"], [batch["batch"] for batch in found["batches"]]) == (["batches"], [str(BATCHES[1])])


async def test_a_call_that_got_nowhere_rests_on_nothing(trail):
    nothing = ("unit", "unit_key", "service_version", "entry", "resource_version", "grant", "grant_version")
    more = dict.fromkeys((*nothing, "method_key", "application", "edition", "article"))
    told = await called(trail, **more, service="none", code="201", batches=(), batch_count=0, rows=0)
    found = await thread(trail, told.call)
    assert found["missing"] == []
    assert [found[name] for name in ("unit", "service", "grant", "application", "decision", "entry")] == [None] * 6


class TestAsItWasThen:
    async def test_service_and_grant_are_those_whose_versions_the_call_names(self, trail):
        await told_all(trail)
        for version in (2, 3):
            await trail.hear(granted(version, state=GrantState.SUSPENDED))
            await trail.hear(service_changed("streets", entry=ENTRY, version=version, name=f"第{version}版"))
        told = await called(trail, grant_version=2, service_version=3)
        found = await thread(trail, told.call)
        assert (found["grant"]["version"], found["grant"]["state"]) == (2, "suspended")
        assert (found["service"]["version"], found["service"]["name"]) == (3, "第3版")

    async def test_unit_and_entry_are_those_of_the_time_of_the_call(self, trail):
        await told_all(trail)
        told = await called(trail, at=PAST_TERM)
        trail.clock.shows = LATER
        await trail.hear(unit_changed("jyj", version=2, name="改了名的单位"))
        await trail.hear(catalog_changed(ENTRY, version=2, provider="mzj", name="改了名的条目"))
        found = await thread(trail, told.call)
        assert (found["unit"]["version"], found["entry"]["version"]) == (1, 1)
        afterwards = record(2, at=LATER)
        await trail.hear(logged([afterwards], start=UUID(int=2)))
        found = await thread(trail, afterwards.call)
        assert (found["unit"]["version"], found["entry"]["version"]) == (2, 2)

    async def test_what_was_told_only_after_the_call_is_missing(self, trail):
        told = await called(trail, at=PAST_TERM)
        trail.clock.shows = LATER
        await told_all(trail)
        assert (await thread(trail, told.call))["missing"] == ["unit", "application", "decision", "entry"]

    async def test_an_event_told_again_is_kept_once(self, trail):
        event = granted()
        meta = await trail.hear(event)
        await trail.hear(event, event_id=meta.id)
        assert len(await trail.rows("select * from kept_event where topic = 'grant-changed'")) == 1


class TestRights:
    async def test_the_caller_and_the_provider_see_the_thread_and_nobody_else(self, trail):
        await told_all(trail)
        told = await called(trail)
        for unit in ("jyj", "mzj"):
            assert (await thread(trail, told.call, unit, Role.APPLICANT))["missing"] == []
        for unit, call in (("gaj", told.call), ("jyj", uuid4()), ("dsjzx", told.call)):
            answer = await trail.as_("x", unit, Role.APPLICANT).get(f"/calls/{call}/trace")
            assert (answer.status_code, answer.json()["code"]) == (404, "call-unknown")
