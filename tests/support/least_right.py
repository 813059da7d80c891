"""Everything that a database role could try to read or write on a server, tried for real, each try undone.

What there is to try is read from the server's own catalogues as an administrator, so that what is made later is tried
too. A try counts as refused only where PostgreSQL refuses it for want of a right; any other outcome is a right.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

REFUSED: Final = asyncpg.InsufficientPrivilegeError

_RELATIONS = """
select n.nspname as schema, c.relname as name, c.relkind::text as kind,
    array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          order by a.attnum) as columns
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_(toast|temp)'
"""
_SYSTEM = ("pg_catalog", "information_schema")
_FUNCTIONS = """
select n.nspname as schema, p.proname as name, p.prokind::text as kind,
    array(select format_type(t, null) from unnest(p.proargtypes) t) as types, p.prorettype = 'trigger'::regtype as fires
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname <> all($1)
"""
# What the server's own relations and functions give to a role beyond what they gave to everybody when it was made.
_SYSTEM_RELATIONS = """
select c.oid::regclass::text || ': ' || r.name as what
from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) r(name)
where n.nspname = any($1) and c.relkind in ('r', 'v')
and (has_table_privilege($2, c.oid, r.name) or (r.name in ('select', 'insert', 'update', 'references')
     and has_any_column_privilege($2, c.oid, r.name)))
and not exists (
    select from pg_init_privs i cross join aclexplode(i.initprivs) a
    where i.classoid = 'pg_class'::regclass and i.objoid = c.oid and a.grantee = 0 and lower(a.privilege_type) = r.name
)
and not (n.nspname = 'information_schema' and r.name = 'select')
"""
_SYSTEM_FUNCTIONS = """
select p.oid::regprocedure::text as what
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
left join pg_init_privs i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid and i.objsubid = 0
where n.nspname = any($1) and has_function_privilege($2, p.oid, 'execute')
and not exists (select from aclexplode(coalesce(i.initprivs, acldefault('f', p.proowner))) a where a.grantee = 0)
"""
_BEYOND_TRYING = """
select format('%I.%I: %s', n.nspname, c.relname, r.name) as what
from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join unnest(array['references', 'trigger', 'maintain', 'truncate']) r(name)
where n.nspname <> all($1) and n.nspname !~ '^pg_' and c.relkind in ('r', 'p', 'v', 'm', 'f')
and has_table_privilege($2, c.oid, r.name)
union all
select format('schema %I: create', nspname) from pg_namespace
where nspname !~ '^pg_(toast|temp)' and has_schema_privilege($2, oid, 'create')
union all
select format('parameter %s: %s', parname, r.name) from pg_parameter_acl
cross join unnest(array['set', 'alter system']) r(name) where has_parameter_privilege($2, parname, r.name)
union all
select 'tablespace ' || spcname from pg_tablespace
where spcname <> 'pg_default' and has_tablespace_privilege($2, oid, 'create')
union all
select 'foreign data ' || fdwname from pg_foreign_data_wrapper
where has_foreign_data_wrapper_privilege($2, oid, 'usage')
union all
select 'server ' || srvname from pg_foreign_server where has_server_privilege($2, oid, 'usage')
"""

CLUSTER: Final = (
    "create role anything",
    "create database anything",
    "alter role {role} superuser",
    "alter role {role} createdb",
    "alter role {role} bypassrls",
    "alter role postgres password 'x'",
    "drop role loader",
    "create schema anything",
    "create table anything (a int)",
    "create temporary table anything (a int)",
    "create view anything as select 1",
    "create sequence anything",
    "create function anything() returns int language sql as 'select 1'",
    "create type anything as enum ('a')",
    "create publication anything for all tables",
    "create subscription anything connection 'host=127.0.0.1' publication a with (connect = false)",
    "create foreign data wrapper anything",
    "create event trigger anything on ddl_command_start execute function suppress_redundant_updates_trigger()",
    "create tablespace anything location '/tmp'",
    "create cast (int as date) without function",
    "alter system set work_mem = '1GB'",
    "alter database {database} set work_mem = '1GB'",
    "alter database {database} connection limit 0",
    "alter default privileges for role exchange_owner grant select on tables to public",
    "comment on database {database} is 'x'",
    "set session_replication_role = replica",
    "set log_statement = 'none'",
    "set session authorization postgres",
    "load 'auto_explain'",
    "checkpoint",
    "copy (select 1) to '/tmp/anything'",
    "copy (select 1) to program 'cat'",
    "do $$ begin execute 'copy pg_class from program ''cat''' ; end $$",
    "select * from pg_authid",
    "select * from pg_shadow",
    "select * from pg_statistic",
    "select * from pg_largeobject",
    "select * from pg_hba_file_rules",
    "select * from pg_file_settings",
    "select subconninfo from pg_subscription",
    "select pg_read_file('/etc/passwd')",
    "select pg_read_binary_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select pg_stat_file('/etc/passwd')",
    "select pg_ls_logdir()",
    "select pg_ls_waldir()",
    "select pg_current_logfile()",
    "select lo_import('/etc/passwd')",
    "select lo_export(1, '/tmp/anything')",
    "select lo_creat(-1)",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select lo_open(1, 131072)",
    "select lo_get(1)",
    "select lo_put(1, 0, 'x')",
    "select lo_unlink(1)",
    "select pg_reload_conf()",
    "select pg_rotate_logfile()",
    "select pg_switch_wal()",
    "select pg_create_restore_point('x')",
    "select pg_backup_start('x')",
    "select pg_promote()",
    "select pg_stat_reset()",
    "select pg_create_physical_replication_slot('x')",
    "select pg_create_logical_replication_slot('x', 'pgoutput')",
    "select pg_terminate_backend({other})",
    "select pg_cancel_backend({other})",
)
"""Abilities over the server, its files, other roles and what belongs to nobody's tables."""

