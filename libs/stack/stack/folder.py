"""The run folder: where data, logs, passwords and the supervisor's traces lie, and who may hold it.

data/{postgres,kafka,minio}   survive every stop; delete the folder to begin anew
conf/                         written anew at every start (0600: Kafka's file holds passwords)
logs/<name>.log               of every program, and supervisor.log
secrets.json                  passwords, made once (0600)
endpoints.json                where the running servers are (0600)
supervisor.{lock,pid}, control.sock
"""

import fcntl
import json
import os
import secrets
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from stack.errors import AlreadyRunning, DataUnusable

SOCKET_NAME: Final = "control.sock"
PASSWORD_BYTES: Final = 16
"""As hexadecimal digits they are safe in URLs, property files and MinIO's limit of 40 characters."""
ACCESS_KEY_BYTES: Final = 10
"""20 characters, the length that S3 clients expect."""
POLL_SECONDS: Final = 0.02
HOLD_SECONDS: Final = 0.5
"""How long `hold` tries: a reader's look (`held`) takes the lock for an instant."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secrets:
    """The passwords of one data folder; never shown by `repr`."""

    postgres_password: str
    kafka_password: str
    controller_password: str
    s3_access_key: str
    s3_secret_key: str

    @classmethod
    def random(cls) -> "Secrets":
        return cls(
            postgres_password=secrets.token_hex(PASSWORD_BYTES),
            kafka_password=secrets.token_hex(PASSWORD_BYTES),
            controller_password=secrets.token_hex(PASSWORD_BYTES),
            s3_access_key=secrets.token_hex(ACCESS_KEY_BYTES),
            s3_secret_key=secrets.token_hex(PASSWORD_BYTES),
        )


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths below one folder; making the value touches nothing."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets_file(self) -> Path:
        return self.root / "secrets.json"

    @property
    def endpoints_file(self) -> Path:
        return self.root / "endpoints.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "supervisor.lock"

    @property
    def pid_file(self) -> Path:
        return self.root / "supervisor.pid"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make what is missing. The folder is made for its owner only: it holds passwords."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.root, self.data, self.conf, self.logs):
            folder.mkdir(exist_ok=True, mode=0o700)

    def pid(self) -> int | None:
        """The running supervisor's pid; None if none runs, whatever an old pid file says."""
        if not self.held():
            return None
        try:
            return int(self.pid_file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None

    def held(self) -> bool:
        """Whether a supervisor holds the folder: the kernel's lock says so, and it ends with its holder."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def wait_released(self, seconds: float, poll: Callable[[float], None] = time.sleep) -> bool:
        """Wait until no supervisor holds the folder; False if one still does after `seconds`."""
        end = time.monotonic() + seconds
        while self.held():
            if time.monotonic() > end:
                return False
            poll(POLL_SECONDS)
        return True

    def hold(self) -> int:
        """Take the folder for this process until it ends; gives the lock's descriptor, to be kept open.

        Raises:
            AlreadyRunning: another supervisor holds it.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + HOLD_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > end:
                    os.close(descriptor)
                    raise AlreadyRunning(
                        f"{self.root} 中已有服务器在运行。", f"Servers are already running in {self.root}."
                    ) from error
                time.sleep(POLL_SECONDS)
            else:
                return descriptor

    @contextmanager
    def socket_address(self) -> Iterator[str]:
        """The control socket's address, short however deep the folder lies (the kernel allows 108 bytes)."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
        finally:
            os.close(descriptor)

    def listen(self) -> socket.socket:
        """The control socket, for the owner only; replaces one that a killed supervisor left. Needs `hold`."""
        (self.root / SOCKET_NAME).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            with self.socket_address() as address:
                listener.bind(address)
        finally:
            os.umask(before)
        listener.listen()
        return listener

    def sweep(self) -> None:
        """Remove the traces of a killed supervisor, not the data, logs and passwords. Only while nobody holds it."""
        for path in (self.pid_file, self.endpoints_file, self.root / SOCKET_NAME):
            path.unlink(missing_ok=True)

    def secrets(self) -> Secrets:
        """The folder's passwords, made on the first call.

        Raises:
            DataUnusable: there are data but no passwords for them, or the file is not readable as such.
        """
        if not self.secrets_file.exists():
            if any(self.data.iterdir()):
                raise self._lost("不存在", "is missing")
            made = Secrets.random()
            write_private(self.secrets_file, json.dumps(asdict(made), indent=1))
            return made
        try:
            return Secrets(**json.loads(self.secrets_file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise self._lost("无法读取", "is not readable") from error

    def _lost(self, zh: str, en: str) -> DataUnusable:
        return DataUnusable(
            f"数据目录 {self.data} 的口令文件 {self.secrets_file} {zh}。"
            f"请恢复该文件,或删除 {self.root} 重新开始(数据将丢失)。",
            f"The password file {self.secrets_file} of the data in {self.data} {en}. "
            f"Put it back, or delete {self.root} to begin anew (the data are lost then).",
        )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read: whole or not at all, also when we are killed in between."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(descriptor)
    part.replace(path)
