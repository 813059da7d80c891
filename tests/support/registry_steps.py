"""The register over HTTP: the platform's administrator, units with people and accounts, logins."""

from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher

from common.keys import Pepper
from common.roles import Role
from policy import load_shipped
from registry import service
from registry.domain import UnitKind
from registry.service import NewPerson, NewUnit, Registrar
from tests.support.running import Caller, Running

JSON = dict[str, Any]
PLATFORM, ADMINISTRATOR, PASSWORD = "dsjzx", "dsjzx.admin", "Correct-Horse-12"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""For tests whose subject is not the strength of stored passwords."""


def registrar(running: Running) -> Registrar:
    """What the use cases lean on, as the service's own `build` makes it."""
    secrets = running.fresh.installation.secrets
    return Registrar(
        clock=running.clock, pepper=Pepper(secrets.pepper_id, secrets.pepper.encode()), book=load_shipped()
    )


async def bootstrap(running: Running) -> bool:
    """The first unit and administrator of an empty register."""
    unit = NewUnit(code=PLATFORM, name="区大数据中心", kind=UnitKind.PLATFORM, body="data-centre")
    person = NewPerson(name="示例中心一", post="平台管理员", phone="021-00000000")
    async with running.parts.db.begin() as tx:
        return await service.bootstrap(tx, unit, person, ADMINISTRATOR, PASSWORD, registrar(running))


@dataclass(frozen=True, slots=True)
class Register:
    running: Running

    @property
    def platform(self) -> Caller:
        """The administrator of the unit that runs the exchange."""
        return self.running.as_(ADMINISTRATOR, PLATFORM, Role.ADMINISTRATOR)

    def admin(self, unit: str) -> Caller:
        """The administrator of a unit's own accounts."""
        return self.running.as_(f"{unit}.admin", unit, Role.ADMINISTRATOR)

    async def unit(self, code: str = "mzj", **more: Any) -> JSON:
        body = {"code": code, "name": f"单位{code}", "kind": "department"} | more
        return await done(self.platform, "POST", "/units", body)

    async def person(self, unit: str = "mzj", name: str = "示例民政一") -> str:
        body = {"name": name, "post": "目录编制", "phone": "021-00000000"}
        return (await done(self.platform, "POST", f"/units/{unit}/people", body))["id"]

    async def account(
        self, name: str, *roles: Role, unit: str = "mzj", person: str | None = None, password: str = PASSWORD
    ) -> JSON:
        body = {
            "name": name,
            "person": person or await self.person(unit),
            "roles": sorted(roles),
            "password": password,
        }
        return await done(self.platform, "POST", f"/units/{unit}/accounts", body)

    async def log_in(self, account: str, password: str = PASSWORD) -> Any:
        return await self.running.http.post("/sessions", json={"account": account, "password": password})

    async def session(self, account: str, password: str = PASSWORD) -> str:
        answer = await self.log_in(account, password)
        assert answer.status_code == 201, answer.text
        return answer.json()["session"]

    async def token(self, session: str, audience: str = "catalog") -> Any:
        return await self.running.http.post("/tokens", json={"session": session, "audience": audience})

    async def shown(self, unit: str = "mzj") -> JSON:
        return await done(self.platform, "GET", f"/units/{unit}")


async def done(caller: Caller, method: str, path: str, body: Any = None) -> JSON:
    answer = await caller.ask(method, path, body)
    assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json()
