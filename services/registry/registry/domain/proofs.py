"""What proves that a call is a unit's own beside its keys (REQ-G3): signing keys and client certificates.

A signing key is known by its thumbprint (RFC 7638), so the private key alone is enough to name it; one that was
withdrawn never comes back, for nobody knows who has it. A certificate is known by its subject, which the renewed one
keeps, or by its fingerprint.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from common.events import BoundCertificate, CertificateMark, SigningKey
from common.ids import uuid7
from registry import errors

LIVE_SIGNING_KEYS: Final = 5
"""Signing keys of a unit that are valid at once: one for each of its systems, and room to change one over."""
LIVE_CERTIFICATES: Final = 20
MAX_PEM: Final = 1000
_RAW: Final = 32
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_SUBJECT: Final = re.compile(r"[A-Za-z][A-Za-z0-9.-]*=[ -~]*")


class ProofKind(StrEnum):
    SIGNING_KEY = "signing-key"
    SUBJECT = "subject"
    FINGERPRINT = "fingerprint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    id: str
    """Of a signing key its thumbprint, of a certificate a number of the register's."""
    kind: ProofKind
    value: str
    """Public key (base64url of 32 bytes), subject as RFC 4514 writes it, or SHA-256 of the certificate (in hex)."""
    registered_at: datetime
    registered_by: str


def signing_keys(proofs: Iterable[Proof]) -> tuple[SigningKey, ...]:
    return tuple(SigningKey(id=p.id, public=p.value) for p in proofs if p.kind is ProofKind.SIGNING_KEY)


def bound_certificates(proofs: Iterable[Proof]) -> tuple[BoundCertificate, ...]:
    return tuple(
        BoundCertificate(id=p.id, mark=CertificateMark(p.kind.value), value=p.value)
        for p in proofs
        if p.kind is not ProofKind.SIGNING_KEY
    )


def of_public_key(text: str, *, by: str, at: datetime) -> Proof:
    """A signing key, from its public half as PEM or as the base64url of its 32 bytes.

    Raises:
        BadSigningKey: it is no Ed25519 public key.
    """
    raw = _from_pem(text) if text.lstrip().startswith("-----") else _from_base64(text)
    if raw is None or len(raw) != _RAW or raw in _OF_SMALL_ORDER:
        raise errors.BadSigningKey("不是 Ed25519 公钥；接受 PEM，或32字节的 base64url")
    public = _written(raw)
    return Proof(id=thumbprint(public), kind=ProofKind.SIGNING_KEY, value=public, registered_at=at, registered_by=by)


def thumbprint(public: str) -> str:
    """The thumbprint of an Ed25519 public key (RFC 7638, RFC 8037 A.3)."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": public}
    return _written(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def of_certificate(subject: str | None, fingerprint: str | None, *, by: str, at: datetime) -> Proof:
    """A certificate by exactly one of its marks.

    Raises:
        BadCertificate: none or both are given, or the mark has not its form.
    """
    if (subject is None) == (fingerprint is None):
        raise errors.BadCertificate("须给出证书主体（subject）或指纹（fingerprint），且只给一个")
    if subject is not None:
        kind, value, fits = ProofKind.SUBJECT, subject, bool(_SUBJECT.fullmatch(subject))
    else:
        value = (fingerprint or "").replace(":", "").lower()
        kind, fits = ProofKind.FINGERPRINT, bool(_FINGERPRINT.fullmatch(value))
    if not fits:
        raise errors.BadCertificate("证书主体按 RFC 4514 书写（如 CN=mzj-1,O=…）；指纹为 SHA-256，64位十六进制")
    return Proof(id=str(uuid7()), kind=kind, value=value, registered_at=at, registered_by=by)


def with_proof(held: tuple[Proof, ...], new: Proof) -> tuple[Proof, ...]:
    """What a unit has with one more.

    Raises:
        ProofKnown: it has it already.
        TooManyProofs: it has as many as are live at once.
    """
    if any((proof.kind, proof.value) == (new.kind, new.value) for proof in held):
        raise errors.ProofKnown("本单位已登记该签名公钥或证书")
    keys = new.kind is ProofKind.SIGNING_KEY
    most = LIVE_SIGNING_KEYS if keys else LIVE_CERTIFICATES
    if sum((proof.kind is ProofKind.SIGNING_KEY) is keys for proof in held) >= most:
        raise errors.TooManyProofs(f"最多同时有{most}个，请先撤销一个", live=most)
    return (*held, new)


def without_proof(held: tuple[Proof, ...], proof_id: str, *, keys: bool) -> tuple[Proof, ...]:
    """What a unit has without one of its signing keys, or of its certificates.

    Raises:
        ProofUnknown: it has no such live one.
    """
    kept = tuple(p for p in held if p.id != proof_id or (p.kind is ProofKind.SIGNING_KEY) is not keys)
    if len(kept) == len(held):
        raise errors.ProofUnknown("没有这个有效的签名公钥或证书")
    return kept


def _from_pem(text: str) -> bytes | None:
    try:
        key = load_pem_public_key(text.encode())
    except ValueError:
        return None
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else None


def _from_base64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # Written in one way only: the thumbprint rests on it.
    return raw if _written(raw) == text else None


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_OF_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(point[:-2] + last)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
    for last in (point[-2:], f"{int(point[-2:], 16) | 0x80:02x}")
)
"""Public keys under which a signature says nothing: points of small order, each with either sign (RFC 8032 §5.1)."""
