"""A whole gateway as a process, but for Kafka: its state is told at the start. To be killed, stopped and misled.

python -m tests.support.gateway_process    what it is told is one JSON object in GATEWAY_TOLD
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
import uvloop

from common import log
from common.events import Quota, SigningKey
from common.health import Health
from common.keys import KeyKind, generate
from common.reach import NOWHERE
from exchange.layout import Resource
from gateway import api, jobs
from gateway.domain.cursors import Seal
from gateway.domain.flood import Flood
from gateway.provider import Providers
from gateway.providing import Provided
from gateway.pushing import Pushing
from gateway.service import Gateway
from gateway.store.claims import Claims
from gateway.store.ingest import Ingest
from gateway.store.metering import Meter
from gateway.store.nonces import Nonces
from gateway.store.reading import Reader
from gateway.store.recording import Recorder
from stack import free_ports
from tests.support.gateway_door import NoToken, always_fresh
from tests.support.gateway_world import EVIDENCE, World
from tests.support.streets import STREETS
from tests.support.waiting import until


@dataclass(frozen=True, slots=True)
class Told:
    """The state that all replicas hold: one unit, one service, one grant."""

    store_url: str
    outbox_url: str
    resource_version: str
    provider: str
    per_day: int | None = None
    per_second: int | None = None
    valid_until: str | None = None
    signer: dict[str, str] | None = None
    """The key by which the grant demands its calls signed, as `SigningKey` has it."""
    unit_key: str = field(default_factory=lambda: generate(KeyKind.UNIT))
    method_key: str = field(default_factory=lambda: generate(KeyKind.METHOD))
    grant: str = field(default_factory=lambda: str(uuid4()))

    def world(self) -> World:
        made = World()
        made.unit_keys["edu"] = self.unit_key
        made.method_keys["edu", "streets"] = self.method_key
        made.grants["edu", "streets"] = UUID(self.grant)
        made.code_set("areas", ["310104", "310105"])
        if self.signer is not None:
            made.signing["edu"] = (SigningKey.model_validate(self.signer),)
        made.unit("edu")
        resource = Resource(provider=self.provider, version=self.resource_version, items=STREETS)
        made.service("streets", STREETS, {"street_code": "eq in"}, resource=resource)
        end = datetime.fromisoformat(self.valid_until) if self.valid_until else None
        quota = Quota(per_day=self.per_day, per_second=self.per_second)
        made.grant(
            "edu",
            "streets",
            ["street_code", "street_name"],
            quota=quota,
            valid_until=end,
            demand_signature=self.signer is not None,
        )
        return made


async def serve(told: Told, worker: str, port: int, operations_port: int) -> None:
    """As `gateway.app.Worker` puts it together."""
    reader, recorder = Reader(told.store_url, 4), Recorder(told.outbox_url, worker)
    meter, claims, flood = Meter(told.outbox_url, worker), Claims(told.outbox_url), Flood()
    http = httpx2.AsyncClient(trust_env=False)
    nonces, providers = Nonces(told.outbox_url), Providers(NOWHERE, None)
    world, measures, timepiece = told.world(), jobs.Measures(), jobs.Timepiece(meter.skew)
    gateway = Gateway(
        memory=world.memory,
        reader=reader,
        recorder=recorder,
        meter=meter,
        claims=claims,
        seal=Seal.of(b"-" * 32),
        peppers=(world.pepper,),
        evidence=EVIDENCE,
        clock=meter.clock,
        fresh=always_fresh(),
        flood=flood,
        nonces=nonces,
        provided=Provided(providers, recorder, EVIDENCE, meter.clock),
        pushing=Pushing(Ingest("", http, NoToken()), recorder, EVIDENCE, meter.clock),
    )
    measures.gauge("gateway_clock_skew_seconds", "Own clock less the database's", meter.skew)
    stop = jobs.Stop()
    stop.listen()
    health = Health(needed={"store": reader.ping}, wanted={"clock": timepiece.right})
    pages = api.operations(api.readiness(health), api.registry(measures.registry), lambda: stop.told)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(reader.stop)
        recorder.start()
        stack.push_async_callback(recorder.stop)
        stack.push_async_callback(claims.stop)
        stack.push_async_callback(nonces.stop)
        stack.push_async_callback(providers.stop)
        stack.push_async_callback(http.aclose)
        meter.start()
        stack.push_async_callback(meter.stop)
        timepiece.start()
        stack.push_async_callback(timepiece.stop)
        calls = api.calls(gateway, lambda reply, code, _: measures.counted(reply.status, code))
        stack.push_async_callback(calls.recorded)
        operations = jobs.operations(pages, "127.0.0.1", operations_port)
        await jobs.serve(stop, lambda: jobs.door(calls, "127.0.0.1", port, jobs.Limits()), operations)


@dataclass(slots=True)
class Replica:
    """One such process."""

    told: Told
    worker: str
    port: int
    operations_port: int
    process: "subprocess.Popen[str]"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def keys(self) -> dict[str, str]:
        return {"X-Unit-Key": self.told.unit_key, "X-Method-Key": self.told.method_key}

    def page(self, path: str) -> tuple[int, str]:
        with contextlib.suppress(httpx2.HTTPError):
            answer = httpx2.get(f"http://127.0.0.1:{self.operations_port}{path}", timeout=5)
            return answer.status_code, answer.text
        return 0, ""

    def call(self, http: httpx2.Client | None = None, *, target: str | None = None, **headers: str) -> tuple[str, str]:
        """Code, with the reason of a 503, and trace id; `gone` where there was nobody to connect to.

        Raises:
            httpx2.TransportError: the connection was taken and ended without an answer.
        """
        if target is None:
            target, headers = "/streets?street_code=310105001", {**self.keys, **headers}
        try:
            answer = (http or httpx2).post(self.origin + target, headers=headers, timeout=30.0)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            return "gone", ""
        parsed: Any = answer.json()
        code = parsed["SUCCESS"] if parsed["SUCCESS"] == "1" else parsed["ERROR"]["ERROR_CODE"]
        reason = f" {answer.headers['x-reason']}" if answer.status_code == 503 else ""
        return f"{code}{reason}", answer.headers["x-trace-id"]

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, within: float = 60.0) -> tuple[int, str]:
        """Its status and all that it said."""
        said = self.process.communicate(timeout=within)[0]
        return self.process.returncode, said


@contextlib.contextmanager
def replicas(told: Told, *names: str, environment: dict[str, str] | None = None) -> Iterator[list[Replica]]:
    """Processes that answer calls; those still there at the end are ended."""
    made: list[Replica] = []
    try:
        for name in names:
            port, operations = free_ports(2)
            worker = f"{name}-{uuid4().hex[:8]}"
            spec = {slot: getattr(told, slot) for slot in Told.__slots__}
            given = {"told": spec, "worker": worker, "port": port, "operations_port": operations}
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.gateway_process"],
                env={**os.environ, **(environment or {}), "GATEWAY_TOLD": json.dumps(given)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            made.append(Replica(told, worker, port, operations, process))
        for one in made:
            until(lambda one=one: one.page("/health/ready")[0] == 200, within=60, what=f"{one.worker} ready")
        yield made
    finally:
        for one in made:
            if one.process.poll() is None:
                one.process.kill()
            if one.process.stdout is not None and not one.process.stdout.closed:
                one.process.communicate(timeout=10)


def main() -> None:
    given = json.loads(os.environ["GATEWAY_TOLD"])
    log.configure("gateway", "INFO")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Told(**given["told"]), given["worker"], given["port"], given["operations_port"]))


if __name__ == "__main__":
    main()
