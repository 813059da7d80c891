"""Who may do what in PostgreSQL: the owner migrates, the application works, and neither goes next door."""

import asyncio
import io

import asyncpg
import pytest
from minio import Minio
from minio.error import S3Error

from provision import buckets, databases
from provision.plan import SERVICES, database
from provision.secrets import EXCHANGE, KEEPER, LOADER, READER

DATABASES = {**{database(service): service for service in SERVICES}, EXCHANGE: EXCHANGE}
LOGINS = [f"{database(service)}{suffix}" for service in SERVICES for suffix in ("_owner", "_app")]
STORE_LOGINS = [KEEPER, LOADER, READER]
REFUSED = asyncpg.InsufficientPrivilegeError


async def run(installation, role, name, *statements):
    """As this role in this database: each statement in a transaction of its own, undone at the end."""
    connection = await asyncpg.connect(installation.url(role, name))
    try:
        for statement in statements:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute(statement)
            finally:
                await transaction.rollback()
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "statement",
    [
        "create table anything (a int)",
        "create temporary table anything (a int)",
        "create schema anything",
        "create view anything as select 1",
        "create function anything() returns int language sql as 'select 1'",
        "alter table outbox add column anything int",
        "alter table outbox disable trigger all",
        "drop table inbox",
        "truncate outbox",
        "create index anything on outbox (topic)",
        "select * from migration.alembic_version",
        "update migration.alembic_version set version_num = '0'",
        "create table migration.anything (a int)",
        "create role anything",
        "copy outbox to '/tmp/anything'",
        "copy outbox to program 'cat'",
        "select pg_read_file('/etc/passwd')",
        "set session_replication_role = replica",
        "alter role current_user superuser",
    ],
)
async def test_a_services_role_works_with_rows_and_shapes_nothing(installation, service, statement):
    with pytest.raises(REFUSED):
        await run(installation, f"{database(service)}_app", database(service), statement)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_services_role_makes_no_database_and_gives_no_right_away(installation, service):
    connection = await asyncpg.connect(installation.url(f"{database(service)}_app", database(service)))
    try:
        with pytest.raises(REFUSED):
            await connection.execute("create database anything")  # stands in no transaction
        await connection.execute("grant all on outbox to public")  # PostgreSQL warns, and gives nothing
        given = "select count(*) from information_schema.table_privileges where grantee = 'PUBLIC' and table_name = $1"
        assert await connection.fetchval(given, "outbox") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_services_role_may_do_its_work(installation, service):
    await run(
        installation,
        f"{database(service)}_app",
        database(service),
        "select count(*) from outbox",
        "insert into outbox (event_id, topic, key, headers, payload) values (gen_random_uuid(), 't', 'k', '{}', '')",
        "update outbox set published_at = now()",
        "delete from outbox",
        "insert into inbox (consumer, event_id, digest) values ('x', gen_random_uuid(), '')",
        "delete from inbox",
        "insert into dead_letter (origin, reason) values ('t/0/0', 'x') on conflict (origin) do update set reason = ''",
    )


@pytest.mark.parametrize("service", SERVICES)
async def test_a_services_role_becomes_nobody_else(installation, service):
    others = [
        login for login in (*LOGINS, *STORE_LOGINS, databases.OWNER, "postgres") if login != f"{database(service)}_app"
    ]
    for other in others:
        with pytest.raises(REFUSED):
            await run(installation, f"{database(service)}_app", database(service), f'set role "{other}"')


@pytest.mark.parametrize("login", [*LOGINS, *STORE_LOGINS])
async def test_a_login_enters_its_own_database_and_no_other(installation, login):
    async def enters(name):
        try:
            connection = await asyncpg.connect(installation.url(login, name))
        except REFUSED:
            return False
        await connection.close()
        return True

    own = EXCHANGE if login in STORE_LOGINS else login.removesuffix("_owner").removesuffix("_app")
    assert {name for name in DATABASES if await enters(name)} == {own}


async def test_a_wrong_password_and_a_role_without_login_do_not_enter(installation):
    endpoint = installation.endpoints.postgres
    for user, password in (("catalog_app", "wrong"), ("catalog_app", ""), (databases.OWNER, "x"), ("nobody", "x")):
        with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
            await asyncpg.connect(
                host=endpoint.host, port=endpoint.port, user=user, password=password, database="catalog", ssl=False
            )


async def test_the_store_is_shaped_by_its_keeper_alone(installation):
    for login in (LOADER, READER):
        for statement in ("create table anything (a int)", "create schema anything", f"set role {databases.OWNER}"):
            with pytest.raises(REFUSED):
                await run(installation, login, EXCHANGE, statement)
    await run(installation, KEEPER, EXCHANGE, f"set role {databases.OWNER}; create schema anything")
    with pytest.raises(REFUSED):
        await run(installation, KEEPER, EXCHANGE, "create schema anything")  # not in its own name


# --- The trail ------------------------------------------------------------------------------------------------------

