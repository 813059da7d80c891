"""Two people at once (IN-C4): exactly one wins, and the exchange hears one decision and one grant."""

import asyncio

from common.events import GrantChanged, ShareApproved, ShareRefused
from common.roles import Role
from tests.support.sharing_steps import OPEN_ITEMS, done
from tests.support.sharing_values import LAW


def outcomes(answers):
    return sorted("ok" if answer.is_success else answer.json()["code"] for answer in answers)


def reviewers(sharing, count):
    return [sharing.as_(f"dsjzx.shenhe{number}", "dsjzx", Role.PLATFORM_REVIEWER) for number in range(count)]


async def count(sharing, kind):
    return len(await sharing.told(kind))


async def test_of_two_approvers_one_approves_and_one_grant_is_told(sharing, parties):
    number = await parties.heard()
    body = {"approve": True}
    answers = await asyncio.gather(
        *(one.post(f"/applications/{number}/decision", body) for one in reviewers(sharing, 4))
    )

    assert outcomes(answers) == ["application-state"] * 3 + ["ok"]
    assert (await count(sharing, ShareApproved), await count(sharing, GrantChanged)) == (1, 1)


async def test_an_approval_and_a_refusal_do_not_both_count(sharing, parties):
    for _ in range(3):
        number = await parties.heard()
        yes, no = reviewers(sharing, 2)
        answers = await asyncio.gather(
            yes.post(f"/applications/{number}/decision", {"approve": True}),
            no.post(f"/applications/{number}/decision", {"approve": False} | LAW),
        )
        assert outcomes(answers) == ["application-state", "ok"]
    assert await count(sharing, ShareApproved) + await count(sharing, ShareRefused) == 3


async def test_a_withdrawal_and_an_approval_do_not_both_count(sharing, parties):
    for _ in range(3):
        number = await parties.heard()
        answers = await asyncio.gather(
            parties.platform.post(f"/applications/{number}/decision", {"approve": True}),
            parties.applicant.post(f"/applications/{number}/withdrawal"),
        )
        assert outcomes(answers) == ["application-state", "ok"]
        state = (await parties.shown(number))["state"]
        assert state == ("granted" if answers[0].is_success else "withdrawn")


async def test_two_submissions_of_one_draft_take_one_number(sharing, parties):
    draft = await parties.draft(items=OPEN_ITEMS)
    people = [sharing.as_(f"jyj.ren{number}", "jyj", Role.APPLICANT) for number in range(4)]
    answers = await asyncio.gather(*(one.post(f"/applications/{draft}/submission") for one in people))

    assert outcomes(answers) == ["application-state"] * 3 + ["ok"]
    assert await parties.submitted() == "CNZYSQ260002"


async def test_a_provider_who_speaks_twice_at_once_is_heard_once(sharing, parties):
    number = await parties.submitted()
    people = [sharing.as_(f"mzj.ren{number}", "mzj", Role.PROVIDER_REVIEWER) for number in range(3)]
    answers = await asyncio.gather(*(one.post(f"/applications/{number}/opinions", {"agree": True}) for one in people))

    assert outcomes(answers) == ["application-state"] * 2 + ["ok"]
    assert len((await parties.shown(number))["opinions"]) == 1


async def test_approvals_for_one_service_at_once_make_one_grant_in_versions(sharing, parties):
    """The first grant of a unit for a service does not exist yet, so there is no row of it to lock."""
    numbers = [await parties.heard(items=[item]) for item in ("ZJHM", "XM")]
    drafts = [await parties.draft(items=[item]) for item in OPEN_ITEMS]
    answers = await asyncio.gather(
        *(parties.platform.post(f"/applications/{number}/decision", {"approve": True}) for number in numbers),
        *(parties.applicant.post(f"/applications/{draft}/submission") for draft in drafts),
    )

    assert outcomes(answers) == ["ok"] * 4
    told = [one.event for one in await sharing.told(GrantChanged)]
    assert [event.version for event in told] == [1, 2, 3, 4]
    assert len({event.grant for event in told}) == 1
    assert {item.code for item in told[-1].items} == {"ZJHM", "XM", *OPEN_ITEMS}


async def test_a_third_key_is_not_had_by_asking_at_once(sharing, parties):
    grant = await parties.granted_at_once()
    answers = await asyncio.gather(*(parties.applicant.post(f"/grants/{grant}/keys") for _ in range(5)))

    assert outcomes(answers) == ["ok", "ok"] + ["too-many-keys"] * 3
    assert [event.event.version for event in await sharing.told(GrantChanged)] == [1, 2, 3]


async def test_a_suspension_and_a_key_at_once_come_one_after_the_other(sharing, parties):
    grant = await parties.granted_at_once()
    body = {"state": "suspended", "reason": "核查"}
    answers = await asyncio.gather(
        done(parties.provider, "PUT", f"/grants/{grant}/state", body),
        done(parties.applicant, "POST", f"/grants/{grant}/keys"),
    )

    assert len(answers) == 2
    last = await parties.grant_event()
    assert (last.version, last.state, len(last.keys)) == (3, "suspended", 1)
