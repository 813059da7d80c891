"""The messages between parent and child of a whole load: frames of a kind and a length, read one at a time.

The parent trusts no frame: lengths are bounded, kinds and their order checked, and the rows themselves are taken by a
typed table whose batch is asked for afterwards.
"""

import struct
from enum import IntEnum
from typing import Any, Final

import msgpack

HEADER: Final = struct.Struct(">BI")
MOST: Final = 64 * 1024 * 1024
"""Bytes of a frame at most."""
FINDINGS_IN_A_FRAME: Final = 2000


class Frame(IntEnum):
    REFUSAL = 0
    HEAD = 1
    ROWS = 2
    FINDINGS = 3
    END = 4


class MalformedAnswer(Exception):  # noqa: N818  names what came
    """What the child said is no answer."""


def packed(kind: Frame, content: Any) -> bytes:
    """A frame of plain types."""
    return framed(kind, bytes(msgpack.packb(content)))


def framed(kind: Frame, content: bytes) -> bytes:
    return HEADER.pack(kind, len(content)) + content


def unpacked(content: bytes) -> Any:
    """What a frame holds.

    Raises:
        MalformedAnswer: no message, or one that is too deep.
    """
    try:
        return msgpack.unpackb(content, use_list=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise MalformedAnswer from error