TRAIL = ("call", "call_other", "kept_event", "worker_gap")


@pytest.fixture(scope="module")
async def months(installation):
    """The monthly tables in which the calls really lie."""
    connection = await asyncpg.connect(installation.admin_url("audit"))
    try:
        query = "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'call'::regclass order by 1"
        return [row["name"] for row in await connection.fetch(query)]
    finally:
        await connection.close()


@pytest.mark.parametrize("change", ["update {} set {} = {}", "delete from {}", "truncate {}"])
@pytest.mark.parametrize("table", TRAIL)
async def test_what_is_in_the_trail_stays_as_it_was_written(installation, change, table):
    # PIT-P10
    column = {"kept_event": "topic", "worker_gap": "worker"}.get(table, "code")
    with pytest.raises(REFUSED):
        await run(installation, "audit_app", "audit", change.format(table, column, "'x'"))


@pytest.mark.parametrize("change", ["update {} set code = 'x'", "delete from {}", "truncate {}"])
async def test_it_stays_so_in_the_table_of_every_month(installation, months, change):
    # Whoever may not touch the whole could still reach for its parts.
    assert len(months) >= 3
    for table in months:
        with pytest.raises(REFUSED):
            await run(installation, "audit_app", "audit", change.format(table))


async def test_the_trail_can_be_added_to_and_read(installation, months):
    await run(
        installation,
        "audit_app",
        "audit",
        "select count(*) from call",
        "insert into call values (now(), gen_random_uuid(), 'call', 'w', gen_random_uuid(), 1, 't', null, null, null,"
        " '1', null, '{}', '{}')",
        "insert into worker_gap (worker, start, first, last) values ('w', gen_random_uuid(), 1, 2)",
        "select make_call_partitions(3)",
    )


# --- Again ----------------------------------------------------------------------------------------------------------


async def test_making_the_databases_again_is_harmless(installation):
    before = await _rights(installation)
    await databases.make(installation.endpoints.postgres.url(), installation.secrets)
    assert await _rights(installation) == before
    await run(installation, "catalog_app", "catalog", "select count(*) from outbox")


async def _rights(installation):
    connection = await asyncpg.connect(installation.admin_url())
    try:
        roles = await connection.fetch(
            "select rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls from pg_roles order by 1"
        )
        held = await connection.fetch("select datname, datdba, datacl::text from pg_database order by 1")
        members = await connection.fetch(
            "select roleid::regrole::text, member::regrole::text, inherit_option, set_option from pg_auth_members"
            " order by 1, 2"
        )
        return [tuple(row) for row in (*roles, *held, *members)]
    finally:
        await connection.close()


async def test_no_login_is_more_than_a_login(installation):
    connection = await asyncpg.connect(installation.admin_url())
    try:
        found = await connection.fetch(
            "select rolname from pg_roles where rolname = any($1) and"
            " (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls or not rolcanlogin)",
            [*LOGINS, *STORE_LOGINS],
        )
        assert found == []
        assert (
            await connection.fetchval("select rolcanlogin from pg_roles where rolname = $1", databases.OWNER) is False
        )
    finally:
        await connection.close()


async def test_passwords_are_kept_as_verifiers_and_never_sent_in_clear(installation):
    connection = await asyncpg.connect(installation.admin_url())
    try:
        held = await connection.fetch("select rolname, rolpassword from pg_authid where rolname = any($1)", LOGINS)
        assert len(held) == len(LOGINS)
        assert all(row["rolpassword"].startswith("SCRAM-SHA-256$4096:") for row in held)
    finally:
        await connection.close()


async def test_making_the_buckets_again_is_harmless_and_their_user_adds_and_reads_only(installation):
    s3 = installation.endpoints.s3

    def make():
        buckets.make(
            installation.addresses.s3_endpoint,
            s3.access_key,
            s3.secret_key,
            s3.region,
            installation.secrets,
            users=True,
            say=lambda _: None,
        )

    await asyncio.to_thread(make)
    user = Minio(
        s3.endpoint,
        access_key=buckets.USER,
        secret_key=installation.secrets.s3[buckets.USER],
        secure=s3.secure,
        region=s3.region,
    )
    for bucket in buckets.BUCKETS:
        written = user.put_object(bucket_name=bucket, object_name="probe", data=io.BytesIO(b"x"), length=1)
        assert written.version_id, "every version is kept"
        assert user.stat_object(bucket_name=bucket, object_name="probe").size == 1
        for forbidden in (
            lambda b=bucket: user.remove_object(bucket_name=b, object_name="probe"),
            lambda b=bucket, v=written.version_id: user.remove_object(bucket_name=b, object_name="probe", version_id=v),
            lambda b=bucket: user.remove_bucket(bucket_name=b),
            lambda: user.make_bucket(bucket_name="another"),
        ):
            with pytest.raises(S3Error) as refused:
                forbidden()
            assert refused.value.code == "AccessDenied"
