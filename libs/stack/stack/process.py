"""Processes of Linux: started so that they die with their parent, found with their children, signalled as a tree."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from stack.program import Program

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
LISTENING: Final = "0A"
"""The state of a listening socket in `/proc/net/tcp`."""
PROC: Final = Path("/proc")


def spawn(program: Program, log: int) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own, its output going to the descriptor `log`.

    To be called from the process's main thread: the kernel sends the death signal when the *thread* that forked ends.
    The signal is set after the change of user, which would clear it.

    Raises:
        OSError, KeyError: the file cannot be run; there is no such user.
    """
    user, group, further = _identity(program.user)
    return subprocess.Popen(
        program.argv,
        cwd=program.cwd,
        env=dict(program.env),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        user=user,
        group=group,
        extra_groups=further,
        start_new_session=True,
        preexec_fn=die_with_parent(program.stop_signal),  # noqa: PLW1509 - the supervisor has one thread only
    )


def _identity(user: str | None) -> tuple[int | None, int | None, list[int] | None]:
    if user is None:
        return None, None, None
    import pwd  # noqa: PLC0415 - only where a program has a user of its own

    account = pwd.getpwnam(user)
    return account.pw_uid, account.pw_gid, []


def die_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """What a child does before it becomes the program: ask the kernel for `sent` when its parent dies."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # found before the fork
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return ask


def adopt_orphans() -> None:
    """From now on a process below us whose parent ends becomes our child, and not that of process 1."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(parent: int) -> list[int]:
    """The pids of the living children of `parent`."""
    return _by_parent().get(parent, [])


def descendants(root: int) -> list[int]:
    """The pids of all living children of `root` and of theirs; without `root` itself."""
    parents = _by_parent()
    found: list[int] = []
    todo = [root]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _by_parent() -> dict[int, list[int]]:
    parents: dict[int, list[int]] = {}
    for pid in [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]:
        fields = _stat(pid)
        if fields and fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(pid)
    return parents


def send(pids: Iterable[int], sent: signal.Signals) -> None:
    """Send a signal to each; one that is gone is passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)


def alive(pids: Iterable[int]) -> bool:
    """Whether any of them still runs; one that only waits to be reaped does not."""
    return any(_state(pid) not in ("", "Z") for pid in pids)


def _state(pid: int) -> str:
    """The state's letter, "" if there is no such process."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` after the name, which may itself hold anything, brackets too."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def freeze(root: int) -> None:
    """SIGSTOP to the program and to everything that it has started, until there is nothing left to stop.

    PostgreSQL's processes each have a session of their own, so that no group reaches them.
    """
    stopped: set[int] = set()
    tree = {root}
    while fresh := tree - stopped:
        send(fresh, signal.SIGSTOP)
        stopped |= fresh
        tree = {root, *descendants(root)}


def thaw(root: int) -> None:
    """SIGCONT to the program and to everything that it has started."""
    send([root, *descendants(root)], signal.SIGCONT)


def owns_port(root: int, port: int) -> bool:
    """Whether the program or one of its children listens on `port`; not some stranger who was quicker.

    True also where the kernel does not tell (no `/proc/net`), so that a probe then rests on the answer alone.
    """
    try:
        links = {f"socket:[{inode}]" for inode in _listeners(port)}
    except OSError:
        return True
    return any(_holds(pid, links) for pid in [root, *descendants(root)])


def _listeners(port: int) -> set[str]:
    inodes: set[str] = set()
    for table in ("tcp", "tcp6"):
        path = PROC / "net" / table
        if table == "tcp6" and not path.exists():
            continue
        for line in path.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _holds(pid: int, links: set[str]) -> bool:
    folder = PROC / str(pid) / "fd"
    try:
        descriptors = list(folder.iterdir())
    except OSError:  # it is gone, or on its way: the kernel gives the folder of a process that is ending to root
        return False
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) in links:
                return True
    return False


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of the loopback that are free now, all different.

    Someone else may take one before it is used; whoever uses them must be ready to come back for others.
    """
    with contextlib.ExitStack() as held:
        ports = []
        for _ in range(count):
            taken = held.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            ports.append(int(taken.getsockname()[1]))
        return tuple(ports)