HARMLESS: Final = (
    "listen anything",
    "notify anything",
    "select pg_advisory_lock(1), pg_advisory_unlock(1)",
    "set work_mem = '4MB'",
    "alter role {role} password 'x'",
)
"""What PostgreSQL leaves to every role that may log in, and what there is no right for.

Messages and advisory locks stay within the role's one database. The role's own password can only be changed by who
knows it; provisioning sets it anew.
"""


@dataclass(frozen=True, slots=True, order=True)
class Try:
    """Something to try in a database."""

    database: str
    what: str
    sql: str


async def all_tries(admin: asyncpg.Connection, database: str, role: str) -> list[Try]:
    """What can be tried in this database by this role, as an administrator of it sees what there is."""
    found: list[Try] = []
    for row in await admin.fetch(_RELATIONS):
        found += [Try(database, what, sql) for what, sql in _of_relation(row)]
    for row in await admin.fetch(_FUNCTIONS, list(_SYSTEM)):
        if row["fires"] or row["kind"] == "a":
            continue
        values = ", ".join(f"null::{kind}" for kind in row["types"])
        name = f'"{row["schema"]}"."{row["name"]}"'
        verb = "call" if row["kind"] == "p" else "select"
        found.append(Try(database, f"{name}: execute", f"{verb} {name}({values})"))
    for row in await admin.fetch("select rolname from pg_roles where rolname <> $1", role):
        found.append(Try(database, f"set role {row[0]}", f'set role "{row[0]}"'))
        if row[0] != "pg_database_owner":  # has no members by anybody's word
            found.append(Try(database, f"grant {row[0]}", f'grant "{row[0]}" to "{role}"'))
    for row in await admin.fetch("select name from pg_available_extensions where installed_version is null"):
        found.append(Try(database, f"create extension {row[0]}", f'create extension "{row[0]}"'))
    for row in await admin.fetch("select oid from pg_largeobject_metadata"):
        found.append(Try(database, f"large object {row[0]}", f"select lo_get({row[0]})"))
    other = await admin.fetchval("select pg_backend_pid()")
    told = {"role": role, "database": database, "other": other}
    return found + [Try(database, sql, sql.format(**told)) for sql in CLUSTER]


