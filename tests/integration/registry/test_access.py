"""Who may do what in the register: every role of a unit itself, of another, and of the platform's, on each route."""

import itertools
import re

import pytest

from common.roles import Role
from tests.support import tokens
from tests.support.access import OK, SERVICES_ONLY, Attempt, wrong_cells
from tests.support.registry_steps import PASSWORD, PLATFORM, done
from tests.support.signing import new_public_key

UNIT = "mzj"
UNITS = (UNIT, "jyj", PLATFORM)
NUMBERS = itertools.count()
# Before anybody has a token, or with a session in its place.
OPEN = {("POST", "/sessions"), ("POST", "/sessions/end"), ("POST", "/tokens"), ("GET", "/.well-known/jwks.json")}
OPEN |= {("GET", "/.well-known/answer-keys.json")}
OPEN |= {("POST", "/service-tokens")}


def everybody(unit, role):
    return OK


def platform(unit, role):
    """Administrators of the unit that runs the exchange, and nobody else."""
    return OK if (unit, role) == (PLATFORM, Role.ADMINISTRATOR) else "forbidden"


def own_or_platform(unit, role):
    return OK if role is Role.ADMINISTRATOR and unit in {UNIT, PLATFORM} else "forbidden"


def own(unit, role):
    """Not even the platform's administrator: a key is seen by the unit alone."""
    return OK if (unit, role) == (UNIT, Role.ADMINISTRATOR) else "forbidden"


def members(unit, role):
    return OK if unit == UNIT else platform(unit, role)


def members_or_auditors(unit, role):
    return OK if role is Role.AUDITOR else members(unit, role)


ROUTES = {
    # name: (method, the route, its body, who gets what)
    "list": ("GET", "/units", None, everybody),
    "see": ("GET", "/units/mzj", None, everybody),
    "register": ("POST", "/units", "new_unit", platform),
    "changes": ("GET", "/units/mzj/changes", None, members_or_auditors),
    "contacts": ("PUT", "/units/mzj/contacts", "contacts", own_or_platform),
    "move": ("PUT", "/units/mzj/state", "other_state", platform),
    "issue-key": ("POST", "/units/mzj/keys", None, own),
    "revoke-key": ("DELETE", "/units/mzj/keys/{}", "key", own_or_platform),
    "add-signing-key": ("POST", "/units/mzj/signing-keys", "new_signing_key", own),
    "withdraw-signing-key": ("DELETE", "/units/mzj/signing-keys/{}", "signing_key", own_or_platform),
    "bind-certificate": ("POST", "/units/mzj/certificates", "new_certificate", own),
    "release-certificate": ("DELETE", "/units/mzj/certificates/{}", "certificate", own_or_platform),
    "people": ("GET", "/units/mzj/people", None, members),
    "add-person": ("POST", "/units/mzj/people", "new_person", own_or_platform),
    "accounts": ("GET", "/units/mzj/accounts", None, own_or_platform),
    "open-account": ("POST", "/units/mzj/accounts", "new_account", own_or_platform),
    "change-account": ("PUT", "/units/mzj/accounts/mzj.ren", "other_roles", own_or_platform),
    "exchange": ("GET", "/exchange", None, everybody),
    "stop": ("PUT", "/exchange", "other_exchange", platform),
}


async def without_proofs(register):
    shown = await register.shown()
    for kind in ("signing_keys", "certificates"):
        for held in shown[kind]:
            await done(register.admin(UNIT), "DELETE", f"/units/mzj/{kind.replace('_', '-')}/{held['id']}")


async def ready_to_prove(register, what, route):
    await without_proofs(register)
    of_key = "key" in what
    body = {"public": new_public_key()} if of_key else {"subject": "CN=mzj-1,O=Example"}
    if what.startswith("new"):
        return route, body
    path, kind = ("signing-keys", "signing_keys") if of_key else ("certificates", "certificates")
    shown = await done(register.admin(UNIT), "POST", f"/units/mzj/{path}", body)
    return route.format(shown[kind][0]["id"]), None


