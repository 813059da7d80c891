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
_ITERATIONS: Final = 4096


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
        await _database(connection, EXCHANGE, OWNER)
        await connection.execute(f'grant connect on database {EXCHANGE} to "{KEEPER}", "{LOADER}", "{READER}"')
    finally:
        await connection.close()
    for service in SERVICES:
        name = database(service)
        there = make_url(admin_url).set(database=name).render_as_string(hide_password=False)
        opened = await asyncpg.connect(there, timeout=10)
        try:
            for statement in inside(name):
                await opened.execute(statement)
        finally:
            await opened.close()


def inside(name: str) -> list[str]:
    """What is set inside a service's database, as an administrator: the owner's schema, the application's rights."""
    owner, app = f"{name}_owner", f"{name}_app"
    defaults = f'alter default privileges for role "{owner}" in schema public grant'
    return [
        f'alter schema public owner to "{owner}"',
        f'grant usage on schema public to "{app}"',
        f'{defaults} select, insert, update, delete on tables to "{app}"',
        f'{defaults} usage, select on sequences to "{app}"',
    ]