def _of_relation(row: Any) -> Iterable[tuple[str, str]]:
    name, columns = f'"{row["schema"]}"."{row["name"]}"', [f'"{column}"' for column in row["columns"]]
    if row["schema"] in _SYSTEM:
        if row["kind"] == "r":
            first = columns[0]
            yield f"{name}: insert", f"insert into {name} default values"
            yield f"{name}: update", f"update {name} set {first} = {first} where false"
            yield f"{name}: delete", f"delete from {name} where false"
        return
    if row["kind"] == "S":
        yield f"{name}: select", f"select last_value from {name}"
        yield f"{name}: usage", f"select nextval('{name}')"
        yield f"{name}: update", f"select setval('{name}', 1)"
        return
    yield f"{name}: select", f"select 1 from {name} limit 0"
    yield f"{name}: copy", f"copy (select * from {name}) to stdout"
    yield f"{name}: insert", f"insert into {name} ({columns[0]}) select null where false"
    yield f"{name}: delete", f"delete from {name} where false"
    yield f"{name}: lock", f"lock table {name} in access exclusive mode"
    yield f"{name}: drop", f"drop {'view' if row['kind'] == 'v' else 'table'} {name}"
    yield f"{name}: comment", f"comment on {'view' if row['kind'] == 'v' else 'table'} {name} is 'x'"
    yield f"{name}: grant", f"alter table {name} owner to current_user"
    if row["kind"] in ("r", "p"):
        yield f"{name}: truncate", f"truncate {name}"
        yield f"{name}: alter", f"alter table {name} add column anything int"
        yield f"{name}: index", f"create index on {name} ({columns[0]})"
    for column in columns:
        yield f"{name}.{column}: select", f"select {column} from {name} limit 0"
        yield f"{name}.{column}: insert", f"insert into {name} ({column}) select {column} from {name} where false"
        yield f"{name}.{column}: update", f"update {name} set {column} = null where false"


async def succeeded(connection: asyncpg.Connection, tries: Iterable[Try]) -> set[str]:
    """What was not refused; each try is undone."""
    got: set[str] = set()
    for one in tries:
        await connection.execute("begin")
        try:
            if one.sql.startswith("copy (select *"):
                await connection.copy_from_query(one.sql[6 : -len(") to stdout")], output=_nowhere)
            else:
                await connection.execute(one.sql)
        except REFUSED:
            pass
        except asyncpg.ActiveSQLTransactionError:
            # Stands in no transaction; refused or not, PostgreSQL looks at the transaction first.
            await connection.execute("rollback")
            if not await _refused_alone(connection, one.sql):
                got.add(one.what)
            continue
        except asyncpg.PostgresError:
            got.add(one.what)
        else:
            got.add(one.what)
        await connection.execute("rollback")
    return got


async def _nowhere(_: bytes) -> None:
    return


async def _refused_alone(connection: asyncpg.Connection, sql: str) -> bool:
    try:
        await connection.execute(sql)
    except REFUSED:
        return True
    except asyncpg.PostgresError:
        return False
    return False


async def beyond_trying(admin: asyncpg.Connection, role: str) -> set[str]:
    """Rights of a role that no single statement shows, by the server's own word."""
    found: set[str] = set()
    for sql in (_SYSTEM_RELATIONS, _SYSTEM_FUNCTIONS):
        found |= {row["what"] for row in await admin.fetch(sql, list(_SYSTEM), role)}
    return found | {row["what"] for row in await admin.fetch(_BEYOND_TRYING, list(_SYSTEM), role)}


async def rights(admin_url: Any, url: Any, role: str, databases: Iterable[str]) -> dict[str, set[str]]:
    """Every right of a role by database; one that it may not even enter is not there.

    `admin_url` and `url` give the address of a database for an administrator and for the role.
    """
    found: dict[str, set[str]] = {}
    for database in databases:
        try:
            connection = await asyncpg.connect(url(database), timeout=10)
        except REFUSED:
            continue
        admin = await asyncpg.connect(admin_url(database), timeout=10)
        try:
            found[database] = await succeeded(connection, await all_tries(admin, database, role))
            found[database] |= await beyond_trying(admin, role)
        finally:
            await asyncio.gather(connection.close(), admin.close())
    return found
