"""An application over HTTP, from draft to grant or refusal, and what is told of it (REQ-S1 to S3; IN-C4 to C6)."""

import pytest
from structlog.testing import capture_logs

from common.events import GrantChanged, ShareApproved, ShareRefused, ShareRequested
from common.roles import Role
from tests.support.catalog_values import catalog_changed, service_changed
from tests.support.given_clock import IN_2019, at
from tests.support.registry_values import unit_changed
from tests.support.sharing_steps import CLOSED_ITEMS, CONTENT, OPEN_ITEMS, done
from tests.support.sharing_values import LAW, application_body


async def kinds(sharing):
    return [type(one.event) for one in await sharing.told()]


def refused(answer):
    return answer.status_code, answer.json()["code"]


async def test_what_is_shared_without_condition_is_granted_with_its_submission(sharing, parties):
    answer = await parties.submit(await parties.draft(items=OPEN_ITEMS, services=["streets", "people"]))

    assert (answer["state"], answer["number"]) == ("granted", "CNZYSQ260001")
    assert (answer["decision"]["by"], answer["decision"]["basis"]["rule"]) == ("exchange", "unrestricted-share")
    assert (answer["due_on"], answer["due_open"]) == (None, None)
    assert await kinds(sharing) == [ShareRequested, GrantChanged, GrantChanged, ShareApproved]
    told = [one.event for one in await sharing.told()]
    assert {grant.service for grant in told[1:3]} == {"streets", "people"}
    assert told[3].grants == (told[1].grant, told[2].grant)
    for grant in told[1:3]:
        assert (grant.version, grant.state, grant.unit, grant.keys) == (1, "active", "jyj", ())
        assert [item.code for item in grant.items] == OPEN_ITEMS
        assert grant.application == "CNZYSQ260001"


async def test_under_2021_the_provider_is_heard_and_the_data_centre_decides(sharing, parties):
    number = await parties.submitted()
    early = await parties.platform.post(f"/applications/{number}/decision", {"approve": True})
    assert refused(early) == (409, "opinion-missing")
    by_provider = await parties.provider.post(f"/applications/{number}/decision", {"approve": True})
    assert refused(by_provider) == (403, "forbidden")
    await done(parties.provider, "POST", f"/applications/{number}/opinions", {"agree": True, "reason": "依法可以提供"})
    answer = await parties.approve(number, items=[{"code": "ZJHM", "mode": "masked"}], quota={"per_day": 100})

    assert (answer["state"], answer["decision"]["basis"]["article"]) == ("granted", "17.1")
    assert answer["decision"]["basis"]["past_term"] is True
    assert "有效期已于2025年12月31日届满" in answer["term_notice"]
    assert await kinds(sharing) == [ShareRequested, GrantChanged, ShareApproved]
    grant = await parties.grant_event()
    assert [item.model_dump(mode="json") for item in grant.items] == [
        {"code": "ZJHM", "mode": "masked", "mask": "id_number"},
        {"code": "XM", "mode": "clear", "mask": None},
    ]
    assert (grant.quota.per_day, grant.basis.rule) == (100, "share-approval")


async def test_under_2019_the_provider_decides_with_papers_and_reason(sharing, parties):
    sharing.clock.shows = IN_2019
    number = await parties.submitted()
    platform = sharing.as_("kw.shenhe", "kw", Role.PLATFORM_REVIEWER)
    decision = {"approve": True, "reason": "履行职责所需"}
    assert refused(await platform.post(f"/applications/{number}/decision", decision)) == (403, "forbidden")
    without = await parties.provider.post(f"/applications/{number}/decision", decision)
    assert refused(without) == (409, "papers-missing")
    papers = {"papers": ["applicant-stamp", "provider-stamp", "security-agreement"]}
    await done(parties.provider, "POST", f"/applications/{number}/papers", papers)
    silent = await parties.provider.post(f"/applications/{number}/decision", {"approve": True, "reason": "\u200b"})
    assert refused(silent) == (422, "basis-missing")
    answer = await done(parties.provider, "POST", f"/applications/{number}/decision", decision)

    assert (answer["state"], answer["decision"]["basis"]["edition"], answer["term_notice"]) == ("granted", "2019", None)
    assert sorted(answer["papers"]) == sorted(papers["papers"])


