"""Answers that are signed where the caller asks for it (RFC 9421): status, digest and trace id, refusals as well."""

import base64
import hashlib
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.keys import KeyKind, generate
from exchange.layout import READER
from gateway.domain.signing import Signer
from gateway.errors import Trouble
from tests.support.gateway_door import opened
from tests.support.signing import Signing

KEY = Signing(Ed25519PrivateKey.from_private_bytes(b"a" * 32))
COMPONENTS = '("@status" "content-digest" "x-trace-id")'
ASK = {"accept-signature": f'sig1={COMPONENTS};nonce="n-1"'}


@pytest.fixture
async def door(world, store, outbox):
    async with opened(
        world=world,
        store_url=store.database.url(READER),
        outbox_url=outbox.app_url,
        admin_url=outbox.admin_url(),
        signer=Signer(KEY.private),
    ) as made:
        yield made


async def asked(door, headers=ASK, method="POST", **more):
    return await door.ask(method, "/streets", params={**door.world.keys("edu", "streets"), **more}, headers=headers)


def checked(answer, label="sig1"):
    """The parameters of an answer's signature, once it is found right; by hand, as the RFC says."""
    headers = answer.response.headers
    described = headers["signature-input"].removeprefix(f"{label}=")
    signature = headers["signature"].removeprefix(f"{label}=:").removesuffix(":")
    body = answer.response.content
    assert headers["content-digest"] == f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    base = (
        f'"@status": {answer.status}\n"content-digest": {headers["content-digest"]}\n'
        f'"x-trace-id": {headers["x-trace-id"]}\n"@signature-params": {described}'
    )
    KEY.private.public_key().verify(base64.b64decode(signature), base.encode())
    assert described.startswith(COMPONENTS)
    return described.removeprefix(COMPONENTS)


async def test_what_is_asked_for_is_signed_with_the_callers_nonce_and_our_key(door):
    answer = await asked(door, street_code="310105001")
    assert answer.code == "1"
    parameters = checked(answer)
    assert f';keyid="{KEY.id}";alg="ed25519";nonce="n-1"' in parameters
    assert parameters.startswith(";created=1")


async def test_what_nobody_asks_for_is_not_signed(door):
    headers = (await asked(door, {})).response.headers
    assert {"signature", "signature-input"}.isdisjoint(headers)


async def test_nothing_of_a_signed_answer_can_be_altered(door):
    answer = await asked(door)
    for name in ("x-trace-id", "signature-input"):
        right = answer.response.headers[name]
        answer.response.headers[name] = right.replace("1", "2", 1) if "1" in right else "x" + right
        with pytest.raises(InvalidSignature):
            checked(answer)
        answer.response.headers[name] = right
    answer.response.status_code = 503
    with pytest.raises(InvalidSignature):
        checked(answer)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"unitKey": ""}, "101"),
        ({"unitKey": generate(KeyKind.UNIT)}, "201"),
        ({"methodKey": generate(KeyKind.METHOD)}, "202"),
        ({"unknown": "1"}, "101"),
        ({"street_code": ""}, "206"),
    ],
)
async def test_refusals_are_signed_too(door, more, code):
    answer = await asked(door, **more)
    assert answer.code == code
    checked(answer)


@pytest.mark.parametrize(("method", "headers", "status"), [("GET", {}, 405), ("POST", {"content-type": "text/x"}, 415)])
async def test_and_refusals_without_a_body(door, method, headers, status):
    keys = door.world.keys("edu", "streets")
    content = None if method == "GET" else b"x"
    answer = await door.ask(method, "/streets", params=keys, headers={**ASK, **headers}, content=content)
    assert (answer.status, answer.response.content) == (status, b"")
    checked(answer)


async def test_and_what_the_platform_cannot_answer(door, monkeypatch):
    from gateway.errors import Unavailable

    def full(_record):
        raise Unavailable(Trouble.TRAIL)

    monkeypatch.setattr(door.gateway.recorder, "record", full)
    for method in ("POST", "GET"):
        answer = await asked(door, method=method)
        assert (answer.status, answer.reason) == (503, "trail")
        checked(answer)


@pytest.mark.parametrize(
    ("asks", "label"),
    [
        ('mine=("@status")', "mine"),
        ("a=()", "a"),
        (f'first=("@method");keyid="x", second={COMPONENTS}', "second"),
        (f'a={COMPONENTS};alg="ed25519";created;keyid="{KEY.id}"', "a"),
        (f'a={COMPONENTS};tag="any"', "a"),
    ],
)
async def test_of_what_is_asked_for_the_first_that_can_be_given_is(door, asks, label):
    answer = await asked(door, {"accept-signature": asks})
    assert answer.code == "1"
    checked(answer, label)


@pytest.mark.parametrize(
    "asks",
    ["", "x", "a=1", 'a=("@status"', 'a=("x-other")', 'a=("@status";req)', 'a=("@status");alg="hmac-sha256"',
     'a=("@status");keyid="another"', f'a=();nonce="{"n" * 129}"', "a=();nonce", "a=(),a=()", "\x7f", "a=(" * 600],
)  # fmt: skip
async def test_what_cannot_be_given_leaves_the_answer_unsigned(door, asks):
    answer = await asked(door, {"accept-signature": asks})
    assert answer.code == "1"
    assert "signature" not in answer.response.headers


async def test_a_nonce_with_quotes_comes_back_as_it_was(door):
    answer = await asked(door, {"accept-signature": r'a=("@status");nonce="q\"\\x"'})
    assert checked(answer, "a").endswith(r';nonce="q\"\\x"')


def test_the_key_is_a_jwk_and_is_never_repeated():
    private = base64.urlsafe_b64encode(b"a" * 32).decode().rstrip("=")
    jwk = {"kty": "OKP", "crv": "Ed25519", "d": private, "x": KEY.public}
    assert Signer.of(json.dumps(jwk)).id == KEY.id
    for wrong in (
        {**jwk, "crv": "X25519"},
        {**jwk, "kty": "EC"},
        {**jwk, "d": private[:20]},
        {"kty": "OKP"},
        [private],
    ):
        with pytest.raises(ValueError) as found:
            Signer.of(json.dumps(wrong))
        assert private[:20] not in str(found.value)
        assert found.value.__cause__ is None
