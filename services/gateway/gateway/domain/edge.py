"""What the edge takes: how much of a request, in how much time, and what two readers could read as different requests.

Limits are the same for everybody and stand here once, so that the edge, its tests and the interface description say
the same. Whatever is over a limit is refused before it is a call.
"""

from collections.abc import Sequence
from typing import Final

import httptools

MAX_LINE: Final = 8 * 1024
"""Bytes of a request line, without its end of line; over it 414."""
MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 16 * 1024
"""Headers of a request, and their bytes together as they came; over either 431."""
HEAD_WITHIN: Final = 10.0
"""Seconds in which a request's line and headers must have come whole, else 408."""
IDLE_WITHIN: Final = 75.0
"""Seconds that a connection may be idle between two requests: longer than nginx's 60, so that a proxy lets go first."""
TAKEN_WITHIN: Final = 60.0
"""Seconds in which a peer must have taken what was answered; then its connection is cut and the memory given back."""
LINGER: Final = 1.0
"""Seconds in which a peer may still send after the last answer on its connection. What comes is thrown away; without
this wait the kernel would answer it with a reset, and the reset could overtake the answer."""
MAX_PIPELINED: Final = 16
"""Requests of one connection that wait for the one before them; those after are not read, the connection ends."""

REFUSED: Final = "gateway.refused"
"""Key of an ASGI scope: the status with which the server refuses what it could not make a request of."""
ANSWER: Final = "gateway.answer"
"""Key of an ASGI scope: takes status, headers and body in one step; it says whether it could without waiting."""
FAULT: Final = "gateway.fault"
"""Key of an ASGI `http.disconnect`: the status with which a request is refused whose body is malformed."""


def faulty(version: str, hosts: int, encodings: Sequence[bytes]) -> int:
    """The status with which a well-formed head is refused because of what it says; 0 if it is taken.

    What is ambiguous is refused (RFC 9112 §3.2, §6.1): a proxy before us might have read another request in it.
    """
    if version == "1.1":
        if hosts != 1:
            return 400
    elif version == "1.0":
        if encodings or hosts > 1:
            return 400
    else:
        return 505
    if encodings and (len(encodings) > 1 or encodings[0].strip().lower() != b"chunked"):
        return 400
    return 0


def target(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request's target, as they came; one in neither of the two usual forms is all path."""
    if url.startswith(b"/"):
        path, _, query = url.partition(b"?")
        return path, query
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserError:
        return url, b""
    return parsed.path or b"/", parsed.query or b""
