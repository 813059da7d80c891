"""The per-user cache: where it is, who may write to it at a time, and whether the disk has room.

Everything in it can be made anew; deleting the folder costs time only.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stack.errors import NoSpace

CACHE_VARIABLE = "SHUQIAO_CACHE"
GIB = 1024**3


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The cache's absolute path: `SHUQIAO_CACHE`, else `$XDG_CACHE_HOME/shuqiao`, else `~/.cache/shuqiao`.

    Empty values count as absent; a relative `XDG_CACHE_HOME` is ignored, as its specification demands.
    """
    if own := environ.get(CACHE_VARIABLE):
        return Path(own).absolute()
    shared = environ.get("XDG_CACHE_HOME", "")
    if shared.startswith("/"):
        return Path(shared) / "shuqiao"
    return Path.home() / ".cache" / "shuqiao"


@contextmanager
def locked(path: Path, *, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the file `path` for this process alone; others wait here, after `on_wait` was called once.

    The kernel lets go of the lock when the holder dies, so there is nothing to clean up.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is not None:
                on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def require_free(folder: Path, needed: int, purpose: str) -> None:
    """Make sure that `needed` bytes are free where `folder` (existing) lies.

    Raises:
        NoSpace: there is less; the text says how much, for what, and how to move the cache.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        have, want = f"{free / GIB:.1f} GiB", f"{needed / GIB:.1f} GiB"
        raise NoSpace(
            f"磁盘空间不足:{folder} 只剩 {have},{purpose} 需要 {want}。"
            f"请清理磁盘,或用 {CACHE_VARIABLE} 指定别的缓存目录。",
            f"Not enough disk space: {folder} has {have} left, {want} are needed ({purpose}). "
            f"Make room, or set {CACHE_VARIABLE} to a folder on another disk.",
        )
