"""Sealed cursors: where the next page begins, readable by the platform alone and good for the same question only.

A cursor holds the place of the last row in clear inside, so it is sealed (AES-256-GCM) and bound to unit, service,
filters and order: altered, foreign or with another question it cannot be opened.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import Code, Refused

_NONCE: Final = 12
KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a cursor is good for."""

    unit: str
    service: str
    resource_version: str
    filters: Mapping[str, str]
    """The parameters that filter, as they came."""
    order: str | None

    def bound(self) -> bytes:
        filters = sorted(self.filters.items())
        return orjson.dumps([self.unit, self.service, self.resource_version, filters, self.order])


Place = tuple[str | None, ...]
"""The values of the ordering in the last row, as texts."""


class Seal:
    """Seals and opens cursors with one secret, which all replicas share."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def of(cls, secret: bytes) -> "Seal":
        """With a key of its own, derived from a secret that all replicas have."""
        return cls(HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"shuqiao cursor").derive(secret))

    def close(self, place: Place, question: Question) -> str:
        """A cursor: letters, digits, `-` and `_`."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher.encrypt(nonce, orjson.dumps(place), question.bound())
        return _written(nonce + sealed)

    def open(self, cursor: str, question: Question) -> Place:
        """The place in a cursor.

        Raises:
            Refused: 206 if it is none of ours, was altered, or belongs to another question.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            if _written(raw) != cursor:
                raise Refused(Code.VALUE)
            found = orjson.loads(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], question.bound()))
        except (ValueError, InvalidTag):
            raise Refused(Code.VALUE) from None
        return tuple(found)


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
