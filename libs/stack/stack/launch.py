"""Starts a supervisor as a child process and holds the pipe that its life hangs on."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from stack.control import LEAVE_SECONDS, revived
from stack.errors import StartFailed, StopFailed
from stack.folder import RunFolder
from stack.logfile import open_log, tail
from stack.supervisor import DETACH, Orders

ENTRY: Final = "import sys; from stack.supervisor import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Child:
    """A running supervisor. It stops everything and leaves as soon as this process ends, in whatever way."""

    process: subprocess.Popen[bytes]
    folder: RunFolder

    @classmethod
    def start(cls, orders: Orders) -> "Child":
        """Start a supervisor (the folder is made); returns when all its programs are ready.

        Raises:
            AlreadyRunning: another one holds the folder.
            StartFailed, AddressInUse: a program did not start; the supervisor has stopped the others and is gone.
        """
        folder = RunFolder(orders.folder)
        log = folder.log("supervisor")
        descriptor = open_log(log)
        before = log.stat().st_size
        try:
            process = subprocess.Popen(
                # -P: a folder named `stack` where the caller happens to stand must not be taken for this package.
                [sys.executable, "-P", "-c", ENTRY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=descriptor,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        child = cls(process, folder)
        try:
            child._await_ready(orders, before)
        except BaseException:
            child.close()
            raise
        return child

    def detach(self) -> None:
        """Let the supervisor live on without us."""
        assert self.process.stdin is not None
        self.process.stdin.write(DETACH)
        self._hang_up()
        self.process.returncode = 0  # not ours to wait for any more; no warning about a child left alone

    def close(self) -> None:
        """Have it stop everything, and wait until it is gone. Nothing if it is.

        Raises:
            StopFailed: it is still there after its time; it and so its programs have been killed.
        """
        self._hang_up()
        try:
            self.process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            raise StopFailed(
                f"{self.folder.root} 的服务器未能按时关闭,已强行终止。",
                f"The servers in {self.folder.root} did not stop in time and were killed.",
            ) from error

    def _hang_up(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _await_ready(self, orders: Orders, before: int) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(orders.line())
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            said = tail(self.folder.log("supervisor"), before)
            raise StartFailed(f"监管进程未能启动:\n{said}", "The supervisor did not start (its words are above).")
        reply = json.loads(answer)
        if "error" in reply:
            raise revived(reply["error"])
