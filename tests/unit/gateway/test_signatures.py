"""Signed requests (RFC 9421): what a signature must cover, how it is read, and that no byte can be altered.

IN-G25; the time of a signature and its nonce are the database's matter and stand in the integration tests.
"""

import base64
import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain import fields, signatures
from gateway.domain.requests import headers_of
from gateway.domain.signatures import Fault, Message, Unproven
from tests.support.signing import COVERED, Signing, digest, signed

KEY = Signing(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
OTHER = Signing(Ed25519PrivateKey.from_private_bytes(b"o" * 32))
KEYS = {KEY.id: KEY.public}
TARGET, BODY = "/streets?unitKey=u&methodKey=m", b"street_code=310105001"
HOST = "gateway.example"


def message(headers, target=TARGET, body=BODY, *, secure=False, method="POST"):
    path, _, query = target.encode().partition(b"?")
    raw = [(name.encode(), value.encode("latin-1")) for name, value in {"host": HOST, **headers}.items()]
    return Message(method, path, query, headers_of(raw), body, secure)


def made(key=KEY, target=TARGET, body=BODY, **more):
    told = {"origin": f"http://{HOST}", "created": 1_700_000_000, "nonce": "n-1", **more}
    return message(signed(key, target, body, **told), target, body)


def altered(came, **headers):
    return replace(came, headers={**came.headers, **{n.replace("_", "-").encode(): v for n, v in headers.items()}})


def fault(came, keys=KEYS):
    with pytest.raises(Unproven) as found:
        signatures.check(came, keys)
    return found.value.fault


def test_a_signature_over_method_target_and_digest_is_right():
    found = signatures.check(made(), KEYS)
    assert (found.key, found.nonce, found.created, found.expires) == (KEY.id, "n-1", 1_700_000_000, None)


def test_the_base_is_the_one_that_the_rfc_writes():
    """RFC 9421 §2.5: each component on a line of its own, the parameters last, no line break at the end."""
    came = made(
        covered=(*COVERED, "@authority", "@scheme", "@path", "@query", "content-type"),
        headers={"content-type": " application/x-www-form-urlencoded\t"},
    )
    member, _ = signatures._read(came.headers)
    covered = '"@method" "@target-uri" "content-digest" "@authority" "@scheme" "@path" "@query" "content-type"'
    assert signatures.base(came, member).decode().split("\n") == [
        '"@method": POST',
        f'"@target-uri": http://{HOST}{TARGET}',
        f'"content-digest": {digest(BODY)}',
        f'"@authority": {HOST}',
        '"@scheme": http',
        '"@path": /streets',
        '"@query": ?unitKey=u&methodKey=m',
        '"content-type": application/x-www-form-urlencoded',
        f'"@signature-params": ({covered});created=1700000000;keyid="{KEY.id}";nonce="n-1"',
    ]


def test_a_library_of_others_reads_and_writes_the_same():
    """http-message-signatures is what the SDK signs with; it is no part of the gateway."""
    from http_message_signatures import HTTPMessageSigner, algorithms
    from http_message_signatures.resolvers import MappingKeyResolver

    class Request:
        method, url = "POST", f"http://{HOST}{TARGET}"

        def __init__(self):
            self.headers = {"Content-Digest": digest(BODY), "X-Matter": "CNZYSQ230001"}

    request = Request()
    resolver = MappingKeyResolver(public_keys={}, private_keys={KEY.id: KEY.private})
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=resolver).sign(
        request,
        key_id=KEY.id,
        nonce="n-2",
        covered_component_ids=(*COVERED, "x-matter"),
        include_alg=True,
        use_existing_digest=True,
    )
    sent = {name.lower(): value for name, value in request.headers.items()}
    assert signatures.check(message(sent), KEYS).nonce == "n-2"


class TestCoverage:
    @pytest.mark.parametrize(
        "covered",
        [
            ("@target-uri", "@method", "content-digest"),
            ("@method", "@authority", "@path", "@query", "content-digest"),
            (*COVERED, "host", "content-digest-x"),
        ],
    )
    def test_the_target_is_covered_in_one_or_in_parts_in_any_order(self, covered):
        headers = {"content-digest-x": "1", "host": HOST}
        assert signatures.check(made(covered=covered, headers=headers), KEYS)

    @pytest.mark.parametrize(
        "covered",
        [
            (),
            ("@method", "@target-uri"),
            ("@method", "content-digest"),
            ("@target-uri", "content-digest"),
            ("@method", "@path", "content-digest"),
            ("@method", "@authority", "@path", "content-digest"),
            ("@method", "@path", "@query", "content-digest"),
            ("@method", "@authority", "@query", "content-digest"),
        ],
        ids=" ".join,
    )
    def test_one_that_leaves_out_method_query_or_body_proves_nothing(self, covered):
        """IN-G25: among them a signature that does not cover the query."""
        assert fault(made(covered=covered)) is Fault.COVERAGE

    @pytest.mark.parametrize("extra", ["@request-target", "@query-param", "@status", "@nothing", "x-absent"])
    def test_a_component_that_is_not_there_or_not_understood_proves_nothing(self, extra):
        assert fault(made(covered=(*COVERED, extra))) is Fault.COVERAGE

    def test_a_covered_header_that_came_with_several_values_proves_nothing(self):
        came = made(covered=(*COVERED, "x-matter"), headers={"x-matter": "1, 2"})
        assert signatures.check(came, KEYS)
        came.headers[b"x-matter"] = headers_of([(b"x-matter", b"1"), (b"x-matter", b"2")])[b"x-matter"]
        assert fault(came) is Fault.COVERAGE

    def test_one_component_too_many(self):
        names = [f"x-{n}" for n in range(signatures.MAX_COVERED - 2)]
        came = made(covered=(*COVERED, *names), headers=dict.fromkeys(names, "1"))
        assert fault(came) is Fault.COVERAGE


