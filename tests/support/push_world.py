"""A provider that pushes rows through a gateway into the ingest, and a department that asks for them."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2

from common.events import BatchIngested, BatchRejected, SourceKind
from common.roles import Role
from exchange.layout import READER, Resource
from gateway.store.ingest import Ingest as IngestDoor
from tests.support import tokens
from tests.support.annex_files import ITEMS
from tests.support.exchange_store import Store
from tests.support.gateway_door import Answer, Door, opened
from tests.support.gateway_world import World
from tests.support.ingest_bench import Ingest
from tests.support.installation import Fresh, Installation

MEDIA = "application/vnd.shuqiao.rows+json"
GOOD: dict[str, Any] = {
    "street_code": "310105001",
    "street_name": "华阳路街道",
    "area_code": "310105",
    "people": 70_000,
    "area": 2.04,
    "updated": "2023/06/30",
}


def row(code: str = "310105001", **more: Any) -> dict[str, Any]:
    return {**GOOD, "street_code": code, **more}


@dataclass(slots=True)
class Token:
    """The gateway's own, as the register signs it."""

    installation: Installation
    account: str = "service:gateway"
    forgotten: int = 0

    async def get(self) -> str | None:
        return tokens.mint(
            self.installation,
            account=self.account,
            unit="-",
            roles=frozenset({Role.SERVICE}),
            audience="ingest-files",
        )

    def forget(self) -> None:
        self.forgotten += 1


class Between(httpx2.ASGITransport):
    """What lies between the gateway and the ingest: a test may take an answer away, or do something before."""

    def __init__(self, app: Any) -> None:
        super().__init__(app=app)
        self.before: Any = None
        self.lose = 0
        """Answers that are lost on the way."""
        self.passed = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.before is not None:
            await self.before()
        answer = await super().handle_async_request(request)
        self.passed += 1
        if self.lose:
            self.lose -= 1
            raise httpx2.ReadError("lost")
        return answer


@dataclass(slots=True)
class Pushed:
    """The gateway, the ingest behind it, and whoever calls."""

    door: Door
    ingest: Ingest
    between: Between
    token: Token
    resource: Resource

    async def push(
        self, rows: Any, mode: str = "upsert", *, key: str | None = None, unit: str = "mzj", **more: str
    ) -> Answer:
        """Rows as a body of their own, mode and keys in the query."""
        headers = {"Content-Type": MEDIA} | ({} if key is None else {"Idempotency-Key": key.encode("latin-1")})
        body = rows if isinstance(rows, bytes) else json.dumps(rows, ensure_ascii=False).encode()
        params = {**self.door.world.keys(unit, "streets-push"), "mode": mode, **more}
        return await self.door.ask("POST", "/streets-push", params=params, headers=headers, content=body)

    async def rows(self) -> list[dict[str, Any]]:
        """What a department sees through the query service of the same resource."""
        return (await self.door.call("streets", unit="jyj", pageSize="1000")).data

    def granted(self, **more: Any) -> None:
        self.door.world.grant("mzj", "streets-push", [item.code for item in ITEMS], **more)


@contextlib.asynccontextmanager
async def pushing(ingest: Ingest, store: Store, outbox: Fresh) -> AsyncIterator[Pushed]:
    world = World()
    world.code_set("areas", ["310104", "310105"])
    world.unit("mzj")
    world.unit("jyj")
    resource = ingest.resource
    world.service("streets-push", ITEMS, {}, resource=resource, source=SourceKind.WRITE)
    world.service("streets", ITEMS, {"street_code": "eq"}, resource=resource)
    world.grant("jyj", "streets", [item.code for item in ITEMS])
    between = Between(ingest.running.parts.http)
    token = Token(ingest.running.fresh.installation)
    async with (
        httpx2.AsyncClient(transport=between) as http,
        opened(
            world=world,
            store_url=store.database.url(READER),
            outbox_url=outbox.app_url,
            admin_url=outbox.admin_url(),
            ingest=IngestDoor("http://ingest-files", http, token),
        ) as door,
    ):
        made = Pushed(door, ingest, between, token, resource)
        made.granted()
        yield made


def findings(answer):
    """(row, item, rule) of everything that was found."""
    told = answer.response.json()
    assert (answer.status, told["SUCCESS"], told["ERROR"]["ERROR_CODE"]) == (200, "0", "206"), answer.response.text
    assert told["DATA"]["count"] >= len(told["DATA"]["findings"])
    assert all(one["message"] for one in told["DATA"]["findings"])
    return [(one["row"], one["item"], one["rule"]) for one in told["DATA"]["findings"]]


def batch_of(answer):
    (record,) = answer.data
    return record["batch"]


async def told(at):
    return [one.event for one in await at.ingest.running.told() if isinstance(one.event, BatchIngested | BatchRejected)]


async def held(at):
    """The keys of the rows that are in the store."""
    return {one[0] for one in await at.ingest.store.rows(at.resource)}
