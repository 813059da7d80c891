"""Runs a package's Alembic migrations as the owner of the tables, one run at a time, with short locks."""

import asyncio
from importlib import resources
from typing import Final

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from common import db

_LOCK: Final = 0x5348_4D47
_LOCK_TIMEOUT: Final = "5s"
_SCHEMA: Final = "migration"


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def run_env() -> None:
    """What a package's `migrations/env.py` calls: migrate over the connection that `upgrade` holds."""
    connection = context.config.attributes["connection"]
    # The version's table stands in a schema of its own, so that the service's role has no rights on it.
    connection.execute(text(f"create schema if not exists {_SCHEMA}"))
    context.configure(connection=connection, transactional_ddl=True, version_table_schema=_SCHEMA)
    with context.begin_transaction():
        context.run_migrations()


def head(package: str) -> str | None:
    """The newest revision that the package carries."""
    return ScriptDirectory.from_config(_config(package)).get_current_head()


async def upgrade(package: str, owner_url: SecretStr | str, role: str | None = None) -> None:
    """Bring the database to the package's newest revision; nothing to do is no error.

    Two runs at once wait for each other. A table that is in use is not waited for longer than five seconds: the run
    fails and can be repeated. With `role` all is done, and owned, by that role, which the login may become.
    """
    config = _config(package)
    engine = create_async_engine(
        db.async_url(owner_url),
        hide_parameters=True,
        connect_args={
            "timeout": db.CONNECT_TIMEOUT,
            "server_settings": {"application_name": f"migrate {package}", **({"role": role} if role else {})},
        },
    )

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"select pg_advisory_xact_lock({_LOCK})"))
            await connection.execute(text(f"set local lock_timeout = '{_LOCK_TIMEOUT}'"))
            await connection.run_sync(run)
    finally:
        await engine.dispose()


def upgrade_now(package: str, owner_url: SecretStr | str, role: str | None = None) -> None:
    asyncio.run(upgrade(package, owner_url, role))