class TestKeys:
    def test_a_key_that_is_not_the_units_proves_nothing(self):
        assert fault(made(OTHER)) is Fault.KEY
        assert fault(made(), {}) is Fault.KEY

    def test_naming_another_key_than_the_one_that_signed_proves_nothing(self):
        assert fault(made(OTHER, keyid=KEY.id)) is Fault.WRONG
        assert fault(made(keyid=OTHER.id), {**KEYS, OTHER.id: OTHER.public}) is Fault.WRONG

    def test_either_of_two_live_keys_is_good(self):
        both = {**KEYS, OTHER.id: OTHER.public}
        assert [signatures.check(made(key), both).key for key in (KEY, OTHER)] == [KEY.id, OTHER.id]

    @pytest.mark.parametrize("public", ["", "A", "!" * 43, "A" * 44, "é"])
    def test_a_public_key_that_is_none_proves_nothing(self, public):
        assert fault(made(), {KEY.id: public}) is Fault.WRONG


class TestDigest:
    def test_sha_512_is_as_good(self):
        told = f"sha-512=:{base64.b64encode(hashlib.sha512(BODY).digest()).decode()}:"
        assert signatures.check(made(headers={"content-digest": told}), KEYS)
        assert signatures.check(made(headers={"content-digest": f"{told}, {digest(BODY)}, md5=:AA==:"}), KEYS)

    @pytest.mark.parametrize(
        "told",
        [
            digest(b"another"),
            "md5=:AA==:",
            "sha-256",
            "sha-256=1",
            f"{digest(BODY)}, sha-512=:AA==:",
            f"{digest(BODY)}, {digest(BODY)}",
            "",
            "\x7f",
        ],
    )
    def test_a_signed_digest_that_is_not_the_bodys_proves_nothing(self, told):
        assert fault(made(headers={"content-digest": told})) is Fault.DIGEST


class TestReading:
    @pytest.mark.parametrize("header", ["signature", "signature-input"])
    def test_half_a_signature_is_none(self, header):
        came = made()
        del came.headers[header.encode()]
        assert fault(came) is Fault.ABSENT

    def test_two_signatures_are_none(self):
        """IN-G25: in one header, in two headers, and one of them under the other's name."""
        one, two = made(), made(label="sig2")
        joined = {n: one.headers[n] + b", " + two.headers[n] for n in (b"signature", b"signature-input")}
        assert fault(replace(one, headers={**one.headers, **joined})) is Fault.UNREADABLE
        names = ("signature", "signature-input")
        twice = [(n.encode(), m.headers[n.encode()]) for n in names for m in (one, two)]
        assert fault(replace(one, headers={**one.headers, **headers_of(twice)})) is Fault.UNREADABLE
        again = {n: one.headers[n] + b", " + one.headers[n] for n in (b"signature", b"signature-input")}
        assert fault(replace(one, headers={**one.headers, **again})) is Fault.UNREADABLE

    def test_input_and_signature_have_one_label(self):
        came, other = made(), made(label="sig2")
        assert fault(altered(came, signature=other.headers[b"signature"])) is Fault.UNREADABLE

    @pytest.mark.parametrize(
        "more",
        [
            ';alg="rsa-pss-sha512"',
            ';alg="hmac-sha256"',
            ";alg=ed25519",
            ";alg",
            ";expires",
            ";expires=1.5",
            ';expires="1"',
            ";nonce",
            ";created",
            ";created=1.5",
            ";created=@1700000000",
            ";keyid=k",
            ';nonce=""',
            f';nonce="{"n" * 129}"',
        ],
    )
    def test_a_parameter_that_is_not_what_it_should_be(self, more):
        assert fault(made(more=more)) is Fault.UNREADABLE

    @pytest.mark.parametrize("more", [';alg="ed25519"', ';tag="calls"', ";expires=1700000100", ';x-own="1"'])
    def test_parameters_that_say_nothing_against_it(self, more):
        assert signatures.check(made(more=more), KEYS)

    @pytest.mark.parametrize("without", ["created=1700000000;", f'keyid="{KEY.id}";', ';nonce="n-1"'])
    def test_time_key_and_nonce_must_be_there(self, without):
        came = made()
        shorter = came.headers[b"signature-input"].replace(without.encode(), b"")
        assert shorter != came.headers[b"signature-input"]
        assert fault(altered(came, signature_input=shorter)) is Fault.UNREADABLE

    @pytest.mark.parametrize("size", [0, 1, 63, 65])
    def test_a_signature_has_64_bytes(self, size):
        told = b"sig1=:" + base64.b64encode(b"x" * size) + b":"
        assert fault(altered(made(), signature=told)) is Fault.UNREADABLE

    def test_a_component_with_parameters_is_another_component(self):
        came = made()
        for name in (b'"@method"', b'"content-digest"'):
            for parameter in (b";sf", b";bs", b";req", b";tr", b';key="sha-256"'):
                told = came.headers[b"signature-input"].replace(name, name + parameter)
                assert fault(altered(came, signature_input=told)) is Fault.UNREADABLE

    def test_a_header_of_any_length_is_read_to_its_bound_only(self):
        came = made()
        long = came.headers[b"signature-input"] + b";x=" + b"1" * fields.MAX_FIELD
        assert fault(altered(came, signature_input=long)) is Fault.UNREADABLE


