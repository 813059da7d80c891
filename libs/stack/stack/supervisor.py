"""The one parent of all servers and services of a run folder, in a process of its own (started by `launch`).

It reads its orders from standard input (one line of JSON), starts the programs in order from its main thread, reports
on standard output (one line), then answers the control socket. When standard input ends, it stops everything and
leaves: whoever started it may die in any way, and nothing is left over. A line `detach` there sets it free of that.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stack import process
from stack.control import LARGEST, Condition, State, Verb, packed
from stack.errors import BadProgram, NotRunning, StackError, UnknownProgram
from stack.folder import RunFolder, write_private
from stack.logfile import LOOK_SECONDS, bound
from stack.program import Program, decode, encode
from stack.supervised import Supervised

DETACH: Final = b"detach\n"
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds before a program that died unasked is started again: doubled each time, up to the longest."""
STEADY_SECONDS: Final = 60.0
"""A program that ran this long begins again with the first pause."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the starter sends: where, and what to run."""

    folder: Path
    programs: tuple[Program, ...]

    def line(self) -> bytes:
        values = {"folder": str(self.folder), "programs": [encode(p) for p in self.programs]}
        return json.dumps(values).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Orders":
        values = json.loads(line)
        return cls(folder=Path(values["folder"]), programs=tuple(decode(text) for text in values["programs"]))


