"""Two people at once (IN-C4, C5): exactly one wins, the other is told why, and the exchange hears one event."""

import asyncio

import pytest

from common.events import CatalogChanged, CodeSetChanged, ServiceChanged
from common.roles import Role
from tests.support.catalog_steps import Unit
from tests.support.catalog_values import entry_body, service_body


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


def outcomes(answers):
    return sorted("ok" if answer.is_success else answer.json()["code"] for answer in answers)


async def all_at_once(*asked):
    return outcomes(await asyncio.gather(*asked))


def others(catalog, role, count):
    return [catalog.as_(f"mzj.{role}{number}", "mzj", role) for number in range(count)]


async def test_of_two_who_change_a_draft_one_is_told_that_his_is_stale(catalog, unit):
    code = await unit.draft()
    bodies = [{"revision": 1, "content": entry_body(name=f"名称{number}")} for number in range(4)]
    writers = others(catalog, Role.COMPILER, 4)
    found = await all_at_once(
        *(writer.put(f"/entries/{code}/draft", body) for writer, body in zip(writers, bodies, strict=True))
    )

    assert found == ["ok", "stale-revision", "stale-revision", "stale-revision"]
    assert (await unit.compiler.get(f"/entries/{code}")).json()["revision"] == 2


async def test_of_two_reviewers_one_reviews(catalog, unit):
    code = await unit.under_review()
    body = {"approve": True}
    found = await all_at_once(*(one.post(f"/entries/{code}/review", body) for one in others(catalog, Role.REVIEWER, 4)))

    assert found == ["entry-state"] * 3 + ["ok"]
    steps = (await unit.compiler.get(f"/entries/{code}/history")).json()["steps"]
    assert [step["action"] for step in steps].count("approved") == 1


async def test_of_two_publishers_one_publishes_and_the_exchange_hears_it_once(catalog, unit):
    code = await unit.approved()
    found = await all_at_once(*(one.post(f"/entries/{code}/publication") for one in others(catalog, Role.PUBLISHER, 4)))

    assert found == ["entry-state"] * 3 + ["ok"]
    assert [one.event.version for one in await catalog.told(CatalogChanged)] == [1]


async def test_an_approval_and_a_sending_back_do_not_both_count(catalog, unit):
    code = await unit.under_review()
    first, second = others(catalog, Role.REVIEWER, 2)
    found = await all_at_once(
        first.post(f"/entries/{code}/review", {"approve": True}),
        second.post(f"/entries/{code}/review", {"approve": False, "opinion": "再核"}),
    )

    assert found == ["entry-state", "ok"]


async def test_twenty_units_of_work_on_one_classification_have_twenty_codes(catalog, unit):
    compilers = others(catalog, Role.COMPILER, 20)
    made = await asyncio.gather(*(one.post("/entries", entry_body()) for one in compilers))

    assert sorted(one.json()["code"] for one in made) == [f"307001-{number:06}" for number in range(1, 21)]


async def test_one_code_of_a_service_goes_to_one(catalog, unit):
    entry = await unit.published()
    body = {"code": "streets", "entry": entry, "content": service_body()}
    found = await all_at_once(*(one.post("/services", body) for one in others(catalog, Role.COMPILER, 4)))

    assert found == ["ok"] + ["service-taken"] * 3


async def test_letting_out_and_withdrawing_at_once_end_in_one_order_or_the_other(catalog, unit):
    """Whoever comes second waits; neither is turned away because the other was there (no deadlock)."""
    for number in range(6):
        entry = await unit.published()
        for service in (f"a{number}", f"b{number}"):
            await unit.registered(entry, service)
        answers = await asyncio.gather(
            unit.publisher.put(f"/services/b{number}/state", {"state": "active"}),
            unit.publisher.post(f"/entries/{entry}/withdrawal", {"reason": "职责调整"}),
            unit.publisher.put(f"/services/a{number}/state", {"state": "active"}),
        )
        assert answers[1].is_success
        assert {one.status_code for one in answers} <= {200, 409}
        states = [one["state"] for one in (await unit.compiler.get(f"/entries/{entry}/services")).json()]
        assert states == ["withdrawn", "withdrawn"]
    versions = {}
    for one in await catalog.told(ServiceChanged):
        versions.setdefault(one.event.service, []).append(one.event.version)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())


async def test_of_two_versions_of_a_code_set_each_has_its_own_number_or_is_told_to_look_again(catalog, unit):
    body = {"id": "district", "name": "区划", "source": "试验", "codes": [{"code": "1", "name": "一"}]}
    found = await all_at_once(*(unit.platform.post("/code-sets", body) for _ in range(4)))

    assert set(found) <= {"ok", "stale-revision"}
    editions = [one.event.edition for one in await catalog.told(CodeSetChanged)]
    assert editions == list(range(1, found.count("ok") + 1))
