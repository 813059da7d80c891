"""Rows of sharing and nothing but."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, Column, Text, literal, true
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import registry as orm_registry
from sqlmodel import Field, SQLModel, and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from common.events import Basis, GrantedItem, GrantState, Item, KeyHash, ServiceState, SharingType
from policy import Statement
from sharing import errors
from sharing.domain.applications import Application, Decision, Offered, Opinion, Request, Resource, State
from sharing.domain.grants import Grant, Terms

_request = TypeAdapter(Request)
_opinions = TypeAdapter(tuple[Opinion, ...])
_decision = TypeAdapter(Decision)
_keys = TypeAdapter(tuple[KeyHash, ...])
_granted = TypeAdapter(tuple[GrantedItem, ...])
_items = TypeAdapter(tuple[Item, ...])


class Rows(SQLModel, registry=orm_registry()):
    """Metadata of this service's tables alone."""


class ApplicationRow(Rows, table=True):
    __tablename__ = "application"

    id: UUID = Field(primary_key=True)
    number: str | None
    unit: str
    applicant: str
    provider: str
    entry: str
    request: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    state: str
    sharing_type: str | None
    submitted_at: datetime | None
    due_on: date | None
    due_open: str | None
    due_source: str | None
    basis: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True)))
    opinions: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    papers: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    decision: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True)))
    changed_at: datetime


class NumberRow(Rows, table=True):
    """The sequence of a form in a year; counted in the transaction that uses it, so that there is no gap."""

    __tablename__ = "form_sequence"

    kind: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    last: int


class GrantRow(Rows, table=True):
    __tablename__ = "access_grant"

    id: UUID = Field(primary_key=True)
    unit: str
    service: str
    entry: str
    application: str
    basis: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    items: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    terms: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    valid_from: datetime
    state: str
    keys: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None


class GrantChangeRow(Rows, table=True):
    """Who changed a grant, when, and why."""

    __tablename__ = "grant_change"

    grant: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    action: str
    changed_at: datetime
    changed_by: str
    reason: str | None


class UnitRow(Rows, table=True):
    """What sharing knows of units, from `unit-changed`."""

    __tablename__ = "unit"

    code: str = Field(primary_key=True)
    name: str
    state: str
    body: str | None
    version: int


class EntryRow(Rows, table=True):
    """What sharing knows of entries, from `catalog-changed`."""

    __tablename__ = "entry"

    code: str = Field(primary_key=True)
    provider: str
    name: str
    published: bool
    items: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    version: int


class ServiceRow(Rows, table=True):
    """What sharing knows of services, from `service-changed`."""

    __tablename__ = "service"

    code: str = Field(primary_key=True)
    entry: str
    state: str
    writes: bool
    version: int


async def next_number(tx: AsyncSession, kind: str, year: int) -> int:
    """The next of a form's sequence in a year; the row is locked until the transaction ends."""
    query = (
        insert(NumberRow)
        .values(kind=kind, year=year, last=1)
        .on_conflict_do_update(index_elements=["kind", "year"], set_={"last": col(NumberRow.last) + literal(1)})
        .returning(col(NumberRow.last))
    )
    number: int = (await tx.execute(query)).scalar_one()
    return number


def _application(row: ApplicationRow) -> Application:
    return Application(
        id=row.id,
        number=row.number,
        unit=row.unit,
        applicant=row.applicant,
        provider=row.provider,
        request=_request.validate_python(row.request),
        state=State(row.state),
        sharing_type=SharingType(row.sharing_type) if row.sharing_type else None,
        submitted_at=row.submitted_at,
        due_on=row.due_on,
        due_open=row.due_open,
        due_source=row.due_source,
        basis=Basis.model_validate(row.basis) if row.basis else None,
        opinions=_opinions.validate_python(row.opinions),
        papers=frozenset(Statement(paper) for paper in row.papers),
        decision=_decision.validate_python(row.decision) if row.decision else None,
    )


