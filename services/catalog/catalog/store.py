"""Rows of the catalogue and nothing but."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, and_, case, literal, or_, true
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import registry as orm_registry
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from catalog import errors
from catalog.domain.entries import Draft, DraftState, Edition, Entry, ReviewedAs, Separation
from catalog.domain.services import Service, ServiceContent, State
from common import db
from common.entry import EntryContent
from common.events import Basis


class Rows(SQLModel, registry=orm_registry()):
    """Metadata of this service's tables alone."""


class EntryRow(Rows, table=True):
    __tablename__ = "entry"

    code: str = Field(primary_key=True)
    provider: str
    draft: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True)))
    draft_state: str | None
    compiled_by: str | None
    reviewed_by: str | None
    reviewed_as: str | None
    edition: int | None
    withdrawn: bool
    revision: int
    version: int
    name: str
    changed_at: datetime


class EditionRow(Rows, table=True):
    __tablename__ = "entry_edition"

    entry: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    structure: int
    compiled_by: str
    reviewed_by: str
    published_by: str
    separation: str
    basis: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    published_at: datetime


class StepRow(Rows, table=True):
    """Who did what with an entry or a service, when, and with which words."""

    __tablename__ = "step"

    id: UUID = Field(primary_key=True)
    entry: str
    service: str | None
    action: str
    done_by: str
    done_at: datetime
    opinion: str | None


class SequenceRow(Rows, table=True):
    __tablename__ = "code_sequence"

    classification: str = Field(primary_key=True)
    last: int


class ServiceRow(Rows, table=True):
    __tablename__ = "service"

    code: str = Field(primary_key=True)
    entry: str
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    structure: int
    state: str
    registered_by: str
    version: int
    changed_at: datetime
    changed_by: str
    reason: str | None


class CodeSetRow(Rows, table=True):
    __tablename__ = "code_set"

    id: str = Field(primary_key=True)
    edition: int = Field(primary_key=True)
    name: str
    source: str
    codes: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    published_at: datetime
    published_by: str


class UnitRow(Rows, table=True):
    """What the catalogue knows of units, from `unit-changed`."""

    __tablename__ = "unit"

    code: str = Field(primary_key=True)
    name: str
    state: str
    catalog_keepers: int
    version: int


class DataRow(Rows, table=True):
    """The newest batch of each resource version, from `batch-ingested`."""

    __tablename__ = "resource_data"

    resource_version: str = Field(primary_key=True)
    batch: UUID
    rows: int = Field(sa_column=Column(BigInteger, nullable=False))
    committed_at: datetime


async def next_code(tx: AsyncSession, classification: str) -> str:
    """The next code of a classification: its digits, then six digits in sequence."""
    query = (
        insert(SequenceRow)
        .values(classification=classification, last=1)
        .on_conflict_do_update(index_elements=["classification"], set_={"last": col(SequenceRow.last) + literal(1)})
        .returning(col(SequenceRow.last))
    )
    number = (await tx.execute(query)).scalar_one()
    return f"{classification}-{number:06d}"


def _edition(row: EditionRow) -> Edition:
    return Edition(
        number=row.number,
        content=EntryContent.model_validate(row.content),
        structure=row.structure,
        compiled_by=row.compiled_by,
        reviewed_by=row.reviewed_by,
        published_by=row.published_by,
        separation=Separation(row.separation),
        basis=Basis.model_validate(row.basis),
        published_at=row.published_at,
    )


def _entry(row: EntryRow, edition: EditionRow | None) -> Entry:
    draft = None
    if row.draft is not None:
        assert row.draft_state is not None
        assert row.compiled_by is not None
        draft = Draft(
            content=EntryContent.model_validate(row.draft),
            state=DraftState(row.draft_state),
            compiled_by=row.compiled_by,
            reviewed_by=row.reviewed_by,
            reviewed_as=ReviewedAs(row.reviewed_as) if row.reviewed_as else None,
        )
    return Entry(
        code=row.code,
        provider=row.provider,
        draft=draft,
        edition=_edition(edition) if edition else None,
        withdrawn=row.withdrawn,
        revision=row.revision,
        version=row.version,
    )


