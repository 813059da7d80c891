"""The units and accounts of the demonstration: who they are, and how they are entered into an exchange once.

Passwords are made for each installation and kept in one file of mode 0600; all people are made up.
"""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shuqiao import Profile, Refused, Session

PLATFORM: Final = "dsjzx"
ADMINISTRATOR: Final = "dsjzx.admin"


@dataclass(frozen=True, slots=True)
class UnitPlan:
    code: str
    name: str
    kind: str
    body: str | None


@dataclass(frozen=True, slots=True)
class AccountPlan:
    name: str
    unit: str
    person: str
    post: str
    roles: tuple[str, ...]


UNITS: Final = (
    UnitPlan("mzj", "区民政局", "department", None),
    UnitPlan("jyj", "区教育局", "department", None),
    UnitPlan("qfb", "区府办", "department", "district-office"),
)
ACCOUNTS: Final = (
    AccountPlan("mzj.admin", "mzj", "示例民政一", "单位管理员", ("administrator",)),
    AccountPlan("mzj.bianzhi", "mzj", "示例民政二", "目录编制", ("compiler",)),
    AccountPlan("mzj.shenhe", "mzj", "示例民政三", "目录审核", ("reviewer", "provider-reviewer")),
    AccountPlan("mzj.fabu", "mzj", "示例民政四", "目录发布", ("publisher",)),
    AccountPlan("mzj.shenqing", "mzj", "示例民政五", "数据申请", ("applicant",)),
    AccountPlan("jyj.admin", "jyj", "示例教育一", "单位管理员", ("administrator",)),
    AccountPlan("jyj.shenqing", "jyj", "示例教育二", "数据申请", ("applicant",)),
    AccountPlan("dsjzx.shenhe", PLATFORM, "示例中心一", "平台审核", ("platform-reviewer",)),
    AccountPlan("dsjzx.shenqing", PLATFORM, "示例中心二", "数据申请", ("applicant",)),
    AccountPlan("qfb.shenji", "qfb", "示例府办一", "审计", ("auditor",)),
)


@dataclass(slots=True, kw_only=True)
class Demonstration:
    """What is remembered of the demonstration on an exchange."""

    passwords: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Keys of the demonstration's own grants: `unitKey`, `unit_key_id`, and `methodKey` of its street list."""
    service: str | None = None
    """The street list's service once it can be called."""


def load(path: Path) -> Demonstration:
    return Demonstration(**json.loads(path.read_text())) if path.exists() else Demonstration()


def save(held: Demonstration, path: Path) -> None:
    """Write it where nobody else can read it."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    text = {"passwords": held.passwords, "keys": held.keys, "service": held.service}
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(text, file, ensure_ascii=False, indent=1)
    new.replace(path)


def password() -> str:
    """A password that the register accepts."""
    return f"{secrets.token_urlsafe(12)}-Aa1"


def enter(profile: Profile, held: Demonstration) -> None:
    """Enter the units, people and accounts that are missing; the platform's administrator is there already.

    `held` gets a password for every account; save it before (so that none is lost) and after.
    """
    with Session(profile, ADMINISTRATOR, held.passwords[ADMINISTRATOR]) as admin:
        known = {unit["code"] for unit in admin.get("registry", "/units")}
        for unit in UNITS:
            if unit.code not in known:
                body = {"code": unit.code, "name": unit.name, "kind": unit.kind, "body": unit.body}
                admin.post("registry", "/units", body)
        for plan in ACCOUNTS:
            _account(admin, plan, held)
        for code in (PLATFORM, *(unit.code for unit in UNITS)):
            _contacts(admin, code)


def _account(admin: Session, plan: AccountPlan, held: Demonstration) -> None:
    people = admin.get("registry", f"/units/{plan.unit}/people")
    person = next((one["id"] for one in people if one["name"] == plan.person), None)
    if person is None:
        filed = {"name": plan.person, "post": plan.post, "phone": "021-00000000"}
        person = admin.post("registry", f"/units/{plan.unit}/people", filed)["id"]
    body: dict[str, Any] = {
        "name": plan.name,
        "person": person,
        "roles": list(plan.roles),
        "password": held.passwords[plan.name],
    }
    try:
        admin.post("registry", f"/units/{plan.unit}/accounts", body)
    except Refused as refused:
        if refused.code != "account-exists":
            raise


def _contacts(admin: Session, code: str) -> None:
    unit = admin.get("registry", f"/units/{code}")
    people: list[dict[str, Any]] = admin.get("registry", f"/units/{code}/people")
    if unit["missing"]:
        body = {"leader": people[0]["id"], "dedicated": people[-1]["id"]}
        admin.put("registry", f"/units/{code}/contacts", body)
