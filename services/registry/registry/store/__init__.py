"""Rows of the register and nothing but."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Column, Text, func, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from common import db
from common.events import ExchangeState, UnitState
from common.roles import Role
from registry import errors
from registry.domain import KEEPERS, Attempts, Exchange, Unit, UnitKey, UnitKind
from registry.domain.proofs import Proof
from registry.store import proof_rows
from registry.store.tables import Rows


class UnitRow(Rows, table=True):
    __tablename__ = "unit"

    code: str = Field(primary_key=True)
    name: str
    kind: str
    body: str | None
    state: str
    leader: UUID | None
    dedicated: UUID | None
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None


class UnitKeyRow(Rows, table=True):
    __tablename__ = "unit_key"

    id: UUID = Field(primary_key=True)
    unit: str
    hash: str
    algorithm: str
    pepper: str
    last: str
    issued_at: datetime
    issued_by: str
    revoked_at: datetime | None = None
    revoked_by: str | None = None


class UnitChangeRow(Rows, table=True):
    """Who changed what of a unit, and when (REQ-U1)."""

    __tablename__ = "unit_change"

    unit: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    action: str
    changed_at: datetime
    changed_by: str
    reason: str | None


class PersonRow(Rows, table=True):
    __tablename__ = "person"

    id: UUID = Field(primary_key=True)
    unit: str
    name: str
    post: str
    phone: str
    created_at: datetime
    created_by: str


class AccountRow(Rows, table=True):
    __tablename__ = "account"

    name: str = Field(primary_key=True)
    unit: str
    person: UUID
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    password_hash: str
    failures: int
    locked_until: datetime | None
    enabled: bool
    changed_at: datetime
    changed_by: str


class SessionRow(Rows, table=True):
    __tablename__ = "session"

    digest: str = Field(primary_key=True)
    account: str
    created_at: datetime
    expires_at: datetime


class ExchangeRow(Rows, table=True):
    __tablename__ = "exchange_state"

    id: int = Field(primary_key=True, default=1)
    state: str
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None


async def _keys(tx: AsyncSession, units: Iterable[str]) -> dict[str, list[UnitKey]]:
    wanted = list(units)
    rows = await tx.exec(
        select(UnitKeyRow)
        .where(col(UnitKeyRow.unit).in_(wanted), col(UnitKeyRow.revoked_at).is_(None))
        .order_by(col(UnitKeyRow.issued_at))
    )
    found: dict[str, list[UnitKey]] = {unit: [] for unit in wanted}
    for row in rows:
        found[row.unit].append(
            UnitKey(
                id=row.id,
                hash=row.hash,
                algorithm=row.algorithm,
                pepper=row.pepper,
                last=row.last,
                issued_at=row.issued_at,
                issued_by=row.issued_by,
            )
        )
    return found


async def _keepers(tx: AsyncSession, units: Iterable[str]) -> dict[str, int]:
    wanted = list(units)
    rows = await tx.exec(
        select(AccountRow.unit, func.count(func.distinct(AccountRow.person)))
        .where(
            col(AccountRow.unit).in_(wanted),
            col(AccountRow.enabled),
            col(AccountRow.roles).op("&&")([role.value for role in sorted(KEEPERS)]),
        )
        .group_by(col(AccountRow.unit))
    )
    return dict(rows.all())


def _unit(row: UnitRow, keys: list[UnitKey], keepers: int, proofs: list[Proof]) -> Unit:
    return Unit(
        code=row.code,
        name=row.name,
        kind=UnitKind(row.kind),
        body=row.body,
        state=UnitState(row.state),
        leader=row.leader,
        dedicated=row.dedicated,
        catalog_keepers=keepers,
        keys=tuple(keys),
        version=row.version,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        reason=row.reason,
        proofs=tuple(proofs),
    )


async def units(tx: AsyncSession) -> list[Unit]:
    rows = (await tx.exec(select(UnitRow).order_by(col(UnitRow.code)))).all()
    codes = [row.code for row in rows]
    keys, keepers, proofs = await _keys(tx, codes), await _keepers(tx, codes), await proof_rows.live(tx, codes)
    return [_unit(row, keys[row.code], keepers.get(row.code, 0), proofs[row.code]) for row in rows]


async def unit(tx: AsyncSession, code: str, *, lock: bool = False) -> Unit:
    """A unit; locked until the transaction ends if it is to be changed.

    Raises:
        UnitUnknown: there is none of this code.
    """
    query = select(UnitRow).where(UnitRow.code == code)
    if lock:
        # Read anew: what the session saw of the unit before it had the lock may have changed meanwhile.
        query = query.with_for_update().execution_options(populate_existing=True)
    row = (await tx.exec(query)).first()
    if row is None:
        raise errors.UnitUnknown(code)
    keys, keepers, proofs = await _keys(tx, [code]), await _keepers(tx, [code]), await proof_rows.live(tx, [code])
    return _unit(row, keys[code], keepers.get(code, 0), proofs[code])


async def add_unit(tx: AsyncSession, new: Unit) -> None:
    """Raises UnitExists if the code is taken, now or ever before."""
    tx.add(
        UnitRow(
            code=new.code,
            name=new.name,
            kind=new.kind.value,
            body=new.body,
            state=new.state.value,
            leader=new.leader,
            dedicated=new.dedicated,
            version=new.version,
            changed_at=new.changed_at,
            changed_by=new.changed_by,
            reason=new.reason,
        )
    )
    try:
        await tx.flush()
    except IntegrityError as error:
        raise errors.UnitExists("单位代码或名称已被登记", constraint=db.violated(error)) from error


async def save_unit(tx: AsyncSession, changed: Unit, action: str) -> None:
    """Write a unit's next version and the record of the change; keys that it no longer has are revoked."""
    row = await tx.get_one(UnitRow, changed.code)
    row.name, row.kind, row.body, row.state = changed.name, changed.kind.value, changed.body, changed.state.value
    row.leader, row.dedicated, row.version = changed.leader, changed.dedicated, changed.version
    row.changed_at, row.changed_by, row.reason = changed.changed_at, changed.changed_by, changed.reason
    tx.add(row)
    held = {key.id for key in (await _keys(tx, [changed.code]))[changed.code]}
    for key in changed.keys:
        if key.id not in held:
            tx.add(
                UnitKeyRow(
                    id=key.id,
                    unit=changed.code,
                    hash=key.hash,
                    algorithm=key.algorithm,
                    pepper=key.pepper,
                    last=key.last,
                    issued_at=key.issued_at,
                    issued_by=key.issued_by,
                )
            )
    gone = held - {key.id for key in changed.keys}
    if gone:
        await tx.exec(
            update(UnitKeyRow)
            .where(col(UnitKeyRow.id).in_(gone))
            .values(revoked_at=changed.changed_at, revoked_by=changed.changed_by)
        )
    await proof_rows.save(tx, changed.code, changed.proofs, by=changed.changed_by, at=changed.changed_at)
    record_change(tx, changed, action)


