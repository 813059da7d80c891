"""Loads a batch: staged with COPY and merged, in one transaction. Readers see the old rows or the new, never a mix."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from common.errors import Refusal
from exchange import calendar
from exchange.layout import BATCH, ROW
from exchange.ways import Way
from quality.cells import Value

LOAD_WITHIN: Final = 600.0
"""Seconds that a batch may take from its first row to its commit."""
_GONE: Final = "_gone"
"""The stage's column that says of a row that its key is to go."""


class Clash(Refusal):
    """The rows break a key or a uniqueness of the table."""

    code = "rows-clash"
    status = 409


class StrangeRows(Refusal):
    """Rows that came as text are none of this table: whoever made them went wrong."""

    code = "strange-rows"
    status = 500


_BOOKED: Final = "select batch, version, sha256, rows, committed_at, mode, deleted, sheet from exchange.batch"

Rows = Iterable[tuple[int, tuple[Value | None, ...]]]
"""(row of the file, values in the order of the columns)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A batch that is in the store, and since when."""

    batch: UUID
    version: str
    """The resource version whose rows they are."""
    sha256: str
    rows: int
    committed_at: datetime
    mode: str = Way.REPLACE.value
    deleted: int = 0
    """Rows that it took away by their keys."""
    sheet: str | None = None
    """The sheet of the file whose rows they are; None where it has no name."""


async def find(connection: asyncpg.Connection, batch: UUID) -> Loaded | None:
    """A batch that was committed, if it was: what a loader asks after a crash."""
    row = await connection.fetchrow(f"{_BOOKED} where batch = $1", batch)
    return None if row is None else Loaded(**row)


async def newest(connection: asyncpg.Connection, version: str) -> UUID | None:
    """The batch that was merged last of those that a resource version has."""
    found = await current(connection, version)
    return None if found is None else found.batch


async def current(connection: asyncpg.Connection, version: str) -> Loaded | None:
    """The batch that was merged last, of those that were not taken back."""
    row = await connection.fetchrow(
        f"{_BOOKED} where version = $1 and taken_back_at is null order by number desc limit 1", version
    )
    return None if row is None else Loaded(**row)


async def replace(
    connection: asyncpg.Connection,
    *,
    version: str,
    batch: UUID,
    sha256: str,
    columns: Sequence[str],
    rows: Rows,
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
    rows: Rows,
    gone: Rows = (),
    sheet: str | None = None,
) -> Loaded:
    """Load a batch in one of the ways; the same batch again changes nothing.

    The keys of `gone` are taken away, which only an upsert and a delete can do; beside its key such a row may be empty.
    A resource without a key takes neither.

    Raises:
        Clash: two rows have the same key, a unique item repeats, or a row to be appended is there; nothing was changed.
        TimeoutError: it took too long, or the connection was lost while rows were on their way.
    """
    done = await find(connection, batch)
    if done is not None:
        return done
    await calendar.whole(connection)
    async with _loading(connection):
        # The stage lives inside the transaction: whatever ends it early leaves neither a stage nor some of the rows,
        # and a second loader of the same batch waits here instead of emptying the stage under the first.
        stage = await connection.fetchval("select exchange.open_stage($1, $2)", version, batch)
        for records, is_gone in ((rows, False), (gone, True)):
            await connection.copy_records_to_table(
                stage,
                schema_name="staging",
                columns=[*columns, ROW, _GONE],
                records=((*values, number, is_gone) for number, values in records),
            )
        await _merge(connection, version, batch, sha256, way, sheet)
    return await _booked(connection, batch)


async def load_text(
    connection: asyncpg.Connection,
    *,
    way: Way,
    version: str,
    batch: UUID,
    sha256: str,
    columns: Sequence[str],
    blocks: AsyncIterable[bytes],
    sheet: str | None = None,
) -> Loaded:
    """`load` for rows that come as blocks of COPY text: the columns, the row of the file, the batch.

    A replacement goes straight into the table, after the old rows and within the same transaction.

    Raises:
        Clash: as `load`.
        StrangeRows: a value that its column does not take, or a row of another batch.
    """
    done = await find(connection, batch)
    if done is not None:
        return done
    names = [*columns, ROW, BATCH]
    try:
        async with _loading(connection):
            if way is Way.REPLACE:
                opened = await connection.fetchrow("select * from exchange.open_table($1, $2)", version, batch)
                if opened is not None:
                    await connection.copy_to_table(
                        opened["table_name"], schema_name=opened["schema_name"], columns=names, source=blocks
                    )
                    query = "select exchange.close_table($1, $2, $3, $4)"
                    await connection.fetchval(query, version, batch, sha256, sheet, timeout=LOAD_WITHIN)
            else:
                stage = await connection.fetchval("select exchange.open_stage($1, $2)", version, batch)
                await connection.copy_to_table(stage, schema_name="staging", columns=names, source=blocks)
                await _merge(connection, version, batch, sha256, way, sheet)
    except (asyncpg.DataError, asyncpg.CheckViolationError, asyncpg.NotNullViolationError) as error:
        raise StrangeRows("数据行与表不符", state=str(error.sqlstate)) from error
    return await _booked(connection, batch)


async def repeated(
    connection: asyncpg.Connection,
    *,
    version: str,
    batch: UUID,
    columns: Sequence[str],
    blocks: AsyncIterable[bytes],
    groups: Sequence[Sequence[str]],
) -> AsyncIterator[tuple[int, int, int]]:
    """Rows whose values repeat those of a row above, for each group of columns: (place of the group, row, first row).

    They are staged and looked at, and nothing is loaded.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        stage = await connection.fetchval("select exchange.open_stage($1, $2)", version, batch)
        await connection.copy_to_table(stage, schema_name="staging", columns=[*columns, ROW, BATCH], source=blocks)
        for place, group in enumerate(groups):
            named = ", ".join(_quoted(column) for column in group)
            given = " and ".join(f"{_quoted(column)} is not null" for column in group)
            query = (
                f"select _row, first from (select _row, min(_row) over (partition by {named}) as first"  # noqa: S608  names quoted
                f" from staging.{_quoted(stage)} where {given}) s where _row <> first order by _row"
            )
            async for row in connection.cursor(query, prefetch=2000):
                yield place, row["_row"], row["first"]
    finally:
        await transaction.rollback()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _merge(
    connection: asyncpg.Connection, version: str, batch: UUID, sha256: str, way: Way, sheet: str | None
) -> None:
    query = "select exchange.merge($1, $2, $3, $4, $5)"
    await connection.fetchval(query, version, batch, sha256, way.value, sheet, timeout=LOAD_WITHIN)


async def _booked(connection: asyncpg.Connection, batch: UUID) -> Loaded:
    loaded = await find(connection, batch)
    assert loaded is not None
    return loaded


@contextlib.asynccontextmanager
async def _loading(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """The transaction of a load, bounded in time."""
    try:
        async with _bounded(connection), connection.transaction():
            yield
    except asyncpg.UniqueViolationError as error:
        raise Clash("数据中有重复的主键或唯一项", constraint=str(error.constraint_name)) from error


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
