"""Signed requests (RFC 9421): what a signature must cover, and whether it is right.

Everything is decided here but two things that replicas must decide alike: whether the signature is of now, and whether
its nonce is new. Those are the database's (`store.nonces`).
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.domain import fields
from gateway.domain.fields import Member
from gateway.domain.requests import Headers, several

ALGORITHM: Final = "ed25519"
MAX_AGE: Final = 300
"""Seconds after `created` in which a signed request is taken."""
SKEW: Final = 5
"""Seconds that `created` may lie ahead: callers' clocks are not the database's."""
MAX_COVERED: Final = 32
MAX_NONCE: Final = 128
_SIGNATURE: Final = 64
_METHOD, _DIGEST, _TARGET = "@method", "content-digest", "@target-uri"
_IN_PARTS: Final = frozenset({"@authority", "@path", "@query"})
"""What covers the whole target beside `@target-uri`."""
_DIGESTS: Final[Mapping[str, Callable[[bytes], "hashlib._Hash"]]] = {
    "sha-256": hashlib.sha256,
    "sha-512": hashlib.sha512,
}
_PORTS: Final = {b"http": b":80", b"https": b":443"}


class Fault(StrEnum):
    """Why a call is not proven to be its unit's; for the record, never for the caller."""

    ABSENT = "no-signature"
    UNREADABLE = "unreadable-signature"
    COVERAGE = "not-covered"
    KEY = "unknown-signing-key"
    DIGEST = "wrong-digest"
    WRONG = "wrong-signature"
    STALE = "stale-signature"
    """Too old, of the future, or past its own end."""
    REPLAY = "replay"
    CERTIFICATE = "no-certificate"
    """The client certificate that the grant demands is absent or not the unit's."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it came."""

    method: str
    path: bytes
    query: bytes
    headers: Headers
    body: bytes
    secure: bool
    """Whether the caller spoke TLS, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that is right, if its time is and its nonce is new."""

    key: str
    nonce: str
    created: int
    expires: int | None


class Unproven(Exception):  # noqa: N818  an answer, not a malfunction
    """The signature is not one that proves this request."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def check(message: Message, keys: Mapping[str, str]) -> Signature:
    """The signature of a request, right under one of these public keys (base64url by id) and covering all of it.

    Raises:
        Unproven: it is not; nothing that a stranger sends raises anything else.
    """
    member, signature = _read(message.headers)
    found = _parameters(member)
    _check_coverage(member.components)
    public = keys.get(found.key)
    if public is None:
        raise Unproven(Fault.KEY)
    _check_digest(message)
    try:
        Ed25519PublicKey.from_public_bytes(_raw(public)).verify(signature, base(message, member))
    except (InvalidSignature, ValueError):
        raise Unproven(Fault.WRONG) from None
    return found


def base(message: Message, member: Member) -> bytes:
    """What was signed (RFC 9421 §2.5).

    Raises:
        Unproven: a component is not there, came several times, or is none that is understood.
    """
    lines = [b'"%b": %b' % (name.encode(), _value(message, name)) for name in member.components]
    lines.append(b'"@signature-params": ' + member.text)
    return b"\n".join(lines)


def _read(headers: Headers) -> tuple[Member, bytes]:
    """The one signature of a request."""
    described, given = headers.get(b"signature-input"), headers.get(b"signature")
    if described is None or given is None:
        raise Unproven(Fault.ABSENT)
    inputs, values = fields.members(described), fields.members(given)
    if inputs is None or values is None or len(inputs) != 1 or inputs.keys() != values.keys():
        raise Unproven(Fault.UNREADABLE)
    ((label, found),) = inputs.items()
    member, signature = fields.member(label, found), fields.raw(values[label])
    if member is None or signature is None or len(signature) != _SIGNATURE:
        raise Unproven(Fault.UNREADABLE)
    return member, signature


def _parameters(member: Member) -> Signature:
    told = member.parameters
    key, nonce, created, expires = (told.get(name) for name in ("keyid", "nonce", "created", "expires"))
    algorithm = told.get("alg", ALGORITHM)
    # `type`: a boolean would pass for a number, and a token is no text.
    if not (type(key) is str and type(nonce) is str and type(created) is int):
        raise Unproven(Fault.UNREADABLE)
    if expires is not None and type(expires) is not int:
        raise Unproven(Fault.UNREADABLE)
    if not 0 < len(nonce) <= MAX_NONCE or type(algorithm) is not str or algorithm != ALGORITHM:
        raise Unproven(Fault.UNREADABLE)
    return Signature(key, nonce, created, expires)


def _check_coverage(components: tuple[str, ...]) -> None:
    covered = frozenset(components)
    whole = _TARGET in covered or covered >= _IN_PARTS
    if not whole or _METHOD not in covered or _DIGEST not in covered or len(components) > MAX_COVERED:
        raise Unproven(Fault.COVERAGE)


def _check_digest(message: Message) -> None:
    """Every digest of the body that is understood must be right, and one must be there."""
    told = fields.members(message.headers.get(b"content-digest", b""))
    known = {name: fields.raw(value) for name, value in (told or {}).items() if name in _DIGESTS}
    if not known or any(value != _DIGESTS[name](message.body).digest() for name, value in known.items()):
        raise Unproven(Fault.DIGEST)


def _value(message: Message, name: str) -> bytes:
    derived = _DERIVED.get(name)
    if derived is not None:
        return derived(message)
    value = message.headers.get(name.encode())
    if value is None or name.startswith("@") or several(value):
        raise Unproven(Fault.COVERAGE)
    return value.strip(b" \t")


def _target(message: Message) -> bytes:
    query = b"?" + message.query if message.query else b""
    return b"%b://%b%b%b" % (_scheme(message), _authority(message), message.path, query)


def _scheme(message: Message) -> bytes:
    return b"https" if message.secure else b"http"


def _authority(message: Message) -> bytes:
    """The host that was called, in small letters and without the port that goes without saying (RFC 9421 §2.2.3)."""
    return message.headers.get(b"host", b"").strip().lower().removesuffix(_PORTS[_scheme(message)])


_DERIVED: Final[Mapping[str, Callable[[Message], bytes]]] = {
    "@method": lambda message: message.method.encode("latin-1"),
    "@target-uri": _target,
    "@scheme": _scheme,
    "@authority": _authority,
    "@path": lambda message: message.path,
    "@query": lambda message: b"?" + message.query,
}
"""Components that are no headers (RFC 9421 §2.2); any other name with `@` is none that is understood."""


def _raw(public: str) -> bytes:
    return base64.urlsafe_b64decode(public + "=" * (-len(public) % 4))
