"""A call that began an effect outside and has no end on record is unknown after 60 s (FAULT-2; Promises)."""

from datetime import timedelta

import pytest

from common import clock
from common.events import RecordKind
from common.roles import Role
from tests.support.catalog_values import catalog_changed, service_changed
from tests.support.given_clock import PAST_TERM
from tests.support.trail_values import ENTRY, TRACE, logged, record

EPOCH = "2000-01-01T00:00:00Z"


def begun(number, **more):
    values = {"status": 0, "code": "", "rows": 0, "answer": None, "sourced_at": None}
    return record(number, **values | {"kind": RecordKind.BEGIN} | more)


def ended(number, begin, **more):
    same = {"call": begin.call, "at": begin.received_at, "kind": RecordKind.END, "trace_id": begin.trace_id}
    return record(number, **same | more)


def auditor(trail):
    return trail.as_("x", "dsjzx", Role.AUDITOR)


async def found(trail):
    answer = await auditor(trail).get("/calls", params={"unit": "jyj"})
    return [(call["record"]["number"], call["record"]["kind"], call["outcome"]) for call in answer.json()]


async def unknown(trail, since=EPOCH):
    answer = await auditor(trail).get("/unknown", params={"since": since})
    assert answer.status_code == 200, answer.text
    return [call["record"]["number"] for call in answer.json()]


async def test_an_end_makes_one_call_of_both(trail):
    begin = begun(1)
    await trail.hear(logged([begin, ended(2, begin)]))
    assert await found(trail) == [(2, "end", "recorded")]
    assert await unknown(trail) == []
    thread = (await auditor(trail).get(f"/calls/{begin.call}/trace")).json()
    assert (thread["call"]["record"]["kind"], thread["call"]["outcome"]) == ("end", "recorded")
    assert thread["begun"]["record"] == begin.model_dump(mode="json")


async def test_without_an_end_it_is_pending_and_after_a_minute_unknown(trail):
    young, old = clock.now() - timedelta(seconds=50), clock.now() - timedelta(seconds=61)
    lost = begun(2, at=old)
    await trail.hear(logged([begun(1, at=young), lost]))
    assert await found(trail) == [(1, "begin", "pending"), (2, "begin", "unknown")]
    assert await unknown(trail) == [2]
    assert await unknown(trail, since=(old + timedelta(seconds=5)).isoformat()) == []
    thread = (await auditor(trail).get(f"/calls/{lost.call}/trace")).json()
    assert thread["call"]["outcome"] == "unknown"
    assert thread["call"] == thread["begun"]


async def test_an_end_that_comes_late_makes_it_known(trail):
    begin = begun(1)
    await trail.hear(logged([begin]))
    assert await unknown(trail) == [1]
    await trail.hear(logged([ended(2, begin)]))
    assert await unknown(trail) == []


async def test_a_plain_call_has_no_beginning_and_is_never_unknown(trail):
    told = record(1)
    await trail.hear(logged([told]))
    assert await found(trail) == [(1, "call", "recorded")]
    assert (await auditor(trail).get(f"/calls/{told.call}/trace")).json()["begun"] is None


@pytest.mark.parametrize("by", ["trace_id", "entry"])
async def test_a_call_is_found_once_by_whatever_it_is_searched(trail, by):
    begin = begun(1)
    await trail.hear(logged([begin, ended(2, begin)]))
    asked = {"trace_id": TRACE, "entry": begin.entry}[by]
    answer = await auditor(trail).get("/calls", params={by: asked})
    assert [call["record"]["number"] for call in answer.json()] == [2]


async def test_where_a_provider_is_asked_is_seen_by_the_provider_and_by_auditors_alone(trail):
    interface = {"kind": "rest", "url": "http://10.1.1.1/x", "given": [{"item": "street_code", "member": "dm"}]}
    await trail.hear(catalog_changed(ENTRY, provider="mzj"))
    await trail.hear(service_changed("streets", entry=ENTRY, source="provider", interface=interface))
    begin = begun(1)
    await trail.hear(logged([begin, ended(2, begin)]))
    for unit, role, sees in (
        ("dsjzx", Role.AUDITOR, True),
        ("mzj", Role.COMPILER, True),
        ("jyj", Role.APPLICANT, False),
    ):
        found = (await trail.as_("x", unit, role).get(f"/calls/{begin.call}/trace")).json()["service"]
        assert (found["interface"] is not None, found["source"]) == (sees, "provider")


async def test_only_auditors_see_what_is_unknown(trail):
    for role in Role:
        answer = await trail.as_("x", "jyj", role).get("/unknown", params={"since": EPOCH})
        assert (answer.status_code == 200) is (role is Role.AUDITOR), role


async def test_a_beginning_is_seen_by_those_who_may_see_the_call(trail):
    begin = begun(1, at=PAST_TERM)
    await trail.hear(logged([begin]))
    assert (await trail.as_("x", "gaj", Role.APPLICANT).get(f"/calls/{begin.call}/trace")).status_code == 404
    assert (await trail.as_("x", "jyj", Role.APPLICANT).get(f"/calls/{begin.call}/trace")).status_code == 200
