"""One program under the supervisor's care: its process, its state, and the moves from one state to the next."""

import asyncio
import logging
import os
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from stack import process
from stack.control import Condition, State
from stack.errors import AddressInUse, StartFailed, WrongState
from stack.logfile import open_log, tail
from stack.probe import is_ready
from stack.program import Program

PROBE_SECONDS: Final = 0.05
TRY_AGAIN_SECONDS: Final = 0.3
GONE_SECONDS: Final = 5.0
"""How long the children of a killed program may take to disappear."""
TAKEN: Final = ("address already in use", "port is already in use")
"""What servers write when their port is taken; in small letters."""
RUNNING: Final = (State.STARTING, State.READY, State.PAUSED, State.STOPPING)

_log = logging.getLogger(__name__)


class Supervised:
    """All of it is used from the event loop of the main thread only; commands take `turn`, one after another."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.turn = asyncio.Lock()
        self.died = asyncio.Event()
        """Set when the program ends unasked; whoever restarts it clears it."""
        self.restarts = 0
        self._state = State.WAITING
        self._since = datetime.now(UTC)
        self._process: subprocess.Popen[bytes] | None = None
        self._exited = asyncio.Event()

    @property
    def state(self) -> State:
        return self._state

    @property
    def pid(self) -> int | None:
        """The process that has not been reaped yet."""
        return None if self._process is None or self._exited.is_set() else self._process.pid

    def condition(self) -> Condition:
        running = self._state in RUNNING and self._process is not None
        return Condition(
            name=self.program.name,
            state=self._state,
            pid=self._process.pid if running and self._process is not None else None,
            port=self.program.port,
            since=self._since,
            exit_code=None if self._process is None else self._process.returncode,
            restarts=self.restarts,
        )

    def reap(self) -> None:
        """Take note that the process has ended, if it has."""
        if self._process is None or self._exited.is_set() or self._process.poll() is None:
            return
        self._exited.set()
        if self._state in (State.READY, State.PAUSED):
            self._become(State.EXITED)
            _log.error(
                "%s died unasked (exit %s); its last words: %s", self.program.name, self._process.returncode, self.log
            )
            self.died.set()

    async def start(self) -> None:
        """Start the program and wait until it is ready.

        Raises:
            WrongState: it runs already.
            AddressInUse, StartFailed: it ended or was not ready in time; it is not running then.
        """
        if self._state in RUNNING:
            raise self._wrong("启动", "started")
        self.died.clear()
        for left in reversed(range(self.program.start_tries)):
            try:
                await self._start_once()
            except StartFailed as error:
                if not left or isinstance(error, AddressInUse):
                    raise
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            else:
                return

    async def stop(self) -> None:
        """Ask the program to leave, and kill it if it does not in its own time. Nothing if it does not run."""
        if self._process is None or self._state not in RUNNING:
            if self._state is State.EXITED:  # somebody has now asked
                self._become(State.STOPPED)
            return
        self._become(State.STOPPING)
        running = self._process
        process.send([running.pid], self.program.stop_signal)
        process.thaw(running.pid)  # a paused program could not act on it
        if not await self._gone(self.program.stop_seconds):
            _log.warning("%s did not leave within %s s and is killed", self.program.name, self.program.stop_seconds)
            await self._slay(running)
        self._become(State.STOPPED)
        _log.info("%s stopped (exit %s)", self.program.name, running.returncode)

    async def kill(self) -> None:
        """SIGKILL to the program and all its children at once, as a crash of the machine would. Raises WrongState."""
        if self._process is None or self._state not in RUNNING:
            raise self._wrong("终止", "killed")
        self._become(State.STOPPING)
        await self._slay(self._process)
        self._become(State.STOPPED)
        _log.info("%s killed", self.program.name)

    def pause(self) -> None:
        """Raises WrongState if the program is not ready."""
        if self._process is None or self._state is not State.READY:
            raise self._wrong("暂停", "paused")
        process.freeze(self._process.pid)
        self._become(State.PAUSED)

    def resume(self) -> None:
        """Raises WrongState if the program is not paused."""
        if self._process is None or self._state is not State.PAUSED:
            raise self._wrong("继续", "resumed")
        process.thaw(self._process.pid)
        self._become(State.READY)

    def mark_exited(self) -> None:
        """It died and could not be started again: that is still a death that nobody asked for."""
        self._become(State.EXITED)
        self.died.set()

    async def _start_once(self) -> None:
        descriptor = open_log(self.log)
        began = self.log.stat().st_size
        self._become(State.STARTING)
        self._exited.clear()
        try:
            self._process = process.spawn(self.program, descriptor)
        except (OSError, KeyError, subprocess.SubprocessError) as error:
            self._exited.set()
            self._become(State.STOPPED)
            raise self._failed(str(error), began) from error
        finally:
            os.close(descriptor)
        try:
            await self._wait_ready(self._process, began)
        except BaseException:  # also when we are told to leave while it starts
            await self._slay(self._process)
            self._become(State.STOPPED)
            raise
        self._become(State.READY)
        _log.info("%s ready (pid %d, port %s)", self.program.name, self._process.pid, self.program.port)

    async def _wait_ready(self, running: subprocess.Popen[bytes], began: int) -> None:
        end = asyncio.get_running_loop().time() + self.program.start_seconds
        while not await is_ready(self.program, running.pid):
            if asyncio.get_running_loop().time() > end:
                raise self._failed(f"not ready after {self.program.start_seconds:.0f} s", began)
            if await self._gone(PROBE_SECONDS):
                break
        if self._exited.is_set():
            raise self._failed(f"exit {running.returncode}", began)

    async def _gone(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        except TimeoutError:
            return False
        return True

    async def _slay(self, running: subprocess.Popen[bytes]) -> None:
        """Kill the program and its children, and wait until none is left. Nothing if it has ended by itself."""
        if self._exited.is_set():  # its pid may be someone else's by now
            return
        process.freeze(running.pid)  # so that none of them starts another meanwhile
        tree = process.descendants(running.pid)
        process.send([running.pid, *tree], signal.SIGKILL)
        await self._exited.wait()
        end = asyncio.get_running_loop().time() + GONE_SECONDS
        # Not our children: nobody tells us when they are gone.
        while process.alive(tree) and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - as said above
            await asyncio.sleep(PROBE_SECONDS)

    def _become(self, state: State) -> None:
        self._state = state
        self._since = datetime.now(UTC)

    def _wrong(self, zh: str, en: str) -> WrongState:
        name, state = self.program.name, self._state
        return WrongState(f"{name} 处于 {state} 状态,不能{zh}。", f"{name} is {state}; it cannot be {en}.")

    def _failed(self, why: str, began: int) -> StartFailed:
        said = tail(self.log, began)
        kind = AddressInUse if any(words in said.lower() for words in TAKEN) else StartFailed
        return kind(
            f"{self.program.name} 未能启动({why})。日志 {self.log} 的末尾:\n{said}",
            f"{self.program.name} did not start ({why}); the lines above are the end of its log.",
        )