async def application(tx: AsyncSession, name: str, *, lock: bool = False) -> Application:
    """An application by its number, or by its id before it has one; locked if it is to be changed.

    Raises:
        ApplicationUnknown: there is none.
    """
    query = select(ApplicationRow).where(ApplicationRow.number == name)
    if (found := _as_id(name)) is not None:
        query = select(ApplicationRow).where(ApplicationRow.id == found)
    row = (await tx.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        raise errors.ApplicationUnknown
    return _application(row)


def _as_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


async def applications(
    tx: AsyncSession, unit: str, *, all_submitted: bool, state: str | None, limit: int, before: datetime | None
) -> list[Application]:
    """Applications by a unit, and submitted ones to it or, if all are asked for, of anyone; the newest first."""
    addressed = true() if all_submitted else col(ApplicationRow.provider) == unit
    seen = or_(col(ApplicationRow.unit) == unit, and_(col(ApplicationRow.number).is_not(None), addressed))
    query = select(ApplicationRow).where(seen).order_by(col(ApplicationRow.changed_at).desc()).limit(limit)
    if state is not None:
        query = query.where(ApplicationRow.state == state)
    if before is not None:
        query = query.where(col(ApplicationRow.changed_at) < before)
    return [_application(row) for row in (await tx.exec(query)).all()]


async def save_application(tx: AsyncSession, changed: Application, at: datetime) -> None:
    decision = _decision.dump_python(changed.decision, mode="json") if changed.decision else None
    values: dict[str, Any] = {
        "number": changed.number,
        "unit": changed.unit,
        "applicant": changed.applicant,
        "provider": changed.provider,
        "entry": changed.request.entry,
        "request": _request.dump_python(changed.request, mode="json"),
        "state": changed.state.value,
        "sharing_type": changed.sharing_type.value if changed.sharing_type else None,
        "submitted_at": changed.submitted_at,
        "due_on": changed.due_on,
        "due_open": changed.due_open,
        "due_source": changed.due_source,
        "basis": changed.basis.model_dump(mode="json") if changed.basis else None,
        "opinions": _opinions.dump_python(changed.opinions, mode="json"),
        "papers": sorted(paper.value for paper in changed.papers),
        "decision": decision,
        "changed_at": at,
    }
    row = await tx.get(ApplicationRow, changed.id)
    if row is None:
        row = ApplicationRow(id=changed.id, **values)
    else:
        row.sqlmodel_update(values)
    tx.add(row)
    await tx.flush()


def _grant(row: GrantRow) -> Grant:
    return Grant(
        id=row.id,
        unit=row.unit,
        service=row.service,
        entry=row.entry,
        application=row.application,
        basis=Basis.model_validate(row.basis),
        items=_granted.validate_python(row.items),
        terms=Terms.model_validate(row.terms),
        valid_from=row.valid_from,
        state=GrantState(row.state),
        keys=_keys.validate_python(row.keys),
        version=row.version,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        reason=row.reason,
    )


async def grant(tx: AsyncSession, grant_id: UUID, *, lock: bool = False) -> Grant:
    """Raises GrantUnknown if there is none of this id."""
    query = select(GrantRow).where(GrantRow.id == grant_id)
    row = (await tx.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        raise errors.GrantUnknown
    return _grant(row)


async def grant_of(tx: AsyncSession, unit: str, service: str) -> Grant | None:
    """The grant of a unit for a service, locked; there is one at most."""
    query = select(GrantRow).where(GrantRow.unit == unit, GrantRow.service == service).with_for_update()
    row = (await tx.exec(query)).first()
    return _grant(row) if row else None


async def grants(tx: AsyncSession, *, unit: str | None, entries: list[str] | None, limit: int) -> list[Grant]:
    query = select(GrantRow).order_by(col(GrantRow.changed_at).desc()).limit(limit)
    if unit is not None:
        query = query.where(or_(GrantRow.unit == unit, col(GrantRow.entry).in_(entries or [])))
    return [_grant(row) for row in (await tx.exec(query)).all()]


async def save_grant(tx: AsyncSession, changed: Grant, action: str) -> None:
    values: dict[str, Any] = {
        "unit": changed.unit,
        "service": changed.service,
        "entry": changed.entry,
        "application": changed.application,
        "basis": changed.basis.model_dump(mode="json"),
        "items": _granted.dump_python(changed.items, mode="json"),
        "terms": changed.terms.model_dump(mode="json"),
        "valid_from": changed.valid_from,
        "state": changed.state.value,
        "keys": _keys.dump_python(changed.keys, mode="json"),
        "version": changed.version,
        "changed_at": changed.changed_at,
        "changed_by": changed.changed_by,
        "reason": changed.reason,
    }
    row = await tx.get(GrantRow, changed.id)
    if row is None:
        row = GrantRow(id=changed.id, **values)
    else:
        row.sqlmodel_update(values)
    tx.add(row)
    # No relation tells the session that the change's row rests on this one.
    await tx.flush()
    tx.add(
        GrantChangeRow(
            grant=changed.id,
            version=changed.version,
            action=action,
            changed_at=changed.changed_at,
            changed_by=changed.changed_by,
            reason=changed.reason,
        )
    )
    await tx.flush()


async def unit(tx: AsyncSession, code: str, *, lock: bool = False) -> UnitRow | None:
    query = select(UnitRow).where(UnitRow.code == code)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await tx.exec(query)).first()


async def resource(tx: AsyncSession, code: str) -> Resource | None:
    row = await tx.get(EntryRow, code)
    if row is None:
        return None
    types = {item.code: item.sharing_type for item in _items.validate_python(row.items)}
    return Resource(entry=row.code, provider=row.provider, published=row.published, items=types)


async def items_of(tx: AsyncSession, code: str) -> dict[str, Item]:
    """The items of an entry by code, in the catalogue's order."""
    row = await tx.get(EntryRow, code)
    return {item.code: item for item in _items.validate_python(row.items)} if row else {}


async def entries_of(tx: AsyncSession, provider: str) -> list[str]:
    return list((await tx.exec(select(EntryRow.code).where(EntryRow.provider == provider))).all())


async def offered(tx: AsyncSession, services: tuple[str, ...]) -> dict[str, Offered]:
    rows = await tx.exec(select(ServiceRow).where(col(ServiceRow.code).in_(services)))
    return {
        row.code: Offered(service=row.code, entry=row.entry, state=ServiceState(row.state), writes=row.writes)
        for row in rows.all()
    }


async def note(tx: AsyncSession, row: UnitRow | EntryRow | ServiceRow) -> None:
    """Keep what another service last told; an older telling changes nothing."""
    table = type(row)
    values = row.model_dump()
    query = insert(table).values(**values)
    newer = {name: query.excluded[name] for name in values if name != "code"}
    await tx.execute(
        query.on_conflict_do_update(
            index_elements=["code"], set_=newer, where=col(table.version) < query.excluded.version
        )
    )
