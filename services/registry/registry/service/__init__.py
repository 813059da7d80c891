"""What the register does: one function per use case, inside a transaction that the edge opened."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlmodel.ext.asyncio.session import AsyncSession

from common import keys, outbox
from common.clock import Clock
from common.errors import Forbidden
from common.events import ExchangeState, UnitState
from common.ids import uuid7
from common.keys import KeyKind, Pepper
from common.roles import Caller, Role
from policy import Book
from registry import domain, errors, store
from registry.domain import Exchange, Unit, UnitKey, UnitKind
from registry.store import AccountRow, PersonRow, SessionRow, UnitChangeRow

_hasher: Final = PasswordHasher()
# Verified against where the account does not exist, so that the time of an answer tells nothing.
_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$c2h1cWlhby1ub2JvZHktMQ$T6yVKJYJyYpXgH2Jm1UqEJvbQ0p2n0mT3cKQ8m4E0fk"


@dataclass(frozen=True, slots=True)
class Registrar:
    """What the use cases lean on beside the transaction."""

    clock: Clock
    pepper: Pepper
    book: Book
    clients: Mapping[str, str] = field(default_factory=dict)
    """The services that may have tokens, each with the digest of its secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUnit:
    code: str
    name: str
    kind: UnitKind
    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    name: str
    post: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    name: str
    person: UUID
    roles: frozenset[Role]
    password: str


def _keeper_of_all(caller: Caller, platform: str) -> None:
    caller.need(Role.ADMINISTRATOR)
    if caller.unit != platform:
        raise Forbidden("只有平台管理单位的管理员可以办理")


async def _platform(tx: AsyncSession, caller: Caller) -> None:
    """Only administrators of the unit that runs the exchange."""
    unit = await store.unit(tx, caller.unit)
    _keeper_of_all(caller, unit.code if unit.kind is UnitKind.PLATFORM else "")


async def own_or_platform(tx: AsyncSession, caller: Caller, unit: str) -> None:
    """Administrators of the unit itself, or of the unit that runs the exchange."""
    caller.need(Role.ADMINISTRATOR)
    if caller.unit != unit:
        await _platform(tx, caller)


async def register_unit(tx: AsyncSession, new: NewUnit, caller: Caller, reg: Registrar) -> Unit:
    """Enter a unit into the register (REQ-U1)."""
    await _platform(tx, caller)
    return await _enter(tx, new, caller.account, reg.clock())


async def _enter(tx: AsyncSession, new: NewUnit, by: str, at: datetime) -> Unit:
    unit = Unit(
        code=new.code,
        name=new.name,
        kind=new.kind,
        body=new.body,
        state=UnitState.ACTIVE,
        leader=None,
        dedicated=None,
        catalog_keepers=0,
        keys=(),
        version=1,
        changed_at=at,
        changed_by=by,
        reason=None,
    )
    await store.add_unit(tx, unit)
    store.record_change(tx, unit, "registered")
    await outbox.put(tx, domain.event(unit))
    return unit


async def _save(tx: AsyncSession, unit: Unit, action: str) -> Unit:
    await store.save_unit(tx, unit, action)
    await outbox.put(tx, domain.event(unit))
    return unit


async def name_contacts(
    tx: AsyncSession, code: str, leader: UUID | None, dedicated: UUID | None, caller: Caller, reg: Registrar
) -> Unit:
    """Put the responsible leader and the dedicated person on file (2019§24, 2021§23)."""
    await own_or_platform(tx, caller, code)
    unit = await store.unit(tx, code, lock=True)
    for person in filter(None, (leader, dedicated)):
        await store.person(tx, person, code)
    named = replace(unit, leader=leader, dedicated=dedicated)
    return await _save(tx, domain.changed(named, by=caller.account, at=reg.clock()), "contacts")


async def move_unit(tx: AsyncSession, code: str, to: UnitState, reason: str, caller: Caller, reg: Registrar) -> Unit:
    """Suspend, resume or withdraw a unit (REQ-R2)."""
    await _platform(tx, caller)
    if to is UnitState.WITHDRAWN and code == caller.unit:
        raise errors.UnitState("不能撤销自己所在的平台管理单位", state=to.value)
    unit = await store.unit(tx, code, lock=True)
    return await _save(tx, domain.move(unit, to, by=caller.account, at=reg.clock(), reason=reason), to.value)


