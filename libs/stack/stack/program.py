"""What the supervisor runs: a program's command, its surroundings, how it is stopped, and how it is known to be ready.

These values travel as JSON over a pipe to the supervisor's process and over its control socket, never in its arguments,
so that a password in a program's environment is not seen by other users of the machine.
"""

import json
import re
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from stack.errors import BadProgram

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
"""A program's name is also its log file's name."""
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpReady:
    """Ready when the program itself listens on `port` of the loopback and takes a connection."""

    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReady:
    """Ready when the program itself listens on `port` and answers `GET path` with a status below 400."""

    port: int
    path: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresReady:
    """Ready when `postmaster.pid` in the data folder (the program's `cwd`) is this process's and says so."""

    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaReady:
    """Ready when the broker itself listens on `port` and answers a request.

    A broker answers only after it has caught up with its own metadata, users and rights included.
    """

    port: int


Probe = TcpReady | HttpReady | PostgresReady | KafkaReady
_PROBES: Final[Mapping[str, type[Probe]]] = {
    "tcp": TcpReady, "http": HttpReady, "postgres": PostgresReady, "kafka": KafkaReady,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process to run. All of it is checked when it is made.

    `env` is the whole environment: nothing of the supervisor's own is inherited. `user` is a name of the password file
    and needs root. Without a probe the program counts as ready as soon as it runs. `start_tries` is for a program that
    may find the traces of its last, violent end (PostgreSQL's old processes): if it leaves before it is ready, it is
    started again. `restart` starts it again, with growing pauses, whenever it dies unasked. Processes that it leaves
    behind when it ends are killed, so it must not turn itself into a daemon.

    Raises:
        BadProgram: a value that cannot work.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    probe: Probe | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = STOP_SECONDS
    start_seconds: float = START_SECONDS
    start_tries: int = 1
    restart: bool = False

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise _bad(self.name, "the name must match " + NAME.pattern)
        if not self.argv or not Path(self.argv[0]).is_absolute():
            raise _bad(self.name, "argv must begin with an absolute path")
        if not self.cwd.is_absolute():
            raise _bad(self.name, "cwd must be absolute")
        texts = (*self.argv, str(self.cwd), *self.env.keys(), *self.env.values())
        if any("\0" in text for text in texts):
            raise _bad(self.name, "a NUL character in a text")
        if any(not name or "=" in name for name in self.env):
            raise _bad(self.name, "an environment name that is empty or holds '='")
        if self.probe is not None and not 0 < self.probe.port < 65536:
            raise _bad(self.name, f"the port {self.probe.port} does not exist")
        if self.stop_seconds <= 0 or self.start_seconds <= 0 or self.start_tries < 1:
            raise _bad(self.name, "times must be positive, tries at least 1")
        if self.stop_signal in (signal.SIGKILL, signal.SIGSTOP):
            raise _bad(self.name, f"{self.stop_signal.name} does not stop a program in order")

    @property
    def port(self) -> int | None:
        """The port that the probe asks; None without a probe."""
        return None if self.probe is None else self.probe.port


def encode(program: Program) -> str:
    """One line of JSON; `decode` gives an equal program."""
    probe = program.probe
    kind = None if probe is None else next(k for k, t in _PROBES.items() if t is type(probe))
    values: dict[str, Any] = {
        **asdict(program),
        "cwd": str(program.cwd),
        "env": dict(program.env),
        "stop_signal": program.stop_signal.name,
        "probe": None if probe is None else {"kind": kind, **asdict(probe)},
    }
    return json.dumps(values)


def decode(text: str) -> Program:
    """Raises BadProgram for anything that `encode` would not have written."""
    try:
        values = json.loads(text)
        probe = values.pop("probe")
        kind = None if probe is None else _PROBES[probe.pop("kind")]
        return Program(
            **{
                **values,
                "argv": tuple(values["argv"]),
                "cwd": Path(values["cwd"]),
                "stop_signal": signal.Signals[values["stop_signal"]],
                "probe": None if kind is None else kind(**probe),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad("?", f"not a program's description: {type(error).__name__}") from error


def _bad(name: str, why: str) -> BadProgram:
    return BadProgram(f"程序 {name!r} 的描述不可用:{why}", f"Program {name!r} cannot be used: {why}")
