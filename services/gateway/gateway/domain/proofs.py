"""Whether a call is its unit's own beyond its keys (REQ-G3): what its grant demands of signature and certificate."""

import hashlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from common.events import BoundCertificate, CertificateMark, UnitChanged
from gateway.domain import signatures
from gateway.domain.grants import Grant
from gateway.domain.origins import CERTIFICATE, SUBJECT, VERIFIED, VERIFY
from gateway.domain.requests import Headers
from gateway.domain.signatures import Fault, Message, Signature, Unproven

_MAX_CERTIFICATE: Final = 12 * 1024
"""Bytes of a certificate as the ingress passes it on."""


@dataclass(slots=True)
class Proof:
    """What a call of a grant with demands brings, and what was found of it."""

    message: Message
    from_ingress: bool
    """Whether what the headers say of a certificate is the ingress's word."""
    signature: Signature | None = None
    certificate: str | None = None
    """Id of the bound certificate that was shown."""
    fault: Fault | None = None
    used: Signature | None = None
    """The signature whose nonce was used up."""

    def holds(self, grant: Grant, unit: UnitChanged) -> bool:
        """Whether it is all that the grant demands, but for the time of the signature and its nonce."""
        self.fault = None
        if grant.certified:
            self.certificate = _shown(self.message.headers, unit.certificates) if self.from_ingress else None
            if self.certificate is None:
                self.fault = Fault.CERTIFICATE
                return False
        if grant.signed:
            try:
                self.signature = signatures.check(self.message, {key.id: key.public for key in unit.signing_keys})
            except Unproven as unproven:
                self.signature, self.fault = None, unproven.fault
                return False
        return True

    def noted(self, record: bytes) -> bytes:
        """The record of its call with what proves it: the ids of key and certificate, or what was wrong."""
        told = {
            "signing_key": self.signature.key if self.signature is not None else None,
            "certificate": self.certificate,
            "unproven": self.fault,
        }
        # All three, also where the call was refused before anybody looked: the record stays one JSON object.
        return record[:-1] + b"," + orjson.dumps(told)[1:]


def _shown(headers: Headers, bound: tuple[BoundCertificate, ...]) -> str | None:
    """Which of these certificates the caller showed to the ingress."""
    if headers.get(VERIFY) != VERIFIED:
        return None
    marks = {CertificateMark.SUBJECT: headers.get(SUBJECT, b"").decode("latin-1")}
    if any(one.mark is CertificateMark.FINGERPRINT for one in bound):
        marks[CertificateMark.FINGERPRINT] = _fingerprint(headers.get(CERTIFICATE, b""), marks[CertificateMark.SUBJECT])
    return next((one.id for one in bound if marks[one.mark] == one.value), None)


def _fingerprint(passed: bytes, subject: str) -> str:
    """The SHA-256 of a certificate that the ingress passes as percent-encoded PEM; empty if it is none.

    Certificates are no secrets. An ingress that verifies them and is not told to pass them lets through what callers
    write here; so it counts only if it is of the very subject that was verified.
    """
    if not passed or len(passed) > _MAX_CERTIFICATE:
        return ""
    try:
        certificate = x509.load_pem_x509_certificate(unquote_to_bytes(passed))
    except ValueError:
        return ""
    return (
        hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest() if _subject(certificate) == subject else ""
    )


def _subject(certificate: x509.Certificate) -> str:
    """As nginx writes it: RFC 4514, with what is no ASCII as bytes in hexadecimal."""
    written = certificate.subject.rfc4514_string()
    return "".join(c if c.isascii() else "".join(f"\\{byte:02X}" for byte in c.encode()) for c in written)
