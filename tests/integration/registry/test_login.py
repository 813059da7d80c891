"""Logging in (REQ-U2): one answer for every refusal, a lock after five failures, sessions that end, short tokens."""

import asyncio
from uuid import UUID

import pytest
from argon2 import PasswordHasher, extract_parameters
from joserfc import jwt
from joserfc.jwk import KeySet

from common import clock
from common.auth import MAX_LIFETIME
from common.roles import Role
from registry import service
from tests.support import tokens
from tests.support.given_clock import at
from tests.support.registry_steps import PASSWORD, PLATFORM, done

WRONG = "Wrong-Horse-1234"
REFUSED = (401, "login-refused")


def refused(answer):
    return answer.status_code, answer.json()["code"]


@pytest.fixture
async def clerk(register):
    """An account of 区民政局 that compiles and applies."""
    await register.account("mzj.ren", Role.COMPILER, Role.APPLICANT)
    return "mzj.ren"


async def fail(register, account, times):
    for _ in range(times):
        assert refused(await register.log_in(account, WRONG)) == REFUSED


# --- Passwords and refusals ------------------------------------------------------------------------------------------


async def test_a_password_is_kept_as_argon2id_of_some_cost(registry, register, monkeypatch):
    monkeypatch.setattr(service, "_hasher", PasswordHasher())
    await register.account("mzj.ren", Role.COMPILER)
    (row,) = await registry.rows("select password_hash from account where name = 'mzj.ren'")
    parameters = extract_parameters(row["password_hash"])

    # OWASP's least: 19 MiB and two passes. Who is nobody costs as much, so that time tells nothing.
    assert (parameters.type.name, parameters.memory_cost >= 19 * 1024, parameters.time_cost >= 2) == ("ID", True, True)
    assert extract_parameters(service._NOBODY) == parameters
    assert PASSWORD not in await registry.dump()


async def test_whatever_is_wrong_the_answer_is_the_same(registry, register, clerk):
    await register.account("mzj.zanting", Role.COMPILER)
    body = {"roles": ["compiler"], "enabled": False}
    await done(register.platform, "PUT", "/units/mzj/accounts/mzj.zanting", body)
    await register.account("mzj.suo", Role.COMPILER)
    await fail(register, "mzj.suo", 5)
    answers = [
        await register.log_in(clerk, WRONG),
        await register.log_in("mzj.nobody", WRONG),
        await register.log_in("no such name at all", PASSWORD),
        await register.log_in("mzj.zanting", PASSWORD),
        await register.log_in("mzj.suo", PASSWORD),
    ]
    bodies = [{name: value for name, value in answer.json().items() if name != "trace_id"} for answer in answers]

    assert [refused(answer) for answer in answers] == [REFUSED] * 5
    assert all(body == bodies[0] for body in bodies)


async def test_an_unknown_account_takes_a_password_check_too(registry, register, monkeypatch):
    """Counted, not timed: the machine is shared."""
    checked = []
    verify = service._verify

    def counted(hashed, password):
        checked.append(hashed)
        return verify(hashed, password)

    monkeypatch.setattr(service, "_verify", counted)
    await register.log_in("mzj.nobody", WRONG)

    assert checked == [service._NOBODY]
    with pytest.raises(Exception, match="does not match") as mismatch:
        PasswordHasher().verify(service._NOBODY, WRONG)
    # A hash that cannot be read would be refused at once, and that would tell.
    assert type(mismatch.value).__name__ == "VerifyMismatchError"


async def test_the_fifth_failure_locks_for_a_quarter_of_an_hour(registry, register, clerk):
    await fail(register, clerk, 4)
    assert (await register.log_in(clerk)).status_code == 201
    # A success begins the count anew.
    await fail(register, clerk, 5)
    assert refused(await register.log_in(clerk)) == REFUSED
    registry.clock.go_on(minutes=15, microseconds=-1)
    assert refused(await register.log_in(clerk)) == REFUSED
    registry.clock.go_on(microseconds=1)

    assert (await register.log_in(clerk)).status_code == 201
    (row,) = await registry.rows("select failures, locked_until from account where name = $1", clerk)
    assert dict(row) == {"failures": 0, "locked_until": None}


async def test_while_locked_nothing_is_counted_and_afterwards_five_more_lock_again(registry, register, clerk):
    await fail(register, clerk, 8)
    registry.clock.go_on(minutes=15)
    await fail(register, clerk, 4)
    assert (await registry.rows("select failures from account where name = $1", clerk))[0]["failures"] == 9
    await fail(register, clerk, 1)

    assert refused(await register.log_in(clerk)) == REFUSED


async def test_failures_at_once_are_all_counted(registry, register, clerk):
    await asyncio.gather(*(register.log_in(clerk, WRONG) for _ in range(5)))

    assert refused(await register.log_in(clerk)) == REFUSED
    (row,) = await registry.rows("select failures from account where name = $1", clerk)
    assert row["failures"] == 5


# --- Sessions --------------------------------------------------------------------------------------------------------