class TestScheme:
    def test_what_was_signed_for_https_is_right_where_the_ingress_ended_it(self):
        sent = signed(KEY, TARGET, BODY, origin=f"https://{HOST}", created=1)
        assert signatures.check(message(sent, secure=True), KEYS)
        assert fault(message(sent)) is Fault.WRONG

    @pytest.mark.parametrize(
        ("host", "secure", "origin"),
        [
            ("Gateway.Example:80", False, "http://gateway.example"),
            ("gateway.example:443", True, "https://gateway.example"),
            ("gateway.example:443", False, "http://gateway.example:443"),
            ("gateway.example:8080", False, "http://gateway.example:8080"),
        ],
    )
    def test_the_host_is_compared_as_the_rfc_says(self, host, secure, origin):
        sent = signed(KEY, TARGET, BODY, origin=origin, created=1)
        assert signatures.check(message({**sent, "host": host}, secure=secure), KEYS)

    def test_a_signature_for_another_exchange_proves_nothing_here(self):
        assert fault(message(signed(KEY, TARGET, BODY, origin="http://other.example", created=1))) is Fault.WRONG


def other_byte(data, place, step):
    """The same with one byte that is another."""
    changed = bytearray(data)
    changed[place % len(data)] = (changed[place % len(data)] + 1 + step) % 256
    return bytes(changed)


RIGHT = made(covered=(*COVERED, "x-matter"), headers={"x-matter": "2026-0001"})


@given(st.sampled_from(["method", "path", "query", "body"]), st.integers(0, 500), st.integers(0, 254))
def test_no_byte_of_method_target_or_body_can_be_altered(part, place, step):
    """REQ-G3."""
    value = getattr(RIGHT, part)
    changed = other_byte(value.encode() if part == "method" else value, place, step)
    with pytest.raises(Unproven):
        signatures.check(replace(RIGHT, **{part: changed.decode("latin-1") if part == "method" else changed}), KEYS)


@given(
    st.sampled_from([b"host", b"x-matter", b"content-digest", b"signature-input", b"signature"]),
    st.integers(0, 500),
    st.integers(0, 254),
)
def test_no_byte_of_a_covered_header_or_of_the_signature_can_be_altered(name, place, step):
    """But for what says the same, as the capitals of a host do."""
    changed = other_byte(RIGHT.headers[name], place, step)
    if name == b"host" and changed.lower() == RIGHT.headers[name]:
        return
    try:
        signatures.check(replace(RIGHT, headers={**RIGHT.headers, name: changed}), KEYS)
    except Unproven:
        return
    # The text of a field has more forms than one value; the value is then the same.
    read = fields.members(changed)
    assert read is not None
    assert read == fields.members(RIGHT.headers[name])


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
@example(b"sig1=();created=@999999999999999", b"sig1=::", b"sha-256=::")
@example(b"sig1=(" + b"(" * 200, b"sig1=:" + b"=" * 100 + b":", b'%"%f')
def test_whatever_stands_in_the_headers_it_proves_nothing_and_breaks_nothing(described, given_, told):
    headers = {**RIGHT.headers, b"signature-input": described, b"signature": given_, b"content-digest": told}
    with pytest.raises(Unproven):
        signatures.check(replace(RIGHT, headers=headers), KEYS)


PIECES = [
    "sig1",
    "=",
    "(",
    ")",
    '"@method"',
    '"@target-uri"',
    '"content-digest"',
    ";",
    "created=1",
    'keyid="x"',
    ",",
    'nonce="a"',
    ":AAAA:",
    "@99999999999999",
    "1.5",
    '%"%c3%a9"',
    "?1",
    " ",
    "\t",
    "*",
    "é",
    "\x00",
]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_whatever_is_made_of_the_pieces_of_a_signature_too(text):
    headers = {**RIGHT.headers, b"signature-input": text.encode("latin-1")}
    with pytest.raises(Unproven):
        signatures.check(replace(RIGHT, headers=headers), KEYS)