async def entry(tx: AsyncSession, code: str, *, lock: bool = False) -> Entry:
    """An entry; locked until the transaction ends if it is to be changed.

    Raises:
        EntryUnknown: there is none of this code.
    """
    query = select(EntryRow).where(EntryRow.code == code)
    row = (await tx.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        raise errors.EntryUnknown(code)
    edition = await tx.get(EditionRow, (code, row.edition)) if row.edition else None
    return _entry(row, edition)


async def entries(
    tx: AsyncSession, *, provider: str | None, text: str | None, after: str, limit: int, outside_of: str | None
) -> list[Entry]:
    """Entries by their codes; a caller of the unit `outside_of` sees, and finds by name, what others published."""
    edition = and_(col(EditionRow.entry) == col(EntryRow.code), col(EditionRow.number) == col(EntryRow.edition))
    inside = true() if outside_of is None else col(EntryRow.provider) == outside_of
    query = select(EntryRow, EditionRow).outerjoin(EditionRow, edition).where(col(EntryRow.code) > after)
    query = query.where(or_(inside, col(EntryRow.edition).is_not(None)))
    if provider is not None:
        query = query.where(EntryRow.provider == provider)
    if text:
        name = case((inside, col(EntryRow.name)), else_=col(EditionRow.content)["name"].astext)
        query = query.where(name.contains(text, autoescape=True))
    rows = (await tx.exec(query.order_by(col(EntryRow.code)).limit(limit))).all()
    return [_entry(*row) for row in rows]


async def save_entry(tx: AsyncSession, changed: Entry, at: datetime) -> None:
    """Write an entry as it now is; a new edition is added, never altered."""
    row = await tx.get(EntryRow, changed.code)
    draft, edition = changed.draft, changed.edition
    content = draft.content if draft else edition.content if edition else None
    assert content is not None
    values: dict[str, Any] = {
        "provider": changed.provider,
        "draft": draft.content.model_dump(mode="json") if draft else None,
        "draft_state": draft.state.value if draft else None,
        "compiled_by": draft.compiled_by if draft else None,
        "reviewed_by": draft.reviewed_by if draft else None,
        "reviewed_as": draft.reviewed_as.value if draft and draft.reviewed_as else None,
        "edition": edition.number if edition else None,
        "withdrawn": changed.withdrawn,
        "revision": changed.revision,
        "version": changed.version,
        "name": content.name,
        "changed_at": at,
    }
    if row is None:
        row = EntryRow(code=changed.code, **values)
    else:
        row.sqlmodel_update(values)
    tx.add(row)
    # No relation tells the session that the edition's row rests on this one.
    await tx.flush()
    if edition and await tx.get(EditionRow, (changed.code, edition.number)) is None:
        tx.add(
            EditionRow(
                entry=changed.code,
                number=edition.number,
                content=edition.content.model_dump(mode="json"),
                structure=edition.structure,
                compiled_by=edition.compiled_by,
                reviewed_by=edition.reviewed_by,
                published_by=edition.published_by,
                separation=edition.separation.value,
                basis=edition.basis.model_dump(mode="json"),
                published_at=edition.published_at,
            )
        )
    await tx.flush()


async def editions(tx: AsyncSession, code: str) -> list[Edition]:
    query = select(EditionRow).where(EditionRow.entry == code).order_by(col(EditionRow.number))
    return [_edition(row) for row in (await tx.exec(query)).all()]


async def content_of_structure(tx: AsyncSession, code: str, structure: int) -> EntryContent:
    """The newest published content of an entry that has this structure."""
    query = (
        select(EditionRow)
        .where(EditionRow.entry == code, EditionRow.structure == structure)
        .order_by(col(EditionRow.number).desc())
        .limit(1)
    )
    return EntryContent.model_validate((await tx.exec(query)).one().content)


async def add_step(tx: AsyncSession, step: StepRow) -> None:
    tx.add(step)
    await tx.flush()


async def steps(tx: AsyncSession, code: str) -> list[StepRow]:
    query = select(StepRow).where(StepRow.entry == code).order_by(col(StepRow.id))
    return list((await tx.exec(query)).all())


def _service(row: ServiceRow, provider: str) -> Service:
    return Service(
        code=row.code,
        entry=row.entry,
        provider=provider,
        content=ServiceContent.model_validate(row.content),
        structure=row.structure,
        state=State(row.state),
        registered_by=row.registered_by,
        version=row.version,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        reason=row.reason,
    )


async def add_service(tx: AsyncSession, new: Service) -> None:
    """Raises ServiceTaken if the code is, or once was, another service's."""
    tx.add(ServiceRow(code=new.code, entry=new.entry, registered_by=new.registered_by, **_service_values(new)))
    try:
        await tx.flush()
    except IntegrityError as error:
        raise errors.ServiceTaken("服务代码已被使用", constraint=db.violated(error)) from error


def _service_values(service: Service) -> dict[str, Any]:
    return {
        "content": service.content.model_dump(mode="json"),
        "structure": service.structure,
        "state": service.state.value,
        "version": service.version,
        "changed_at": service.changed_at,
        "changed_by": service.changed_by,
        "reason": service.reason,
    }


async def service(tx: AsyncSession, code: str, *, lock: bool = False) -> Service:
    """Raises ServiceUnknown if there is none of this code."""
    query = select(ServiceRow, EntryRow.provider).join(EntryRow, col(EntryRow.code) == col(ServiceRow.entry))
    query = query.where(ServiceRow.code == code)
    if lock:
        # Read anew: the session may have seen it before it had the lock.
        query = query.with_for_update(of=ServiceRow).execution_options(populate_existing=True)
    found = (await tx.exec(query)).first()
    if found is None:
        raise errors.ServiceUnknown("没有这个服务", service=code)
    return _service(*found)


async def services(tx: AsyncSession, entry_code: str, *, lock: bool = False) -> list[Service]:
    query = select(ServiceRow, EntryRow.provider).join(EntryRow, col(EntryRow.code) == col(ServiceRow.entry))
    query = query.where(ServiceRow.entry == entry_code).order_by(col(ServiceRow.code))
    rows = await tx.exec(query.with_for_update(of=ServiceRow) if lock else query)
    return [_service(*row) for row in rows.all()]


async def save_service(tx: AsyncSession, changed: Service) -> None:
    row = await tx.get_one(ServiceRow, changed.code)
    row.sqlmodel_update(_service_values(changed))
    tx.add(row)
    await tx.flush()


async def code_set(tx: AsyncSession, code_set_id: str, edition: int) -> CodeSetRow | None:
    return await tx.get(CodeSetRow, (code_set_id, edition))


async def newest_code_set(tx: AsyncSession, code_set_id: str) -> CodeSetRow | None:
    query = select(CodeSetRow).where(CodeSetRow.id == code_set_id).order_by(col(CodeSetRow.edition).desc()).limit(1)
    return (await tx.exec(query)).first()


async def add_code_set(tx: AsyncSession, row: CodeSetRow) -> None:
    """Raises StaleRevision if somebody else published this version meanwhile."""
    tx.add(row)
    try:
        await tx.flush()
    except IntegrityError as error:
        raise errors.StaleRevision("代码集刚由他人发布，请刷新后重试", constraint=db.violated(error)) from error


async def code_sets(tx: AsyncSession) -> list[CodeSetRow]:
    return list((await tx.exec(select(CodeSetRow).order_by(col(CodeSetRow.id), col(CodeSetRow.edition)))).all())


async def unit(tx: AsyncSession, code: str) -> UnitRow | None:
    return await tx.get(UnitRow, code)


async def note_unit(tx: AsyncSession, row: UnitRow) -> None:
    """Keep a unit as the register last told of it; an older telling changes nothing."""
    values = row.model_dump()
    query = insert(UnitRow).values(**values)
    newer = {name: query.excluded[name] for name in values if name != "code"}
    await tx.execute(
        query.on_conflict_do_update(
            index_elements=["code"], set_=newer, where=col(UnitRow.version) < query.excluded.version
        )
    )


async def note_data(tx: AsyncSession, row: DataRow) -> None:
    """Keep the newest batch of a resource version."""
    values = row.model_dump()
    query = insert(DataRow).values(**values)
    newer = {name: query.excluded[name] for name in values if name != "resource_version"}
    await tx.execute(
        query.on_conflict_do_update(
            index_elements=["resource_version"],
            set_=newer,
            where=col(DataRow.committed_at) < query.excluded.committed_at,
        )
    )


async def data(tx: AsyncSession, resource_version: str) -> DataRow | None:
    return await tx.get(DataRow, resource_version)
