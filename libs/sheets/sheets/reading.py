"""Files into workbooks: the caller's side, which starts the child, waits for it within bounds and trusts it in nothing.

Whatever happens to the child - it refuses, dies, hangs, floods or lies - comes out as `Unreadable`. The caller's own
memory holds the answer and no more than `Limits.answer_bytes` of it.
"""

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sheets import wire
from sheets.cells import Workbook
from sheets.errors import Reason, Unreadable
from sheets.kinds import Kind
from sheets.limits import STRICT, Limits

_COMPLAINT_BYTES = 64 * 1024
"""What is kept of the child's standard error, to tell lack of memory from other deaths; it is never shown."""
_STEP = 64 * 1024
_LAST_WORDS_SECONDS = 5.0
"""For the pipes of a dead child to run dry; something that it left behind may hold them open for ever."""
_LACK_OF_MEMORY = (b"memory allocation of", b"MemoryError", b"capacity overflow")
"""What the parser's runtime, Python and the parser say when they are refused memory."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a child ended."""

    status: int
    answer: bytes
    complaint: bytes
    timed_out: bool
    flooded: bool
    """It wrote more than the answer may have, and was killed."""


def read(source: Path | bytes, *, limits: Limits = STRICT) -> Workbook:
    """Read a spreadsheet, in a child process of its own.

    `source` is a path or the file's bytes. Blocks for about 0.1 s, at most `limits.wall_seconds`.

    Raises:
        Unreadable: the file is refused, or the child died over it.
        OSError: the path cannot be opened.
    """
    with _opened(source, limits) as file:
        ended = _run(file, limits)
    return _conclude(ended, limits)


async def read_async(source: Path | bytes, *, limits: Limits = STRICT) -> Workbook:
    """`read` for an event loop; if the waiting is cancelled, the child is killed.

    Raises:
        Unreadable: the file is refused, or the child died over it.
        OSError: the path cannot be opened.
    """
    with _opened(source, limits) as file:
        ended = await _run_async(file, limits)
    return await asyncio.to_thread(_conclude, ended, limits)


@contextlib.contextmanager
def _opened(source: Path | bytes, limits: Limits) -> Iterator[int]:
    """The file as an open descriptor for the child; only its size is looked at.

    Raises:
        Unreadable: it is empty, too large, or no regular file.
    """
    if isinstance(source, bytes):
        _check_size(len(source), limits)
        with _in_memory() as file:
            file.write(source)
            file.flush()
            file.seek(0)
            yield file.fileno()
        return
    # Without O_NONBLOCK the opening of a pipe would wait for its writer.
    descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(Reason.NOT_A_FILE)
        _check_size(status.st_size, limits)
        yield descriptor
    finally:
        os.close(descriptor)


def _in_memory() -> IO[bytes]:
    """A nameless file; in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("sheet"), "w+b")
    return tempfile.TemporaryFile()


def _check_size(size: int, limits: Limits) -> None:
    if size == 0:
        raise Unreadable(Reason.NOT_A_SPREADSHEET, kind=Kind.EMPTY.value)
    if size > limits.file_bytes:
        raise Unreadable(Reason.FILE_TOO_LARGE, bytes=size, limit=limits.file_bytes)


def _command(limits: Limits) -> list[str]:
    """Isolated mode: no current folder, no user packages, no PYTHON* variables."""
    return [sys.executable, "-I", "-m", "sheets.child", wire.encode_limits(limits)]


def _environment() -> dict[str, str]:
    """Nothing of ours: no secret can leak from a child that never had it. Windows cannot start without its root."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if sys.platform == "win32" and name in os.environ}


class _Kept:
    """The first bytes of what a pipe carries; what is beyond them is read and forgotten."""

    def __init__(self, keep: int) -> None:
        self.bytes = bytearray()
        self.overflowed = False
        self._keep = keep

    def take(self, piece: bytes) -> None:
        """Add what was read."""
        room = self._keep - len(self.bytes)
        self.bytes += piece[:room]
        self.overflowed = self.overflowed or len(piece) > room


