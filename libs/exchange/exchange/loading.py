"""Loads a batch: staged with COPY and merged, in one transaction. Readers see the old rows or the new, never a mix."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from common.errors import Refusal
from exchange import calendar
from exchange.layout import ROW
from exchange.ways import Way
from quality.cells import Value

LOAD_WITHIN: Final = 600.0
"""Seconds that a batch may take from its first row to its commit."""


class Clash(Refusal):
    """The rows break a key or a uniqueness of the table."""

    code = "rows-clash"
    status = 409


_MERGE: Final = "select exchange.merge($1, $2, $3)"
_ADD: Final = "select exchange.add($1, $2, $3, $4)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A batch that is in the store, and since when."""

    batch: UUID
    version: str
    """The resource version whose rows they are."""
    sha256: str
    rows: int
    committed_at: datetime


async def find(connection: asyncpg.Connection, batch: UUID) -> Loaded | None:
    """A batch that was committed, if it was: what a loader asks after a crash."""
    row = await connection.fetchrow(
        "select batch, version, sha256, rows, committed_at from exchange.batch where batch = $1", batch
    )
    return None if row is None else Loaded(**row)


async def newest(connection: asyncpg.Connection, version: str) -> UUID | None:
    """The batch that was begun last of those that a resource version has."""
    found: UUID | None = await connection.fetchval(
        "select batch from exchange.batch where version = $1 order by committed_at desc limit 1", version
    )
    return found


async def replace(
    connection: asyncpg.Connection,
    *,
    version: str,
    batch: UUID,
    sha256: str,
    columns: Sequence[str],
    rows: Iterable[tuple[int, tuple[Value | None, ...]]],
) -> Loaded:
    """Put these rows in the place of all rows of the resource version. As `load`."""
    return await load(
        connection, way=Way.REPLACE, version=version, batch=batch, sha256=sha256, columns=columns, rows=rows
    )


async def load(
    connection: asyncpg.Connection,
    *,
    way: Way,
    version: str,
    batch: UUID,
    sha256: str,
    columns: Sequence[str],
    rows: Iterable[tuple[int, tuple[Value | None, ...]]],
) -> Loaded:
    """Load a batch in one of the ways; the same batch again changes nothing.

    `rows` are (row of the file, values in the order of `columns`). A resource without a key takes no upserts.

    Raises:
        Clash: two rows have the same key, a unique item repeats, or a row to be appended is there; nothing was changed.
        TimeoutError: it took too long, or the connection was lost while rows were on their way.
    """
    done = await find(connection, batch)
    if done is not None:
        return done
    await calendar.whole(connection)
    try:
        # The stage lives inside the transaction: whatever ends it early leaves neither a stage nor some of the rows,
        # and a second loader of the same batch waits here instead of emptying the stage under the first.
        async with _bounded(connection), connection.transaction():
            stage = await connection.fetchval("select exchange.open_stage($1, $2)", version, batch)
            await connection.copy_records_to_table(
                stage,
                schema_name="staging",
                columns=[*columns, ROW],
                records=((*values, number) for number, values in rows),
            )
            query, more = (_MERGE, ()) if way is Way.REPLACE else (_ADD, (way.value,))
            await connection.fetchval(query, version, batch, sha256, *more, timeout=LOAD_WITHIN)
    except asyncpg.UniqueViolationError as error:
        raise Clash("数据中有重复的主键或唯一项", constraint=str(error.constraint_name)) from error
    loaded = await find(connection, batch)
    assert loaded is not None
    return loaded


@contextlib.asynccontextmanager
async def _bounded(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Ends what is being done when it takes too long, or at once when the connection is lost.

    A COPY that waits to write to a peer that is gone is woken by nobody, not even by its own timeout (asyncpg 0.32).
    """
    under_way = True
    async with asyncio.timeout(LOAD_WITHIN) as limit:

        def lost(_connection: object) -> None:
            if under_way:
                limit.reschedule(asyncio.get_running_loop().time())

        connection.add_termination_listener(lost)
        try:
            yield
        finally:
            under_way = False
            connection.remove_termination_listener(lost)