async def ready(register, what, route):
    """The route and the body of an attempt; what it works on is there."""
    match what:
        case "new_unit":
            number = next(NUMBERS)
            return route, {"code": f"u{number}", "name": f"单位{number}", "kind": "department"}
        case "contacts":
            person = await register.person()
            return route, {"leader": person, "dedicated": person}
        case "other_state":
            state = (await register.shown())["state"]
            return route, {"state": "suspended" if state == "active" else "active", "reason": "应急演练"}
        case "key":
            held = (await register.shown())["keys"]
            key = held[0]["id"] if held else (await done(register.admin(UNIT), "POST", "/units/mzj/keys"))["id"]
            return route.format(key), None
        case "new_signing_key" | "signing_key" | "new_certificate" | "certificate":
            return await ready_to_prove(register, what, route)
        case "new_person":
            return route, {"name": "示例", "post": "编制", "phone": "021-00000000"}
        case "new_account":
            name = f"mzj.n{next(NUMBERS)}"
            person = await register.person()
            return route, {"name": name, "person": person, "roles": ["compiler"], "password": PASSWORD}
        case "other_roles":
            return route, {"roles": ["compiler"], "enabled": True}
        case "other_exchange":
            state = (await done(register.platform, "GET", "/exchange"))["state"]
            return route, {"state": "stopped" if state == "running" else "running", "reason": "应急演练"}
        case _:
            # A unit has two keys at most: what an earlier success issued goes.
            for held in (await register.shown())["keys"]:
                await register.admin(UNIT).delete(f"/units/mzj/keys/{held['id']}")
            return route, None


@pytest.mark.parametrize("name", sorted(ROUTES))
async def test_every_role_of_every_unit_gets_its_answer(registry, register, name):
    method, route, what, expected = ROUTES[name]
    await register.account("mzj.ren", Role.COMPILER)

    async def prepare():
        return await ready(register, what, route)

    assert await wrong_cells(registry, UNITS, Attempt(method, prepare, expected)) == {}


async def test_every_route_of_the_register_is_in_the_matrix(registry):
    document = registry.parts.http.openapi()["paths"]
    there = {(method.upper(), path) for path, methods in document.items() for method in methods}
    tried = {(method, re.sub(r"mzj\.ren|mzj", "{}", route)) for method, route, _, _ in ROUTES.values()}

    assert {(method, re.sub(r"\{[a-z]+\}", "{}", path)) for method, path in there - OPEN - SERVICES_ONLY} == tried


@pytest.mark.parametrize("path", ["/changes", "/people", "/accounts"])
async def test_what_is_a_units_own_and_a_unit_that_is_not_there_have_one_answer(registry, register, path):
    """IN-C10."""
    stranger = registry.as_("jyj.ren", "jyj", Role.COMPILER, Role.ADMINISTRATOR)
    hidden, absent = await stranger.get(f"/units/mzj{path}"), await stranger.get(f"/units/none{path}")

    assert (hidden.status_code, hidden.json()["title"]) == (absent.status_code, absent.json()["title"])
    assert hidden.status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "catalog"},
        {"aud": ["registry", "catalog"], "iss": "other"},
        {"iss": "other"},
        {"exp": 1_700_000_000, "iat": 1_699_999_900},
        {"exp": 4_000_000_000},
        {"roles": "administrator"},
        {"unit": None},
        {"sub": 7},
    ],
)
async def test_a_token_for_another_door_or_another_time_opens_nothing(registry, claims):
    token = tokens.mint(
        registry.fresh.installation,
        account="dsjzx.admin",
        unit=PLATFORM,
        roles=frozenset({Role.ADMINISTRATOR}),
        audience="registry",
        claims=claims,
    )
    answer = await registry.http.get("/units", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é"])
async def test_what_is_no_token_opens_nothing(registry, token):
    headers = {"Authorization": f"Bearer {token}".encode()}
    answer = await registry.http.get("/units", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
