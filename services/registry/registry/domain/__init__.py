"""Units, their people, roles and keys: values, and the rules of changing them."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from common.events import (
    BoundCertificate,
    ExchangeState,
    ExchangeStateChanged,
    KeyHash,
    SigningKey,
    UnitChanged,
    UnitState,
)
from common.roles import Role
from policy import InForce
from policy import Role as PolicyRole
from registry import errors
from registry.domain.proofs import Proof, bound_certificates, signing_keys

LIVE_KEYS: Final = 2
"""Keys of a unit that are valid at once: the old and the new one while a system is changed over."""
PASSWORD_LENGTH: Final = 12
FAILURES: Final = 5
LOCKED_FOR: Final = timedelta(minutes=15)
SESSION_LENGTH: Final = timedelta(hours=10)
KEEPERS: Final = frozenset({Role.COMPILER, Role.REVIEWER, Role.PUBLISHER})
# Held by any unit for its own matters; the edition says so by naming a party, not a body.
PARTIES: Final = frozenset({"unit", "provider", "applicant"})


class UnitKind(StrEnum):
    DEPARTMENT = "department"
    """委、办、局."""
    SUBDISTRICT = "subdistrict"
    """街道、镇."""
    INSTITUTION = "institution"
    """事业单位."""
    PLATFORM = "platform"
    """The unit that runs the exchange; its administrators keep the register."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitKey:
    id: UUID
    hash: str
    algorithm: str
    pepper: str
    last: str
    issued_at: datetime
    issued_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit with what is on file of it; `version` counts its changes."""

    code: str
    name: str
    kind: UnitKind
    body: str | None
    state: UnitState
    leader: UUID | None
    dedicated: UUID | None
    catalog_keepers: int
    keys: tuple[UnitKey, ...]
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None
    proofs: tuple[Proof, ...] = ()
    """By what its calls can be proven to be its own; the live ones."""

    @property
    def signing_keys(self) -> tuple[SigningKey, ...]:
        return signing_keys(self.proofs)

    @property
    def certificates(self) -> tuple[BoundCertificate, ...]:
        return bound_certificates(self.proofs)

    @property
    def missing(self) -> tuple[str, ...]:
        """What 2021§23 asks to be on file and is not; a unit with anything missing is flagged."""
        found = []
        if self.leader is None:
            found.append("responsible-leader")
        if self.dedicated is None:
            found.append("dedicated-person")
        return tuple(found)


def changed(unit: Unit, *, by: str, at: datetime, reason: str | None = None) -> Unit:
    """The unit with its next version."""
    return replace(unit, version=unit.version + 1, changed_by=by, changed_at=at, reason=reason)


def event(unit: Unit) -> UnitChanged:
    """What the exchange is told of a unit: ids of people, hashes of keys, no more."""
    return UnitChanged(
        version=unit.version,
        unit=unit.code,
        name=unit.name,
        kind=unit.kind.value,
        body=unit.body,
        state=unit.state,
        leader=str(unit.leader) if unit.leader else None,
        dedicated=str(unit.dedicated) if unit.dedicated else None,
        catalog_keepers=unit.catalog_keepers,
        keys=tuple(
            KeyHash(id=str(key.id), hash=key.hash, algorithm=key.algorithm, pepper=key.pepper, issued_at=key.issued_at)
            for key in unit.keys
        ),
        changed_at=unit.changed_at,
        changed_by=unit.changed_by,
        reason=unit.reason,
        signing_keys=unit.signing_keys,
        certificates=unit.certificates,
    )


def move(unit: Unit, to: UnitState, *, by: str, at: datetime, reason: str) -> Unit:
    """Suspend, resume or withdraw a unit; a withdrawn unit stays withdrawn.

    Raises:
        UnitState: the unit is there already, or can never come back.
    """
    if unit.state is UnitState.WITHDRAWN:
        raise errors.UnitState("单位已撤销，不能再变更状态", state=unit.state.value)
    if unit.state is to:
        raise errors.UnitState("单位已处于该状态", state=unit.state.value)
    return changed(replace(unit, state=to), by=by, at=at, reason=reason)


def add_key(unit: Unit, key: UnitKey) -> Unit:
    """A further live key.

    Raises:
        TooManyKeys: two are live already.
        UnitState: the unit is withdrawn.
    """
    if unit.state is UnitState.WITHDRAWN:
        raise errors.UnitState("单位已撤销，不能发放密钥", state=unit.state.value)
    if len(unit.keys) >= LIVE_KEYS:
        raise errors.TooManyKeys(f"最多同时有{LIVE_KEYS}个有效密钥，请先撤销一个", live=len(unit.keys))
    return changed(replace(unit, keys=(*unit.keys, key)), by=key.issued_by, at=key.issued_at)


def drop_key(unit: Unit, key_id: UUID, *, by: str, at: datetime) -> Unit:
    """The unit without one of its keys.

    Raises:
        KeyUnknown: it has no such live key.
    """
    kept = tuple(key for key in unit.keys if key.id != key_id)
    if len(kept) == len(unit.keys):
        raise errors.KeyUnknown("没有这个有效密钥")
    return changed(replace(unit, keys=kept), by=by, at=at)


def _may_hold(role: Role, unit: Unit, in_force: InForce) -> bool:
    if role is Role.SERVICE:
        return False
    # Every unit keeps its own accounts; what the edition gives to a body is keeping the exchange itself.
    if role is Role.ADMINISTRATOR:
        return True
    holders = {holder.body.code for holder in in_force.holders(PolicyRole(role.value))}
    return not holders.isdisjoint(PARTIES) or unit.body in holders


def allow_roles(roles: frozenset[Role], unit: Unit, in_force: InForce) -> None:
    """Whether accounts of this unit may hold these roles under the edition in force (REQ-U2).

    Raises:
        RoleNotForUnit: the edition gives one of them to other bodies.
    """
    for role in sorted(roles):
        if _may_hold(role, unit, in_force):
            continue
        if role is Role.SERVICE:
            raise errors.RoleNotForUnit("平台服务角色不授予账号", role=role.value)
        names = "、".join(sorted(holder.body.name for holder in in_force.holders(PolicyRole(role.value))))
        raise errors.RoleNotForUnit(
            f"按{in_force.edition.number}，该角色由{names or '（无）'}担任", role=role.value, unit=unit.code
        )


def roles_in_force(roles: frozenset[Role], unit: Unit, in_force: InForce) -> frozenset[Role]:
    """Of the roles that an account was given, those that the edition in force still lets its unit hold."""
    return frozenset(role for role in roles if _may_hold(role, unit, in_force))


def check_password(password: str, account: str) -> None:
    """Raises WeakPassword unless it is long enough, of three kinds of characters, and not the account's name."""
    kinds = sum(bool(re.search(pattern, password)) for pattern in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^0-9A-Za-z]"))
    if len(password) < PASSWORD_LENGTH or kinds < 3 or account.lower() in password.lower():
        raise errors.WeakPassword(
            f"密码至少{PASSWORD_LENGTH}位，含大写、小写、数字、符号中的三类，且不含账号名", least=PASSWORD_LENGTH
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Failed logins of an account in a row."""

    failures: int
    locked_until: datetime | None

    def locked(self, at: datetime) -> bool:
        return self.locked_until is not None and at < self.locked_until

    def failed(self, at: datetime) -> "Attempts":
        """One more; every fifth locks the account for a quarter of an hour."""
        failures = self.failures + 1
        return Attempts(failures=failures, locked_until=at + LOCKED_FOR if failures % FAILURES == 0 else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Whether the exchange runs; stopping it is the emergency measure of 2019§21, 2021§20."""

    state: ExchangeState
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None

    def to(self, state: ExchangeState, *, by: str, at: datetime, reason: str) -> "Exchange":
        """Raises ExchangeStateUnchanged if it is there already."""
        if state is self.state:
            raise errors.ExchangeStateUnchanged("交换平台已处于该状态", state=state.value)
        return Exchange(state=state, version=self.version + 1, changed_at=at, changed_by=by, reason=reason)

    def event(self) -> ExchangeStateChanged:
        return ExchangeStateChanged(
            version=self.version,
            state=self.state,
            changed_at=self.changed_at,
            changed_by=self.changed_by,
            reason=self.reason,
        )
