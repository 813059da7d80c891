"""What others do not see of an application or a grant (IN-C10): not by name, in lists, on pages, in error texts."""

from uuid import uuid4

import pytest

from common.roles import Role
from tests.support.catalog_values import catalog_changed
from tests.support.sharing_steps import OPEN_ITEMS, done
from tests.support.sharing_values import application_body


def shape(answer, name):
    """All that an answer says, but for its trace and what was asked for."""
    body = answer.json()
    assert body.pop("trace_id")
    return answer.status_code, str(body).replace(name, "…")


@pytest.mark.parametrize(
    ("method", "step", "body"),
    [
        ("GET", "", None),
        ("POST", "/submission", None),
        ("POST", "/withdrawal", None),
        ("POST", "/opinions", {"agree": True}),
        ("POST", "/papers", {"papers": ["applicant-stamp"]}),
        ("POST", "/decision", {"approve": True}),
        ("POST", "/decision", {"approve": False, "reason": "不同意", "legal_basis": "某法"}),
    ],
)
async def test_an_application_of_others_and_none_have_one_answer(sharing, parties, method, step, body):
    number, draft = await parties.heard(), await parties.draft()
    for hidden, absent in ((number, "CNZYSQ260999"), (draft, str(uuid4()))):
        seen = await parties.stranger.ask(method, f"/applications/{hidden}{step}", body)
        missing = await parties.stranger.ask(method, f"/applications/{absent}{step}", body)
        assert seen.status_code == 404
        assert shape(seen, hidden) == shape(missing, absent)


@pytest.mark.parametrize(
    ("method", "step", "body"),
    [
        ("GET", "", None),
        ("PUT", "/state", {"state": "suspended", "reason": "核查"}),
        ("PUT", "/state", {"state": "withdrawn"}),
        ("POST", "/keys", None),
        ("DELETE", "/keys/x", None),
    ],
)
async def test_a_grant_of_others_and_none_have_one_answer(sharing, parties, method, step, body):
    grant, absent = await parties.granted_at_once(), str(uuid4())
    seen = await parties.stranger.ask(method, f"/grants/{grant}{step}", body)
    missing = await parties.stranger.ask(method, f"/grants/{absent}{step}", body)

    assert seen.status_code == 404
    assert shape(seen, grant) == shape(missing, absent)


async def test_each_sees_in_the_list_what_concerns_him(sharing, parties):
    draft, submitted = await parties.draft(), await parties.submitted()
    other = sharing.as_("gaj.shenqing", "gaj", Role.APPLICANT)
    theirs = (await done(other, "POST", "/applications", application_body(items=OPEN_ITEMS)))["id"]
    number = (await done(other, "POST", f"/applications/{theirs}/submission"))["number"]
    auditor = sharing.as_("qfb.shenji", "qfb", Role.AUDITOR)
    commission = sharing.as_("kw.ren", "kw", Role.APPLICANT)

    async def listed(caller):
        return {one["number"] or one["id"] for one in (await caller.get("/applications")).json()}

    assert await listed(parties.applicant) == {draft, submitted}
    assert await listed(parties.provider) == {submitted, number}
    assert await listed(parties.platform) == await listed(auditor) == {submitted, number}
    assert await listed(commission) == set()


@pytest.mark.parametrize("reader", ["provider", "platform"])
async def test_a_page_is_full_of_what_the_caller_may_see(sharing, parties, reader):
    """Drafts of others must not eat up the page: an empty page means the end."""
    caller = getattr(parties, reader)
    number = await parties.submitted()
    for _ in range(2):
        sharing.clock.go_on(minutes=1)
        draft = await parties.draft()
    sharing.clock.go_on(minutes=1)
    await parties.applicant.post(f"/applications/{draft}/withdrawal")
    page = (await caller.get("/applications", params={"limit": 1})).json()

    assert [one["number"] for one in page] == [number]


async def test_the_list_goes_back_page_by_page_and_by_state(sharing, parties):
    numbers = []
    for _ in range(3):
        sharing.clock.go_on(minutes=1)
        numbers.append(await parties.submitted())
    sharing.clock.go_on(minutes=1)
    await parties.applicant.post(f"/applications/{numbers[0]}/withdrawal")

    async def page(**query):
        return [one["number"] for one in (await parties.applicant.get("/applications", params=query)).json()]

    assert await page() == [numbers[0], numbers[2], numbers[1]]
    assert await page(state="submitted") == [numbers[2], numbers[1]]
    third = (await parties.shown(numbers[2]))["submitted_at"]
    assert await page(before=third, limit=1) == [numbers[1]]


async def test_grants_are_listed_for_both_sides_and_nobody_else(sharing, parties):
    grant = await parties.granted_at_once()

    async def listed(caller):
        return [one["id"] for one in (await caller.get("/grants")).json()]

    assert (
        await listed(parties.applicant) == await listed(parties.provider) == await listed(parties.platform) == [grant]
    )
    assert await listed(parties.stranger) == []


async def test_what_is_not_published_and_what_is_not_there_cannot_be_told_apart(sharing, parties):
    hidden, absent = "307001-000002", "307001-000003"
    await sharing.hear(catalog_changed(hidden, version=2, state="withdrawn"))
    answers = [await parties.applicant.post("/applications", application_body(entry=code)) for code in (hidden, absent)]

    assert shape(answers[0], hidden) == shape(answers[1], absent)
    assert answers[0].json()["code"] == "not-applicable"
