"""Migrations up and down, and what they leave in a database."""

import asyncio

import asyncpg
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from common import db, migrations

LEFT = """
select 'schema ' || nspname from pg_namespace
 where nspname !~ '^pg_' and nspname not in ('information_schema', 'public', 'migration')
union all
select 'relation ' || n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'migration')
union all
select 'function ' || n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1
"""


async def _downgrade(package: str, owner_url: str, role: str | None) -> None:
    config = migrations._config(package)
    settings = {"server_settings": {"role": role}} if role else {}
    engine = create_async_engine(db.async_url(owner_url), connect_args=settings)

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def downgrade(package: str, owner_url: str, role: str | None = None) -> None:
    """Undo every migration of a package."""
    await asyncio.to_thread(lambda: asyncio.run(_downgrade(package, owner_url, role)))


async def upgrade(package: str, owner_url: str, role: str | None = None) -> None:
    await asyncio.to_thread(migrations.upgrade_now, package, owner_url, role)


async def left(admin_url: str) -> list[str]:
    """Every schema, relation and function that is not PostgreSQL's own."""
    connection = await asyncpg.connect(admin_url)
    try:
        return [row[0] for row in await connection.fetch(LEFT)]
    finally:
        await connection.close()
