"""Unit keys (REQ-U3) and the emergency stop of the whole exchange (REQ-R2)."""

import asyncio

import pytest

from common.events import ExchangeStateChanged, UnitChanged
from common.keys import KeyKind, Pepper, well_formed
from common.roles import Role
from tests.support.registry_steps import PLATFORM, done


def refused(answer):
    return answer.status_code, answer.json()["code"]


def outcomes(answers):
    return sorted("ok" if answer.is_success else answer.json()["code"] for answer in answers)


async def told(registry, unit="mzj"):
    return [one.event for one in await registry.told(UnitChanged) if one.event.unit == unit]


# --- Keys ------------------------------------------------------------------------------------------------------------


async def test_a_key_is_shown_once_and_only_its_hash_is_kept(registry, register):
    """I14: the clear key stands nowhere in the database; nor does any later answer show it."""
    issued = await done(register.admin("mzj"), "POST", "/units/mzj/keys")
    clear = issued["unitKey"]
    secrets = registry.fresh.installation.secrets
    hashed = Pepper(secrets.pepper_id, secrets.pepper.encode()).digest(clear)

    assert well_formed(KeyKind.UNIT, clear)
    everything = await registry.dump()
    assert hashed in everything
    assert clear not in everything
    assert clear[4:] not in everything
    assert clear.encode().hex() not in everything
    last = (await told(registry))[-1]
    assert [(key.id, key.hash, key.algorithm, key.pepper) for key in last.keys] == [
        (issued["id"], hashed, "hmac-sha256", secrets.pepper_id)
    ]
    for path in ("/units", "/units/mzj", "/units/mzj/changes"):
        shown = (await register.admin("mzj").get(path)).text
        assert clear not in shown
        assert hashed not in shown
    assert (await register.shown())["keys"][0]["last"] == clear[-4:]


async def test_each_key_is_another(register):
    keys = [(await done(register.admin(unit), "POST", f"/units/{unit}/keys"))["unitKey"] for unit in ("mzj", "jyj")]

    assert len(set(keys)) == 2


async def test_a_key_is_rotated_by_issuing_changing_over_and_revoking(registry, register):
    old = await done(register.admin("mzj"), "POST", "/units/mzj/keys")
    new = await done(register.admin("mzj"), "POST", "/units/mzj/keys")
    assert refused(await register.admin("mzj").post("/units/mzj/keys")) == (409, "too-many-keys")
    await done(register.platform, "DELETE", f"/units/mzj/keys/{old['id']}")

    assert [len(one.keys) for one in await told(registry)] == [0, 1, 2, 1]
    assert [key.id for key in (await told(registry))[-1].keys] == [new["id"]]
    (row,) = await registry.rows("select revoked_by, revoked_at from unit_key where revoked_at is not null")
    assert (row["revoked_by"], row["revoked_at"]) == ("dsjzx.admin", registry.clock())
    assert refused(await register.platform.delete(f"/units/mzj/keys/{old['id']}")) == (404, "key-unknown")


async def test_a_key_of_another_unit_is_not_there(register):
    issued = await done(register.admin("mzj"), "POST", "/units/mzj/keys")

    assert refused(await register.admin("jyj").delete(f"/units/jyj/keys/{issued['id']}")) == (404, "key-unknown")


async def test_of_five_who_ask_at_once_two_get_a_key(registry, register):
    answers = await asyncio.gather(*(register.admin("mzj").post("/units/mzj/keys") for _ in range(5)))

    assert outcomes(answers) == ["ok", "ok"] + ["too-many-keys"] * 3
    assert [(one.version, len(one.keys)) for one in await told(registry)] == [(1, 0), (2, 1), (3, 2)]


# --- Changes of a unit at once ---------------------------------------------------------------------------------------


async def test_of_two_who_suspend_a_unit_one_does_and_it_is_told_once(registry, register):
    body = {"state": "suspended", "reason": "安全事件"}
    answers = await asyncio.gather(*(register.platform.put("/units/mzj/state", body) for _ in range(4)))

    assert outcomes(answers) == ["ok"] + ["unit-state"] * 3
    assert [one.version for one in await told(registry)] == [1, 2]


async def test_so_it_is_with_the_unit_that_runs_the_exchange_itself(registry, register):
    """It was looked at already, to see who asks, before its row is locked."""
    body = {"state": "suspended", "reason": "安全事件"}
    before = len(await told(registry, PLATFORM))
    answers = await asyncio.gather(*(register.platform.put(f"/units/{PLATFORM}/state", body) for _ in range(6)))

    assert outcomes(answers) == ["ok"] + ["unit-state"] * 5
    assert len(await told(registry, PLATFORM)) == before + 1


