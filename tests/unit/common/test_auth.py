"""Who calls: tokens of the registry, for one audience, short-lived, signed by a key that the registry publishes."""

import asyncio
import base64
import json
import time

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from common import auth
from common.errors import Unauthenticated, Unwell
from common.roles import Role


def new_key() -> OKPKey:
    made = OKPKey.generate_key("Ed25519")
    return OKPKey.import_key(made.as_dict(private=True), {"kid": made.thumbprint(), "use": "sig"})


KEY, OTHER_KEY = new_key(), new_key()


def public(*keys: OKPKey) -> KeySet:
    return KeySet([OKPKey.import_key(key.as_dict(private=False)) for key in keys])


def claims(**changed):
    issued = int(time.time())
    whole = {
        "iss": "registry",
        "aud": "catalog",
        "sub": "account-1",
        "unit": "mzj",
        "roles": ["compiler", "reviewer"],
        "iat": issued,
        "exp": issued + 600,
    }
    return {name: value for name, value in {**whole, **changed}.items() if value is not None}


def token(given=None, *, key=KEY, header=None, algorithm="Ed25519"):
    return jwt.encode(
        {"alg": algorithm, "kid": key.kid, **(header or {})},
        claims() if given is None else given,
        key,
        algorithms=[algorithm],
    )


def by_hand(header, payload, signature=b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.fixture
def verifier():
    made = auth.Verifier("http://127.0.0.1:9", "catalog")
    made.trust(public(KEY))
    return made


# --- Whose word is taken --------------------------------------------------------------------------------------------


async def test_a_token_of_the_registry_names_account_unit_and_roles(verifier):
    caller = await verifier.caller(token())
    assert (caller.account, caller.unit) == ("account-1", "mzj")
    assert caller.roles == {Role.COMPILER, Role.REVIEWER}


async def test_roles_of_a_later_edition_are_left_out_and_give_no_right(verifier):
    caller = await verifier.caller(token(claims(roles=["compiler", "emperor"])))
    assert caller.roles == {Role.COMPILER}


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "sharing"},
        {"aud": ["sharing", "audit"]},
        {"aud": None},
        {"aud": ""},
        {"iss": "portal"},
        {"iss": None},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"unit": None},
        {"roles": None},
        {"roles": "compiler"},
        {"sub": 1},
        {"exp": "soon"},
        {"iat": "now"},
        {"exp": True},
    ],
    ids=str,
)
async def test_a_token_for_another_or_with_a_claim_missing_or_malformed_is_refused(verifier, changed):
    with pytest.raises(Unauthenticated):
        await verifier.caller(token(claims(**changed)))


async def test_what_is_no_role_gives_no_right_and_is_no_failure(verifier):
    caller = await verifier.caller(token(claims(roles=[["compiler"], None, 1, {}, "reviewer"])))
    assert caller.roles == {Role.REVIEWER}


async def test_a_token_is_refused_once_it_has_expired(verifier):
    now = int(time.time())
    with pytest.raises(Unauthenticated):
        await verifier.caller(token(claims(iat=now - 600, exp=now - 6)))
    # Clocks of two machines may differ by a few seconds.
    assert await verifier.caller(token(claims(iat=now - 600, exp=now - 2)))


async def test_a_late_token_is_heard_where_it_is_said_how_late_and_only_its_end_is_stretched(verifier):
    now = int(time.time())
    late = {"late": auth.LEASE}
    assert await verifier.caller(token(claims(iat=now - 600, exp=now - auth.LEASE + 2)), **late)
    for wrong in (
        claims(iat=now - 600, exp=now - auth.LEASE - 1),
        claims(iat=now + 30, exp=now + 600),
        claims(nbf=now + 30),
        claims(exp=None),
        claims(exp="soon"),
        claims(iat=now - 660, exp=now - 10),
    ):
        with pytest.raises(Unauthenticated):
            await verifier.caller(token(wrong), **late)


async def test_a_token_of_the_future_is_refused(verifier):
    now = int(time.time())
    with pytest.raises(Unauthenticated):
        await verifier.caller(token(claims(iat=now + 60, exp=now + 120)))
    with pytest.raises(Unauthenticated):
        await verifier.caller(token(claims(nbf=now + 60)))


async def test_a_token_that_lives_longer_than_ten_minutes_is_refused(verifier):
    now = int(time.time())
    assert await verifier.caller(token(claims(iat=now, exp=now + 600)))
    for lifetime in (601, 86_400, 10**12):
        with pytest.raises(Unauthenticated):
            await verifier.caller(token(claims(iat=now, exp=now + lifetime)))


# --- Whose signature ------------------------------------------------------------------------------------------------


async def test_a_token_signed_by_another_key_under_a_known_id_is_refused(verifier):
    with pytest.raises(Unauthenticated):
        await verifier.caller(token(key=OTHER_KEY, header={"kid": KEY.kid}))


