"""The database of a service: one engine, transactions opened at the edge and committed once.

Every session shows times in Asia/Shanghai, waits at most a few seconds for anything, and wakes the outbox's relay after
a commit that wrote an event.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
from pydantic import SecretStr
from sqlalchemy import exc, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.ext.asyncio import AsyncSession as CoreSession
from sqlmodel.ext.asyncio.session import AsyncSession

WROTE_EVENT: Final = "wrote_event"
"""Mark in `session.info`: the transaction put an event into the outbox."""

CONNECT_TIMEOUT: Final = 5.0
POOL_TIMEOUT: Final = 2.0
SERVER_SETTINGS: Final = {
    "timezone": "Asia/Shanghai",
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "15000",
    # A peer that vanished is noticed within seconds, not hours (PIT-P7).
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}

# SQLSTATE classes and codes of a database that is unwell rather than of a statement that is wrong.
_UNWELL_CLASSES: Final = ("08", "53", "57", "58")
_UNWELL_CODES: Final = frozenset({"40001", "40P01", "55P03", "25P03"})


def async_url(url: SecretStr | str) -> str:
    """A `postgresql://` address in the form that SQLAlchemy wants for asyncpg."""
    plain = url.get_secret_value() if isinstance(url, SecretStr) else url
    return make_url(plain).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def plain_url(url: SecretStr | str) -> str:
    """An address in the form that asyncpg itself wants."""
    plain = url.get_secret_value() if isinstance(url, SecretStr) else url
    return make_url(plain).set(drivername="postgresql").render_as_string(hide_password=False)


def engine(url: SecretStr | str, *, application: str, pool_size: int = 5) -> AsyncEngine:
    """An engine whose connections are checked before use and bounded in every wait."""
    return create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_TIMEOUT,
            "command_timeout": 15,
            "server_settings": {**SERVER_SETTINGS, "application_name": application},
        },
    )


def is_unwell(error: BaseException) -> bool:
    """Whether a failure means that the database is away or busy, so that the same again may work."""
    if isinstance(error, (exc.TimeoutError, exc.InterfaceError, asyncpg.InterfaceError, OSError, TimeoutError)):
        return True
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated or _names_unwell(error.orig)
    # Stores that speak to the driver itself raise its errors.
    return isinstance(error, asyncpg.PostgresError) and _names_unwell(error)


def _names_unwell(error: BaseException | None) -> bool:
    state = str(getattr(error, "sqlstate", None) or "")
    return state.startswith(_UNWELL_CLASSES) or state in _UNWELL_CODES


def violated(error: exc.IntegrityError) -> str:
    """The name of the constraint that a statement broke; empty where the database names none."""
    cause = getattr(error.orig, "__cause__", None)
    return str(getattr(cause, "constraint_name", None) or "")


class _Session(AsyncSession):
    """SQLModel's session, whose `execute` serves statements of Core without a warning at each call."""

    execute = CoreSession.execute


class Db:
    """The database of one service."""

    def __init__(self, made: AsyncEngine) -> None:
        self.engine = made
        self.wrote_event = asyncio.Event()
        """Set after a commit that put an event into the outbox; the relay clears it."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed at the end of the block, rolled back if the block raises."""
        async with _Session(self.engine, expire_on_commit=False, autoflush=True) as session:
            async with session.begin():
                yield session
            if session.info.get(WROTE_EVENT):
                self.wrote_event.set()

    async def ping(self) -> None:
        """Raises if the database does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def close(self) -> None:
        await self.engine.dispose()


def connect(url: SecretStr | str, *, application: str, pool_size: int = 5) -> Db:
    """The database at this address."""
    return Db(engine(url, application=application, pool_size=pool_size))