async def test_a_session_is_kept_as_its_digest_and_ends_after_ten_hours(registry, register, clerk):
    answer = (await register.log_in(clerk)).json()
    assert (answer["account"], answer["unit"], sorted(answer["roles"])) == (clerk, "mzj", ["applicant", "compiler"])
    assert answer["session"] not in await registry.dump()
    registry.clock.go_on(hours=10, microseconds=-1)
    assert (await register.token(answer["session"])).is_success
    registry.clock.go_on(microseconds=1)

    assert refused(await register.token(answer["session"])) == REFUSED


async def test_logging_out_ends_one_session_and_not_the_other(registry, register, clerk):
    first, second = await register.session(clerk), await register.session(clerk)
    for _ in range(2):
        ended = await registry.http.post("/sessions/end", json={"session": first})
        assert ended.status_code == 204

    assert refused(await register.token(first)) == REFUSED
    assert (await register.token(second)).is_success


async def test_a_session_that_never_was_gives_nothing(registry, register):
    assert refused(await register.token("x" * 43)) == REFUSED


async def test_an_account_taken_out_of_use_gets_no_more_tokens_and_is_let_in_again_when_it_is_back(register, clerk):
    session = await register.session(clerk)
    path = "/units/mzj/accounts/mzj.ren"
    await done(register.platform, "PUT", path, {"roles": ["compiler"], "enabled": False})
    assert refused(await register.token(session)) == REFUSED
    await done(register.platform, "PUT", path, {"roles": ["compiler"], "enabled": True})

    assert (await register.token(session)).is_success


async def test_the_people_of_a_withdrawn_unit_get_no_tokens_and_of_a_suspended_one_still_do(register, clerk):
    """A suspended unit must still be able to change its keys; what else it may do each service asks by itself."""
    session = await register.session(clerk)
    for state, let_in in (("suspended", True), ("withdrawn", False)):
        await done(register.platform, "PUT", "/units/mzj/state", {"state": state, "reason": "机构改革"})
        assert (await register.token(session)).is_success is let_in


# --- Tokens ----------------------------------------------------------------------------------------------------------


async def test_a_token_says_who_for_whom_and_for_ten_minutes(registry, register, clerk):
    answer = (await register.token(await register.session(clerk), "catalog")).json()
    claims = tokens.claims_of(registry.fresh.installation, answer["token"])
    issued = int(registry.clock().timestamp())

    assert answer["expires_in"] == MAX_LIFETIME == 600
    assert UUID(claims.pop("jti")).version == 7
    assert claims == {
        "iss": "registry",
        "aud": "catalog",
        "sub": clerk,
        "unit": "mzj",
        "roles": ["applicant", "compiler"],
        "iat": issued,
        "exp": issued + 600,
    }


async def test_the_public_key_verifies_it_and_the_private_one_is_not_shown(registry, register, clerk):
    token = (await register.token(await register.session(clerk))).json()["token"]
    published = (await registry.http.get("/.well-known/jwks.json")).json()

    assert jwt.decode(token, KeySet.import_key_set(published), algorithms=["Ed25519"]).claims["sub"] == clerk
    (key,) = published["keys"]
    assert key.keys() == {"kty", "crv", "x", "kid", "alg", "use"}


async def test_a_token_of_the_register_opens_the_register_and_no_other_door(registry, register, clerk):
    registry.clock.shows = clock.now()
    session = await register.session(clerk)
    for audience, status in (("registry", 200), ("catalog", 401)):
        token = (await register.token(session, audience)).json()["token"]
        answer = await registry.http.get("/exchange", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


@pytest.mark.parametrize("audience", ["gateway", "", "catalog ", "Catalog", "*"])
async def test_a_token_is_for_one_known_service(register, clerk, audience):
    assert refused(await register.token(await register.session(clerk), audience)) == (422, "malformed")


async def test_other_roles_are_in_the_next_token(registry, register, clerk):
    session = await register.session(clerk)
    await done(register.platform, "PUT", "/units/mzj/accounts/mzj.ren", {"roles": ["publisher"], "enabled": True})
    token = (await register.token(session)).json()["token"]

    assert tokens.claims_of(registry.fresh.installation, token)["roles"] == ["publisher"]


async def test_a_role_that_the_edition_no_longer_gives_the_unit_is_in_no_token(registry, register):
    """REQ-P1: with the first day of 2021 the platform's review is no longer the science commission's."""
    await register.unit("kw", name="区科委", body="science-commission")
    registry.clock.shows = at("2021-05-31", "23:50:00")
    await register.account("kw.shenhe", Role.PLATFORM_REVIEWER, Role.APPLICANT, unit="kw")
    session = await register.session("kw.shenhe")

    async def roles():
        token = (await register.token(session)).json()["token"]
        return tokens.claims_of(registry.fresh.installation, token)["roles"]

    assert await roles() == ["applicant", "platform-reviewer"]
    registry.clock.shows = at("2021-06-01", "00:00:00")
    assert await roles() == ["applicant"]


async def test_the_platforms_first_administrator_can_log_in(registry, register):
    answer = await register.log_in("dsjzx.admin")

    assert (answer.status_code, answer.json()["unit"], answer.json()["roles"]) == (201, PLATFORM, ["administrator"])
