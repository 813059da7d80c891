"""What the ingest of files reads: units, entries and code sets to know them, files to check and load them."""

from common import bus, inbox
from common.events import CatalogChanged, CodeSetChanged, FileReceived, Meta, UnitChanged
from ingest_files import service
from ingest_files.service import NAME, Desk


def routes(desk: Desk) -> bus.Routes:
    made = bus.Routes(NAME)

    @made.on(UnitChanged)
    async def unit_changed(event: UnitChanged, meta: Meta) -> None:
        async with desk.db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.note_unit(tx, event)

    @made.on(CodeSetChanged)
    async def code_set_changed(event: CodeSetChanged, meta: Meta) -> None:
        async with desk.db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.note_codes(tx, event)

    @made.on(CatalogChanged)
    async def catalog_changed(event: CatalogChanged, meta: Meta) -> None:
        await service.take_entry(event, meta, desk)

    @made.on(FileReceived)
    async def file_received(event: FileReceived, meta: Meta) -> None:
        await service.take_file(event, meta, desk)

    return made
