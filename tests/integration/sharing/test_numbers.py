"""Numbers of applications (REQ-S1; IN-C9): given with the submission, unique, without gap, by Shanghai's year."""

import asyncio

import pytest
from structlog.testing import capture_logs

from common import outbox
from common.events import ShareRequested
from common.roles import Role
from tests.support.given_clock import at
from tests.support.sharing_steps import CLOSED_ITEMS, OPEN_ITEMS, done
from tests.support.sharing_values import application_body

UNITS = ("jyj", "gaj", "kw", "qfb")


async def drafts(sharing, count, **asked):
    """Drafts of several units and people, with whose they are."""
    made = []
    for number in range(count):
        unit = UNITS[number % len(UNITS)]
        caller = sharing.as_(f"{unit}.ren{number}", unit, Role.APPLICANT)
        body = application_body(**{"items": CLOSED_ITEMS} | asked)
        made.append((caller, (await done(caller, "POST", "/applications", body))["id"]))
    return made


async def submit_all(made):
    return await asyncio.gather(*(caller.post(f"/applications/{name}/submission") for caller, name in made))


async def sequence(sharing):
    return {row["year"]: row["last"] for row in await sharing.rows("select year, last from form_sequence")}


@pytest.mark.parametrize("items", [CLOSED_ITEMS, OPEN_ITEMS], ids=["decided", "at-once"])
async def test_twenty_submissions_at_once_have_twenty_numbers_without_a_gap(sharing, items):
    answers = await submit_all(await drafts(sharing, 20, items=items))
    numbers = sorted(answer.json()["number"] for answer in answers)

    assert numbers == [f"CNZYSQ26{number:04}" for number in range(1, 21)]
    told = await sharing.told(ShareRequested)
    assert sorted(one.event.application for one in told) == numbers


async def test_the_year_is_that_of_shanghai_and_each_begins_at_one(sharing, parties):
    sharing.clock.shows = at("2026-12-31", "23:59:59.999")
    old = [await parties.submitted(), await parties.submitted()]
    sharing.clock.go_on(milliseconds=1)
    new = [await parties.submitted(), await parties.submitted()]

    assert old == ["CNZYSQ260001", "CNZYSQ260002"]
    assert new == ["CNZYSQ270001", "CNZYSQ270002"]
    assert await sequence(sharing) == {2026: 2, 2027: 2}


async def test_submissions_over_the_edge_of_a_year_leave_no_gap_in_either(sharing):
    made = await drafts(sharing, 20)
    sharing.clock.shows = at("2026-12-31", "23:59:59.999")
    answers = await submit_all(made[:10])
    sharing.clock.go_on(milliseconds=1)
    answers += await submit_all(made[10:])
    numbers = sorted(answer.json()["number"] for answer in answers)

    assert numbers == [f"CNZYSQ{year}{number:04}" for year in (26, 27) for number in range(1, 11)]


async def test_the_ten_thousandth_has_five_digits_and_can_be_worked_with(sharing, parties):
    await sharing.rows("insert into form_sequence (kind, year, last) values ('CNZYSQ', 2026, 9998)")
    numbers = [await parties.submitted(), await parties.submitted(), await parties.submitted()]

    assert numbers == ["CNZYSQ269999", "CNZYSQ2610000", "CNZYSQ2610001"]
    await done(parties.provider, "POST", "/applications/CNZYSQ2610000/opinions", {"agree": True})
    assert (await parties.approve("CNZYSQ2610000"))["state"] == "granted"


async def test_a_year_that_is_full_refuses_and_takes_no_number(sharing, parties):
    await sharing.rows("insert into form_sequence (kind, year, last) values ('CNZYSQ', 2026, 99998)")
    assert await parties.submitted() == "CNZYSQ2699999"
    draft = await parties.draft()
    refused = await parties.applicant.post(f"/applications/{draft}/submission")

    assert refused.status_code == 409
    assert (await sequence(sharing), (await parties.shown(draft))["state"]) == ({2026: 99999}, "draft")


async def test_a_draft_has_no_number_and_a_refused_submission_takes_none(sharing, parties):
    draft = await parties.draft()
    assert (await parties.shown(draft))["number"] is None
    await sharing.rows("update unit set state = 'suspended' where code = 'jyj'")
    assert (await parties.applicant.post(f"/applications/{draft}/submission")).status_code == 403
    await sharing.rows("update unit set state = 'active' where code = 'jyj'")

    assert await sequence(sharing) == {}
    assert (await parties.submit(draft))["number"] == "CNZYSQ260001"


async def test_what_breaks_after_the_number_was_taken_gives_it_back(sharing, parties, monkeypatch):
    """The number, the application and its events are one transaction."""
    assert await parties.submitted() == "CNZYSQ260001"
    draft = await parties.draft(items=OPEN_ITEMS)
    put = outbox.put

    async def breaks_at_the_last_event(session, event):
        if event.topic == "share-approved":
            raise RuntimeError("broken on purpose")
        return await put(session, event)

    with monkeypatch.context() as broken, capture_logs() as logged:
        broken.setattr(outbox, "put", breaks_at_the_last_event)
        assert (await parties.applicant.post(f"/applications/{draft}/submission")).status_code == 500
    assert [one["error"] for one in logged if one["event"] == "http.broken"] == ["RuntimeError"]
    assert (await parties.shown(draft))["state"] == "draft"
    assert len(await sharing.told()) == 1
    assert (await parties.applicant.get("/grants")).json() == []

    assert (await parties.submit(draft))["number"] == "CNZYSQ260002"


async def test_a_withdrawn_number_is_not_given_again(sharing, parties):
    number = await parties.submitted()
    await parties.applicant.post(f"/applications/{number}/withdrawal")

    assert await parties.submitted() == "CNZYSQ260002"
