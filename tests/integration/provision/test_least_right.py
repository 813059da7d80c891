"""The gateway's two roles try to read and write everything there is, and fail at all but what is declared here."""

import asyncpg
import pytest

from exchange import making
from exchange.layout import READER, Resource
from provision.secrets import EXCHANGE, KEEPER
from tests.support import least_right
from tests.support.items import key, text
from tests.support.least_right import HARMLESS, REFUSED, Try

APP = "gateway_app"
READS = ("select", "copy")
RESOURCE = Resource(provider="least-right", version="307009-000001_v1", items=(key(text("code", 9)), text("name")))


@pytest.fixture
async def server(installation):
    """The provisioned server with one published resource in the exchange store, and a large object in each database."""
    made = Server(installation)
    await made.begin()
    yield made
    await made.end()


class Server:
    def __init__(self, installation):
        self.installation = installation
        self.resource = RESOURCE
        self.large = {}

    async def begin(self):
        keeper = await asyncpg.connect(self.installation.url(KEEPER, EXCHANGE))
        await making.make(keeper, self.resource)
        await keeper.close()
        for name in ("gateway", EXCHANGE):
            self.large[name] = await self.run(name, "select lo_from_bytea(0, 'x')")

    async def end(self):
        for name, oid in self.large.items():
            await self.run(name, f"select lo_unlink({oid})")
        await self.run(EXCHANGE, f'drop schema "{self.resource.schema}" cascade')
        await self.run(EXCHANGE, f"delete from exchange.resource where version = '{self.resource.version}'")

    async def run(self, database, *statements):
        """As an administrator; the last one's value."""
        connection = await asyncpg.connect(self.installation.admin_url(database))
        try:
            for statement in statements:
                found = await connection.fetchval(statement)
        finally:
            await connection.close()
        return found

    async def databases(self):
        """All but those of other tests."""
        connection = await asyncpg.connect(self.installation.admin_url())
        try:
            rows = await connection.fetch("select datname from pg_database where datallowconn and datname !~ '^t_'")
        finally:
            await connection.close()
        return [row[0] for row in rows]

    async def rights(self, role):
        return await least_right.rights(
            self.installation.admin_url,
            lambda database: self.installation.url(role, database),
            role,
            await self.databases(),
        )

    async def declared(self, role):
        """What the role is for (`gateway-protocol`, least right), in the words of a try."""
        if role == READER:
            views = (("exchange", "batch_heads"), (self.resource.schema, self.resource.view))
            found = [await self._relation(EXCHANGE, *view, READS) for view in views]
            # Others' tests may have published something in the same store.
            found += [await self._relation(EXCHANGE, *view, READS) for view in await self._views() if view not in views]
            return {EXCHANGE: set().union(*found)}
        rows = await self._all("gateway", "select relname, relkind::text from pg_class where relnamespace = "
                               "'public'::regnamespace and relkind in ('r', 'p', 'S')")  # fmt: skip
        works = (*READS, "insert", "update", "delete", "lock")
        found = [await self._relation("gateway", "public", name, works) for name, kind in rows if kind != "S"]
        numbers = [name for name, kind in rows if kind == "S"]
        found += [{f'"public"."{name}": {right}' for right in ("select", "usage")} for name in numbers]
        called = {f'"public"."{name}": execute' for name in ("admit_claims", "admit_signature")}
        return {"gateway": set().union(called, *found)}

    async def _views(self):
        sql = "select schema_name, view_name from exchange.resource"
        return [tuple(row) for row in await self._all(EXCHANGE, sql)]

    async def _all(self, database, sql):
        connection = await asyncpg.connect(self.installation.admin_url(database))
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    async def _relation(self, database, schema, name, rights):
        columns = await self._all(
            database,
            "select attname from pg_attribute where attnum > 0 and not attisdropped and attrelid ="
            f' \'"{schema}"."{name}"\'::regclass',
        )
        whole = {f'"{schema}"."{name}": {right}' for right in rights if right != "update"}
        each = [right for right in rights if right in ("select", "insert", "update")]
        return whole | {f'"{schema}"."{name}"."{column}": {right}' for (column,) in columns for right in each}


@pytest.mark.parametrize("role", [READER, APP])
async def test_the_role_has_what_is_declared_and_nothing_else_on_the_whole_server(server, role):
    rights, declared = await server.rights(role), await server.declared(role)
    assert rights.keys() == declared.keys(), "databases that it may enter"
    for database in declared:
        assert rights[database] - declared[database] == set()
        assert declared[database] - rights[database] == set()


async def test_the_walk_meets_every_kind_of_thing(server):
    """A walk that finds nothing to try would find nothing wrong."""
    connection = await asyncpg.connect(server.installation.admin_url("gateway"))
    try:
        tries = {one.what for one in await least_right.all_tries(connection, "gateway", APP)}
    finally:
        await connection.close()
    assert {
        '"public"."outbox": select',
        '"public"."outbox"."payload": update',
        '"public"."quota_day": truncate',
        '"public"."admit_claims": execute',
        '"migration"."alembic_version": select',
        '"pg_catalog"."pg_authid": update',
        "set role registry_owner",
        "set role pg_read_server_files",
        "grant pg_write_all_data",
        f"large object {server.large['gateway']}",
        "copy (select 1) to program 'cat'",
    } <= tries
    assert any(one.endswith(": usage") for one in tries), "sequences"


