"""The units and accounts of a run: registered by the platform's administrator, each account logged in when needed."""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from shuqiao import Profile, Refused, Session
from tests.vectors.errors import NotPlayed

_PHONE: Final = "021-00000000"


@dataclass(slots=True, kw_only=True)
class People:
    """Who acts in a run. What was registered is kept, so that it can be withdrawn whatever happens."""

    profile: Profile
    tag: str
    """Of the run; stands in names that people read."""
    units: list[str] = field(default_factory=list)
    guests: list[str] = field(default_factory=list)
    """Accounts in the platform's own unit."""
    _passwords: dict[str, str] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)

    @property
    def admin(self) -> Session:
        """The platform's administrator, of the profile."""
        account, password = self.profile.account, self.profile.password
        if not account or not password:
            raise NotPlayed("配置文件中没有管理员账号和密码")
        self._passwords[account] = password
        return self.as_(account)

    def as_(self, account: str) -> Session:
        """The session of an account, opened now if it is not open."""
        if account not in self._sessions:
            self._sessions[account] = Session(self.profile, account, self._passwords[account])
        return self._sessions[account]

    def register(self, code: str, name: str) -> None:
        """Enter a unit into the register."""
        self.units.append(code)
        self.admin.post("registry", "/units", {"code": code, "name": name, "kind": "department", "body": None})

    def open(self, unit: str, account: str, *roles: str) -> str:
        """An account of a person of the unit; returns its name."""
        if unit not in self.units:
            self.guests.append(account)
        person = {"name": f"示例{account.rpartition('.')[2]}{self.tag}", "post": "接口样例", "phone": _PHONE}
        filed = self.admin.post("registry", f"/units/{unit}/people", person)
        self._passwords[account] = f"{secrets.token_urlsafe(12)}-Aa1"
        body: dict[str, Any] = {
            "name": account,
            "person": filed["id"],
            "roles": list(roles),
            "password": self._passwords[account],
        }
        self.admin.post("registry", f"/units/{unit}/accounts", body)
        return account

    def renew(self) -> None:
        """Forget the open sessions: one that was broken off in the middle of a request is not used again."""
        self._sessions.clear()

    def leave(self) -> None:
        """Log out everybody."""
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()


@contextlib.contextmanager
def noted(what: str, left: list[str]) -> Iterator[None]:
    """Withdraws one thing: a failure is noted in `left`, and the others are withdrawn all the same.

    What is not there (404), or is in no state to be withdrawn because it never came out (409), needs nothing.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever went wrong with this one
        if not (isinstance(error, Refused) and error.status in {404, 409}):
            left.append(f"{what}：{error}")