async def issue_key(tx: AsyncSession, code: str, caller: Caller, reg: Registrar) -> tuple[UnitKey, str]:
    """A new unit key, which is seen now and never again; only the unit's own administrator sees it."""
    caller.need(Role.ADMINISTRATOR)
    caller.need_unit(code)
    unit = await store.unit(tx, code, lock=True)
    clear = keys.generate(KeyKind.UNIT)
    key = UnitKey(
        id=uuid7(),
        hash=reg.pepper.digest(clear),
        algorithm=keys.ALGORITHM,
        pepper=reg.pepper.id,
        last=clear[-4:],
        issued_at=reg.clock(),
        issued_by=caller.account,
    )
    await _save(tx, domain.add_key(unit, key), "key-issued")
    return key, clear


async def revoke_key(tx: AsyncSession, code: str, key: UUID, caller: Caller, reg: Registrar) -> Unit:
    """Take a unit key out of use."""
    await own_or_platform(tx, caller, code)
    unit = await store.unit(tx, code, lock=True)
    return await _save(tx, domain.drop_key(unit, key, by=caller.account, at=reg.clock()), "key-revoked")


async def add_person(tx: AsyncSession, code: str, new: NewPerson, caller: Caller, reg: Registrar) -> PersonRow:
    """Put a person of a unit on file; nobody outside of the unit and the platform sees name and phone."""
    await own_or_platform(tx, caller, code)
    await store.unit(tx, code)
    return await _file_person(tx, code, new, caller.account, reg.clock())


async def _file_person(tx: AsyncSession, code: str, new: NewPerson, by: str, at: datetime) -> PersonRow:
    row = PersonRow(id=uuid7(), unit=code, name=new.name, post=new.post, phone=new.phone, created_at=at, created_by=by)
    await store.add_person(tx, row)
    return row


async def people(tx: AsyncSession, code: str, caller: Caller) -> list[PersonRow]:
    if caller.unit != code:
        await _platform(tx, caller)
    await store.unit(tx, code)
    return await store.people(tx, code)


async def open_account(tx: AsyncSession, code: str, new: NewAccount, caller: Caller, reg: Registrar) -> AccountRow:
    """An account of a person of the unit, with roles that the edition in force lets the unit hold (REQ-U2)."""
    await own_or_platform(tx, caller, code)
    return await _open(tx, code, new, caller.account, reg)


async def _open(tx: AsyncSession, code: str, new: NewAccount, by: str, reg: Registrar) -> AccountRow:
    at = reg.clock()
    unit = await store.unit(tx, code, lock=True)
    await store.person(tx, new.person, code)
    if await store.account(tx, new.name) is not None:
        raise errors.AccountExists("账号名已被使用")
    if await store.has_account(tx, new.person):
        raise errors.PersonHasAccount("该人员已有账号；一人一个账号，可变更其角色或重新启用")
    domain.allow_roles(new.roles, unit, reg.book.at(at))
    domain.check_password(new.password, new.name)
    row = AccountRow(
        name=new.name,
        unit=code,
        person=new.person,
        roles=sorted(role.value for role in new.roles),
        password_hash=await asyncio.to_thread(_hasher.hash, new.password),
        failures=0,
        locked_until=None,
        enabled=True,
        changed_at=at,
        changed_by=by,
    )
    await store.add_account(tx, row)
    # The number of the unit's catalogue keepers may have changed, and the catalogue goes by it.
    fresh = await store.unit(tx, code)
    await _save(tx, domain.changed(fresh, by=by, at=at), "account-opened")
    return row


async def change_roles(
    tx: AsyncSession, code: str, name: str, roles: frozenset[Role], enabled: bool, caller: Caller, reg: Registrar
) -> AccountRow:
    """Give an account other roles, or take it out of use; tokens that are out end within ten minutes."""
    await own_or_platform(tx, caller, code)
    at = reg.clock()
    unit = await store.unit(tx, code, lock=True)
    row = await store.account(tx, name, lock=True)
    if row is None or row.unit != code:
        raise errors.AccountUnknown("本单位没有这个账号")
    domain.allow_roles(roles, unit, reg.book.at(at))
    row.roles, row.enabled = sorted(role.value for role in roles), enabled
    row.changed_at, row.changed_by = at, caller.account
    tx.add(row)
    await tx.flush()
    fresh = await store.unit(tx, code)
    await _save(tx, domain.changed(fresh, by=caller.account, at=at), "account-changed")
    return row