async def test_a_provider_of_another_unit_decides_nothing(sharing, parties):
    sharing.clock.shows = IN_2019
    number = await parties.submitted()
    other = await parties.stranger.post(f"/applications/{number}/decision", {"approve": True})

    assert refused(other) == (404, "application-unknown")


async def test_a_reviewer_of_a_body_that_does_not_decide_is_told_who_does(sharing, parties):
    number = await parties.heard()
    commission = sharing.as_("kw.shenhe", "kw", Role.PLATFORM_REVIEWER)
    answer = await commission.post(f"/applications/{number}/decision", {"approve": True})

    assert refused(answer) == (403, "not-yours-to-decide")
    assert "区大数据中心" in answer.json()["title"]


# --- Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", [{}, {"reason": "不需要"}, {"legal_basis": "某法"}, {"reason": " ", "legal_basis": "\u200b"}]
)
async def test_nobody_refuses_without_reason_and_basis(sharing, parties, given):
    number = await parties.submitted()
    by_platform = await parties.platform.post(f"/applications/{number}/decision", {"approve": False} | given)
    by_provider = await parties.provider.post(f"/applications/{number}/opinions", {"agree": False} | given)

    assert refused(by_platform) == refused(by_provider) == (422, "basis-missing")
    assert (await parties.shown(number))["state"] == "submitted"
    assert await kinds(sharing) == [ShareRequested]


async def test_a_refusal_of_the_provider_ends_the_application(sharing, parties):
    number = await parties.submitted()
    answer = await done(parties.provider, "POST", f"/applications/{number}/opinions", {"agree": False} | LAW)

    assert (answer["state"], answer["decision"]["legal_basis"]) == ("refused", LAW["legal_basis"])
    assert await kinds(sharing) == [ShareRequested, ShareRefused]
    late = await parties.platform.post(f"/applications/{number}/decision", {"approve": True})
    assert refused(late) == (409, "application-state")


async def test_a_refusal_of_the_decider_is_told_with_its_basis(sharing, parties):
    number = await parties.submitted()
    await done(parties.platform, "POST", f"/applications/{number}/decision", {"approve": False} | LAW)
    told = (await sharing.told(ShareRefused))[0].event

    assert (told.application, told.legal_basis, told.basis.article) == (number, LAW["legal_basis"], "16")


# --- Whose it is, and what is over -----------------------------------------------------------------------------------


async def test_nobody_approves_what_he_asked_for_himself(sharing, parties):
    both = sharing.as_("dsjzx.ren", "dsjzx", Role.APPLICANT, Role.PLATFORM_REVIEWER)
    drafter = sharing.as_("dsjzx.shenqing", "dsjzx", Role.APPLICANT)
    made = await done(drafter, "POST", "/applications", application_body(items=CLOSED_ITEMS))
    # A colleague wrote it; who submits it asks.
    number = (await done(both, "POST", f"/applications/{made['id']}/submission"))["number"]
    await done(parties.provider, "POST", f"/applications/{number}/opinions", {"agree": True})
    own = await both.post(f"/applications/{number}/decision", {"approve": True})

    assert refused(own) == (403, "own-application")
    assert (await parties.approve(number))["applicant"] == "dsjzx.ren"


@pytest.mark.parametrize("step", ["submission", "withdrawal", "opinions", "decision"])
async def test_a_step_that_was_taken_is_not_taken_again(sharing, parties, step):
    number = await parties.heard()
    await parties.approve(number)
    before = await sharing.told()
    caller = {"opinions": parties.provider, "decision": parties.platform}.get(step, parties.applicant)
    body = {"opinions": {"agree": True}, "decision": {"approve": True}}.get(step)

    assert refused(await caller.post(f"/applications/{number}/{step}", body)) == (409, "application-state")
    assert await sharing.told() == before


async def test_a_withdrawn_application_keeps_its_number_and_takes_no_decision(sharing, parties):
    number = await parties.heard()
    await done(parties.applicant, "POST", f"/applications/{number}/withdrawal")
    late = await parties.platform.post(f"/applications/{number}/decision", {"approve": True})

    assert refused(late) == (409, "application-state")
    assert (await parties.shown(number))["number"] == number
    assert await parties.submitted() != number


