"""Rows of this service, and its two doors to the exchange store: one that makes tables, one that loads."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter
from sqlalchemy import Column, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import registry as orm_registry
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from common import db
from common.errors import Unwell
from common.events import CodeSetChanged, Item
from exchange import loading, making
from exchange.layout import Resource
from exchange.loading import Loaded
from exchange.ways import Way
from ingest_files import errors
from ingest_files.domain.judgement import Finding
from ingest_files.domain.pushes import Push
from ingest_files.domain.pushes import State as PushState
from ingest_files.domain.uploads import Entry, State, Upload
from quality.cells import Value

_items = TypeAdapter(tuple[Item, ...])


class Rows(SQLModel, registry=orm_registry()):
    """Metadata of this service's tables alone."""


class UploadRow(Rows, table=True):
    __tablename__ = "upload"

    id: UUID = Field(primary_key=True)
    entry: str
    provider: str
    name: str
    bucket: str
    object_key: str
    object_version: str | None
    size: int | None
    sha256: str | None
    state: str
    uploaded_by: str
    created_at: datetime
    received_at: datetime | None
    resource_version: str | None
    rows: int | None
    reason: str | None
    message: str | None
    findings: int
    done_at: datetime | None


class FindingRow(Rows, table=True):
    __tablename__ = "finding"

    upload: UUID = Field(primary_key=True)
    place: int = Field(primary_key=True)
    row: int | None
    col: int | None
    item: str | None
    rule: str
    message: str


class PushRow(Rows, table=True):
    __tablename__ = "push"

    id: UUID = Field(primary_key=True)
    call: UUID
    service: str
    entry: str
    provider: str
    key: str | None
    way: str
    sha256: str
    size: int
    bucket: str
    object_key: str
    object_version: str | None
    resource_version: str
    state: str
    rows: int | None
    reason: str | None
    tried_at: datetime
    done_at: datetime | None
    committed_at: datetime | None


class UnitRow(Rows, table=True):
    """What is known of units, from `unit-changed`."""

    __tablename__ = "unit"

    code: str = Field(primary_key=True)
    state: str
    version: int


class EntryRow(Rows, table=True):
    """What is known of entries, from `catalog-changed`."""

    __tablename__ = "entry"

    code: str = Field(primary_key=True)
    name: str
    provider: str
    published: bool
    resource_version: str
    items: list[Any] = Field(sa_column=Column(JSONB))
    version: int


class CodeSetRow(Rows, table=True):
    """Parts of code sets, from `code-set-changed`."""

    __tablename__ = "code_set_part"

    code_set: str = Field(primary_key=True)
    edition: int = Field(primary_key=True)
    part: int = Field(primary_key=True)
    parts: int
    codes: list[Any] = Field(sa_column=Column(JSONB))


async def unit(tx: AsyncSession, code: str) -> UnitRow | None:
    return await tx.get(UnitRow, code)


async def entry(tx: AsyncSession, code: str) -> Entry | None:
    row = await tx.get(EntryRow, code)
    if row is None:
        return None
    return Entry(
        code=row.code,
        name=row.name,
        provider=row.provider,
        published=row.published,
        resource_version=row.resource_version,
        items=_items.validate_python(row.items),
    )


async def note(tx: AsyncSession, row: UnitRow | EntryRow) -> None:
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


async def note_codes(tx: AsyncSession, told: CodeSetChanged) -> None:
    """Keep a part of a code set; a part never changes once it was told."""
    values = {
        "code_set": told.code_set,
        "edition": told.edition,
        "part": told.part,
        "parts": told.parts,
        "codes": [code.code for code in told.codes],
    }
    await tx.execute(insert(CodeSetRow).values(**values).on_conflict_do_nothing())


