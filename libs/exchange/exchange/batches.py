"""The books of a resource's batches, and taking the newest of them back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from common.errors import Conflict


class BuiltOn(Conflict):
    """Later batches build on it; they are taken back first, the newest before the others."""

    code = "batch-built-on"


class NotKept(Conflict):
    """What it displaced is not kept any more."""

    code = "batch-not-kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch as the books have it."""

    batch: UUID
    version: str
    number: int
    """In the order of commits, from 1."""
    mode: str
    rows: int
    deleted: int
    sha256: str
    sheet: str | None
    committed_at: datetime
    kept: bool
    """It can still be taken back, after those that came later."""
    taken_back_at: datetime | None
    taken_back_by: str | None
    taken_back_why: str | None


_COLUMNS: Final = ", ".join(Batch.__dataclass_fields__)


async def listed(connection: asyncpg.Connection, version: str, limit: int) -> list[Batch]:
    """The batches of a resource version, the newest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from exchange.batch where version = $1 order by number desc limit $2",  # noqa: S608  our own names
        version,
        limit,
    )
    return [Batch(**row) for row in rows]


async def take_back(connection: asyncpg.Connection, version: str, batch: UUID, *, by: str, why: str) -> Batch:
    """Undo a batch: the one before is current again, with its rows and its time. Again, it changes nothing.

    Raises:
        BuiltOn: later batches are there. NotKept: it is too old.
    """
    try:
        await connection.fetchval("select exchange.take_back($1, $2, $3, $4)", version, batch, by, why)
    except asyncpg.PostgresError as error:
        match error.sqlstate:
            case "SQ001":
                raise BuiltOn("之后还有批次，请先从最新的批次起依次撤回") from error
            case "SQ002":
                raise NotKept("该批次之前的数据已不再保留，不能撤回") from error
            case _:
                raise
    row = await connection.fetchrow(f"select {_COLUMNS} from exchange.batch where batch = $1", batch)  # noqa: S608  as above
    return Batch(**row)
