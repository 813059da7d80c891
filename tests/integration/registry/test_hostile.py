"""What no client should send to the register (IN-C1, C11): refused with a code, never set, never a fault of ours."""

import pytest

from common.roles import Role
from registry import service
from tests.support.hostile_requests import Given, none_is_our_fault
from tests.support.registry_steps import PASSWORD, PLATFORM, QUICK, done
from tests.support.signing import new_public_key


def refused(answer):
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/units", {"code": "gaj", "name": "区公安分局", "kind": "department", "state": "active"}),
        ("POST", "/units", {"code": "gaj", "name": "区公安分局", "kind": "department", "version": 9}),
        ("POST", "/units", {"code": "gaj", "name": "区公安分局", "kind": "department", "keys": []}),
        ("PUT", "/units/mzj/contacts", {"leader": None, "dedicated": None, "changed_by": "x"}),
        ("PUT", "/units/mzj/state", {"state": "suspended", "reason": "演练", "by": "x"}),
        ("POST", "/units/mzj/people", {"name": "示例", "post": "编制", "phone": "021-00000000", "unit": "jyj"}),
        ("PUT", "/units/mzj/accounts/mzj.ren", {"roles": [], "enabled": True, "unit": "jyj"}),
        ("PUT", "/units/mzj/accounts/mzj.ren", {"roles": [], "enabled": True, "password": "x"}),
        ("PUT", "/exchange", {"state": "stopped", "reason": "演练", "version": 9}),
        ("POST", "/sessions", {"account": "dsjzx.admin", "password": PASSWORD, "roles": ["auditor"]}),
        ("POST", "/tokens", {"session": "x" * 43, "audience": "catalog", "roles": ["auditor"]}),
    ],
)
async def test_what_is_not_the_callers_to_say_is_refused(registry, register, method, path, body):
    before = await registry.told()

    assert refused(await register.platform.ask(method, path, body)) == (422, "malformed")
    assert await registry.told() == before


@pytest.mark.parametrize("name", ["", " ", "\u200b", "区\x00委", "区\x1b[31m委", "a" * 101, None, 7, ["区委"]])
async def test_a_name_is_a_text_that_can_be_kept_and_read(registry, register, name):
    body = {"code": "gaj", "name": name, "kind": "department"}
    answer = await register.platform.ask("POST", "/units", body)

    assert refused(answer) == (422, "malformed")
    assert answer.json()["errors"][0]["at"] == "body.name"


async def test_a_refused_login_repeats_neither_name_nor_password(registry, register):
    answer = await registry.http.post("/sessions", json={"account": "某人的账号", "password": "某人的密码"})
    malformed = await registry.http.post("/sessions", json={"account": "某人的账号" * 9, "password": ["某人的密码"]})

    assert (answer.status_code, malformed.status_code) == (401, 422)
    assert "某人" not in answer.text + malformed.text


async def test_no_request_makes_the_register_fail(registry, register, monkeypatch):
    # A login of nobody costs as much as any; here so many are tried that it should cost little.
    monkeypatch.setattr(service, "_NOBODY", QUICK.hash("nobody"))
    await register.account("mzj.ren", Role.COMPILER)
    person, free = await register.person(), await register.person(name="示例民政二")
    key = (await done(register.admin("mzj"), "POST", "/units/mzj/keys"))["id"]
    session = await register.session("mzj.ren")
    bodies = {
        "POST /sessions": {"account": "mzj.nobody", "password": PASSWORD},
        "POST /sessions/end": {"session": session},
        "POST /tokens": {"session": session, "audience": "catalog"},
        "POST /units": {"code": "gaj", "name": "区公安分局", "kind": "department", "body": "police-branch"},
        "PUT /units/{code}/contacts": {"leader": person, "dedicated": free},
        "PUT /units/{code}/state": {"state": "suspended", "reason": "应急演练"},
        "POST /units/{code}/people": {"name": "示例", "post": "编制", "phone": "021-00000000"},
        "POST /units/{code}/accounts": {
            "name": "mzj.xin",
            "person": free,
            "roles": ["compiler"],
            "password": PASSWORD,
        },
        "POST /units/{code}/signing-keys": {"public": new_public_key()},
        "POST /units/{code}/certificates": {"subject": "CN=mzj-1,O=Example"},
        "PUT /units/{code}/accounts/{name}": {"roles": ["publisher"], "enabled": True},
        "PUT /exchange": {"state": "stopped", "reason": "应急演练"},
    }
    live = {"units.code": ["mzj", "jyj"], "units.name": ["mzj.ren"], "units.key": [key]}
    await none_is_our_fault(registry, Given((PLATFORM, "mzj", "nobody"), live, bodies), examples=150)
