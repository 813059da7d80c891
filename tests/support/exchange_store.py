"""An exchange store for tests: connections of each role, resources of new versions, what readers see."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from common.db import SERVER_SETTINGS
from common.events import Item
from exchange import calendar, loading, making
from exchange.layout import LOADER, READER, Resource
from exchange.loading import Loaded
from provision.secrets import KEEPER
from tests.support.installation import Fresh

DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class Store:
    """The exchange store of one database."""

    database: Fresh
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @contextlib.asynccontextmanager
    async def connected(self, role: str | None = None) -> AsyncIterator[asyncpg.Connection]:
        """A connection of a role; of the administrator without one."""
        connection = await self.connect(role)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    async def connect(self, role: str | None = None) -> asyncpg.Connection:
        url = self.database.url(role) if role else self.database.admin_url()
        settings = {"timezone": SERVER_SETTINGS["timezone"], "application_name": f"test {role}"}
        connection = await asyncpg.connect(url, server_settings=settings)
        await calendar.whole(connection)
        return connection

    def resource(self, *items: Item, provider: str = "civil-affairs") -> Resource:
        """A resource version that is not there yet."""
        return Resource(provider=provider, version=f"307001-{next(self._numbers):06}_v1", items=items)

    async def made(self, *items: Item, provider: str = "civil-affairs") -> Resource:
        """A resource version with its table and view."""
        resource = self.resource(*items, provider=provider)
        async with self.connected(KEEPER) as keeper:
            await making.make(keeper, resource)
        return resource

    async def load(self, resource: Resource, rows: Iterable[Sequence[Any]], batch: UUID | None = None) -> Loaded:
        """Load rows, given in the items' order, in the place of all rows."""
        async with self.connected(LOADER) as loader:
            return await load(loader, resource, rows, batch or uuid4())

    async def rows(self, resource: Resource) -> list[tuple[Any, ...]]:
        """What a reader sees, in the order of the file."""
        async with self.connected(READER) as reader:
            return await read(reader, resource)

    async def stages(self) -> list[str]:
        """The staging tables that are left."""
        async with self.connected() as admin:
            found = await admin.fetch("select relname from pg_class where relnamespace = 'staging'::regnamespace")
            return [row[0] for row in found]


async def load(
    loader: asyncpg.Connection, resource: Resource, rows: Iterable[Sequence[Any]], batch: UUID, sha256: str = DIGEST
) -> Loaded:
    return await loading.replace(
        loader,
        version=resource.version,
        batch=batch,
        sha256=sha256,
        columns=[item.code for item in resource.items],
        rows=((number, tuple(row)) for number, row in enumerate(rows, 2)),
    )


async def read(reader: asyncpg.Connection, resource: Resource) -> list[tuple[Any, ...]]:
    shown = ", ".join(f'"{item.code}"' for item in resource.items)
    return [tuple(row) for row in await reader.fetch(f"select {shown} from {resource.qualified_view} order by _row")]


async def waits_for_a_lock(admin: asyncpg.Connection, application: str) -> int | None:
    """The process id of a connection of this name that waits for a lock, if there is one."""
    return await admin.fetchval(
        "select pid from pg_stat_activity where datname = current_database() and application_name = $1"
        " and wait_event_type = 'Lock'",
        application,
    )


async def terminate(admin: asyncpg.Connection, application: str) -> None:
    """Cut the connections of this name, as an administrator or a failing network would."""
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and application_name = $1",
        application,
    )


async def gone(admin: asyncpg.Connection, application: str) -> bool:
    """Whether no connection of this name is left."""
    return await admin.fetchval(
        "select not exists(select from pg_stat_activity where application_name = $1)", application
    )
