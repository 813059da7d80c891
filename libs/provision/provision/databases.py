"""Makes roles and databases: an owner that migrates and an application role that only works, per service.

Idempotent. Passwords are sent as SCRAM verifiers, so that no log of the server can hold one.
"""

import base64
import hashlib
import hmac
import os
from typing import Final

import asyncpg
from sqlalchemy.engine import make_url

from provision.plan import SERVICES, database
from provision.secrets import EXCHANGE, KEEPER, LOADER, READER, Secrets

OWNER: Final = "exchange_owner"
MAINTENANCE: Final = ("postgres", "template1")
"""Databases that come with a server; everybody may enter them until it is taken back."""
_ITERATIONS: Final = 4096
_LARGE_OBJECTS: Final = (
    "lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), lo_open(oid, integer), lowrite(integer, bytea),"
    " lo_put(oid, bigint, bytea), lo_get(oid), lo_get(oid, bigint, integer), lo_unlink(oid)"
)
"""PostgreSQL lets every role make large objects, outside of all tables and their rights; nobody here needs them."""


def verifier(password: str) -> str:
    """The SCRAM-SHA-256 verifier of a password, in PostgreSQL's form (RFC 5802, RFC 7677)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt_text}${stored_text}:{server_text}"


async def _role(connection: asyncpg.Connection, role: str, password: str | None) -> None:
    exists = await connection.fetchval("select true from pg_roles where rolname = $1", role)
    if not exists:
        await connection.execute(f'create role "{role}" nologin')
    if password is None:
        await connection.execute(f'alter role "{role}" nologin')
    else:
        literal = await connection.fetchval("select quote_literal($1::text)", verifier(password))
        await connection.execute(f'alter role "{role}" login password {literal}')


async def _database(connection: asyncpg.Connection, name: str, owner: str) -> None:
    if not await connection.fetchval("select true from pg_database where datname = $1", name):
        # The maker of a database must be allowed to act as its owner for that moment.
        await connection.execute(f'grant "{owner}" to current_user')
        await connection.execute(f'create database "{name}" owner "{owner}"')
    await connection.execute(f'revoke all on database "{name}" from public')


async def make(admin_url: str, secrets: Secrets) -> None:
    """Make every role and database that is missing, and set every password anew.

    `admin_url` is the address of a role that may create roles and databases, at any database.
    """
    connection = await asyncpg.connect(admin_url, timeout=10)
    try:
        for role, password in secrets.database.items():
            await _role(connection, role, password)
        await _role(connection, OWNER, None)
        await connection.execute(f'grant {OWNER} to "{KEEPER}" with inherit false, set true')
        for service in SERVICES:
            name = database(service)
            await _database(connection, name, f"{name}_owner")
            await connection.execute(f'grant connect on database "{name}" to "{name}_app"')
        for name in MAINTENANCE:
            # Where the maker may not take it back there is nothing to take, or the server is not this exchange's alone.
            if await connection.fetchval("select has_database_privilege('public', $1, 'connect, temporary')", name):
                await connection.execute(f"revoke all on database {name} from public")
        await _database(connection, EXCHANGE, OWNER)
        await connection.execute(f'grant connect on database {EXCHANGE} to "{KEEPER}", "{LOADER}", "{READER}"')
    finally:
        await connection.close()
    for name in (*map(database, SERVICES), EXCHANGE):
        there = make_url(admin_url).set(database=name).render_as_string(hide_password=False)
        opened = await asyncpg.connect(there, timeout=10)
        try:
            for statement in inside_store() if name == EXCHANGE else inside(name):
                await opened.execute(statement)
        finally:
            await opened.close()


def inside_store() -> list[str]:
    """What is set inside the exchange store, as an administrator: rights are given one by one, by the migrations."""
    return _closed(OWNER)


def _closed(owner: str) -> list[str]:
    return [
        # PostgreSQL would let everybody run each new function.
        f'alter default privileges for role "{owner}" revoke execute on functions from public',
        f"revoke execute on function {_LARGE_OBJECTS} from public",
    ]


def inside(name: str) -> list[str]:
    """What is set inside a service's database, as an administrator: the owner's schema, the application's rights."""
    owner, app = f"{name}_owner", f"{name}_app"
    defaults = f'alter default privileges for role "{owner}" in schema public grant'
    return [
        *_closed(owner),
        f'alter schema public owner to "{owner}"',
        f'grant usage on schema public to "{app}"',
        f'{defaults} select, insert, update, delete on tables to "{app}"',
        f'{defaults} usage, select on sequences to "{app}"',
        f'{defaults} execute on functions to "{app}"',
    ]
