"""Identifiers that sort by the time of their making (UUID version 7, RFC 9562 section 5.7)."""

import os
import time
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_A = (1 << 12) - 1
_RANDOM_B = (1 << 62) - 1


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    millis = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    return UUID(
        int=(millis & ((1 << 48) - 1)) << 80
        | _VERSION
        | ((random >> 62) & _RANDOM_A) << 64
        | _VARIANT
        | random & _RANDOM_B
    )