def _drain(pipe: IO[bytes], kept: _Kept, *, stop_at_limit: bool) -> None:
    with pipe:
        while piece := os.read(pipe.fileno(), _STEP):
            kept.take(piece)
            if stop_at_limit and kept.overflowed:
                return


async def _drain_async(pipe: asyncio.StreamReader, kept: _Kept, *, stop_at_limit: bool) -> None:
    while piece := await pipe.read(_STEP):
        kept.take(piece)
        if stop_at_limit and kept.overflowed:
            return


def _run(file: int, limits: Limits) -> _Ended:
    deadline = time.monotonic() + limits.wall_seconds
    try:
        child = subprocess.Popen(
            _command(limits),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            cwd=os.sep,
            start_new_session=True,
        )
    except OSError:
        raise Unreadable(Reason.CHILD_NOT_STARTED) from None
    if child.stdout is None or child.stderr is None:
        raise Unreadable(Reason.CHILD_NOT_STARTED)
    answer, complaint = _Kept(limits.answer_bytes), _Kept(_COMPLAINT_BYTES)
    drains = [
        threading.Thread(target=_drain, args=(child.stdout, answer), kwargs={"stop_at_limit": True}, daemon=True),
        threading.Thread(target=_drain, args=(child.stderr, complaint), kwargs={"stop_at_limit": False}, daemon=True),
    ]
    timed_out = False
    try:
        for drain in drains:
            drain.start()
        drains[0].join(max(0.0, deadline - time.monotonic()))
        if not answer.overflowed:
            child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        timed_out = True
    finally:
        _kill(child.pid, child.returncode)
        status = child.wait()
        for drain in drains:
            drain.join(_LAST_WORDS_SECONDS)
    return _Ended(status, bytes(answer.bytes), bytes(complaint.bytes), timed_out, answer.overflowed)


async def _run_async(file: int, limits: Limits) -> _Ended:
    try:
        child = await asyncio.create_subprocess_exec(
            *_command(limits),
            stdin=file,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            cwd=os.sep,
            start_new_session=True,
        )
    except OSError:
        raise Unreadable(Reason.CHILD_NOT_STARTED) from None
    if child.stdout is None or child.stderr is None:
        raise Unreadable(Reason.CHILD_NOT_STARTED)
    answer, complaint = _Kept(limits.answer_bytes), _Kept(_COMPLAINT_BYTES)
    timed_out = False
    complaining = asyncio.ensure_future(_drain_async(child.stderr, complaint, stop_at_limit=False))
    try:
        async with asyncio.timeout(limits.wall_seconds):
            await _drain_async(child.stdout, answer, stop_at_limit=True)
            if not answer.overflowed:
                await child.wait()
                await complaining
    except TimeoutError:
        timed_out = True
    finally:
        complaining.cancel()
        _kill(child.pid, child.returncode)
        status = await child.wait()
    return _Ended(status, bytes(answer.bytes), bytes(complaint.bytes), timed_out, answer.overflowed)


def _kill(pid: int, status: int | None) -> None:
    """End the child's whole group, if the child has not been waited for yet (then its number may be another's)."""
    if status is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)


def _conclude(ended: _Ended, limits: Limits) -> Workbook:
    """The workbook, or the reason why there is none.

    Raises:
        Unreadable: the child refused, or gave no whole answer.
    """
    if ended.timed_out or (sys.platform != "win32" and -ended.status in {signal.SIGXCPU, signal.SIGALRM}):
        raise Unreadable(Reason.CHILD_TIMEOUT)
    if ended.status == wire.OUT_OF_MEMORY or (
        ended.status != 0 and any(word in ended.complaint for word in _LACK_OF_MEMORY)
    ):
        raise Unreadable(Reason.CHILD_MEMORY)
    if ended.status != 0 or ended.flooded:
        raise Unreadable(Reason.CHILD_CRASHED)
    try:
        return wire.decode_answer(ended.answer, limits)
    except wire.MalformedAnswer:
        raise Unreadable(Reason.CHILD_CRASHED) from None