class Supervisor:
    """Holds the programs in the order of their start."""

    def __init__(self, folder: RunFolder, programs: Sequence[Program]) -> None:
        self._folder = folder
        self._programs: dict[str, Supervised] = {}
        self._leave = asyncio.Event()
        self._restarters: set[asyncio.Task[None]] = set()
        self._talks: set[asyncio.Task[None]] = set()
        for program in programs:
            self._admit(program)

    def leave(self) -> None:
        """Begin to stop everything."""
        self._leave.set()

    def reap(self) -> None:
        """The kernel says that some child has ended; it may be one of several, a program's or an orphan's."""
        by_pid = {one.pid: one for one in self._programs.values()}
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if (one := by_pid.get(ended.si_pid)) is None:
                    os.waitpid(ended.si_pid, 0)
                else:
                    one.reap()
                    self._kill_orphans()

    def _kill_orphans(self) -> None:
        """What a program leaves behind when it ends (a server's other processes, a service's children) has no use."""
        known = {one.pid for one in self._programs.values()}
        process.send([pid for pid in process.children(os.getpid()) if pid not in known], signal.SIGKILL)

    async def start_all(self) -> None:
        """Start the programs one after another; on the first failure stop what runs, and raise it."""
        for one in tuple(self._programs.values()):
            async with one.turn:
                await one.start()
            self._watch(one)

    async def stop_all(self) -> None:
        """Stop the programs, the last started first. Whatever is being started meanwhile is given up."""
        for task in (*self._restarters, *self._talks):
            if task is not asyncio.current_task():
                task.cancel()
        for one in reversed(tuple(self._programs.values())):
            async with one.turn:
                await one.stop()
        self._kill_orphans()

    async def until_left(self) -> None:
        """Wait for the word to leave, keeping the logs small meanwhile."""
        while not self._leave.is_set():
            for path in [self._folder.log(name) for name in (*self._programs, "supervisor")]:
                bound(path)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._leave.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question of the control socket."""
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            question = json.loads(await reader.readline())
            try:
                answer = {"result": await self._answer(question)}
            except StackError as error:
                answer = {"error": packed(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError, KeyError, TypeError) as error:  # the caller has hung up, or spoke something else
            _log.warning("a question was not answered: %s", type(error).__name__)
        finally:
            self._talks.discard(task)
            writer.close()

    async def _answer(self, question: dict[str, str]) -> Any:
        verb = Verb(question["verb"])
        if verb is Verb.STATUS:
            return [condition.packed() for condition in self.conditions()]
        if verb is Verb.SHUTDOWN:
            self.leave()
            return None
        if self._leave.is_set():
            raise NotRunning("服务器正在关闭。", "The servers are being stopped.")
        one = self._admit(decode(question["program"])) if verb is Verb.ADD else self._named(question["name"])
        async with one.turn:
            await self._act(verb, one)
        return None

    async def _act(self, verb: Verb, one: Supervised) -> None:
        match verb:
            case Verb.ADD:
                try:
                    await one.start()
                except StackError:
                    del self._programs[one.program.name]
                    raise
                self._watch(one)
            case Verb.START:
                await one.start()
            case Verb.STOP:
                await one.stop()
            case Verb.KILL:
                await one.kill()
            case Verb.PAUSE:
                one.pause()
            case Verb.RESUME:
                one.resume()

    def conditions(self) -> tuple[Condition, ...]:
        return tuple(one.condition() for one in self._programs.values())

    def _admit(self, program: Program) -> Supervised:
        if program.name in self._programs or program.name == "supervisor":
            raise BadProgram(f"程序名 {program.name} 已被占用。", f"The name {program.name} is taken.")
        one = Supervised(program, self._folder.log(program.name))
        self._programs[program.name] = one
        return one

    def _named(self, name: str) -> Supervised:
        try:
            return self._programs[name]
        except KeyError as error:
            known = ", ".join(self._programs)
            raise UnknownProgram(
                f"没有程序 {name};现有:{known}。", f"There is no program {name}; known: {known}."
            ) from error

    def _watch(self, one: Supervised) -> None:
        if one.program.restart:
            task = asyncio.create_task(self._restart_for_ever(one))
            self._restarters.add(task)
            task.add_done_callback(self._restarters.discard)

    async def _restart_for_ever(self, one: Supervised) -> None:
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await one.died.wait()
            pause = FIRST_PAUSE if loop.time() - began > STEADY_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            async with one.turn:
                if one.state is not State.EXITED:  # someone has stopped or started it meanwhile
                    one.died.clear()
                    continue
                one.restarts += 1
                began = loop.time()
                try:
                    await one.start()
                except StackError as error:
                    _log.error("%s could not be started again: %s", one.program.name, error.code)
                    one.mark_exited()


async def run(orders: Orders) -> int:
    """Hold the folder, start, report, serve, stop. The exit code is 0 if everything could be started."""
    folder = RunFolder(orders.folder)
    lock = folder.hold()
    write_private(folder.pid_file, str(os.getpid()))
    supervisor = Supervisor(folder, orders.programs)
    loop = asyncio.get_running_loop()
    process.adopt_orphans()
    loop.add_signal_handler(signal.SIGCHLD, supervisor.reap)
    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, supervisor.leave)
    _hang_on(supervisor, loop)
    server = await asyncio.start_unix_server(supervisor.serve, sock=folder.listen(), limit=LARGEST)
    try:
        return await _live(supervisor)
    finally:
        await supervisor.stop_all()
        server.close()
        folder.sweep()
        _log.info("all stopped")
        os.close(lock)


async def _live(supervisor: Supervisor) -> int:
    starting = asyncio.create_task(supervisor.start_all())
    living = asyncio.create_task(supervisor.until_left())
    await asyncio.wait((starting, living), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # told to leave while starting
        starting.cancel()
        await asyncio.wait((starting,))
        return 1
    if (error := starting.exception()) is not None:
        living.cancel()
        if not isinstance(error, StackError):
            raise error
        _log.error("start failed: %s", error)
        report({"error": packed(error)})
        return 1
    report({"ready": True})
    await living
    return 0


def report(values: dict[str, Any]) -> None:
    """Say it to the starter, once; afterwards nobody listens there any more."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(values).encode() + b"\n")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _hang_on(supervisor: Supervisor, loop: asyncio.AbstractEventLoop) -> None:
    """Leave when standard input ends, unless a line `detach` came first."""
    descriptor = sys.stdin.fileno()

    def heard() -> None:
        said = os.read(descriptor, len(DETACH))
        loop.remove_reader(descriptor)
        if said != DETACH:
            _log.info("the starter is gone")
            supervisor.leave()

    loop.add_reader(descriptor, heard)


def main() -> int:
    """Entry of the supervisor's process."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        with os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as pipe:
            orders = Orders.read(pipe.readline())  # unbuffered: what follows the line is for `_hang_on`
        return asyncio.run(run(orders))
    except StackError as error:
        report({"error": packed(error)})
        return 1
