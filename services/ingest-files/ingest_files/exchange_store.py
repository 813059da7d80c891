"""Two doors to the exchange store: one that makes tables, one that loads."""

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Collection, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from common import db
from common.errors import Unwell
from common.events import Item
from exchange import batches, lacking, loading, making
from exchange.batches import Batch
from exchange.layout import Resource
from exchange.loading import Loaded, Rows
from exchange.ways import Way
from quality.cells import Value

# SQLSTATE classes and codes of a store that is away or busy rather than of rows that are wrong.
_AWAY: Final = ("08", "53", "57", "58")
_BUSY: Final = frozenset({"40001", "40P01", "55P03", "25P03"})


def _passes(error: Exception) -> bool:
    """Whether the same again may work."""
    if isinstance(error, asyncpg.PostgresError):
        state = str(error.sqlstate or "")
        return state.startswith(_AWAY) or state in _BUSY
    # A value that cannot be written is an InterfaceError of asyncpg too, and never passes.
    return not isinstance(error, asyncpg.DataError)


class ExchangeStore:
    """The exchange store as this service may use it: its keeper makes tables, its loader loads batches."""

    def __init__(self, keeper_url: str, loader_url: str) -> None:
        self._keeper_url, self._loader_url = keeper_url, loader_url

    async def make(self, resource: Resource) -> None:
        """Make the table and view of a resource version, if they are missing."""
        async with self._opened(self._keeper_url, "keeper") as connection:
            await making.make(connection, resource)

    async def find(self, batch: UUID) -> Loaded | None:
        """A batch that was loaded, if it was."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await loading.find(connection, batch)

    async def newest(self, version: str) -> UUID | None:
        """The batch that was merged last of those that a resource version has."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await loading.newest(connection, version)

    async def current(self, version: str) -> Loaded | None:
        """As `newest`, with what the books say of it."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await loading.current(connection, version)

    async def load(
        self,
        *,
        version: str,
        batch: UUID,
        sha256: str,
        columns: Sequence[str],
        rows: Rows,
        way: Way = Way.REPLACE,
        gone: Rows = (),
        sheet: str | None = None,
    ) -> Loaded:
        """Load a batch in one of the ways; the same batch again changes nothing. As `loading.load`.

        Raises:
            Clash: a key or a unique item would be there twice; nothing was changed.
        """
        async with self._opened(self._loader_url, "loader") as connection:
            return await loading.load(
                connection,
                way=way,
                version=version,
                batch=batch,
                sha256=sha256,
                columns=columns,
                rows=rows,
                gone=gone,
                sheet=sheet,
            )

    async def load_text(
        self,
        *,
        way: Way,
        version: str,
        batch: UUID,
        sha256: str,
        columns: Sequence[str],
        blocks: AsyncIterable[bytes],
        sheet: str | None = None,
    ) -> Loaded:
        """As `load`, for rows that come as COPY text; as `loading.load_text`."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await loading.load_text(
                connection,
                way=way,
                version=version,
                batch=batch,
                sha256=sha256,
                columns=columns,
                blocks=blocks,
                sheet=sheet,
            )

    async def repeated(
        self,
        *,
        version: str,
        batch: UUID,
        columns: Sequence[str],
        blocks: AsyncIterable[bytes],
        groups: Sequence[Sequence[str]],
    ) -> AsyncIterator[tuple[int, int, int]]:
        """Rows that repeat what must be there once; as `loading.repeated`."""
        async with self._opened(self._loader_url, "loader") as connection:
            found = loading.repeated(
                connection, version=version, batch=batch, columns=columns, blocks=blocks, groups=groups
            )
            async for one in found:
                yield one

    async def lacking(
        self, *, version: str, items: Sequence[Item], values: Collection[tuple[Value, ...]]
    ) -> set[tuple[Value, ...]]:
        """Values that stand in no row of a resource version; as `lacking.lacking`."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await lacking.lacking(connection, version=version, items=items, values=values)

    async def batches(self, version: str, limit: int) -> list[Batch]:
        """The batches of a resource version, the newest first."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await batches.listed(connection, version, limit)

    async def take_back(self, version: str, batch: UUID, *, by: str, why: str) -> Batch:
        """Undo the newest batch; as `batches.take_back`."""
        async with self._opened(self._loader_url, "loader") as connection:
            return await batches.take_back(connection, version, batch, by=by, why=why)

    @contextlib.asynccontextmanager
    async def _opened(self, url: str, name: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection for one piece of work; a store that is away, or goes away meanwhile, is Unwell."""
        connection = await self._connect(url, name)
        try:
            yield connection
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if _passes(error):
                raise Unwell("exchange store") from error
            raise
        finally:
            # The work is done or lost by now; a store that does not say goodbye changes neither.
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    async def _connect(self, url: str, name: str) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(
                url,
                timeout=db.CONNECT_TIMEOUT,
                server_settings={
                    **db.SERVER_SETTINGS,
                    # A batch takes longer than a request.
                    "statement_timeout": "600000",
                    "idle_in_transaction_session_timeout": "60000",
                    "lock_timeout": "60000",
                    "application_name": f"ingest-files {name}",
                },
            )
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise Unwell("exchange store") from error