async def log_in(tx: AsyncSession, name: str, password: str, reg: Registrar) -> tuple[AccountRow, str, datetime] | None:
    """A session of an account: the account, the session's secret, and when it ends; None if the login is refused.

    A refusal is returned, not raised: the count of failures must be committed.
    """
    at = reg.clock()
    row = await store.account(tx, name, lock=True)
    known = row is not None and row.enabled and not store.attempts(row).locked(at)
    right = await asyncio.to_thread(_verify, row.password_hash if row is not None and known else _NOBODY, password)
    if row is None or not known:
        return None
    if not right:
        after = store.attempts(row).failed(at)
        row.failures, row.locked_until = after.failures, after.locked_until
        tx.add(row)
        return None
    row.failures, row.locked_until = 0, None
    tx.add(row)
    secret = secrets.token_urlsafe(32)
    until = at + domain.SESSION_LENGTH
    await store.add_session(tx, SessionRow(digest=digest(secret), account=name, created_at=at, expires_at=until))
    return row, secret, until


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def digest(secret: str) -> str:
    """What is kept of a session's secret: it has 256 random bits, so a plain digest is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def service_caller(client: str, secret: str, reg: Registrar) -> Caller:
    """The service of the exchange that shows its secret; it is no account, and of no unit.

    Nothing is counted or locked: a secret of 192 random bits is not found by trying, and a lock would let whoever
    tries keep the gateway from learning of a revocation.

    Raises:
        ClientRefused: no such client, or not its secret; the time of it tells nothing.
    """
    known = reg.clients.get(client, "-" * 64)
    if not hmac.compare_digest(digest(secret), known):
        raise errors.ClientRefused
    return Caller(account=f"service:{client}", unit="-", roles=frozenset({Role.SERVICE}))


async def session_caller(tx: AsyncSession, secret: str, reg: Registrar) -> Caller:
    """The account behind a session that has not ended, with the roles that the edition in force lets it have.

    Raises:
        LoginRefused: there is no such session, it has ended, the account is out of use, or its unit is withdrawn.
    """
    at = reg.clock()
    session = await store.session(tx, digest(secret))
    if session is None or session.expires_at <= at:
        raise errors.LoginRefused
    row = await store.account(tx, session.account)
    if row is None or not row.enabled:
        raise errors.LoginRefused
    unit = await store.unit(tx, row.unit)
    if unit.state is UnitState.WITHDRAWN:
        raise errors.LoginRefused
    given = frozenset(Role(role) for role in row.roles)
    return Caller(account=row.name, unit=row.unit, roles=domain.roles_in_force(given, unit, reg.book.at(at)))


async def log_out(tx: AsyncSession, secret: str) -> None:
    await store.drop_session(tx, digest(secret))


async def move_exchange(tx: AsyncSession, to: ExchangeState, reason: str, caller: Caller, reg: Registrar) -> Exchange:
    """Stop the whole exchange, or let it run again (REQ-R2)."""
    await _platform(tx, caller)
    held = await store.exchange(tx, lock=True)
    moved = held.to(to, by=caller.account, at=reg.clock(), reason=reason)
    await store.save_exchange(tx, moved)
    await outbox.put(tx, moved.event())
    return moved


async def bootstrap(
    tx: AsyncSession, new: NewUnit, person: NewPerson, account: str, password: str, reg: Registrar
) -> bool:
    """The first unit and administrator of an empty exchange; False, and nothing done, if there is one already."""
    if await store.any_administrator(tx):
        return False
    at = reg.clock()
    await _enter(tx, new, "setup", at)
    filed = await _file_person(tx, new.code, person, "setup", at)
    first = NewAccount(name=account, person=filed.id, roles=frozenset({Role.ADMINISTRATOR}), password=password)
    await _open(tx, new.code, first, "setup", reg)
    await outbox.put(tx, (await store.exchange(tx)).event())
    return True


async def units(tx: AsyncSession) -> list[Unit]:
    return await store.units(tx)


async def unit(tx: AsyncSession, code: str) -> Unit:
    return await store.unit(tx, code)


async def changes(tx: AsyncSession, code: str, caller: Caller) -> list[UnitChangeRow]:
    if caller.unit != code and not caller.may(Role.AUDITOR):
        await _platform(tx, caller)
    await store.unit(tx, code)
    return await store.changes(tx, code)


async def accounts(tx: AsyncSession, code: str, caller: Caller) -> list[AccountRow]:
    await own_or_platform(tx, caller, code)
    await store.unit(tx, code)
    return await store.accounts(tx, code)


async def exchange(tx: AsyncSession) -> Exchange:
    return await store.exchange(tx)
