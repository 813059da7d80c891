"""`python -m stack`: the servers for a developer, from the command line."""

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from stack.archive import prepare_all
from stack.control import LEAVE_SECONDS, Condition, Control, State
from stack.endpoints import Endpoints
from stack.errors import AlreadyRunning, NotRunning, StackError, StopFailed
from stack.folder import POLL_SECONDS, RunFolder
from stack.local import bring_up
from stack.process import alive, descendants
from stack.wanted import Wanted

DEFAULT_FOLDER: Final = Path(".run", "stack")
FAILED: Final = 1
NOT_RUNNING: Final = 3
"""The exit code that init scripts use for "not running"."""
TERM_SECONDS: Final = 30.0
"""How long a supervisor that does not answer may take to act on SIGTERM before it is killed."""
KILL_SECONDS: Final = 10.0

HELP: Final = """\
启动、查看、停止本机上的 Kafka、PostgreSQL 与 MinIO(不需要 Docker)。
Start, look at and stop Kafka, PostgreSQL and MinIO on this machine, without Docker.

  up      start all three and return when they are ready; they stay until `down`
  down    stop them in order and wait until they are gone; data stay
  status  say of each: its state, process, port, and since when
  env     print shell lines with addresses and passwords:  eval "$(python -m stack env)"
  fetch   only load and build what they are started from (some minutes, once)
"""
MORE: Final = """\
Data, logs and passwords lie in the folder given by --dir. To begin anew, `down` and delete it.
What is loaded or built lies in $SHUQIAO_CACHE, else $XDG_CACHE_HOME/shuqiao, else ~/.cache/shuqiao.
Where the network is closed: HTTPS_PROXY, SHUQIAO_MAVEN_URL (a mirror of Maven Central), GOPROXY, GOSUMDB.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code: 0 done, 1 failed, 3 nothing is running."""
    parser = argparse.ArgumentParser(
        prog="python -m stack", description=HELP, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=tuple(COMMANDS), metavar="up|down|status|env|fetch")
    parser.add_argument("--dir", type=Path, default=DEFAULT_FOLDER, help=f"the run folder (default: {DEFAULT_FOLDER})")
    given = parser.parse_args(arguments)
    folder = RunFolder(Path(given.dir).absolute())
    try:
        return COMMANDS[given.command](folder, os.environ)
    except NotRunning as error:
        print(error, file=sys.stderr)
        return NOT_RUNNING
    except StackError as error:
        print(f"[{error.code}] {error}", file=sys.stderr)
        return FAILED
    except OSError as error:  # a folder that is not ours, a full disk
        print(f"[os-error] {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def up(folder: RunFolder, environ: Mapping[str, str]) -> int:
    """Start, or say what runs already."""
    try:
        child, endpoints = bring_up(folder.root, environ, Wanted())
    except AlreadyRunning:
        print(f"already running / 已在运行: {folder.root}, pid {folder.pid()}")
        endpoints = _known(folder)
    else:
        child.detach()
    print(describe(endpoints))
    return 0


def down(folder: RunFolder, _: Mapping[str, str]) -> int:
    """Stop in order; a supervisor that does not answer is ended by its pid, and its servers die with it."""
    try:
        Control(folder).shutdown()
    except NotRunning:
        if not folder.held():
            folder.sweep()
            print(f"not running / 没有在运行: {folder.root}")
            return 0
        _end(folder)
    print(f"stopped / 已停止: {folder.root}")
    return 0


def status(folder: RunFolder, _: Mapping[str, str]) -> int:
    """A table without passwords."""
    conditions = Control(folder).status()
    print(f"{folder.root} (supervisor pid {folder.pid()})")
    print(table(conditions))
    return 0 if all(one.state is State.READY for one in conditions) else FAILED


def env(folder: RunFolder, _: Mapping[str, str]) -> int:
    """Lines for `eval`."""
    for name, value in _known(folder).variables().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def fetch(_: RunFolder, environ: Mapping[str, str]) -> int:
    """Fill the cache."""
    prepared = prepare_all(environ)
    print(f"java      {prepared.java}")
    print(f"kafka     {prepared.kafka_jars[0].parent}")
    print(f"postgres  {prepared.postgres.folder}")
    print(f"minio     {prepared.minio}")
    return 0


COMMANDS: Final[Mapping[str, Callable[[RunFolder, Mapping[str, str]], int]]] = {
    "up": up,
    "down": down,
    "status": status,
    "env": env,
    "fetch": fetch,
}


def describe(endpoints: Endpoints) -> str:
    """The addresses, without passwords."""
    return "\n".join(
        (
            f"PostgreSQL  {endpoints.postgres.host}:{endpoints.postgres.port}  user {endpoints.postgres.user}",
            f"Kafka       {endpoints.kafka.bootstrap}  user {endpoints.kafka.user}  (SASL_PLAINTEXT, SCRAM-SHA-256)",
            f"S3 (MinIO)  http://{endpoints.s3.endpoint}  region {endpoints.s3.region}",
            'passwords / 口令:  eval "$(python -m stack env)"',
        )
    )


def table(conditions: Sequence[Condition]) -> str:
    """One line for each program: name, state, pid, port, since (local time)."""
    rows = [("PROGRAM", "STATE", "PID", "PORT", "SINCE")]
    for one in conditions:
        since = one.since.astimezone().isoformat(" ", "seconds")
        state = f"{one.state} (exit {one.exit_code})" if one.state is State.EXITED else str(one.state)
        rows.append((one.name, state, str(one.pid or "-"), str(one.port or "-"), since))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _known(folder: RunFolder) -> Endpoints:
    if not folder.held() or not folder.endpoints_file.exists():
        raise NotRunning(f"{folder.root} 中没有正在运行的服务器。", f"No servers are running in {folder.root}.")
    return Endpoints.load(folder.endpoints_file.read_text(encoding="utf-8"))


def _end(folder: RunFolder) -> None:
    pid = folder.pid()
    below = [] if pid is None else descendants(pid)
    for sent, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        if pid is not None and folder.held():
            os.kill(pid, sent)
        if folder.wait_released(seconds):
            break
    end = time.monotonic() + LEAVE_SECONDS
    while alive(below) and time.monotonic() < end:  # the kernel has told them to go
        time.sleep(POLL_SECONDS)
    if folder.held() or alive(below):
        raise StopFailed(f"监管进程 {pid} 或其程序无法结束。", f"The supervisor {pid} or its programs cannot be ended.")
    folder.sweep()


if __name__ == "__main__":
    sys.exit(main())