async def test_a_token_whose_claims_were_changed_after_signing_is_refused(verifier):
    head, _, signature = token().split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims(roles=["administrator"])).encode()).rstrip(b"=").decode()
    with pytest.raises(Unauthenticated):
        await verifier.caller(f"{head}.{body}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
async def test_a_token_without_a_signature_is_refused(verifier, algorithm):
    for signature in (b"", b"x" * 64):
        with pytest.raises(Unauthenticated):
            await verifier.caller(by_hand({"alg": algorithm, "kid": KEY.kid}, claims(), signature))


async def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(verifier):
    for secret in (KEY.as_dict(private=False)["x"], json.dumps(KEY.as_dict(private=False))):
        shared = OctKey.import_key(secret, {"kid": KEY.kid})
        forged = jwt.encode({"alg": "HS256", "kid": KEY.kid}, claims(), shared, algorithms=["HS256"])
        with pytest.raises(Unauthenticated):
            await verifier.caller(forged)


async def test_a_key_that_a_token_brings_along_is_not_used(verifier):
    brought = {"jwk": OTHER_KEY.as_dict(private=False), "kid": KEY.kid}
    with pytest.raises(Unauthenticated):
        await verifier.caller(token(key=OTHER_KEY, header=brought))


# --- Whatever is sent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        "\ud800",
        by_hand([], claims()),
        by_hand("x", claims()),
        by_hand(None, claims()),
        by_hand({"alg": "Ed25519"}, claims()),
        by_hand({"alg": "Ed25519", "kid": 1}, claims()),
        by_hand({"alg": "Ed25519", "kid": ["x"]}, claims()),
        by_hand({"alg": 1, "kid": KEY.kid}, claims()),
        by_hand({"kid": KEY.kid}, claims()),
        by_hand({"alg": "Ed25519", "kid": KEY.kid, "crit": ["x"], "x": 1}, claims()),
        by_hand({"alg": "Ed25519", "kid": KEY.kid, "b64": False, "crit": ["b64"]}, claims()),
        "x" * 100_000,
    ],
    ids=lambda text: repr(text)[:20],
)
async def test_what_is_no_token_is_refused_and_is_no_failure(verifier, text):
    with pytest.raises(Unauthenticated):
        await verifier.caller(text)


@given(st.text(max_size=60) | st.lists(st.binary(max_size=30), min_size=3, max_size=3))
def test_no_text_is_a_failure(text):
    if isinstance(text, list):
        text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in text)
    made = auth.Verifier("http://127.0.0.1:9", "catalog")
    made.trust(public(KEY))
    with pytest.raises(Unauthenticated):
        asyncio.run(made.caller(text))


# --- The registry's keys --------------------------------------------------------------------------------------------


class Registry:
    """The registry's one address that matters here, in the place of the network."""

    def __init__(self) -> None:
        self.keys: list[OKPKey] = [KEY]
        self.asked = 0
        self.answer: httpx2.Response | None = None
        self.away = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == "http://registry:8000/.well-known/jwks.json"
        self.asked += 1
        if self.away:
            raise httpx2.ConnectError("away", request=request)
        return self.answer or httpx2.Response(200, json=public(*self.keys).as_dict())


@pytest.fixture
def registry(monkeypatch):
    made, client = Registry(), httpx2.AsyncClient
    monkeypatch.setattr(
        auth.httpx2, "AsyncClient", lambda **options: client(transport=httpx2.MockTransport(made), **options)
    )
    return made


@pytest.fixture
def clock(monkeypatch):
    """Moves the verifier's clock on."""
    held = {"now": 1000.0}
    monkeypatch.setattr(auth.time, "monotonic", lambda: held["now"])

    def later(seconds):
        held["now"] += seconds

    return later


@pytest.fixture
def asking(registry, clock):
    return auth.Verifier("http://registry:8000/", "catalog")


async def test_keys_are_fetched_at_the_first_token_and_not_again(asking, registry):
    for _ in range(3):
        assert await asking.caller(token())
    assert registry.asked == 1


async def test_many_first_tokens_at_once_fetch_the_keys_once(asking, registry):
    callers = await asyncio.gather(*(asking.caller(token()) for _ in range(20)))
    assert len(callers) == 20
    assert registry.asked == 1


async def test_an_unknown_key_id_is_asked_for_once_and_found_where_the_registry_has_it(asking, registry, clock):
    await asking.caller(token())
    clock(60)
    registry.keys.append(OTHER_KEY)
    assert await asking.caller(token(key=OTHER_KEY))
    assert registry.asked == 2


async def test_unknown_key_ids_do_not_make_the_registry_work_for_strangers(asking, registry, clock):
    await asking.caller(token())
    clock(60)
    for _ in range(50):
        with pytest.raises(Unauthenticated):
            await asking.caller(token(key=new_key()))
    assert registry.asked == 2
    clock(60)
    with pytest.raises(Unauthenticated):
        await asking.caller(token(key=new_key()))
    assert registry.asked == 3


async def test_the_registrys_absence_stops_nobody_whose_key_is_known(asking, registry, clock):
    await asking.caller(token())
    registry.away = True
    clock(3600)
    assert await asking.caller(token())
    with pytest.raises(Unauthenticated):
        await asking.caller(token(key=OTHER_KEY))
    assert await asking.caller(token())


async def test_before_any_key_is_known_the_registrys_absence_is_unwell_and_no_refusal(asking, registry):
    registry.away = True
    with pytest.raises(Unwell):
        await asking.caller(token())
    registry.away = False
    assert await asking.caller(token())


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500),
        httpx2.Response(302, headers={"location": "http://elsewhere/"}),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, json={}),
        httpx2.Response(200, json={"keys": "x"}),
        httpx2.Response(200, json={"keys": [1]}),
        httpx2.Response(200, json={"keys": [{"kty": "OKP", "crv": "Ed25519"}]}),
        httpx2.Response(200, json={"keys": []}),
    ],
    ids=lambda answer: answer.text[:30] or str(answer.status_code),
)
async def test_an_answer_that_holds_no_keys_is_as_if_the_registry_were_away(asking, registry, answer, clock):
    registry.answer = answer
    with pytest.raises(Unwell):
        await asking.caller(token())
    registry.answer = None
    assert await asking.caller(token())
    registry.answer = answer
    clock(60)
    assert await asking.caller(token()), "and takes no key away that is known"
