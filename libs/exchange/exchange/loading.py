"""Loads a batch: staged with COPY, then merged in one transaction. Readers see the old rows or the new, never a mix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from common.errors import Refusal
from exchange.layout import ROW
from exchange.values import Value

_MERGE_TIMEOUT: Final = 600.0


class Clash(Refusal):
    """The rows break a key or a uniqueness of the table."""

    code = "rows-clash"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A batch that is in the store, and since when."""

    batch: UUID
    rows: int
    committed_at: datetime


async def find(connection: asyncpg.Connection, batch: UUID) -> Loaded | None:
    """A batch that was committed, if it was: what a loader asks after a crash."""
    row = await connection.fetchrow("select rows, committed_at from exchange.batch where batch = $1", batch)
    return None if row is None else Loaded(batch=batch, rows=row["rows"], committed_at=row["committed_at"])


async def replace(
    connection: asyncpg.Connection,
    *,
    version: str,
    batch: UUID,
    sha256: str,
    columns: Sequence[str],
    rows: Iterable[tuple[int, tuple[Value | None, ...]]],
) -> Loaded:
    """Put these rows in the place of all rows of the resource version; the same batch again changes nothing.

    `rows` are (row of the file, values in the order of `columns`).

    Raises:
        Clash: two rows have the same key, or a unique item repeats; nothing was changed.
    """
    done = await find(connection, batch)
    if done is not None:
        return done
    stage = await connection.fetchval("select exchange.open_stage($1, $2)", version, batch)
    try:
        await connection.copy_records_to_table(
            stage,
            schema_name="staging",
            columns=[*columns, ROW],
            records=((*values, number) for number, values in rows),
        )
        async with connection.transaction():
            await connection.fetchval(
                "select exchange.merge($1, $2, $3)", version, batch, sha256, timeout=_MERGE_TIMEOUT
            )
    except asyncpg.UniqueViolationError as error:
        await connection.execute("select exchange.drop_stage($1)", batch)
        raise Clash("数据中有重复的主键或唯一项", constraint=str(error.constraint_name)) from error
    loaded = await find(connection, batch)
    assert loaded is not None
    return loaded
