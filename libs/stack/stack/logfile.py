"""Log files that cannot fill the disk.

A program writes straight into its file (no pipe stands between that could block it or break), and the supervisor looks
at the size now and then: beyond the limit the last part is kept as `<name>.log.1` and the file begins anew.
"""

import os
from pathlib import Path
from typing import Final

LIMIT: Final = 8 * 1024**2
"""Bytes after which a log begins anew; between two looks it may pass it."""
LOOK_SECONDS: Final = 2.0
TAIL_BYTES: Final = 4096


def open_log(path: Path) -> int:
    """A descriptor that appends to the log, readable by its owner only."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def bound(path: Path, limit: int = LIMIT) -> None:
    """Cut the log if it is over the limit; of what was in it, the last `limit` bytes stay in `<name>.log.1`."""
    try:
        with path.open("r+b") as log:
            size = log.seek(0, os.SEEK_END)
            if size <= limit:
                return
            log.seek(size - limit)
            kept = log.read(limit)
            log.truncate(0)  # the program appends, so it goes on at the new end
    except FileNotFoundError:
        return
    older = path.with_name(path.name + ".1")
    older.touch(mode=0o600)
    older.write_bytes(kept)


def tail(path: Path, since: int = 0) -> str:
    """The end of the log, from byte `since` on at the earliest."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(since if since <= size else 0, size - TAIL_BYTES))
            return log.read().decode("utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""
