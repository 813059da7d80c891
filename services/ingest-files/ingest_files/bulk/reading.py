"""The parent's side of a whole load: starts the child, reads its frames one at a time and trusts none of them.

What the parent holds is one frame; findings go to a file of their own as they come, however many there are.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import tempfile
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import IO, Any, Final, overload

from ingest_files.bulk.frames import HEADER, MOST, Frame, MalformedAnswer, packed, unpacked
from ingest_files.bulk.plan import Plan
from ingest_files.domain.judgement import Finding
from sheets import wire
from sheets.errors import Reason, Unreadable
from sheets.kinds import READABLE, Kind
from sheets.limits import Limits

KEPT_FINDINGS: Final = 1_000_000
"""Findings of one file that are kept, row by row; beyond these they are counted."""
_PIPE: Final = 1 << 20
"""Bytes that may wait in the pipe between the two, so that neither waits for the other's every turn."""
_READER: Final = 4 << 20
_COMPLAINT: Final = 64 * 1024
_LACK_OF_MEMORY: Final = (b"memory allocation of", b"MemoryError", b"capacity overflow")


class Faulty(Exception):  # noqa: N818  an answer, not a malfunction
    """Something was found, and nothing of the file is to be loaded."""


class Findings(Sequence[Finding]):
    """What was found in a file, in the order in which it came, kept in a file of its own."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._kept = 0
        self.found = 0
        self.counts: dict[str, int] = {}

    def take(self, found: Any) -> None:
        """Keep what a frame says.

        Raises:
            MalformedAnswer: it is no list of findings.
        """
        listed = [_finding(one) for one in _is(tuple, found)]
        self.found += len(listed)
        for finding in listed:
            self.counts[finding.rule] = self.counts.get(finding.rule, 0) + 1
        listed = listed[: max(0, KEPT_FINDINGS - self._kept)]
        if listed:
            plain = [(one.row, one.column, one.item, one.rule, one.message) for one in listed]
            self._opened().write(packed(Frame.FINDINGS, plain))
            self._kept += len(listed)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="findings-")  # noqa: SIM115  closed with the findings
            weakref.finalize(self, self._file.close)
        self._file.seek(0, os.SEEK_END)
        return self._file

    def add(self, finding: Finding) -> None:
        self.take(((finding.row, finding.column, finding.item, finding.rule, finding.message),))

    def __len__(self) -> int:
        return self._kept

    def __iter__(self) -> Iterator[Finding]:
        if self._file is None:
            return
        self._file.seek(0)
        while header := self._file.read(HEADER.size):
            _, length = HEADER.unpack(header)
            for one in unpacked(self._file.read(length)):
                yield _finding(one)

    @overload
    def __getitem__(self, place: int) -> Finding: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Finding]: ...
    def __getitem__(self, place: int | slice) -> Finding | Sequence[Finding]:
        return list(self)[place]


class Reading:
    """One child at work on one file."""

    def __init__(self, child: asyncio.subprocess.Process, frames: asyncio.StreamReader, limits: Limits) -> None:
        self.findings = Findings()
        self.kind: Kind | None = None
        self.sheet: str | None = None
        self.records = 0
        self.places: dict[str, int] = {}
        """The column of each item; known at the end."""
        self.titles: tuple[tuple[int, str], ...] | None = None
        """The titles that do not go with the resource, with their columns; None where all do."""
        self._child, self._frames, self._limits = child, frames, limits
        self._complaint = asyncio.ensure_future(_complaint(child))
        self._ended = False

    async def begin(self) -> None:
        """What is known before any row.

        Raises:
            Unreadable: the file is refused, or the child died over it.
        """
        kind, content = await self._frame()
        if kind is not Frame.HEAD:
            raise Unreadable(Reason.CHILD_CRASHED)
        try:
            named, _network, _encoding, sheet = _is(tuple, unpacked(content))
            self.kind = Kind(_is(str, named))
            self.sheet = None if sheet is None else _is(str, sheet)
        except (MalformedAnswer, ValueError):
            raise Unreadable(Reason.CHILD_CRASHED) from None
        if self.kind not in READABLE:
            raise Unreadable(Reason.CHILD_CRASHED)

    async def blocks(self) -> AsyncIterator[bytes]:
        """The rows as COPY text, up to the end of a file in which nothing was found.

        Raises:
            Faulty: something was found. Unreadable: as `begin`.
        """
        while not self._ended:
            kind, content = await self._frame()
            if kind is Frame.ROWS:
                yield content
            else:
                self._take(kind, content)
                if self.findings.found or self.titles is not None:
                    raise Faulty
        await self._finish()

    async def rest(self) -> None:
        """Read on to the end for what else is found; the rows are dropped.

        Raises:
            Unreadable: as `begin`.
        """
        while not self._ended:
            kind, content = await self._frame()
            if kind is not Frame.ROWS:
                self._take(kind, content)
        await self._finish()

    def _take(self, kind: Frame, content: bytes) -> None:
        try:
            if kind is Frame.FINDINGS:
                self.findings.take(unpacked(content))
            elif kind is Frame.END:
                self._end(*_is(tuple, unpacked(content)))
            else:
                raise Unreadable(Reason.CHILD_CRASHED)
        except (MalformedAnswer, ValueError, TypeError):
            raise Unreadable(Reason.CHILD_CRASHED) from None

    def _end(self, records: Any, count: Any, titles: Any, places: Any) -> None:
        self.records = _is(int, records)
        self.places = {_is(str, code): _is(int, column) for code, column in _is(dict, places).items()}
        if titles is not None:
            self.titles = tuple((_is(int, column), _is(str, title)) for column, title in _is(tuple, titles))
        if _is(int, count) != self.findings.found:
            raise MalformedAnswer
        self._ended = True

    async def _frame(self) -> tuple[Frame, bytes]:
        try:
            kind, length = HEADER.unpack(await self._frames.readexactly(HEADER.size))
            if length > MOST:
                raise Unreadable(Reason.CHILD_CRASHED)
            content = await self._frames.readexactly(length)
        except asyncio.IncompleteReadError:
            raise await self._death() from None
        if kind == Frame.REFUSAL:
            raise _refusal(content)
        try:
            return Frame(kind), content
        except ValueError:
            raise Unreadable(Reason.CHILD_CRASHED) from None

    async def _finish(self) -> None:
        """Nothing may follow, and the child must end well."""
        if await self._frames.read(1):
            raise Unreadable(Reason.CHILD_CRASHED)
        if await self._child.wait() != 0:
            raise await self._death()

    async def _death(self) -> Unreadable:
        status, complaint = await self._child.wait(), await self._complaint
        if -status in {signal.SIGXCPU, signal.SIGALRM}:
            return Unreadable(Reason.CHILD_TIMEOUT)
        if status == wire.OUT_OF_MEMORY or any(word in complaint for word in _LACK_OF_MEMORY):
            return Unreadable(Reason.CHILD_MEMORY)
        return Unreadable(Reason.CHILD_CRASHED)

    async def close(self) -> None:
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
        await self._child.wait()
        self._complaint.cancel()


@contextlib.asynccontextmanager
async def reading(file: IO[bytes], plan: Plan, limits: Limits) -> AsyncIterator[Reading]:
    """A child that reads this file; it is killed where the block is left before its end, or takes too long.

    Raises:
        Unreadable: no child could be started, or the wall limit is reached.
    """
    file.seek(0)
    with _told(plan) as told:
        ours, theirs = os.pipe()
        with contextlib.suppress(OSError):  # a smaller pipe works as well
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE)
        try:
            child = await asyncio.create_subprocess_exec(
                *(*_command(), wire.encode_limits(limits), str(told)),
                stdin=file,
                stdout=theirs,
                stderr=asyncio.subprocess.PIPE,
                env={},
                cwd=os.sep,
                pass_fds=[told],
                start_new_session=True,
            )
        except OSError:
            os.close(ours)
            raise Unreadable(Reason.CHILD_NOT_STARTED) from None
        finally:
            os.close(theirs)
    loop = asyncio.get_running_loop()
    frames = asyncio.StreamReader(limit=_READER)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(frames), os.fdopen(ours, "rb", buffering=0)
    )
    made = Reading(child, frames, limits)
    try:
        async with asyncio.timeout(limits.wall_seconds):
            yield made
    except TimeoutError:
        raise Unreadable(Reason.CHILD_TIMEOUT) from None
    finally:
        transport.close()
        await made.close()


def _command() -> list[str]:
    """Isolated mode: no current folder, no user packages, no PYTHON* variables."""
    return [sys.executable, "-I", "-m", "ingest_files.bulk.child"]


@contextlib.contextmanager
def _told(plan: Plan) -> Iterator[int]:
    """The plan as an open file, which the child is given."""
    with tempfile.TemporaryFile(prefix="plan-") as file:
        file.write(plan.packed())
        file.flush()
        file.seek(0)
        yield file.fileno()


async def _complaint(child: asyncio.subprocess.Process) -> bytes:
    """The first of what it says on standard error; never shown."""
    assert child.stderr is not None
    kept = bytearray()
    while piece := await child.stderr.read(_COMPLAINT):
        kept += piece[: _COMPLAINT - len(kept)]
    return bytes(kept)


def _refusal(content: bytes) -> Unreadable:
    try:
        reason, facts = _is(tuple, unpacked(content))
        return Unreadable(Reason(_is(str, reason)), **_is(dict, facts))
    except (MalformedAnswer, ValueError, TypeError):
        return Unreadable(Reason.CHILD_CRASHED)


def _finding(plain: Any) -> Finding:
    row, column, item, rule, message = _is(tuple, plain)
    for number in (row, column):
        if number is not None:
            _is(int, number)
    if item is not None:
        _is(str, item)
    return Finding(row=row, column=column, item=item, rule=_is(str, rule), message=_is(str, message))


def _is(kind: type, value: Any) -> Any:
    """The value, which must be of exactly this type."""
    if type(value) is not kind:
        raise MalformedAnswer
    return value
