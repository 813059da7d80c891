"""What proves a unit's calls, on file (REQ-G3): signing keys and client certificates, and who may put them there."""

import pytest

from common.events import BoundCertificate, CertificateMark, UnitChanged
from tests.support.registry_steps import done
from tests.support.signing import Signing, new_public_key

KEYS, CERTIFICATES = "/units/mzj/signing-keys", "/units/mzj/certificates"


def refused(answer):
    return answer.status_code, answer.json()["code"]


async def last_told(registry):
    return [one.event for one in await registry.told(UnitChanged) if one.event.unit == "mzj"][-1]


async def test_a_key_is_known_by_its_thumbprint_and_told_to_the_exchange(registry, register):
    key = Signing()
    shown = await done(register.admin("mzj"), "POST", KEYS, {"public": key.public})
    assert shown["signing_keys"] == [{"id": key.id, "public": key.public}]
    assert (await last_told(registry)).signing_keys == (key.told,)
    changes = await done(register.admin("mzj"), "GET", "/units/mzj/changes")
    assert changes[-1]["action"] == "signing-key-added"


async def test_a_key_is_taken_as_pem_too(registry, register):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = Signing()
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    shown = await done(register.admin("mzj"), "POST", KEYS, {"public": pem})
    assert shown["signing_keys"][0]["id"] == key.id


async def test_several_are_live_while_a_system_is_changed_over_and_a_withdrawn_one_never_comes_back(registry, register):
    admin, old, new = register.admin("mzj"), Signing(), Signing()
    for key in (old, new):
        await done(admin, "POST", KEYS, {"public": key.public})
    assert (await last_told(registry)).signing_keys == (old.told, new.told)
    await done(admin, "DELETE", f"{KEYS}/{old.id}")
    assert (await last_told(registry)).signing_keys == (new.told,)
    assert refused(await admin.ask("POST", KEYS, {"public": old.public})) == (409, "proof-known")
    assert refused(await admin.ask("POST", KEYS, {"public": new.public})) == (409, "proof-known")
    assert refused(await admin.delete(f"{KEYS}/{old.id}")) == (404, "proof-unknown")


async def test_another_unit_may_have_the_same_key_and_neither_touches_the_others(registry, register):
    key = Signing()
    for unit in ("mzj", "jyj"):
        await done(register.admin(unit), "POST", f"/units/{unit}/signing-keys", {"public": key.public})
    await done(register.admin("jyj"), "DELETE", f"/units/jyj/signing-keys/{key.id}")
    assert [one["id"] for one in (await register.shown("mzj"))["signing_keys"]] == [key.id]


async def test_only_so_many_are_live_at_once(registry, register):
    admin = register.admin("mzj")
    for _ in range(5):
        await done(admin, "POST", KEYS, {"public": new_public_key()})
    assert refused(await admin.ask("POST", KEYS, {"public": new_public_key()})) == (409, "too-many-proofs")


@pytest.mark.parametrize(
    "public",
    [
        "A" * 43,
        "AQ" + "A" * 41,
        "7P" + "_" * 39 + "38",
        "_" * 43,
        "!" * 43,
        "x" * 44,
        "-----BEGIN PUBLIC KEY-----\nMCowBQ==\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n" + "é" * 50,
    ],
    ids=["zero", "one", "order two", "no canonical end", "no base64", "too long", "no key", "no text"],
)
async def test_what_is_no_ed25519_key_or_a_weak_one_is_refused(registry, register, public):
    before = await registry.told()
    answer = await register.admin("mzj").ask("POST", KEYS, {"public": public})
    assert refused(answer) == (422, "bad-signing-key")
    assert await registry.told() == before


async def test_a_certificate_is_bound_by_subject_or_by_fingerprint(registry, register):
    admin = register.admin("mzj")
    await done(admin, "POST", CERTIFICATES, {"subject": "CN=mzj-1,O=Example"})
    shown = await done(admin, "POST", CERTIFICATES, {"fingerprint": ":".join(["AB"] * 32)})
    bound = [(one["mark"], one["value"]) for one in shown["certificates"]]
    assert bound == [("subject", "CN=mzj-1,O=Example"), ("fingerprint", "ab" * 32)]
    told = (await last_told(registry)).certificates
    assert all(isinstance(one, BoundCertificate) for one in told)
    assert [one.mark for one in told] == [CertificateMark.SUBJECT, CertificateMark.FINGERPRINT]
    await done(admin, "DELETE", f"{CERTIFICATES}/{shown['certificates'][0]['id']}")
    assert [one.value for one in (await last_told(registry)).certificates] == ["ab" * 32]
    await done(admin, "POST", CERTIFICATES, {"subject": "CN=mzj-1,O=Example"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"subject": "CN=a", "fingerprint": "ab" * 32},
        {"subject": "mzj"},
        {"subject": "CN=局"},
        {"fingerprint": "ab"},
    ],
)
async def test_a_mark_that_is_none_is_refused(registry, register, body):
    answer = await register.admin("mzj").ask("POST", CERTIFICATES, body)
    assert refused(answer) == (422, "bad-certificate")


async def test_a_signing_key_cannot_be_released_as_a_certificate(registry, register):
    key = Signing()
    await done(register.admin("mzj"), "POST", KEYS, {"public": key.public})
    assert refused(await register.admin("mzj").delete(f"{CERTIFICATES}/{key.id}")) == (404, "proof-unknown")


async def test_a_withdrawn_unit_gets_none(registry, register):
    await done(register.platform, "PUT", "/units/mzj/state", {"state": "withdrawn", "reason": "撤并"})
    answer = await register.admin("mzj").ask("POST", KEYS, {"public": new_public_key()})
    assert refused(answer) == (409, "unit-state")


async def test_everybody_may_see_by_which_keys_answers_are_checked(registry):
    answer = await registry.http.get("/.well-known/answer-keys.json")
    assert answer.status_code == 200
    assert len(answer.json()["keys"]) == 1
    assert all(set(key) >= {"kty", "crv", "x", "kid"} and "d" not in key for key in answer.json()["keys"])


def test_a_private_key_among_those_that_are_told_to_everybody_is_refused():
    """The text of the refusal does not repeat it."""
    from pydantic import TypeAdapter, ValidationError

    from registry.settings import AnswerKey

    told = {"kty": "OKP", "crv": "Ed25519", "x": new_public_key(), "kid": "k"}
    assert TypeAdapter(AnswerKey).validate_python(told)
    with pytest.raises(ValidationError) as found:
        TypeAdapter(AnswerKey).validate_python({**told, "d": "very-secret"})
    assert "very-secret" not in str(found.value)
