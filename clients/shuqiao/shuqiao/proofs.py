"""Proof of who calls and of who answers (RFC 9421): requests signed by a unit, answers checked for the gateway's key.

What is signed and checked is chosen here; how is `http-message-signatures`' matter.
"""

import base64
import hashlib
import json
import os
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

import httpx2
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from http_message_signatures import HTTPMessageSignaturesException, HTTPMessageSigner, HTTPMessageVerifier, algorithms
from http_message_signatures.httpx2 import adapt_message
from http_message_signatures.resolvers import MappingKeyResolver

from shuqiao.errors import BadProfile, Falsified

ANSWERED: Final = ("@status", "content-digest", "x-trace-id")
"""What the signature of an answer covers."""
_SENT: Final = ("@method", "@target-uri", "content-digest")
_SENT_IF_THERE: Final = ("x-unit-key", "x-method-key", "x-operator", "x-using-system", "x-matter", "content-type")
_NONCE: Final = "shuqiao.nonce"
_SKEW: Final = timedelta(days=1)
"""How far a caller's clock may be wrong: that an answer is of now is known by the nonce, not by the time."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private key by which a unit signs its calls (Ed25519); its public half is registered for the unit."""

    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a PEM file that nobody else can read.

        Raises:
            BadProfile: the file is not there, is readable by others, or holds no such key.
        """
        _private(path)
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadProfile(f"{path} 不是未加密的 Ed25519 私钥（PEM）")
        return cls(key)

    def save(self, path: Path) -> None:
        """Into a new PEM file of mode 0600.

        Raises:
            BadProfile: there is such a file already; a key is never overwritten.
        """
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise BadProfile(f"{path} 已存在，不会覆盖") from None
        with os.fdopen(file, "wb") as opened:
            opened.write(pem)

    @property
    def public_pem(self) -> str:
        """What is registered."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def id(self) -> str:
        """The thumbprint of the public key (RFC 7638), by which the exchange knows it."""
        public = self.private.public_key().public_bytes_raw()
        members = {"crv": "Ed25519", "kty": "OKP", "x": _written(public)}
        return _written(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())

    def sign(self, request: httpx2.Request) -> None:
        """Sign a request as it will be sent: method, whole address, body, keys and notes, with a nonce of its own."""
        there = tuple(name for name in _SENT_IF_THERE if name in request.headers)
        resolver = MappingKeyResolver(public_keys={}, private_keys={self.id: self.private})
        HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=resolver).sign(
            adapt_message(request),
            key_id=self.id,
            nonce=secrets.token_urlsafe(18),
            covered_component_ids=(*_SENT, *there),
            body=request.read(),
        )


@dataclass(frozen=True, slots=True)
class AnswerKeys:
    """The public keys by which the gateway's answers are checked, by id."""

    keys: Mapping[str, Ed25519PublicKey]

    @classmethod
    def load(cls, path: Path) -> Self:
        """From a file as `GET /.well-known/answer-keys.json` of the register gives it.

        Raises:
            BadProfile: the file is not there or holds no such keys.
        """
        try:
            return cls.of(json.loads(path.read_text()))
        except FileNotFoundError:
            raise BadProfile(f"没有找到文件 {path}") from None
        except ValueError:
            raise BadProfile(f"{path} 不是应答公钥（JWKS）") from None

    @classmethod
    def of(cls, document: object) -> Self:
        """From that document. Raises BadProfile."""
        try:
            found = {
                key["kid"]: Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
                for key in document["keys"]  # type: ignore[index]  # whatever it is, a mistake is told below
                if key["kty"] == "OKP" and key["crv"] == "Ed25519"
            }
        except (KeyError, TypeError, ValueError):
            found = {}
        if not found:
            raise BadProfile("没有可用的应答公钥（JWKS）")
        return cls(found)

    def ask(self, request: httpx2.Request) -> None:
        """Ask for a signed answer to this very request."""
        nonce = secrets.token_urlsafe(18)
        covered = " ".join(f'"{name}"' for name in ANSWERED)
        request.headers["Accept-Signature"] = f'answer=({covered});nonce="{nonce}";alg="ed25519"'
        request.extensions[_NONCE] = nonce

    def check(self, answer: httpx2.Response) -> None:
        """Whether an answer is the gateway's own, unaltered, and to this request.

        A refusal of the transport may be a proxy's, which cannot sign; nothing that it says is used.

        Raises:
            Falsified: it is not.
        """
        if answer.status_code != 200 and "signature" not in answer.headers:
            return
        resolver = MappingKeyResolver(public_keys=self.keys, private_keys={})
        verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver)
        verifier.max_clock_skew = _SKEW
        try:
            found = verifier.verify(
                adapt_message(answer), max_age=None, require_components=ANSWERED, body=answer.content
            )
        except (HTTPMessageSignaturesException, ValueError) as error:
            raise Falsified("应答没有网关的有效签名") from error
        if len(found) != 1 or found[0].nonce != answer.request.extensions.get(_NONCE):
            raise Falsified("应答的签名不是对这次调用的")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """What a system shows to the ingress, as PEM files; `ca` is that of the ingress, where it is a private one."""

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises BadProfile if a file cannot be used."""
        try:
            made = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                _private(self.key or self.certificate)
                made.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ssl.SSLError):
            raise BadProfile("客户端证书、其私钥或 CA 证书不可用（PEM 文件）") from None
        return made


def _no_password() -> str:
    raise BadProfile("客户端证书的私钥须为未加密的 PEM 文件")


def _private(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise BadProfile(f"没有找到文件 {path}") from None
    if mode & 0o077:
        raise BadProfile(f"{path} 可被其他用户读取，请执行 chmod 600 {path}")


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
