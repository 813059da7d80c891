"""Units and their people over HTTP (REQ-U1, R2), with what is on record and what the exchange is told."""

from uuid import uuid4

import pytest

from common.events import UnitChanged
from common.roles import Role
from tests.support.given_clock import at
from tests.support.registry_steps import PLATFORM, bootstrap, done


def refused(answer):
    return answer.status_code, answer.json()["code"]


async def told(registry, unit="mzj"):
    return [one.event for one in await registry.told(UnitChanged) if one.event.unit == unit]


async def test_the_first_administrator_is_entered_once(registry):
    assert not await bootstrap(registry)
    assert len(await registry.rows("select * from account")) == 1
    events = await registry.told()
    assert [one.event.topic for one in events] == ["unit-changed", "unit-changed", "exchange-state-changed"]


async def test_a_unit_is_registered_flagged_and_completed_and_all_of_it_is_on_record(registry, register):
    entered = await register.shown()
    assert (entered["state"], entered["version"]) == ("active", 1)
    assert entered["missing"] == ["responsible-leader", "dedicated-person"]
    leader, dedicated = await register.person(name="示例领导"), await register.person(name="示例专人")
    registry.clock.go_on(minutes=1)
    await done(register.admin("mzj"), "PUT", "/units/mzj/contacts", {"leader": leader, "dedicated": None})
    body = {"leader": leader, "dedicated": dedicated}
    complete = await done(register.admin("mzj"), "PUT", "/units/mzj/contacts", body)
    await done(register.platform, "PUT", "/units/mzj/state", {"state": "suspended", "reason": "安全事件"})

    assert complete["missing"] == []
    assert (complete["changed_by"], complete["version"]) == ("mzj.admin", 3)
    changes = await done(register.platform, "GET", "/units/mzj/changes")
    assert [(one["version"], one["action"], one["changed_by"], one["reason"]) for one in changes] == [
        (1, "registered", "dsjzx.admin", None),
        (2, "contacts", "mzj.admin", None),
        (3, "contacts", "mzj.admin", None),
        (4, "suspended", "dsjzx.admin", "安全事件"),
    ]
    events = await told(registry)
    assert [(one.version, one.state, one.leader, one.dedicated) for one in events] == [
        (1, "active", None, None),
        (2, "active", leader, None),
        (3, "active", leader, dedicated),
        (4, "suspended", leader, dedicated),
    ]
    # Ids of people, and nothing else of them.
    assert all("示例" not in one.model_dump_json() for one in events)


async def test_contacts_are_people_of_the_unit_itself(registry, register):
    other = await register.person("jyj")
    for leader in (other, str(uuid4())):
        answer = await register.platform.put("/units/mzj/contacts", {"leader": leader, "dedicated": None})
        assert refused(answer) == (404, "person-unknown")
    assert (await register.shown())["version"] == 1


@pytest.mark.parametrize(
    "taken",
    [
        {"code": "mzj", "name": "另一个"},
        {"code": PLATFORM, "name": "另一个"},
        {"code": "new", "name": "单位mzj"},
        {"code": "new", "name": "另一个", "body": "data-centre"},
    ],
    ids=["code", "own-code", "name", "body"],
)
async def test_code_name_and_body_are_taken_once(registry, register, taken):
    answer = await register.platform.post("/units", {"kind": "department"} | taken)

    assert refused(answer) == (409, "unit-exists")
    assert await told(registry, "new") == []


async def test_two_forms_of_one_name_are_one_name(registry, register):
    """IN-C11: composed, decomposed, and the compatibility form of an ideograph."""
    await register.unit("first", name="Caf\u00e9更新办")

    for code, name in (("second", "Cafe\u0301更新办"), ("third", "Caf\u00e9\uf901新办")):
        answer = await register.platform.post("/units", {"code": code, "name": name, "kind": "department"})
        assert refused(answer) == (409, "unit-exists")


async def test_a_suspended_unit_comes_back_and_a_withdrawn_one_does_not(registry, register):
    async def move(state):
        return await register.platform.put("/units/mzj/state", {"state": state, "reason": "应急演练"})

    assert (await move("suspended")).json()["state"] == "suspended"
    assert refused(await move("suspended")) == (409, "unit-state")
    assert (await move("active")).json()["state"] == "active"
    assert (await move("withdrawn")).json()["state"] == "withdrawn"
    assert refused(await move("active")) == (409, "unit-state")
    assert [one.state for one in await told(registry)] == ["active", "suspended", "active", "withdrawn"]


async def test_the_unit_that_runs_the_exchange_does_not_withdraw_itself(registry, register):
    """Nobody would be left to keep the register."""
    body = {"state": "withdrawn", "reason": "撤销"}

    assert refused(await register.platform.put(f"/units/{PLATFORM}/state", body)) == (409, "unit-state")


@pytest.mark.parametrize("reason", [None, "", "x", "  ", "\u200b\u200b", "停\x00用"])
async def test_a_unit_is_not_moved_without_saying_why(registry, register, reason):
    body = {"state": "suspended", "reason": reason}

    assert refused(await register.platform.put("/units/mzj/state", body)) == (422, "malformed")


# --- Accounts and roles by edition (REQ-U2) -------------------------------------------------------------------------


