"""Identifiers that sort by the time of their making (UUID version 7, RFC 9562 section 5.7)."""

import os
import random
import time
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_RANDOM_A = (1 << 12) - 1
_RANDOM_B = (1 << 62) - 1
# Ids must differ, not be secret: they are drawn here, without asking the operating system each time.
_drawn = random.Random(os.urandom(32))  # noqa: S311
os.register_at_fork(after_in_child=lambda: _drawn.seed(os.urandom(32)))


def random_bits(count: int) -> int:
    """Bits that no other process has drawn, for ids and nothing that has to stay secret."""
    return _drawn.getrandbits(count)


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    millis = time.time_ns() // 1_000_000
    drawn = _drawn.getrandbits(74)
    return UUID(
        int=(millis & ((1 << 48) - 1)) << 80
        | _VERSION
        | ((drawn >> 62) & _RANDOM_A) << 64
        | _VARIANT
        | drawn & _RANDOM_B
    )
