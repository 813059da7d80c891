"""Where an exchange is, and as whom to speak to it: a JSON file of mode 0600.

`make run` writes one for the exchange on this machine; the variable `SHUQIAO_PROFILE` names another.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from shuqiao.errors import BadProfile

VARIABLE: Final = "SHUQIAO_PROFILE"
SERVICES: Final = ("registry", "catalog", "sharing", "ingest-files", "audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Addresses of the gateway and of each service, and an account where one is kept here."""

    gateway: str
    services: dict[str, str]
    account: str | None = None
    password: str | None = field(default=None, repr=False)


def default_path() -> Path:
    """The file that is used where none is named: the exchange of the current folder, else the user's own."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    here = Path(".run/profile.json")
    return here if here.exists() else Path.home() / ".config" / "shuqiao" / "profile.json"


def load(path: Path | None = None) -> Profile:
    """Read a profile.

    Raises:
        BadProfile: the file is not there, is readable by others, or does not name every service.
    """
    path = path or default_path()
    try:
        if path.stat().st_mode & 0o077:
            raise BadProfile(f"{path} 可被其他用户读取，请执行 chmod 600 {path}")
        found = Profile(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise BadProfile(f"没有找到配置文件 {path}；可用环境变量 {VARIABLE} 指定") from None
    except (ValueError, TypeError) as error:
        raise BadProfile(f"{path} 不是有效的配置文件：{type(error).__name__}") from None
    missing = [name for name in SERVICES if name not in found.services]
    if missing:
        raise BadProfile(f"{path} 缺少服务地址：{'、'.join(missing)}")
    return found


def save(profile: Profile, path: Path) -> None:
    """Write a profile that nobody else can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(profile), file, ensure_ascii=False, indent=1)
    new.replace(path)
