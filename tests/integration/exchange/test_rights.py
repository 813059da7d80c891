"""Least right in the exchange store: each role has what it needs and fails at everything else."""

import asyncpg
import pytest

from exchange.layout import LOADER, OWNER, READER
from provision.secrets import KEEPER
from tests.support.items import key, text

DENIED = asyncpg.InsufficientPrivilegeError
RELATIONS = """
select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
RIGHTS = ("select", "insert", "update", "delete", "truncate", "references", "trigger")


@pytest.fixture(scope="module")
async def resource(store):
    made = await store.made(key(text("code", 9)), text("name"), provider="rights")
    await store.load(made, [("1", "甲"), ("2", "乙")])
    return made


@pytest.fixture(scope="module")
async def stage(store, resource):
    """A stage as it stands while a loader fills it: here it was committed by a loader that does as it likes."""
    async with store.connected(LOADER) as loader:
        return await loader.fetchval("select exchange.open_stage($1, gen_random_uuid())", resource.version)


@pytest.fixture
async def connection(store, role):
    async with store.connected(role) as made:
        yield made


async def granted(store, role):
    """Every right of a role on every relation."""
    async with store.connected() as admin:
        found = set()
        for row in await admin.fetch(RELATIONS):
            name = f'"{row["nspname"]}"."{row["relname"]}"'
            for right in RIGHTS:
                if row["relkind"] != b"S" and await admin.fetchval(
                    "select has_table_privilege($1, $2, $3)", role, name, right
                ):
                    found.add((row["nspname"], row["relname"], right))
        return found


async def test_the_gateway_may_select_from_published_views_and_nothing_else(store, resource, stage):
    rights = await granted(store, READER)
    assert ("exchange", "batch_heads", "select") in rights
    assert (resource.schema, resource.view, "select") in rights
    published = {(schema, name, "select") for schema, name, kind in await relations(store) if kind == b"v"}
    assert rights == published


async def test_the_loader_may_select_from_the_books_and_fill_its_stages_and_nothing_else(store, resource, stage):
    assert await granted(store, LOADER) == {
        ("exchange", "resource", "select"),
        ("exchange", "batch", "select"),
        ("staging", stage, "select"),
        ("staging", stage, "insert"),
    }


async def test_the_keeper_may_nothing_by_itself(store, resource, stage):
    assert await granted(store, KEEPER) == set()


async def relations(store):
    async with store.connected() as admin:
        return [tuple(row) for row in await admin.fetch(RELATIONS)]


@pytest.mark.parametrize(
    ("role", "functions"),
    [
        (READER, set()),
        (LOADER, {"open_stage", "merge", "add", "open_table", "close_table", "take_back", "lacking"}),
        (KEEPER, set()),
    ],
)
async def test_functions_run_for_the_loader_alone(store, role, functions):
    async with store.connected() as admin:
        found = await admin.fetch(
            "select proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
            " where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
            " and has_function_privilege($1, p.oid, 'execute')",
            role,
        )
    assert {row[0] for row in found} == functions


@pytest.mark.parametrize("role", [READER, LOADER, KEEPER])
async def test_nobody_may_make_anything_anywhere(store, resource, role):
    async with store.connected() as admin:
        schemas = [row[0] for row in await admin.fetch("select nspname from pg_namespace where nspname !~ '^pg_'")]
        assert {"exchange", "staging", "public", resource.schema} <= set(schemas)
        for schema in schemas:
            assert not await admin.fetchval("select has_schema_privilege($1, $2, 'create')", role, schema), schema
        for right in ("create", "temporary"):
            assert not await admin.fetchval("select has_database_privilege($1, current_database(), $2)", role, right)


@pytest.mark.parametrize("role", [READER])
async def test_the_gateway_reads_views_and_the_age_of_the_data(connection, resource):
    assert len(await connection.fetch(f"select code, name, _batch, _row from {resource.qualified_view}")) == 2
    assert await connection.fetch("select resource_version, batch, committed_at from exchange.batch_heads")


@pytest.mark.parametrize("role", [READER])
@pytest.mark.parametrize(
    "statement",
    [
        "select * from {table}",
        "insert into {view} (code, name, _batch, _row) values ('9', 'x', gen_random_uuid(), 1)",
        "update {view} set name = 'x'",
        "delete from {view}",
        "truncate {table}",
        "select * from exchange.resource",
        "select * from exchange.batch",
        "select * from exchange.head",
        "update exchange.batch_heads set committed_at = now()",
        "select * from staging.{stage}",
        "select * from migration.alembic_version",
        "select exchange.open_stage('{version}', gen_random_uuid())",
        "select exchange.merge('{version}', gen_random_uuid(), repeat('0', 64))",
        "create table x (a int)",
        "create temporary table x (a int)",
        "create schema x",
        "create or replace view {view} as select 1 as code",
        "drop view {view}",
        "grant select on {table} to gateway_reader",
        "set role exchange_owner",
        "set session authorization exchange_owner",
        "begin; lock table {table}",
        "select * from pg_authid",
        "select pg_read_file('/etc/passwd')",
        "copy {view} to program 'cat'",
    ],
)
async def test_the_gateway_tries_everything_else_and_fails(connection, resource, stage, statement):
    with pytest.raises(DENIED):
        await connection.execute(filled(statement, resource, stage))


@pytest.mark.parametrize("role", [LOADER])
@pytest.mark.parametrize(
    "statement",
    [
        "select * from {view}",
        "select * from {table}",
        "insert into {table} (code, name, _batch, _row) values ('9', 'x', gen_random_uuid(), 1)",
        "delete from {table}",
        "select * from exchange.head",
        "insert into exchange.batch values (gen_random_uuid(), '{version}', 0, 'replace', repeat('0', 64))",
        "update exchange.batch set rows = 0",
        "delete from exchange.batch",
        "update exchange.resource set view_name = 'x'",
        "insert into exchange.head values ('{version}', gen_random_uuid(), now())",
        "update staging.{stage} set name = 'x'",
        "delete from staging.{stage}",
        "drop table staging.{stage}",
        "create table staging.x (a int)",
        "create table public.x (a int)",
        "create temporary table x (a int)",
        "create function exchange.f() returns int language sql as 'select 1'",
        "select * from migration.alembic_version",
        "set role exchange_owner",
        "grant exchange_owner to loader",
    ],
)
async def test_the_loader_tries_everything_else_and_fails(connection, resource, stage, statement):
    with pytest.raises(DENIED):
        await connection.execute(filled(statement, resource, stage))


@pytest.mark.parametrize("role", [KEEPER])
@pytest.mark.parametrize(
    "statement",
    [
        "select * from {view}",
        "select * from {table}",
        "select * from exchange.resource",
        "insert into exchange.resource values ('x', 'x', 'x', 'x', 'x', '{{}}')",
        "create schema x",
        "create table public.x (a int)",
        "drop schema exchange cascade",
        "select exchange.merge('{version}', gen_random_uuid(), repeat('0', 64))",
        "set role loader",
        "set role gateway_reader",
    ],
)
async def test_the_keeper_can_do_nothing_as_itself(connection, resource, stage, statement):
    with pytest.raises(DENIED):
        await connection.execute(filled(statement, resource, stage))


@pytest.mark.parametrize("role", [KEEPER])
async def test_the_keeper_can_become_the_owner(connection, resource):
    await connection.execute(f"set role {OWNER}")
    assert await connection.fetchval("select count(*) from exchange.resource where version = $1", resource.version) == 1


@pytest.mark.parametrize("role", [READER, LOADER, KEEPER])
@pytest.mark.parametrize("name", ["registry", "catalog", "sharing", "ingest_files", "gateway", "audit"])
async def test_the_roles_of_the_store_have_no_way_into_another_database(installation, role, name):
    with pytest.raises(DENIED):
        await asyncpg.connect(installation.url(role, name))


@pytest.mark.parametrize("name", ["registry", "catalog", "sharing", "ingest_files", "gateway", "audit"])
async def test_the_roles_of_services_have_no_way_into_the_store(installation, store, name):
    for role in (f"{name}_app", f"{name}_owner"):
        with pytest.raises(DENIED):
            await asyncpg.connect(installation.url(role, store.database.name))


async def test_the_merge_touches_nothing_but_the_tables_of_its_resource(store, resource):
    """The loader names a version and a batch; neither can name a table."""
    async with store.connected(LOADER) as loader:
        for version in ("", "exchange.batch", f"{resource.version}' or true --", resource.version + " "):
            with pytest.raises(asyncpg.NoDataFoundError):
                await loader.fetchval("select exchange.merge($1, gen_random_uuid(), repeat('0', 64))", version)
    assert len(await store.rows(resource)) == 2


def filled(statement, resource, stage):
    return statement.format(
        table=resource.qualified_table, view=resource.qualified_view, version=resource.version, stage=stage
    )
