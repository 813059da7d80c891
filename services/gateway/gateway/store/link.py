"""One connection to the gateway's own database, made when it is first needed and again after it was lost."""

import asyncio
import contextlib
from typing import Any

import asyncpg

from common import db, log
from gateway.errors import Trouble, Unavailable

_TROUBLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_log = log.get(__name__)


class Link:
    """For one user at a time: whoever holds `lock`."""

    def __init__(self, url: str, name: str, *, within: float, settings: dict[str, str] | None = None) -> None:
        self._url = url
        self._name = name
        self._within = within
        self._settings = {**db.SERVER_SETTINGS, "application_name": name, "jit": "off", **(settings or {})}
        self._connection: asyncpg.Connection | None = None
        self.lock = asyncio.Lock()

    async def query(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """The rows of a statement.

        Raises:
            Unavailable: the database is away or too slow.
        """
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(
                    self._url, timeout=db.CONNECT_TIMEOUT, command_timeout=self._within, server_settings=self._settings
                )
            found: list[asyncpg.Record] = await self._connection.fetch(sql, *values)
        except _TROUBLE as error:
            _log.warning("gateway.link_failed", link=self._name, error=type(error).__name__)
            if self._connection is not None:
                self._connection.terminate()
            raise Unavailable(Trouble.GRANTS) from error
        return found

    async def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(*_TROUBLE):
                await self._connection.close(timeout=1)