async def opening(register, *roles, unit="mzj", name="mzj.ren", **more):
    body = {
        "name": name,
        "person": await register.person(unit),
        "roles": sorted(roles),
        "password": "Correct-Horse-12",
    }
    return await register.platform.post(f"/units/{unit}/accounts", body | more)


async def test_platform_review_is_the_data_centres_alone_under_2021(registry, register):
    assert (await opening(register, Role.PLATFORM_REVIEWER, unit=PLATFORM, name="dsjzx.shenhe")).is_success
    answer = await opening(register, Role.PLATFORM_REVIEWER)

    assert refused(answer) == (403, "role-not-for-unit")
    assert "长府规〔2021〕2号" in answer.json()["title"]


async def test_under_2019_it_was_the_science_commissions(registry, register):
    await register.unit("kw", name="区科委", body="science-commission")
    registry.clock.shows = at("2020-03-02")
    assert (await opening(register, Role.PLATFORM_REVIEWER, unit="kw", name="kw.shenhe")).is_success
    answer = await opening(register, Role.PLATFORM_REVIEWER, unit=PLATFORM, name="dsjzx.shenhe")
    assert refused(answer) == (403, "role-not-for-unit")
    registry.clock.shows = at("2021-06-01", "00:00:00")

    assert refused(await opening(register, Role.PLATFORM_REVIEWER, unit="kw", name="kw.other"))[0] == 403
    assert (await opening(register, Role.PLATFORM_REVIEWER, unit=PLATFORM, name="dsjzx.shenhe")).is_success


async def test_no_account_is_opened_or_changed_into_a_service(registry, register):
    assert refused(await opening(register, Role.SERVICE)) == (403, "role-not-for-unit")
    await register.account("mzj.ren", Role.COMPILER)
    body = {"roles": ["service"], "enabled": True}

    assert refused(await register.platform.put("/units/mzj/accounts/mzj.ren", body)) == (403, "role-not-for-unit")


async def test_a_person_has_one_account_so_that_two_accounts_are_two_persons(registry, register):
    person = await register.person()
    await register.account("mzj.bianzhi", Role.COMPILER, person=person)
    again = await opening(register, Role.PUBLISHER, name="mzj.fabu", person=person)
    assert refused(again) == (409, "person-has-account")
    # Out of use it is still that person's.
    body = {"roles": [], "enabled": False}
    await done(register.platform, "PUT", "/units/mzj/accounts/mzj.bianzhi", body)

    assert refused(await opening(register, Role.PUBLISHER, name="mzj.fabu", person=person)) == (
        409,
        "person-has-account",
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"password": "short"}, "weak-password"),
        ({"password": "Mzj.Ren-12345"}, "weak-password"),
        ({"name": "dsjzx.admin"}, "account-exists"),
        ({"name": "Mzj.Ren"}, "malformed"),
        ({"roles": []}, "malformed"),
        ({"roles": ["root"]}, "malformed"),
        ({"person": str(uuid4())}, "person-unknown"),
        ({"unit": "jyj"}, "malformed"),
        ({"enabled": False}, "malformed"),
        ({"failures": 0}, "malformed"),
        ({"password_hash": "x"}, "malformed"),
    ],
)
async def test_an_account_that_cannot_be_is_not_opened(registry, register, more, code):
    good = {
        "name": "mzj.ren",
        "person": await register.person(),
        "roles": ["compiler"],
        "password": "Correct-Horse-12",
    }
    answer = await register.platform.post("/units/mzj/accounts", good | more)

    assert answer.json()["code"] == code
    assert len(await registry.rows("select * from account")) == 1
    assert [one.version for one in await told(registry)] == [1]


async def test_the_exchange_is_told_how_many_people_keep_a_units_catalogue(registry, register):
    await register.account("mzj.bianzhi", Role.COMPILER, Role.APPLICANT)
    await register.account("mzj.fabu", Role.PUBLISHER)
    await register.account("mzj.shenqing", Role.APPLICANT)
    body = {"roles": ["publisher"], "enabled": False}
    await done(register.admin("mzj"), "PUT", "/units/mzj/accounts/mzj.fabu", body)

    assert [(one.version, one.catalog_keepers) for one in await told(registry)] == [
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 2),
        (5, 1),
    ]


async def test_an_account_of_another_unit_is_not_there(registry, register):
    await register.account("mzj.ren", Role.COMPILER)
    body = {"roles": ["compiler"], "enabled": True}

    assert refused(await register.admin("jyj").put("/units/jyj/accounts/mzj.ren", body)) == (404, "account-unknown")
    assert refused(await register.admin("jyj").put("/units/jyj/accounts/none.ren", body)) == (404, "account-unknown")


async def test_names_and_phones_are_for_the_unit_and_the_platform(registry, register):
    await register.person(name="示例甲")
    shown = (await registry.as_("mzj.ren", "mzj", Role.COMPILER).get("/units/mzj/people")).json()

    assert [(one["name"], one["phone"]) for one in shown] == [("示例甲", "021-00000000")]
    assert "示例甲" not in (await registry.as_("jyj.ren", "jyj", Role.ADMINISTRATOR).get("/units")).text
