"""Labelled points inside the functions of an exchange store, at which whoever runs one can be held, and killed.

The function is remade with a point before each of its statements that stand by themselves; at the named one it waits
for a lock that the test holds. Afterwards it is what it was.
"""

import contextlib
import re
from collections.abc import AsyncIterator

import asyncpg

from tests.support.exchange_store import Store

_LOCK = 7_310_031
_STATEMENT = re.compile(r"^ {8}(?=(?:select|execute|perform|if|insert|update|delete|return|for)\b)", re.MULTILINE)
"""Statements of the outermost block stand eight spaces in, as the migrations write them."""


def points(body: str) -> int:
    """How many labelled points a function has."""
    return len(_STATEMENT.findall(_statements(body)[1]))


def labelled(body: str, label: int) -> str:
    """The function with a wait before its statement of this number, counted from 0."""
    head, statements = _statements(body)
    at = [found.start() for found in _STATEMENT.finditer(statements)][label]
    wait = f"        perform pg_advisory_xact_lock_shared({_LOCK});\n"
    return head + statements[:at] + wait + statements[at:]


def _statements(body: str) -> tuple[str, str]:
    begin = body.index("\n    begin\n") + len("\n    begin\n")
    return body[:begin], body[begin:]


@contextlib.asynccontextmanager
async def held(store: Store, function: str, label: int) -> AsyncIterator[asyncpg.Connection]:
    """While the block runs, whoever calls the function waits at this point; an administrator's connection."""
    async with store.connected() as holder, store.connected() as admin:
        body = await body_of(admin, function)
        await holder.execute("select pg_advisory_lock($1)", _LOCK)
        await admin.execute(labelled(body, label))
        try:
            yield admin
        finally:
            await holder.execute("select pg_advisory_unlock($1)", _LOCK)
            await admin.execute(body)


async def body_of(admin: asyncpg.Connection, function: str) -> str:
    """What makes the function; of several of a name, the one with the most arguments."""
    made: str = await admin.fetchval(
        "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'exchange'::regnamespace and proname = $1"
        " order by pronargs desc limit 1",
        function,
    )
    return made


async def waiting(admin: asyncpg.Connection) -> int | None:
    """The process id of whoever waits at the point."""
    pid: int | None = await admin.fetchval(
        "select pid from pg_locks where locktype = 'advisory' and not granted and objid = $1"
        " and database = (select oid from pg_database where datname = current_database())",
        _LOCK,
    )
    return pid
