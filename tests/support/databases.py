"""Looks into the databases of a running exchange, as an administrator."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import asyncpg

from demo.system import System


def query(system: System, database: str, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of a query."""

    async def run() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(system.endpoints.postgres.url(database))
        try:
            return [dict(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


def value(system: System, database: str, sql: str, *values: Any) -> Any:
    """The one value of a query."""
    return next(iter(query(system, database, sql, *values)[0].values()))


@contextmanager
def held_lock(system: System, database: str, statement: str) -> Iterator[None]:
    """Hold a lock in a transaction of ours while the block runs."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(system.endpoints.postgres.url(database)))
    try:
        loop.run_until_complete(connection.execute("begin"))
        loop.run_until_complete(connection.execute(statement))
        yield
    finally:
        loop.run_until_complete(connection.execute("rollback"))
        loop.run_until_complete(connection.close())
        loop.close()
