"""The keys that callers carry (`unitKey`, `methodKey`): their form, and the keyed hash that is all we keep of them.

Form: prefix (`cnu_` for a unit, `cnm_` for a service), 43 characters base62 of 32 random bytes, 6 characters base62 of
the CRC-32 of all before: 53 characters. Anything else is an unknown key without a look-up, and a typing slip is found
before any table is asked.
"""

import hashlib
import hmac
import secrets
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ALGORITHM: Final = "hmac-sha256"
LENGTH: Final = 53
_BODY, _CHECK = 43, 6
_BLOCK: Final = 64
"""Bytes of a block of SHA-256."""
_SECRET_BYTES = 32
_DIGITS = frozenset(ALPHABET)


class KeyKind(StrEnum):
    """Whose key it is, by its prefix."""

    UNIT = "cnu_"
    METHOD = "cnm_"


@dataclass(frozen=True, slots=True)
class Pepper:
    """The secret that the keyed hashes rest on, with the id that is stored beside each hash."""

    id: str
    secret: bytes = field(repr=False)
    _inner: "hashlib._Hash" = field(init=False, repr=False, compare=False)
    _outer: "hashlib._Hash" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # HMAC (RFC 2104) with the part that depends on the secret alone done once: it is taken four times in each call.
        block = self.secret if len(self.secret) <= _BLOCK else hashlib.sha256(self.secret).digest()
        block = block.ljust(_BLOCK, b"\0")
        object.__setattr__(self, "_inner", hashlib.sha256(bytes(byte ^ 0x36 for byte in block)))
        object.__setattr__(self, "_outer", hashlib.sha256(bytes(byte ^ 0x5C for byte in block)))

    def digest(self, text: str) -> str:
        """HMAC-SHA-256 in hexadecimal (64 characters)."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


def _base62(number: int, width: int) -> str:
    out = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        out.append(ALPHABET[digit])
    return "".join(reversed(out))


def compose(kind: KeyKind, secret: bytes) -> str:
    """The key that carries these 32 bytes."""
    if len(secret) != _SECRET_BYTES:
        raise ValueError("a key carries 32 bytes")
    body = kind.value + _base62(int.from_bytes(secret, "big"), _BODY)
    return body + _base62(zlib.crc32(body.encode()), _CHECK)


def generate(kind: KeyKind) -> str:
    """A new key of 256 random bits."""
    return compose(kind, secrets.token_bytes(_SECRET_BYTES))


def well_formed(kind: KeyKind, text: str) -> bool:
    """Whether a text can be a key of this kind: length, prefix, alphabet and check characters."""
    if len(text) != LENGTH or not text.startswith(kind.value):
        return False
    body, check = text[:-_CHECK], text[-_CHECK:]
    if not _DIGITS.issuperset(text[len(kind.value) :]):
        return False
    return hmac.compare_digest(_base62(zlib.crc32(body.encode()), _CHECK), check)
