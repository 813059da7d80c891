"""What the trail reads: every topic."""

from audit import service
from audit.domain import KEPT, Group
from common import bus, inbox
from common.db import Db
from common.events import AccessLogged, Event, Meta

NAME = "audit"
FETCH_WAIT_MS = 1500
"""Fourteen topics, read by one who may be seconds behind."""


def events(db: Db) -> bus.Routes:
    """What is kept whole, one event at a time."""
    made = bus.Routes(NAME, fetch_wait_ms=FETCH_WAIT_MS)

    async def event_happened(event: Event, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.keep_event(tx, event, meta)

    for kind in KEPT:
        made.on(kind)(event_happened)
    return made


def routes(db: Db) -> bus.Routes:
    """All that is read, for the documents and for replays; the records of calls come by `audit.reader` in bulk."""
    made = events(db)

    @made.on(AccessLogged)
    async def access_logged(event: AccessLogged, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.keep_calls(tx, [Group.of(event)])

    return made
