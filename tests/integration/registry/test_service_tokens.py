"""Tokens for services: by their own secret, for one audience, for ten minutes; they open nothing of people's."""

import json

import pytest

from common import auth
from common.clock import now
from common.roles import Role
from tests.support import tokens


@pytest.fixture
def secret(registry):
    return registry.fresh.installation.secrets.clients["gateway"]


async def ask(registry, **body):
    return await registry.http.post("/service-tokens", json=body)


async def test_a_service_gets_a_token_of_its_own_by_its_secret(registry, secret):
    answer = await ask(registry, client="gateway", secret=secret, audience="sharing")
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == auth.MAX_LIFETIME
    said = tokens.claims_of(registry.fresh.installation, answer.json()["token"])
    assert (said["sub"], said["unit"], said["roles"], said["aud"]) == (
        "service:gateway",
        "-",
        [Role.SERVICE],
        "sharing",
    )
    assert said["exp"] - said["iat"] == auth.MAX_LIFETIME


async def test_it_is_heard_by_its_audience_alone(registry, secret):
    registry.clock.shows = now()
    for audience, status in (("registry", 200), ("catalog", 401)):
        token = (await ask(registry, client="gateway", secret=secret, audience=audience)).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = await registry.http.get("/changes", params={"topic": "unit-changed"}, headers=headers)
        assert answer.status_code == status


async def test_a_wrong_secret_and_an_unknown_client_get_the_same_refusal(registry, secret):
    refusals = []
    for body in (
        {"client": "gateway", "secret": secret[:-1] + ("a" if secret[-1] != "a" else "b")},
        {"client": "gateway", "secret": "x" * 32},
        {"client": "catalog", "secret": secret},
        {"client": "nobody", "secret": secret},
    ):
        answer = await ask(registry, **body, audience="sharing")
        told = answer.json()
        del told["trace_id"]
        refusals.append((answer.status_code, told))
    assert refusals == refusals[:1] * 4
    assert refusals[0][0] == 401
    assert refusals[0][1]["code"] == "client-refused"


async def test_tries_lock_nobody_out(registry, secret):
    # Whoever can reach the register could otherwise keep the gateway from hearing of a revocation.
    for _ in range(20):
        await ask(registry, client="gateway", secret="x" * 32, audience="sharing")
    assert (await ask(registry, client="gateway", secret=secret, audience="sharing")).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "x" * 19},
        {"secret": "x" * 101},
        {"client": "Gateway"},
        {"client": "x" * 33},
        {"audience": "gateway"},
        {"roles": ["administrator"]},
    ],
)
async def test_what_is_no_question_is_malformed_and_the_secret_is_not_repeated(registry, secret, changed):
    answer = await ask(registry, **{"client": "gateway", "secret": secret, "audience": "sharing", **changed})
    assert answer.status_code == 422
    assert secret not in answer.text


async def test_a_digest_is_no_secret(registry):
    # What the register holds does not let its reader be the gateway.
    settings = registry.fresh.installation.settings("registry")["REGISTRY_CLIENTS"]
    digest = json.loads(settings)["gateway"]
    answer = await ask(registry, client="gateway", secret=digest, audience="sharing")
    assert answer.status_code == 401
