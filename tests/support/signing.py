"""Keys to sign with, and requests signed by hand (RFC 9421): independent of the gateway's reading and the SDK's."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.events import SigningKey

COVERED = ("@method", "@target-uri", "content-digest")
PUBLIC = "http://gateway"
"""Where the tests' callers send their calls to."""


def written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def new_public_key() -> str:
    return written(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class Signing:
    """A unit's key pair."""

    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> str:
        return written(self.private.public_key().public_bytes_raw())

    @property
    def id(self) -> str:
        text = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": self.public}, separators=(",", ":"))
        return written(hashlib.sha256(text.encode()).digest())

    @property
    def told(self) -> SigningKey:
        return SigningKey(id=self.id, public=self.public)


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signed(
    key: Signing,
    path_and_query: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    origin: str = PUBLIC,
    covered: Sequence[str] = COVERED,
    created: float | None = None,
    nonce: str | None = None,
    keyid: str | None = None,
    headers: Mapping[str, str] | None = None,
    more: str = "",
    label: str = "sig1",
) -> dict[str, str]:
    """The headers of a signed request; `more` is put behind the signature's parameters as it stands."""
    sent = {"content-digest": digest(body), **{name.lower(): value for name, value in (headers or {}).items()}}
    path, _, query = path_and_query.partition("?")
    values = {
        "@method": method,
        "@target-uri": origin + path_and_query,
        "@authority": origin.partition("//")[2],
        "@scheme": origin.partition(":")[0],
        "@path": path,
        "@query": "?" + query,
    }
    created = time() if created is None else created
    parameters = f';created={int(created)};keyid="{keyid or key.id}";nonce="{nonce or uuid4().hex}"' + more
    inner = f"({' '.join(json.dumps(name) for name in covered)}){parameters}"
    lines = [f'"{name}": {values.get(name, sent.get(name))}' for name in covered]
    base = "\n".join([*lines, f'"@signature-params": {inner}'])
    signature = base64.b64encode(key.private.sign(base.encode())).decode()
    return {**sent, "signature-input": f"{label}={inner}", "signature": f"{label}=:{signature}:"}