NAME_NOT_SHARED = CONTENT.items[3].model_copy(update={"sharing_type": "not-shared"})


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "withdrawn"},
        {"content": CONTENT.model_copy(update={"items": CONTENT.items[:3]})},
        {"content": CONTENT.model_copy(update={"items": (*CONTENT.items[:3], NAME_NOT_SHARED)})},
    ],
    ids=["entry-withdrawn", "item-gone", "item-not-shared"],
)
@pytest.mark.parametrize("step", ["submission", "decision"])
async def test_what_can_no_longer_be_had_is_neither_submitted_nor_granted(sharing, parties, changed, step):
    """IN-C14: what was asked for is checked again when it counts."""
    name = await parties.draft() if step == "submission" else await parties.heard()
    await sharing.hear(catalog_changed(version=2, **changed))
    caller = parties.applicant if step == "submission" else parties.platform
    body = {"approve": True} if step == "decision" else None

    assert refused(await caller.post(f"/applications/{name}/{step}", body)) == (422, "not-applicable")
    assert GrantChanged not in await kinds(sharing)


async def test_a_service_that_ended_meanwhile_is_not_granted(sharing, parties):
    number = await parties.heard()
    await sharing.hear(service_changed("streets", version=2, state="withdrawn", reason="不再提供"))
    answer = await parties.platform.post(f"/applications/{number}/decision", {"approve": True})

    assert refused(answer) == (422, "not-applicable")


async def test_a_suspended_unit_neither_asks_nor_decides_nor_gets(sharing, parties):
    """REQ-R2."""
    draft, number = await parties.draft(), await parties.heard()
    waiting = await parties.submitted()
    grant = await parties.granted_at_once(services=["people"])
    before = await sharing.told()

    async def codes(*answers):
        return [(await answer).json().get("code") for answer in answers]

    await sharing.hear(unit_changed("jyj", version=2, state="suspended"))
    assert (
        await codes(
            parties.applicant.post("/applications", application_body()),
            parties.applicant.post(f"/applications/{draft}/submission"),
            parties.applicant.post(f"/grants/{grant}/keys"),
            parties.platform.post(f"/applications/{number}/decision", {"approve": True}),
        )
        == ["unit-not-active"] * 4
    )
    await sharing.hear(unit_changed("jyj", version=3))
    await sharing.hear(unit_changed("mzj", version=2, state="suspended"))
    suspend = {"state": "suspended", "reason": "核查"}
    assert (
        await codes(
            parties.provider.post(f"/applications/{waiting}/opinions", {"agree": True}),
            parties.provider.put(f"/grants/{grant}/state", suspend),
        )
        == ["unit-not-active"] * 2
    )
    await sharing.hear(unit_changed("dsjzx", version=2, body="data-centre", state="suspended"))
    assert (
        await codes(
            parties.platform.post(f"/applications/{number}/decision", {"approve": True}),
            parties.platform.put(f"/grants/{grant}/state", suspend),
        )
        == ["unit-not-active"] * 2
    )
    assert await sharing.told() == before


# --- Due dates -------------------------------------------------------------------------------------------------------


async def test_the_due_day_is_shown_with_its_source(sharing, parties):
    shown = await parties.shown(await parties.submitted())

    assert (shown["due_on"], shown["due_open"]) == ("2026-10-16", None)
    assert shown["due_source"] == "内部规则：区级内部管理规则第一条"
    assert (await sharing.told(ShareRequested))[0].event.due_on.isoformat() == "2026-10-16"


async def test_where_the_calendar_ends_the_submission_stands_with_an_open_day_and_an_alert(sharing, parties):
    sharing.clock.shows = at("2026-12-20")
    with capture_logs() as logged:
        shown = await parties.shown(await parties.submitted())

    assert (shown["state"], shown["number"], shown["due_on"]) == ("submitted", "CNZYSQ260001", None)
    assert "2027" in shown["due_open"]
    assert (await sharing.told(ShareRequested))[0].event.due_open == shown["due_open"]
    alerts = [one for one in logged if one["event"] == "sharing.calendar_missing"]
    assert [(one["log_level"], one["application"], one["alert"]) for one in alerts] == [
        ("error", "CNZYSQ260001", shown["due_open"])
    ]
