"""A control-plane service on a fresh database: its HTTP application, its handlers of events, its outbox; no broker."""

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from common import bus, events, host
from common.events import Event, Meta, base
from common.ids import uuid7
from common.roles import Role
from tests.support import tokens
from tests.support.given_clock import PAST_TERM, GivenClock
from tests.support.installation import Fresh

AWAY = "http://127.0.0.1:9"
"""Where no register answers: nothing may need it."""


EXCHANGE_STATE = "exchange_state"
"""The one table of the register that is never empty."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event in the outbox, read as its readers read it."""

    event: Event
    meta: Meta


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token, at the service's door."""

    running: "Running"
    account: str
    unit: str
    roles: frozenset[Role]

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        token = tokens.mint(
            self.running.fresh.installation,
            account=self.account,
            unit=self.unit,
            roles=self.roles,
            audience=self.running.service,
        )
        headers = {"Authorization": f"Bearer {token}"}
        if "content" in more:
            headers["Content-Type"] = "application/json"
        sent = {"json": body} if body is not None else {}
        return await self.running.http.request(method, path, headers=headers, **sent, **more)

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: Any = None) -> httpx2.Response:
        return await self.ask("POST", path, body)

    async def put(self, path: str, body: Any = None) -> httpx2.Response:
        return await self.ask("PUT", path, body)

    async def delete(self, path: str) -> httpx2.Response:
        return await self.ask("DELETE", path)


@dataclass(frozen=True, slots=True)
class Running:
    service: str
    parts: host.Parts
    fresh: Fresh
    clock: GivenClock
    http: httpx2.AsyncClient
    administrator: asyncpg.Connection

    def as_(self, account: str, unit: str, *roles: Role) -> Caller:
        return Caller(self, account, unit, frozenset(roles))

    async def hear(self, event: Event, *, event_id: UUID | None = None) -> Meta:
        """Let the service's own handler take an event, as from the bus; the same id again is the same record again."""
        value = base.dump(event)
        meta = Meta(
            id=event_id or uuid7(),
            type=event.topic,
            source=event.owner,
            time=self.clock(),
            traceparent=None,
            digest=hashlib.sha256(value).digest(),
        )
        assert self.parts.routes is not None
        route = self.parts.routes.routes[event.topic]
        await bus.handle(self.service, route, base.read(type(event), event.key.encode(), value), meta)
        return meta

    async def told(self, kind: type[Event] | None = None) -> list[Told]:
        """The outbox in its order: every event, or those of one kind, decoded as readers do."""
        found = []
        for row in await self.rows("select topic, key, headers::text, payload from outbox order by id"):
            declared = events.BY_TOPIC[row["topic"]]
            meta = base.read_meta(declared, json.loads(row["headers"]), hashlib.sha256(row["payload"]).digest())
            found.append(Told(base.read(declared, row["key"].encode(), row["payload"]), meta))
        return [one for one in found if kind is None or isinstance(one.event, kind)]

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of a query, as an administrator of the database."""
        return [dict(row) for row in await self.administrator.fetch(query, *values)]

    async def begin_anew(self) -> None:
        """Empty every table and set the clock back: as a fresh database, and much sooner."""
        tables = await self.rows("select tablename from pg_tables where schemaname = 'public'")
        names = ", ".join(row["tablename"] for row in tables if row["tablename"] != EXCHANGE_STATE)
        await self.rows(f"truncate {names} restart identity cascade")
        if any(row["tablename"] == EXCHANGE_STATE for row in tables):
            await self.rows(
                f"update {EXCHANGE_STATE} set state = 'running', version = 0, changed_by = 'setup', reason = null"
            )
        self.clock.shows = PAST_TERM

    async def dump(self) -> str:
        """Everything that stands in any table, as text; binary values as text and as hexadecimal."""
        tables = await self.rows(
            "select format('%I.%I', schemaname, tablename) as name from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        )
        found = []
        for table in tables:
            found += [str(row["line"]) for row in await self.rows(f"select t::text as line from {table['name']} t")]
        payloads = await self.rows("select convert_from(payload, 'UTF8') as text from outbox")
        return "\n".join([*found, *(row["text"] for row in payloads)])


@contextlib.asynccontextmanager
async def running(
    service: str, build: Callable[..., host.Parts], settings: Callable[..., Any], fresh: Fresh
) -> AsyncIterator[Running]:
    """The service put together by its own `build`, on a fresh database, with a clock that the test gives."""
    clock = GivenClock()
    prefix = f"{fresh.original.upper()}_"
    given = {name.removeprefix(prefix).lower(): value for name, value in fresh.installation.settings(service).items()}
    given |= {"database_url": fresh.app_url, "port": "0", "registry_url": AWAY}
    parts = build(settings(**given), clock=clock)
    tokens.trust(parts.http, fresh.installation)
    transport = httpx2.ASGITransport(app=parts.http)
    administrator = await asyncpg.connect(fresh.admin_url())
    try:
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{service}") as http:
            yield Running(service, parts, fresh, clock, http, administrator)
    finally:
        await administrator.close()
        await parts.db.close()