async def code_sets(tx: AsyncSession, items: Iterable[Item]) -> dict[tuple[str, int], frozenset[str]]:
    """The code sets that these items name.

    Raises:
        Unwell: one has not been told whole yet.
    """
    found: dict[tuple[str, int], frozenset[str]] = {}
    for reference in {(i.code_set.id, i.code_set.version) for i in items if i.code_set is not None}:
        query = select(CodeSetRow).where(CodeSetRow.code_set == reference[0], CodeSetRow.edition == reference[1])
        rows = (await tx.exec(query)).all()
        if not rows or len(rows) < rows[0].parts:
            raise Unwell(f"code set {reference[0]}@{reference[1]}")
        found[reference] = frozenset(code for row in rows for code in row.codes)
    return found


def _upload(row: UploadRow) -> Upload:
    return Upload(**{**row.model_dump(), "state": State(row.state)})


async def add_upload(tx: AsyncSession, new: Upload) -> None:
    tx.add(UploadRow(**_values(new)))
    await tx.flush()


def _values(upload: Upload) -> dict[str, Any]:
    return {name: getattr(upload, name) for name in UploadRow.model_fields} | {"state": upload.state.value}


async def upload(tx: AsyncSession, upload_id: UUID, *, lock: bool = False) -> Upload:
    """Raises UploadUnknown if there is none of this id."""
    query = select(UploadRow).where(UploadRow.id == upload_id)
    row = (await tx.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        raise errors.UploadUnknown
    return _upload(row)


async def uploads(tx: AsyncSession, *, provider: str | None, entry_code: str | None, limit: int) -> list[Upload]:
    query = select(UploadRow).order_by(col(UploadRow.created_at).desc()).limit(limit)
    if provider is not None:
        query = query.where(UploadRow.provider == provider)
    if entry_code is not None:
        query = query.where(UploadRow.entry == entry_code)
    return [_upload(row) for row in (await tx.exec(query)).all()]


async def save_upload(tx: AsyncSession, changed: Upload) -> None:
    row = await tx.get_one(UploadRow, changed.id)
    row.sqlmodel_update(_values(changed))
    tx.add(row)
    await tx.flush()


async def loaded_before(tx: AsyncSession, resource_version: str, sha256: str, but: UUID) -> bool:
    """Whether a file with this very content was loaded into the resource version by another upload."""
    query = select(UploadRow.id).where(
        UploadRow.resource_version == resource_version,
        UploadRow.sha256 == sha256,
        UploadRow.state == State.LOADED.value,
        UploadRow.id != but,
    )
    return (await tx.exec(query.limit(1))).first() is not None


def _push(row: PushRow) -> Push:
    return Push(**{**row.model_dump(), "state": PushState(row.state), "way": Way(row.way)})


async def serialize_pushes(tx: AsyncSession, service: str) -> None:
    """Pushes of one service are begun one after the other; the next waits here until this transaction ends."""
    await tx.execute(text("select pg_advisory_xact_lock(hashtextextended(:service, 0))"), {"service": service})


async def push(tx: AsyncSession, push_id: UUID) -> Push:
    """A push, locked."""
    return _push((await tx.exec(select(PushRow).where(PushRow.id == push_id).with_for_update())).one())


async def push_of_key(tx: AsyncSession, service: str, key: str) -> Push | None:
    """The push of this name, unless it was refused."""
    query = select(PushRow).where(
        PushRow.service == service, PushRow.key == key, PushRow.state != PushState.REJECTED.value
    )
    row = (await tx.exec(query)).first()
    return None if row is None else _push(row)


async def newest_push(tx: AsyncSession, service: str, since: datetime) -> Push | None:
    """The push of a service that was tried last, unless that is longer ago."""
    query = select(PushRow).where(PushRow.service == service, col(PushRow.tried_at) >= since)
    row = (await tx.exec(query.order_by(col(PushRow.tried_at).desc(), col(PushRow.id).desc()).limit(1))).first()
    return None if row is None else _push(row)


async def open_pushes(tx: AsyncSession, before: datetime, limit: int) -> list[UUID]:
    """Pushes without a result that nobody tried since."""
    query = select(PushRow.id).where(PushRow.state == PushState.RECEIVED.value, col(PushRow.tried_at) < before)
    return list((await tx.exec(query.order_by(col(PushRow.tried_at)).limit(limit))).all())


async def save_push(tx: AsyncSession, changed: Push) -> None:
    """Keep a push, new or changed."""
    await tx.merge(PushRow(**{name: getattr(changed, name) for name in PushRow.model_fields}))
    await tx.flush()


_FINDINGS_AT_ONCE: Final = 2000
# SQLSTATE classes and codes of a store that is away or busy rather than of rows that are wrong.
_AWAY: Final = ("08", "53", "57", "58")
_BUSY: Final = frozenset({"40001", "40P01", "55P03", "25P03"})


def _passes(error: Exception) -> bool:
    """Whether the same again may work."""
    if isinstance(error, asyncpg.PostgresError):
        state = str(error.sqlstate or "")
        return state.startswith(_AWAY) or state in _BUSY
    # A value that cannot be written is an InterfaceError of asyncpg too, and never passes.
    return not isinstance(error, asyncpg.DataError)


async def add_findings(tx: AsyncSession, upload_id: UUID, findings: Sequence[Finding]) -> None:
    for first in range(0, len(findings), _FINDINGS_AT_ONCE):
        rows = [
            {
                "upload": upload_id,
                "place": place,
                "row": finding.row,
                "col": finding.column,
                "item": finding.item,
                "rule": finding.rule,
                "message": finding.message,
            }
            for place, finding in enumerate(findings[first : first + _FINDINGS_AT_ONCE], first)
        ]
        await tx.execute(insert(FindingRow), rows)


async def findings(tx: AsyncSession, upload_id: UUID, *, after: int, limit: int) -> list[FindingRow]:
    query = select(FindingRow).where(FindingRow.upload == upload_id, col(FindingRow.place) >= after)
    return list((await tx.exec(query.order_by(col(FindingRow.place)).limit(limit))).all())


class ExchangeStore:
    """The exchange store as this service may use it: its keeper makes tables, its loader loads batches."""

    def __init__(self, keeper_url: str, loader_url: str) -> None:
        self._keeper_url, self._loader_url = keeper_url, loader_url

    async def make(self, resource: Resource) -> None:
        """Make the table and view of a resource version, if they are missing."""
        async with self._opened(self._keeper_url, "keeper") as connection:
            await making.make(connection, resource)

    async def find(self, batch: UUID) -> Loaded | None:
        """A batch that was loaded, if it was."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await loading.find(connection, batch)

    async def newest(self, version: str) -> UUID | None:
        """The batch that was begun last of those that a resource version has."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await loading.newest(connection, version)

    async def load(
        self,
        *,
        version: str,
        batch: UUID,
        sha256: str,
        columns: Sequence[str],
        rows: Iterable[tuple[int, tuple[Value | None, ...]]],
        way: Way = Way.REPLACE,
    ) -> Loaded:
        """Load a batch in one of the ways; the same batch again changes nothing.

        Raises:
            Clash: a key or a unique item would be there twice; nothing was changed.
        """
        async with self._opened(self._loader_url, "loader") as connection:
            return await loading.load(
                connection, way=way, version=version, batch=batch, sha256=sha256, columns=columns, rows=rows
            )

    @contextlib.asynccontextmanager
    async def _opened(self, url: str, name: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection for one piece of work; a store that is away, or goes away meanwhile, is Unwell."""
        connection = await self._connect(url, name)
        try:
            yield connection
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if _passes(error):
                raise Unwell("exchange store") from error
            raise
        finally:
            # The work is done or lost by now; a store that does not say goodbye changes neither.
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    async def _connect(self, url: str, name: str) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(
                url,
                timeout=db.CONNECT_TIMEOUT,
                server_settings={
                    **db.SERVER_SETTINGS,
                    # A batch takes longer than a request.
                    "statement_timeout": "600000",
                    "idle_in_transaction_session_timeout": "60000",
                    "lock_timeout": "60000",
                    "application_name": f"ingest-files {name}",
                },
            )
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise Unwell("exchange store") from error
