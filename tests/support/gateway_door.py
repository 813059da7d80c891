"""A gateway for tests: its real application over real databases, its memory told by hand, its records read back."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
from starlette.types import ASGIApp

from common import clock
from common.clock import Clock
from common.events import AccessLogged, CallRecord, base
from common.reach import NOWHERE
from gateway import api
from gateway.domain.cursors import Seal
from gateway.domain.flood import Flood
from gateway.domain.freshness import Freshness, Road
from gateway.domain.origins import Ingress
from gateway.domain.signing import Signer
from gateway.provider import Providers
from gateway.providing import Provided
from gateway.pushing import Pushing
from gateway.service import Gateway, Reply
from gateway.store.claims import Claims
from gateway.store.ingest import Ingest
from gateway.store.metering import Meter
from gateway.store.nonces import Nonces
from gateway.store.reading import Reader
from gateway.store.recording import Recorder
from tests.support.gateway_world import EVIDENCE, World

HERE = "203.0.113.7"
"""Where calls come from unless a test says otherwise."""


@dataclass(slots=True)
class Answer:
    """What came back, and how a caller reads it."""

    response: httpx2.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def code(self) -> str:
        """`1`, or the code of the failure; the status where there is no body."""
        if not self.response.content:
            return str(self.status)
        told = self.response.json()
        return told["SUCCESS"] if told["SUCCESS"] == "1" else told["ERROR"]["ERROR_CODE"]

    @property
    def data(self) -> Any:
        assert self.code == "1", self.response.text
        return self.response.json()["DATA"]

    @property
    def reason(self) -> str | None:
        return self.response.headers.get("x-reason")

    @property
    def trace_id(self) -> str:
        return self.response.headers["x-trace-id"]


@dataclass(slots=True)
class Door:
    """The gateway's application, and a caller before it."""

    gateway: Gateway
    world: World
    app: ASGIApp
    outbox_url: str
    counted: list[tuple[int, str]] = field(default_factory=list)

    async def ask(self, method: str, path: str, *, address: str = HERE, **more: Any) -> Answer:
        """A request as it comes over HTTP."""
        transport = httpx2.ASGITransport(app=self.app, client=(address, 40_000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
            return Answer(await http.request(method, path, **more))

    async def call(self, service: str = "streets", /, unit: str = "edu", **parameters: str) -> Answer:
        """A call of a unit with its own keys, all of it in the query."""
        return await self.ask("POST", f"/{service}", params={**self.world.keys(unit, service), **parameters})

    async def records(self) -> list[CallRecord]:
        """The committed records of this gateway, in the order of their numbers."""
        connection = await asyncpg.connect(self.outbox_url)
        try:
            rows = await connection.fetch(
                "select topic, key, headers, payload from outbox where key = $1 order by id",
                self.gateway.recorder.worker,
            )
        finally:
            await connection.close()
        found: list[CallRecord] = []
        for row in rows:
            assert json.loads(row["headers"])["ce_type"] == row["topic"] == AccessLogged.topic
            event = base.read(AccessLogged, row["key"].encode(), row["payload"])
            assert isinstance(event, AccessLogged)
            assert event.first == event.records[0].number
            assert event.start == self.gateway.recorder.start_id
            found += event.records
        return found

    async def record_of(self, answer: Answer) -> CallRecord:
        (found,) = [record for record in await self.records() if record.trace_id == answer.trace_id]
        return found


class NoToken:
    """Of a gateway that knows no ingest."""

    async def get(self) -> str | None:
        return None

    def forget(self) -> None:
        return


def always_fresh() -> Freshness:
    """A state that was confirmed a moment ago, at every moment: its clock stands still."""
    made = Freshness(60.0, lambda: 0.0)
    made.beat()
    made.confirm(0.0, Road.TOPICS)
    return made


@contextlib.asynccontextmanager
async def opened(
    *,
    world: World,
    store_url: str,
    outbox_url: str,
    given_clock: Clock = clock.now,
    connections: int = 4,
    admin_url: str | None = None,
    fresh: Freshness | None = None,
    ingress: Ingress | None = None,
    signer: Signer | None = None,
    providers: Providers | None = None,
    ingest: Ingest | None = None,
) -> AsyncIterator[Door]:
    """A worker with a memory that is caught up."""
    reader = Reader(store_url, connections)
    recorder = Recorder(outbox_url, f"w-{uuid4().hex[:12]}")
    http = httpx2.AsyncClient()
    providers = providers or Providers(NOWHERE, None)
    meter, claims, nonces = Meter(outbox_url, recorder.worker), Claims(outbox_url), Nonces(outbox_url)
    gateway = Gateway(
        memory=world.memory,
        reader=reader,
        recorder=recorder,
        meter=meter,
        claims=claims,
        seal=Seal.of(b"-" * 32),
        peppers=(world.pepper,),
        evidence=EVIDENCE,
        clock=given_clock,
        fresh=fresh or always_fresh(),
        flood=Flood(),
        nonces=nonces,
        pushing=Pushing(ingest or Ingest("", http, NoToken()), recorder, EVIDENCE, given_clock),
        provided=Provided(providers, recorder, EVIDENCE, given_clock),
    )
    counted: list[tuple[int, str]] = []

    def count(reply: Reply, code: str, _seconds: float) -> None:
        counted.append((reply.status, code))

    recorder.start()
    meter.start()
    try:
        yield Door(
            gateway, world, api.calls(gateway, count, ingress=ingress, signer=signer), admin_url or outbox_url, counted
        )
    finally:
        await http.aclose()
        await nonces.stop()
        await providers.stop()
        await claims.stop()
        await meter.stop()
        await recorder.stop()
        await reader.stop()


def instant(text: str) -> datetime:
    """An instant as Asia/Shanghai writes it."""
    return datetime.fromisoformat(text).replace(tzinfo=clock.SHANGHAI)
