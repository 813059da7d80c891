"""PostgreSQL 18: how it is initialised, started, known to be ready and stopped.

The server's working folder is its data folder, which it is told to find as `/proc/self/cwd`. So it needs no right on
the folders above: as root the data may lie in a closed home and the server still runs as `nobody`. Passwords by SCRAM,
durable (fsync, full page writes, synchronous commit), on the loopback only, no unix socket.
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.errors import BadSettings, DataUnusable
from stack.fetch.postgres import PostgresPrograms
from stack.program import PostgresReady, Program

NAME: Final = "postgres"
SUPERUSER: Final = "postgres"
MAJOR: Final = "18"
HERE: Final = "/proc/self/cwd"
DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")
"""What makes a commit outlive a power cut; a caller cannot turn it off, so that tests mean something."""
DEFAULTS: Final[Mapping[str, str]] = {
    "max_connections": "200",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    "log_line_prefix": "%m [%p] %u@%d ",
    # Files of the log that were written once are kept to be written again: a commit that has to begin a new one waits
    # some 50 ms for it.
    "min_wal_size": "1GB",
    # A client that vanishes is noticed within half a minute and its locks are freed.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_connection_check_interval": "2000",
}
"""Settings that a caller may replace."""
RESERVED: Final = frozenset(
    {
        *DURABLE,
        "port",
        "listen_addresses",
        "unix_socket_directories",
        "data_directory",
        "hba_file",
        "password_encryption",
    }
)
SETTING: Final = re.compile(r"[a-z_]+(\.[a-z_]+)?")
STOP_SECONDS: Final = 20.0
START_TRIES: Final = 8
"""A server that was killed leaves processes that let go of its memory a moment later."""
INIT_SECONDS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPlan:
    """One start: the programs, the data folder, the port, the caller's settings."""

    programs: PostgresPrograms
    data: Path
    port: int
    settings: Mapping[str, str]


def initialise(programs: PostgresPrograms, data: Path, password: str) -> None:
    """Make the data folder, if it is not there; a half-made one of a killed run is thrown away first.

    Raises:
        DataUnusable: there is a folder, but not one of a PostgreSQL 18 that this user could start; or initdb failed.
    """
    account = None if programs.user is None else pwd.getpwnam(programs.user)
    owner = os.geteuid() if account is None else account.pw_uid
    if data.exists():
        _check(data, owner)
        return
    part = data.with_name(data.name + ".new")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    with tempfile.TemporaryFile() as secret:  # never has a name; the server's user may read it all the same
        secret.write(password.encode() + b"\n")
        secret.flush()
        if account is not None:
            os.chown(part, account.pw_uid, account.pw_gid)
            os.fchown(secret.fileno(), account.pw_uid, account.pw_gid)
        made = subprocess.run(
            [
                programs.path("initdb"), "-D", HERE, "-U", SUPERUSER, "-A", "scram-sha-256",
                f"--pwfile=/proc/self/fd/{secret.fileno()}", "-E", "UTF8", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums",
            ],
            cwd=part, env=_environment(), pass_fds=[secret.fileno()], stdin=subprocess.DEVNULL,
            user=None if account is None else account.pw_uid,
            group=None if account is None else account.pw_gid,
            extra_groups=None if account is None else [],
            capture_output=True, text=True, errors="replace", check=False, timeout=INIT_SECONDS,
        )  # fmt: skip
    if made.returncode != 0:
        raise DataUnusable(
            f"PostgreSQL 数据目录 {data} 初始化失败:\n{made.stderr.strip()}",
            f"initdb could not make {data} (its words are above).",
        )
    part.rename(data)


def _check(data: Path, owner: int) -> None:
    try:
        version = (data / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        version = ""
    if version != MAJOR or not (data / "global" / "pg_control").is_file():
        found = f"PG_VERSION={version!r}"
        raise DataUnusable(
            f"{data} 不是完整的 PostgreSQL {MAJOR} 数据目录({found})。如不需要其中数据,请删除它再启动。",
            f"{data} is not a whole data folder of PostgreSQL {MAJOR} ({found}). Delete it if its data are not needed.",
        )
    if (found_owner := data.stat().st_uid) != owner:
        raise DataUnusable(
            f"{data} 属于用户 {found_owner},现在应属于 {owner}。请用当初的用户启动,或删除它。",
            f"{data} belongs to user {found_owner}, but would have to belong to {owner}. Start it as the user who made "
            "it, or delete it.",
        )


def program(plan: PostgresPlan) -> Program:
    """How this start is run. Stopped by SIGINT: it ends sessions and writes a checkpoint.

    Raises:
        BadSettings: a setting of the caller is reserved or no setting's name.
    """
    checked = check_settings(plan.settings)
    own = {
        "port": str(plan.port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        **dict.fromkeys(DURABLE, "on"),
    }
    settings = {**DEFAULTS, **checked, **own}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        name=NAME,
        argv=(plan.programs.path("postgres"), "-D", HERE, *options),
        cwd=plan.data,
        env=_environment(),
        user=plan.programs.user,
        probe=PostgresReady(port=plan.port),
        stop_signal=signal.SIGINT,
        stop_seconds=STOP_SECONDS,
        start_tries=START_TRIES,
    )


def check_settings(settings: Mapping[str, str]) -> Mapping[str, str]:
    """The caller's settings, if all of them may be given. Raises BadSettings."""
    for name in settings:
        if name in RESERVED or not SETTING.fullmatch(name):
            raise BadSettings(
                f"PostgreSQL 设置 {name!r} 不可指定。", f"The PostgreSQL setting {name!r} cannot be given."
            )
    return settings


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C"}
