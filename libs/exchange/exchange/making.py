"""Makes the table and the view of a resource version: once, idempotently, owned by a role that cannot log in."""

from typing import Final

import asyncpg

from exchange.layout import OWNER, Resource, statements

_LOCK: Final = 0x5348_4D4B


async def make(connection: asyncpg.Connection, resource: Resource) -> None:
    """Make what is missing of a resource version; nothing that is there is altered.

    The connection's role must be allowed to become the owner of the store. Runs in one transaction.
    """
    async with connection.transaction():
        await connection.execute(f"set local role {OWNER}")
        # Two makers at once would both find a schema missing; one waits for the other.
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        known = await connection.fetchval("select true from exchange.resource where version = $1", resource.version)
        if known:
            return
        for statement in statements(resource):
            await connection.execute(statement)
        await connection.execute(
            "insert into exchange.resource (version, provider, schema_name, table_name, view_name, columns)"
            " values ($1, $2, $3, $4, $5, $6)",
            resource.version,
            resource.provider,
            resource.schema,
            resource.table,
            resource.view,
            [item.code for item in resource.items],
        )
