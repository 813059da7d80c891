"""Entries of a running exchange that no story compiled: told through the catalogue's own outbox, relay and broker."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import asyncpg

from common import db, outbox
from common.events import CatalogChanged, Event, Item
from demo.system import System
from exchange.layout import READER, Resource
from provision import secrets
from tests.support.catalog_values import catalog_changed
from tests.support.databases import query
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that the ingest of files knows, and the table behind it."""

    system: System
    code: str
    resource: Resource

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        """What a reader of the gateway sees, in the order of the file; all items unless some are named."""
        shown = ", ".join(f'"{column}"' for column in columns or [item.code for item in self.resource.items])
        return [tuple(row) for row in self.read(f"select {shown} from {self.resource.qualified_view} order by _row")]

    def read(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of a query in the exchange store, as the gateway's reading role."""
        return _aside(_fetched(reader_url(self.system), sql, *values))


def reader_url(system: System) -> str:
    """The exchange store for those who read in the gateway."""
    return secrets.postgres_url(system.secrets, system.addresses, READER, "exchange")


def told(system: System, code: str, name: str, items: tuple[Item, ...], *, provider: str = "mzj", **more: Any) -> Told:
    """Tell of an entry, and wait until its table is there."""
    version = f"{code}_v1"
    event: CatalogChanged = catalog_changed(
        code, provider=provider, name=name, items=items, resource_version=version, **more
    )
    tell(system, "catalog", event)
    until(
        lambda: query(system, "exchange", "select from exchange.resource where version = $1", version),
        within=60,
        what=f"a table of {code}",
    )
    until(
        lambda: query(system, "ingest_files", "select from entry where code = $1", code),
        within=30,
        what=f"{code} known to the ingest",
    )
    return Told(system, code, Resource(provider=provider, version=version, items=items))


def tell(system: System, service: str, event: Event) -> None:
    """Put an event into a service's outbox, as the service would."""
    url = secrets.postgres_url(system.secrets, system.addresses, f"{service}_app", service)

    async def put() -> None:
        database = db.connect(url, application="told by a test", pool_size=1)
        try:
            async with database.begin() as tx:
                await outbox.put(tx, event)
        finally:
            await database.close()

    _aside(put())


async def _fetched(url: str, sql: str, *values: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, *values)
    finally:
        await connection.close()


def _aside(work: Any) -> Any:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
