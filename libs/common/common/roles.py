"""Who calls, as a token says: an account of a unit, and the roles that it has (REQ-U2)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.errors import Forbidden, Unauthenticated


class Role(StrEnum):
    """What an account may do (REQ-U2); the edition of the regulation maps roles to bodies."""

    COMPILER = "compiler"
    REVIEWER = "reviewer"
    PUBLISHER = "publisher"
    APPLICANT = "applicant"
    PROVIDER_REVIEWER = "provider-reviewer"
    PLATFORM_REVIEWER = "platform-reviewer"
    COORDINATOR = "coordinator"
    FINAL_DECIDER = "final-decider"
    OPENING_DECIDER = "opening-decider"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    SERVICE = "service"


_KNOWN: Final = frozenset(role.value for role in Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An account of a unit, or a service of the exchange, as its token says."""

    account: str
    unit: str
    roles: frozenset[Role]

    def may(self, *roles: Role) -> bool:
        """Whether the caller has one of these roles."""
        return not self.roles.isdisjoint(roles)

    def need(self, *roles: Role) -> None:
        """Raises Forbidden unless the caller has one of these roles."""
        if not self.may(*roles):
            names = "、".join(ROLE_NAMES[role] for role in roles)
            raise Forbidden(f"需要角色：{names}", roles=[role.value for role in roles])

    def need_unit(self, unit: str) -> None:
        """Raises Forbidden unless the caller belongs to this unit."""
        if self.unit != unit:
            raise Forbidden("只能办理本单位的事项")


ROLE_NAMES: Final[dict[Role, str]] = {
    Role.COMPILER: "编制人",
    Role.REVIEWER: "审核人",
    Role.PUBLISHER: "发布人",
    Role.APPLICANT: "申请人",
    Role.PROVIDER_REVIEWER: "提供方审核人",
    Role.PLATFORM_REVIEWER: "平台审核人",
    Role.COORDINATOR: "协调人",
    Role.FINAL_DECIDER: "共享属性最终认定人",
    Role.OPENING_DECIDER: "开放属性最终认定人",
    Role.AUDITOR: "审计人",
    Role.ADMINISTRATOR: "管理员",
    Role.SERVICE: "平台服务",
}


def caller_of(claims: dict[str, object]) -> Caller:
    """The caller that the claims of a verified token name.

    Raises:
        Unauthenticated: a claim is missing or malformed.
    """
    account, unit, roles = claims.get("sub"), claims.get("unit"), claims.get("roles")
    if not isinstance(account, str) or not isinstance(unit, str) or not isinstance(roles, list):
        raise Unauthenticated("令牌内容不完整，请重新登录")
    known = frozenset(Role(role) for role in roles if isinstance(role, str) and role in _KNOWN)
    return Caller(account=account, unit=unit, roles=known)