@pytest.mark.parametrize(("role", "name"), [(READER, EXCHANGE), (APP, "gateway")])
async def test_what_is_left_to_every_role_is_known(server, role, name):
    connection = await asyncpg.connect(server.installation.url(role, name))
    try:
        tries = [Try(name, sql, sql.format(role=role)) for sql in HARMLESS]
        assert await least_right.succeeded(connection, tries) == set(HARMLESS)
    finally:
        await connection.close()


PLANTED = {
    "a table": (READER, EXCHANGE, "select on exchange.resource", '"exchange"."resource": select'),
    "a column": (READER, EXCHANGE, "select (sha256) on exchange.batch", '"exchange"."batch"."sha256": select'),
    "a view": (READER, EXCHANGE, "update on exchange.batch_heads", '"exchange"."batch_heads"."batch": update'),
    "a schema": (READER, EXCHANGE, "create on schema exchange", "schema exchange: create"),
    "a role": (READER, EXCHANGE, "loader", "set role loader"),
    "the server's files": (READER, EXCHANGE, "pg_read_server_files", "set role pg_read_server_files"),
    "the loader's function": (
        READER,
        EXCHANGE,
        "execute on function exchange.merge(text, uuid, text)",
        '"exchange"."merge": execute',
    ),
    "the server's secrets": (READER, EXCHANGE, "select on pg_authid", "select * from pg_authid"),
    "a function of the server": (
        READER,
        EXCHANGE,
        "execute on function pg_read_file(text)",
        "select pg_read_file('/etc/passwd')",
    ),
    "temporary tables": (
        READER,
        EXCHANGE,
        "temporary on database exchange",
        "create temporary table anything (a int)",
    ),
    "the bookkeeping of migrations": (
        APP,
        "gateway",
        "usage on schema migration; select on migration.alembic_version",
        '"migration"."alembic_version": select',
    ),
    "a table's shape": (APP, "gateway", "truncate on outbox", '"public"."outbox": truncate'),
    "foreign keys": (APP, "gateway", "references on outbox", "public.outbox: references"),
    "a setting of the server": (
        APP,
        "gateway",
        "set on parameter session_replication_role",
        "set session_replication_role = replica",
    ),
}  # fmt: skip


@pytest.mark.parametrize("role", [READER, APP])
async def test_each_right_too_many_is_found(server, role):
    planted = {thing: told[1:] for thing, told in PLANTED.items() if told[0] == role}
    undo = []
    try:
        for database, right, _ in planted.values():
            for one in right.split("; "):
                await server.run(database, f"grant {one} to {role}")
                # An undo that is as complete as the grant: the server is everybody's.
                undo.append((database, f"revoke {one} from {role}"))
        rights, declared = await server.rights(role), await server.declared(role)
        extra = {database: rights[database] - declared[database] for database in rights}
        assert [thing for thing, (database, _, what) in planted.items() if what not in extra[database]] == []
    finally:
        for database, statement in undo:
            await server.run(database, statement)


@pytest.mark.parametrize("role", [READER, APP])
async def test_another_database_opened_by_mistake_is_found_with_all_that_is_in_it(server, role):
    await server.run("registry", f"grant connect on database registry to {role}", "grant select on account to public")
    try:
        rights = await server.rights(role)
        assert '"public"."account": select' in rights["registry"]
    finally:
        await server.run(
            "registry", f"revoke connect on database registry from {role}", "revoke select on account from public"
        )


# --- What is made later -----------------------------------------------------------------------------------------------

LATER = {
    "table": "create table {schema}.later (a int)",
    "view": "create view {schema}.later as select 1 as a",
    "materialised view": "create materialized view {schema}.later as select 1 as a",
    "function": "create function {schema}.later() returns int language sql as 'select 1'",
    "sequence": "create sequence {schema}.later",
}
TRIED = {
    "function": "select {schema}.later()",
    "sequence": "select nextval('{schema}.later')",
}


@pytest.mark.parametrize("kind", LATER)
@pytest.mark.parametrize(
    ("role", "database", "owner", "closed"),
    [
        (READER, EXCHANGE, "exchange_owner", ("exchange", "public", "staging", "anew", "least")),
        (APP, "gateway", "gateway_owner", ("migration", "anew")),
    ],
)
async def test_what_is_made_later_in_any_schema_is_closed(fresh, role, database, owner, closed, kind):
    place = fresh(database)
    admin = await asyncpg.connect(place.admin_url())
    try:
        await admin.execute(f"set role {owner}")
        await admin.execute("create schema if not exists anew")
        # Even where the role may look into the schema.
        await admin.execute(f"grant usage on schema anew to {role}")
        schemas = {row[0] for row in await admin.fetch("select nspname from pg_namespace where nspname !~ '^pg_'")}
        for schema in schemas.intersection(closed):
            await admin.execute(LATER[kind].format(schema=schema))
        connection = await asyncpg.connect(place.url(role))
        try:
            for schema in schemas.intersection(closed):
                with pytest.raises(REFUSED):
                    await connection.execute(TRIED.get(kind, "select * from {schema}.later").format(schema=schema))
        finally:
            await connection.close()
    finally:
        await admin.close()


async def test_the_gateways_own_new_tables_are_for_it_to_work_with(fresh):
    """Its own database is its own: that is the declared right."""
    place = fresh("gateway")
    owner = await asyncpg.connect(place.url("gateway_owner"))
    await owner.execute("create table later (a int)")
    await owner.close()
    app = await asyncpg.connect(place.app_url)
    try:
        await app.execute("insert into later values (1)")
        with pytest.raises(REFUSED):
            await app.execute("truncate later")
    finally:
        await app.close()