def record_change(tx: AsyncSession, changed: Unit, action: str) -> None:
    tx.add(
        UnitChangeRow(
            unit=changed.code,
            version=changed.version,
            action=action,
            changed_at=changed.changed_at,
            changed_by=changed.changed_by,
            reason=changed.reason,
        )
    )


async def changes(tx: AsyncSession, code: str) -> list[UnitChangeRow]:
    query = select(UnitChangeRow).where(UnitChangeRow.unit == code).order_by(col(UnitChangeRow.version))
    return list((await tx.exec(query)).all())


async def add_person(tx: AsyncSession, person: PersonRow) -> None:
    tx.add(person)
    await tx.flush()


async def person(tx: AsyncSession, person_id: UUID, unit_code: str) -> PersonRow:
    """Raises PersonUnknown if the unit has nobody of this id."""
    row = await tx.get(PersonRow, person_id)
    if row is None or row.unit != unit_code:
        raise errors.PersonUnknown("本单位没有这个人员")
    return row


async def people(tx: AsyncSession, unit_code: str) -> list[PersonRow]:
    query = select(PersonRow).where(PersonRow.unit == unit_code).order_by(col(PersonRow.created_at))
    return list((await tx.exec(query)).all())


async def add_account(tx: AsyncSession, account: AccountRow) -> None:
    """Raises AccountExists if the name is taken."""
    tx.add(account)
    try:
        await tx.flush()
    except IntegrityError as error:
        raise errors.AccountExists("账号名已被使用", constraint=db.violated(error)) from error


async def has_account(tx: AsyncSession, person_id: UUID) -> bool:
    """Whether a person has an account, in use or not."""
    query = select(AccountRow.name).where(AccountRow.person == person_id).limit(1)
    return (await tx.exec(query)).first() is not None


async def account(tx: AsyncSession, name: str, *, lock: bool = False) -> AccountRow | None:
    query = select(AccountRow).where(AccountRow.name == name)
    return (await tx.exec(query.with_for_update() if lock else query)).first()


async def accounts(tx: AsyncSession, unit_code: str) -> list[AccountRow]:
    query = select(AccountRow).where(AccountRow.unit == unit_code).order_by(col(AccountRow.name))
    return list((await tx.exec(query)).all())


async def any_administrator(tx: AsyncSession) -> bool:
    """Whether the exchange has an administrator yet."""
    query = (
        select(AccountRow.name)
        .join(UnitRow, col(UnitRow.code) == col(AccountRow.unit))
        .where(UnitRow.kind == UnitKind.PLATFORM.value, col(AccountRow.roles).op("@>")([Role.ADMINISTRATOR.value]))
    )
    return (await tx.exec(query)).first() is not None


def attempts(row: AccountRow) -> Attempts:
    return Attempts(failures=row.failures, locked_until=row.locked_until)


async def add_session(tx: AsyncSession, session: SessionRow) -> None:
    tx.add(session)
    await tx.flush()


async def session(tx: AsyncSession, digest: str) -> SessionRow | None:
    return await tx.get(SessionRow, digest)


async def drop_session(tx: AsyncSession, digest: str) -> None:
    row = await tx.get(SessionRow, digest)
    if row is not None:
        await tx.delete(row)


async def exchange(tx: AsyncSession, *, lock: bool = False) -> Exchange:
    query = select(ExchangeRow).where(ExchangeRow.id == 1)
    row = (await tx.exec(query.with_for_update() if lock else query)).one()
    return Exchange(
        state=ExchangeState(row.state),
        version=row.version,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        reason=row.reason,
    )


async def save_exchange(tx: AsyncSession, changed: Exchange) -> None:
    row = await tx.get_one(ExchangeRow, 1)
    row.state, row.version = changed.state.value, changed.version
    row.changed_at, row.changed_by, row.reason = changed.changed_at, changed.changed_by, changed.reason
    tx.add(row)
