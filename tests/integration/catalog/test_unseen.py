"""What other units do not see of a draft (IN-C10): not by its code, not in lists, searches, pages or histories."""

import pytest

from common.roles import Role
from tests.support.catalog_steps import Unit


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


@pytest.fixture
def stranger(catalog):
    return catalog.as_("jyj.shenqing", "jyj", Role.APPLICANT)


def shape(answer, code):
    """All that an answer says, but for its trace and the code that was asked for."""
    body = answer.json()
    assert body.pop("trace_id")
    return answer.status_code, str(body).replace(code, "…")


async def names(caller, **query):
    return [one["code"] for one in (await caller.get("/entries", params=query)).json()]


@pytest.mark.parametrize("path", ["", "/history", "/services"])
async def test_a_draft_and_nothing_at_all_have_one_answer(catalog, unit, stranger, path):
    draft = await unit.draft()
    absent = "307001-000999"
    hidden, missing = await stranger.get(f"/entries/{draft}{path}"), await stranger.get(f"/entries/{absent}{path}")

    assert hidden.status_code == 404
    assert shape(hidden, draft) == shape(missing, absent)


async def test_what_is_done_to_a_draft_of_others_is_done_to_nothing(catalog, unit):
    draft = await unit.under_review()
    other = Unit(catalog, "jyj")
    answers = [
        await other.compiler.post(f"/entries/{draft}/submission"),
        await other.reviewer.post(f"/entries/{draft}/review", {"approve": True}),
        await other.publisher.post(f"/entries/{draft}/publication"),
        await other.publisher.post(f"/entries/{draft}/withdrawal", {"reason": "不是我的"}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "entry-unknown")] * 4


async def test_a_hidden_service_and_none_have_one_answer(catalog, unit, stranger):
    await unit.registered(await unit.published(), "hidden")
    publisher = Unit(catalog, "jyj").publisher

    for ask in (
        lambda code: stranger.get(f"/services/{code}"),
        lambda code: stranger.get(f"/services/{code}/description"),
        lambda code: stranger.get(f"/services/{code}/description.md"),
        lambda code: publisher.put(f"/services/{code}/state", {"state": "active"}),
    ):
        hidden, missing = await ask("hidden"), await ask("absent")
        assert hidden.status_code == 404
        assert shape(hidden, "hidden") == shape(missing, "absent")
    entry = (await unit.compiler.get("/entries")).json()[0]["code"]
    assert (await stranger.get(f"/entries/{entry}/services")).json() == []
    assert len((await unit.platform.get(f"/entries/{entry}/services")).json()) == 1


async def test_a_page_is_full_of_what_the_caller_may_see(catalog, unit, stranger):
    """Drafts of others must not eat up the page: an empty page means the end."""
    for _ in range(3):
        await unit.draft()
    public = [await unit.published(), await unit.published()]

    assert await names(stranger, limit=1) == public[:1]
    assert await names(stranger, limit=1, after=public[0]) == public[1:]
    assert await names(stranger, limit=1, after=public[1]) == []
    assert len(await names(unit.compiler, limit=4)) == 4
    assert len(await names(unit.platform)) == 5


async def test_a_published_entry_is_found_by_its_published_name_whatever_its_draft_says(catalog, unit, stranger):
    entry = await unit.published(name="街道镇名录")
    await unit.change(entry, name="秘密改名")

    assert await names(stranger, name="街道镇") == [entry]
    assert await names(stranger, name="秘密") == []
    assert await names(unit.compiler, name="秘密") == [entry]
    shown = (await stranger.get(f"/entries/{entry}")).json()
    assert (shown["state"], shown["draft"]) == ("published", None)
    assert (await unit.compiler.get(f"/entries/{entry}")).json()["state"] == "changed"


@pytest.mark.parametrize("text", ["%", "_", "\\", "'; drop table entry; --", "街道%"])
async def test_a_search_takes_its_text_literally(catalog, unit, stranger, text):
    await unit.published(name="街道镇名录")

    assert await names(stranger, name=text) == []


async def test_the_history_of_a_published_entry_tells_strangers_of_its_publications_alone(catalog, unit, stranger):
    entry = await unit.under_review()
    await unit.reviewer.post(f"/entries/{entry}/review", {"approve": False, "opinion": "内部意见"})
    await unit.submit(entry)
    await unit.approve(entry)
    await unit.publish(entry)
    await unit.registered(entry, "hidden")
    await unit.change(entry, name="改名中")
    seen = await stranger.get(f"/entries/{entry}/history")

    assert [step["action"] for step in seen.json()["steps"]] == ["published"]
    assert [edition["number"] for edition in seen.json()["editions"]] == [1]
    assert "内部意见" not in seen.text
    assert len((await unit.platform.get(f"/entries/{entry}/history")).json()["steps"]) == 8


async def test_a_provider_is_asked_for_by_its_code(catalog, unit, stranger):
    entry = await unit.published()
    await Unit(catalog, "jyj").published(classification="307002")

    assert await names(stranger, provider="mzj") == [entry]
