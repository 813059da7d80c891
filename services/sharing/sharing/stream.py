"""What sharing reads: units, entries and services, to know what can be applied for and who decides."""

from common import bus, inbox
from common.db import Db
from common.events import CatalogChanged, Meta, ServiceChanged, UnitChanged
from sharing import service

NAME = "sharing"


def routes(db: Db) -> bus.Routes:
    made = bus.Routes(NAME)

    @made.on(UnitChanged)
    async def unit_changed(event: UnitChanged, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.note_unit(tx, event)

    @made.on(CatalogChanged)
    async def catalog_changed(event: CatalogChanged, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.note_entry(tx, event)

    @made.on(ServiceChanged)
    async def service_changed(event: ServiceChanged, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.note_service(tx, event)

    return made
