#!/opt/shuqiao/bin/python -IS
"""Asks a health page once, or until it is well: `healthcheck URL [SECONDS]`; status 0 if it answered 200.

A program of its own because the images have no curl, and a start without site-packages costs a fifth of a usual one.
"""

import http.client
import sys
import time
from urllib.parse import urlsplit

TIMEOUT = 2.0
PAUSE = 0.5


def answers(url: str) -> bool:
    """Whether the page answers 200 in time."""
    parts = urlsplit(url)
    asked = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    try:
        asked.request("GET", parts.path or "/")
        return asked.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def main(arguments: list[str]) -> int:
    """Ask `arguments[0]`, again for at most `arguments[1]` seconds."""
    deadline = time.monotonic() + (float(arguments[1]) if arguments[1:] else 0.0)
    while not answers(arguments[0]):
        if time.monotonic() >= deadline:
            sys.stderr.write(f"{arguments[0]} is not well\n")
            return 1
        time.sleep(PAUSE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
