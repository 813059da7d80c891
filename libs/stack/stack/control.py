"""The talk with a running supervisor: one line of JSON there, one line back, over a unix socket of the run folder."""

import json
import socket
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from stack import errors
from stack.errors import NotRunning, StackError, StopFailed
from stack.folder import RunFolder
from stack.program import Program, encode

ANSWER_SECONDS: Final = 10.0
"""How long the supervisor may take for what it can do at once; one that takes longer hangs."""
WORK_SECONDS: Final = 600.0
"""How long it may take for what waits for a program; the program's own times end it earlier."""
LEAVE_SECONDS: Final = 90.0
"""How long a supervisor may take to stop everything; it kills each program that outlasts its own time."""
LARGEST: Final = 4 * 1024**2
"""Bytes of one line."""


class Verb(StrEnum):
    STATUS = "status"
    ADD = "add"
    START = "start"
    STOP = "stop"
    KILL = "kill"
    PAUSE = "pause"
    RESUME = "resume"
    SHUTDOWN = "shutdown"


AT_ONCE: Final = frozenset({Verb.STATUS, Verb.SHUTDOWN})


class State(StrEnum):
    """Where a program is. `exited` is the only one that nobody asked for."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    EXITED = "exited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How one program is: since when in its state, and how it ended last (`exit_code`, negative for a signal)."""

    name: str
    state: State
    pid: int | None
    port: int | None
    since: datetime
    exit_code: int | None
    restarts: int

    def packed(self) -> dict[str, Any]:
        return {**asdict(self), "since": self.since.isoformat()}

    @classmethod
    def unpacked(cls, values: dict[str, Any]) -> "Condition":
        since = datetime.fromisoformat(values["since"])
        return cls(**{**values, "state": State(values["state"]), "since": since})


@dataclass(frozen=True, slots=True)
class Control:
    """Speaks to the supervisor of one run folder."""

    folder: RunFolder

    def status(self) -> tuple[Condition, ...]:
        """All programs in the order of their start. Raises NotRunning."""
        return tuple(Condition.unpacked(values) for values in self._ask(Verb.STATUS))

    def add(self, program: Program) -> None:
        """Have one more program started after all others; returns when it is ready. Raises StartFailed, BadProgram."""
        self._ask(Verb.ADD, program=encode(program))

    def start(self, name: str) -> None:
        """Start a stopped or dead program again, as it was; returns when ready. Raises StartFailed, WrongState."""
        self._ask(Verb.START, name=name)

    def stop(self, name: str) -> None:
        """Ask the program to leave; returns when it has. Killed if it does not in its own time."""
        self._ask(Verb.STOP, name=name)

    def kill(self, name: str) -> None:
        """SIGKILL to the program and all that it has started; returns when they are gone."""
        self._ask(Verb.KILL, name=name)

    def pause(self, name: str) -> None:
        """SIGSTOP to the program and all that it has started."""
        self._ask(Verb.PAUSE, name=name)

    def resume(self, name: str) -> None:
        """SIGCONT to the program and all that it has started."""
        self._ask(Verb.RESUME, name=name)

    def shutdown(self) -> None:
        """Stop all programs, last started first, and end the supervisor; returns when it is gone. Raises StopFailed."""
        self._ask(Verb.SHUTDOWN)
        if not self.folder.wait_released(LEAVE_SECONDS):
            raise StopFailed(
                f"{self.folder.root} 的服务器未能按时关闭。", f"The servers in {self.folder.root} did not stop in time."
            )

    def _ask(self, verb: Verb, **values: str) -> Any:
        question = json.dumps({"verb": verb, **values}).encode() + b"\n"
        try:
            with self.folder.socket_address() as address, socket.socket(socket.AF_UNIX) as line:
                line.settimeout(ANSWER_SECONDS if verb in AT_ONCE else WORK_SECONDS)
                line.connect(address)
                line.sendall(question)
                with line.makefile("rb") as stream:
                    answer = stream.readline(LARGEST)
        except OSError as error:
            raise self._away() from error
        if not answer:
            raise self._away()
        reply = json.loads(answer)
        if "error" in reply:
            raise revived(reply["error"])
        return reply["result"]

    def _away(self) -> NotRunning:
        return NotRunning(
            f"{self.folder.root} 中没有正在运行的服务器。", f"No servers are running in {self.folder.root}."
        )


def packed(error: StackError) -> dict[str, str]:
    """An error for the way through the socket or the pipe."""
    return {"code": error.code, "zh": error.zh, "en": error.en}


def revived(values: dict[str, str]) -> StackError:
    """The error that `packed` packed, of the same class."""
    kinds = (k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, StackError))
    kind = next((k for k in kinds if k.code == values["code"]), StackError)
    return kind(values["zh"], values["en"])
