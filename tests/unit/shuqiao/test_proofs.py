"""What the SDK signs, and which signed answers it believes."""

import base64
import json

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from shuqiao import AnswerKeys, Away, BadProfile, ClientCertificate, Falsified, Gateway, Patience, Refused, SigningKey
from shuqiao.cli import app
from tests.support.scripted_gateway import METHOD_KEY, UNIT_KEY, answer, away, success
from tests.support.signing import Signing, written

OURS, THEIRS = Ed25519PrivateKey.from_private_bytes(b"u" * 32), Ed25519PrivateKey.from_private_bytes(b"a" * 32)
COVERED = '("@status" "content-digest" "x-trace-id")'
JWKS = {
    "keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": written(THEIRS.public_key().public_bytes_raw()), "kid": "k-1"},
        {"kty": "RSA", "kid": "other"},
    ]
}


def asked(request):
    return request.headers["accept-signature"].partition('nonce="')[2].partition('"')[0]


def signing(told, *, key=THEIRS, covered=COVERED, nonce=None, kid="k-1", change=None):
    """Answers, signed as the gateway does; `change` may alter them afterwards."""

    def answered(request):
        made = httpx2.Response(told.status_code, content=told.content, headers=told.headers)
        parameters = f'{covered};created=1700000000;keyid="{kid}";alg="ed25519";nonce="{nonce or asked(request)}"'
        values = {"@status": str(made.status_code)}
        names = covered.strip("()").replace('"', "").split()
        lines = [f'"{name}": {values.get(name, made.headers.get(name))}' for name in names]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        made.headers["signature-input"] = f"answer={parameters}"
        made.headers["signature"] = f"answer=:{base64.b64encode(key.sign(base.encode())).decode()}:"
        return change(made) if change else made

    return answered


def caller(answered, **more):
    return Gateway(
        "http://gateway:8080",
        UNIT_KEY,
        patience=Patience(sleep=lambda _: None),
        transport=httpx2.MockTransport(answered),
        **more,
    )


def call(answered):
    with caller(answered, answer_keys=AnswerKeys.of(JWKS)) as gateway:
        return gateway.call("streets", METHOD_KEY)


def test_an_answer_with_the_gateways_signature_is_believed():
    assert call(signing(success([{"a": "1"}]))).data == [{"a": "1"}]


def with_header(name, value):
    def change(made):
        made.headers[name] = value
        return made

    return change


def without(made):
    del made.headers["signature"]
    return made


def with_other_status(made):
    return httpx2.Response(201, content=made.content, headers=made.headers)


def with_other_body(made):
    right = success([{"a": "2"}])
    headers = {**made.headers, "content-digest": right.headers["content-digest"]}
    return httpx2.Response(200, content=right.content, headers=headers)


def with_longer_body(made):
    return httpx2.Response(200, content=made.content + b" ", headers=made.headers)


@pytest.mark.parametrize(
    "more",
    [
        {"change": without},
        {"change": with_header("x-trace-id", "0" * 32)},
        {"change": with_header("signature", "answer=:AA==:")},
        {"change": with_header("signature-input", "x")},
        {"change": with_other_status},
        {"change": with_other_body},
        {"change": with_longer_body},
        {"key": OURS},
        {"kid": "unknown"},
        {"nonce": "of-another-call"},
        {"covered": '("@status" "x-trace-id")'},
        {"covered": '("content-digest" "x-trace-id")'},
        {"covered": '("@status" "content-digest")'},
    ],
)
def test_one_that_is_altered_unsigned_or_to_another_call_is_not(more):
    with pytest.raises(Falsified):
        call(signing(success([{"a": "1"}]), **more))


def test_a_refusal_of_the_transport_may_be_a_proxys():
    with pytest.raises(Refused) as found:
        call(lambda _request: answer(b"", 413))
    assert found.value.code == "http-413"


def test_each_try_is_signed_with_a_nonce_of_its_own():
    seen = []

    def answered(request):
        seen.append(request)
        return away(Retry_After="0")

    with caller(answered, sign_with=SigningKey(OURS)) as gateway, pytest.raises(Away):
        gateway.call("streets", METHOD_KEY, {"a": "b"})
    nonces = {request.headers["signature-input"].partition('nonce="')[2] for request in seen}
    assert len(nonces) == len(seen) == 3
    covered = seen[0].headers["signature-input"].partition(")")[0]
    for name in ("@method", "@target-uri", "content-digest", "x-unit-key", "x-method-key", "content-type"):
        assert f'"{name}"' in covered


class TestFiles:
    def test_a_key_is_made_once_and_read_again(self, tmp_path):
        path = tmp_path / "key.pem"
        done = CliRunner().invoke(app, ["key", "make", str(path)])
        assert done.exit_code == 0
        assert path.stat().st_mode & 0o777 == 0o600
        held = SigningKey.load(path)
        assert held.id == Signing(held.private).id
        assert held.id in done.output
        assert "PRIVATE" not in done.output
        with pytest.raises(BadProfile):
            held.save(path)

    def test_one_that_others_can_read_or_that_is_none_is_not_used(self, tmp_path):
        path = tmp_path / "key.pem"
        for text, mode in (("x", 0o600), (SigningKey(OURS).public_pem, 0o600), ("x", 0o644)):
            path.write_text(text)
            path.chmod(mode)
            with pytest.raises(BadProfile):
                SigningKey.load(path)
        with pytest.raises(BadProfile):
            SigningKey.load(tmp_path / "none.pem")

    @pytest.mark.parametrize("document", ["[]", "{}", '{"keys":[]}', '{"keys":[{"kty":"OKP"}]}', "x", "3"])
    def test_answer_keys_that_are_none(self, tmp_path, document):
        path = tmp_path / "keys.json"
        path.write_text(document)
        with pytest.raises(BadProfile):
            AnswerKeys.load(path)

    def test_answer_keys_as_the_register_tells_them(self, tmp_path):
        path = tmp_path / "keys.json"
        path.write_text(json.dumps(JWKS))
        assert list(AnswerKeys.load(path).keys) == ["k-1"]

    def test_a_certificate_that_cannot_be_used(self, tmp_path):
        path = tmp_path / "c.pem"
        path.write_text("x")
        path.chmod(0o600)
        for given in (ClientCertificate(certificate=path), ClientCertificate(ca=path)):
            with pytest.raises(BadProfile):
                given.context()


def test_a_key_shows_nothing_of_itself():
    assert "Private" not in repr(SigningKey(OURS))
