"""What the catalogue reads: units, to know who may work; batches, to know how fresh the data are."""

from catalog import service
from catalog.domain.keeper import Keeper
from common import bus, inbox
from common.db import Db
from common.events import BatchIngested, Meta, UnitChanged

NAME = "catalog"


def routes(db: Db, keeper: Keeper) -> bus.Routes:
    made = bus.Routes(NAME)

    @made.on(UnitChanged)
    async def unit_changed(event: UnitChanged, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.note_unit(tx, event)

    @made.on(BatchIngested)
    async def batch_ingested(event: BatchIngested, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.note_batch(tx, event, keeper)

    return made
