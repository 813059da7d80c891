"""Do a service's migrations work both ways, and do its tables agree with the rows that its code declares?"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import command
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from common import db, delivery, migrations
from tests.support.installation import Fresh


async def _run(fresh: Fresh, work: Any) -> Any:
    """Do synchronous work over a connection of the tables' owner, in one transaction."""
    engine = create_async_engine(db.async_url(fresh.url(f"{fresh.original}_owner")))
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


async def migrate(fresh: Fresh, package: str, to: str) -> None:
    """Up or down to a revision: `head`, `base`."""

    def run(connection: Connection) -> None:
        config = migrations._config(package)
        config.attributes["connection"] = connection
        (command.downgrade if to == "base" else command.upgrade)(config, to)

    await _run(fresh, run)


async def objects(fresh: Fresh) -> set[str]:
    """Tables, views, sequences, types and functions of the service's own, by name; Alembic's table is not counted."""
    wanted = """
        select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public'
        union all
        select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'public'
        union all
        select t.typname from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where n.nspname = 'public' and t.typtype in ('e', 'd')
    """
    return await _run(fresh, lambda connection: {row[0] for row in connection.execute(sa.text(wanted))})


async def revision(fresh: Fresh) -> str | None:
    query = "select version_num from migration.alembic_version"
    return await _run(fresh, lambda connection: connection.execute(sa.text(query)).scalar())


def _shape(column: Mapping[str, Any]) -> tuple[str, bool]:
    """A column as both sides can be compared: the family of its type, and whether it may be empty."""
    return _family(column["type"]), bool(column["nullable"])


def _family(kind: Any) -> str:
    if isinstance(kind, sa.ARRAY):
        return f"array of {_family(kind.item_type)}"
    if isinstance(kind, sa.TypeDecorator):
        # SQLModel's type of a moment wraps the real one and sees to the zone itself.
        return "moment" if isinstance(kind.impl_instance, sa.DateTime) else _family(kind.impl_instance)
    if isinstance(kind, sa.DateTime):
        return "moment" if kind.timezone else "moment without zone"
    for base, name in (
        (sa.BigInteger, "bigint"),
        (sa.Integer, "integer"),
        (sa.Boolean, "boolean"),
        (sa.Uuid, "uuid"),
        (sa.JSON, "json"),
        (sa.LargeBinary, "bytes"),
        (sa.Date, "day"),
        (sa.String, "text"),
        (sa.Numeric, "number"),
    ):
        if isinstance(kind, base):
            return name
    return repr(kind)


async def differences(fresh: Fresh, declared: MetaData) -> list[str]:
    """Where the database and the declared rows differ: tables, columns, types by family, nullability, primary keys.

    The tables of delivery are declared in `common.delivery` and compared too.
    """

    def run(connection: Connection) -> list[str]:
        inspector = sa.inspect(connection)
        expected = {**delivery.metadata.tables, **declared.tables}
        there = set(inspector.get_table_names())
        found = [f"{name}: only in the database" for name in sorted(there - expected.keys())]
        found += [f"{name}: only declared" for name in sorted(expected.keys() - there)]
        for name in sorted(there & expected.keys()):
            held = {column["name"]: _shape(column) for column in inspector.get_columns(name)}
            said = {
                column.name: _shape({"type": column.type, "nullable": column.nullable})
                for column in expected[name].columns
            }
            for column in sorted(held.keys() | said.keys()):
                if held.get(column) != said.get(column):
                    found.append(f"{name}.{column}: {held.get(column)} in the database, {said.get(column)} declared")
            key = inspector.get_pk_constraint(name)["constrained_columns"]
            if set(key) != {column.name for column in expected[name].primary_key}:
                found.append(f"{name}: primary key {key} in the database")
        return found

    return await _run(fresh, run)