async def test_changes_of_every_kind_at_once_are_told_in_one_order_without_a_gap(registry, register):
    person, other = await register.person(), await register.person(name="示例民政二")
    accounts = [
        {"name": name, "person": one, "roles": ["compiler"], "password": "Correct-Horse-12"}
        for name, one in (("mzj.jia", person), ("mzj.yi", other))
    ]
    answers = await asyncio.gather(
        register.admin("mzj").post("/units/mzj/keys"),
        register.admin("mzj").put("/units/mzj/contacts", {"leader": person, "dedicated": other}),
        register.platform.put("/units/mzj/state", {"state": "suspended", "reason": "安全事件"}),
        *(register.admin("mzj").post("/units/mzj/accounts", body) for body in accounts),
    )

    assert outcomes(answers) == ["ok"] * 5
    events = await told(registry)
    assert [one.version for one in events] == [1, 2, 3, 4, 5, 6]
    last = events[-1]
    assert (last.state, len(last.keys), last.leader, last.catalog_keepers) == ("suspended", 1, person, 2)


async def test_one_person_does_not_get_two_accounts_by_asking_at_once(register):
    person = await register.person()
    bodies = [
        {"name": f"mzj.r{number}", "person": person, "roles": ["compiler"], "password": "Correct-Horse-12"}
        for number in range(4)
    ]
    answers = await asyncio.gather(*(register.platform.post("/units/mzj/accounts", body) for body in bodies))

    assert outcomes(answers) == ["ok"] + ["person-has-account"] * 3


async def test_one_code_of_a_unit_goes_to_one(registry, register):
    bodies = [{"code": "gaj", "name": f"单位{number}", "kind": "department"} for number in range(4)]
    answers = await asyncio.gather(*(register.platform.post("/units", body) for body in bodies))

    assert outcomes(answers) == ["ok"] + ["unit-exists"] * 3
    assert len(await told(registry, "gaj")) == 1


# --- The emergency stop ----------------------------------------------------------------------------------------------


async def states(registry):
    events = [one.event for one in await registry.told(ExchangeStateChanged)]
    return [(one.version, one.state, one.changed_by, one.reason) for one in events]


async def test_the_exchange_is_stopped_and_let_run_again_with_the_reason_and_told_to_all(registry, register):
    async def to(state, reason):
        return await register.platform.put("/exchange", {"state": state, "reason": reason})

    stopped = (await to("stopped", "数据泄露处置")).json()
    assert (stopped["state"], stopped["version"], stopped["reason"]) == ("stopped", 1, "数据泄露处置")
    assert refused(await to("stopped", "再次")) == (409, "exchange-state-unchanged")
    seen = await registry.as_("mzj.ren", "mzj", Role.COMPILER).get("/exchange")
    assert (seen.json()["state"], seen.json()["reason"]) == ("stopped", "数据泄露处置")
    await to("running", "处置完毕")

    assert await states(registry) == [
        (0, "running", "setup", None),
        (1, "stopped", "dsjzx.admin", "数据泄露处置"),
        (2, "running", "dsjzx.admin", "处置完毕"),
    ]


async def test_of_two_who_stop_it_at_once_one_does(registry, register):
    body = {"state": "stopped", "reason": "数据泄露处置"}
    answers = await asyncio.gather(*(register.platform.put("/exchange", body) for _ in range(4)))

    assert outcomes(answers) == ["exchange-state-unchanged"] * 3 + ["ok"]
    assert [version for version, *_ in await states(registry)] == [0, 1]


@pytest.mark.parametrize(
    "body", [{"state": "stopped"}, {"state": "stopped", "reason": " \u200b "}, {"state": "off", "reason": "停用"}]
)
async def test_it_is_not_stopped_without_saying_why(registry, register, body):
    assert refused(await register.platform.put("/exchange", body)) == (422, "malformed")
    assert len(await states(registry)) == 1


async def test_logging_in_and_administering_go_on_while_it_is_stopped(registry, register):
    await done(register.platform, "PUT", "/exchange", {"state": "stopped", "reason": "数据泄露处置"})

    assert (await register.log_in("dsjzx.admin")).status_code == 201
    assert (await register.admin("mzj").post("/units/mzj/keys")).is_success
