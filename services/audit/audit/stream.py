"""What the trail reads: every topic."""

from audit import service
from audit.domain import KEPT
from common import bus, inbox
from common.db import Db
from common.events import AccessLogged, Event, Meta

NAME = "audit"
FETCH_WAIT_MS = 1500
"""Fourteen topics, read by one who may be seconds behind."""


def routes(db: Db) -> bus.Routes:
    made = bus.Routes(NAME, fetch_wait_ms=FETCH_WAIT_MS)

    async def event_happened(event: Event, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.keep_event(tx, event, meta)

    for kind in KEPT:
        made.on(kind)(event_happened)

    @made.on(AccessLogged)
    async def access_logged(event: AccessLogged, meta: Meta) -> None:
        async with db.begin() as tx:
            if await inbox.first_time(tx, NAME, meta):
                await service.keep_calls(tx, event)

    return made
