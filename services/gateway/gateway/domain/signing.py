"""Signed answers (RFC 9421): where a caller asks by `Accept-Signature`, status, digest and trace id are signed."""

import base64
import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.domain import fields
from gateway.domain.signatures import ALGORITHM, MAX_NONCE

COMPONENTS: Final = ("@status", "content-digest", "x-trace-id")
TRACE: Final = b"x-trace-id"
ASKED_BY: Final = b"accept-signature"
_COVERED: Final = "(" + " ".join(f'"{name}"' for name in COMPONENTS) + ")"
Header = tuple[bytes, bytes]


class Asked(NamedTuple):
    """A signature as a caller wants it."""

    label: str
    nonce: str | None


class Signer:
    """Signs answers with one key; its public half is what callers check them by."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.id = _thumbprint(key)

    @classmethod
    def of(cls, jwk: str) -> "Signer":
        """With the private key in a JWK (RFC 8037).

        Raises:
            ValueError: it holds no Ed25519 private key.
        """
        try:
            held = json.loads(jwk)
            kind, private = (held["kty"], held["crv"]), base64.urlsafe_b64decode(held["d"] + "=")
            key = Ed25519PrivateKey.from_private_bytes(private) if kind == ("OKP", "Ed25519") else None
        except (KeyError, TypeError, ValueError):
            key = None
        if key is None:
            # Without what was read: it is a secret.
            raise ValueError("the key of answers is no Ed25519 private key as JWK")
        return cls(key)

    def asked(self, field: bytes) -> Asked | None:
        """What `Accept-Signature` asks for; None if none of it can be given, and then nothing is signed."""
        for label, found in (fields.members(field) or {}).items():
            member = fields.member(label, found)
            if member is None or not set(member.components) <= set(COMPONENTS):
                continue
            told = member.parameters
            nonce = told.get("nonce")
            fits = nonce is None or (type(nonce) is str and len(nonce) <= MAX_NONCE)
            if fits and told.get("alg", ALGORITHM) == ALGORITHM and told.get("keyid", self.id) == self.id:
                return Asked(label, nonce if isinstance(nonce, str) else None)
        return None

    def headers(self, asked: Asked, status: int, sent: Iterable[Header], body: bytes, at: datetime) -> list[Header]:
        """What is to be sent beside the headers of an answer, which hold its trace id."""
        held = dict(sent)
        more: list[Header] = []
        digest = held.get(b"content-digest")
        if digest is None:
            digest = b"sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()) + b":"
            more.append((b"content-digest", digest))
        parameters = f'{_COVERED};created={int(at.timestamp())};keyid="{self.id}";alg="{ALGORITHM}"'
        if asked.nonce is not None:
            escaped = asked.nonce.replace("\\", "\\\\").replace('"', '\\"')
            parameters += f';nonce="{escaped}"'
        values = (str(status).encode(), digest, held[TRACE])
        lines = [f'"{name}": '.encode() + value for name, value in zip(COMPONENTS, values, strict=True)]
        lines.append(f'"@signature-params": {parameters}'.encode())
        signature = base64.b64encode(self._key.sign(b"\n".join(lines)))
        label = asked.label.encode()
        more.append((b"signature-input", label + b"=" + parameters.encode()))
        more.append((b"signature", label + b"=:" + signature + b":"))
        return more


def _thumbprint(key: Ed25519PrivateKey) -> str:
    """The thumbprint of its public half (RFC 7638), by which callers find it among the published ones."""
    public = _written(key.public_key().public_bytes_raw())
    members = {"crv": "Ed25519", "kty": "OKP", "x": public}
    return _written(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
