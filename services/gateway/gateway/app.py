"""The gateway, put together: the worker that answers calls, and the relay that sends its records."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import uvloop
from faststream.kafka import KafkaBroker
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp

from common import bus, clock, db, host
from common.health import Health
from common.keys import Pepper
from common.outbox import Relay
from common.state import StateReader
from gateway import api, jobs, stream
from gateway.domain.memory import STATES, Memory
from gateway.service import Freshness, Gateway, Reply
from gateway.settings import GatewaySettings, RelaySettings
from gateway.store import Reader, Recorder

NAME = "gateway"
ABOUT = "网关：附件3的接口协议。只回应授权的信息项，先留痕后应答。"


def build(settings: GatewaySettings) -> host.Parts:
    """What the documents and the dead letters need; nothing is connected yet."""
    kafka = bus.Kafka.of(settings)
    database = db.connect(settings.database_url, application=NAME, pool_size=2)
    broker = bus.broker(kafka, NAME)
    _document(broker)
    memory = Memory()
    reader = stream.reader(kafka, memory, stream.parking(kafka, database))
    return host.Parts(service=NAME, app=None, db=database, kafka=kafka, broker=broker, readers=[reader])


def _document(broker: KafkaBroker) -> None:
    """Name what is read and written, for the AsyncAPI document; the reading itself is `StateReader`'s."""
    bus.declare_published(broker, NAME)
    for event in STATES:
        bus.declare_read(broker, NAME, event)


class Worker:
    """One process that answers calls."""

    def __init__(self, settings: GatewaySettings) -> None:
        kafka = bus.Kafka.of(settings)
        self._settings = settings
        self._db = db.connect(settings.database_url, application=NAME, pool_size=2)
        self._memory = Memory()
        self._state: StateReader = stream.reader(kafka, self._memory, stream.parking(kafka, self._db))
        self._reader = Reader(db.plain_url(settings.store_url), settings.store_connections)
        self._recorder = Recorder(db.plain_url(settings.database_url), settings.worker)
        self._fresh = Freshness()
        self._gateway = Gateway(
            memory=self._memory,
            reader=self._reader,
            recorder=self._recorder,
            peppers=tuple(
                Pepper(name, secret.get_secret_value().encode()) for name, secret in settings.peppers.items()
            ),
            evidence=Pepper(settings.evidence_pepper_id, settings.evidence_pepper.get_secret_value().encode()),
            clock=clock.now,
            fresh=self._fresh,
        )
        self._metrics = CollectorRegistry()
        self._health = Health(needed={"store": self._reader.ping, "database": self._db.ping, "grants": self._caught_up})

    async def _caught_up(self) -> None:
        if not self._fresh.caught_up:
            raise ConnectionError

    def _calls(self) -> ASGIApp:
        count = Counter("gateway_calls", "Calls by status and code", ["status", "code"], registry=self._metrics)
        seconds = Histogram(
            "gateway_call_seconds",
            "Duration of calls in seconds, evidence included",
            registry=self._metrics,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
        )
        waiting = Gauge("gateway_records_waiting", "Records that wait for their commit", registry=self._metrics)
        waiting.set_function(lambda: self._recorder.waiting)
        grants = Gauge("gateway_grants", "Grants in memory", registry=self._metrics)
        grants.set_function(lambda: len(self._memory.grants))

        def counted(reply: Reply, code: str, took: float) -> None:
            count.labels(str(reply.status), code).inc()
            seconds.observe(took)

        return api.calls(self._gateway, counted)

    async def run(self) -> None:
        """Serve until told to stop."""
        settings = self._settings
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._db.close)
            await self._reader.start()
            stack.push_async_callback(self._reader.stop)
            self._recorder.start()
            stack.push_async_callback(self._recorder.stop)
            self._state.start()
            stack.push_async_callback(self._state.stop)
            watching = asyncio.create_task(self._become_ready())
            stack.callback(watching.cancel)
            calls = jobs.server(self._calls(), settings.host, settings.port)
            operations = jobs.server(
                api.operations(self._health, self._metrics), settings.host, settings.operations_port
            )
            async with jobs.until_told(calls, operations):
                pass

    async def _become_ready(self) -> None:
        await self._state.progress.caught_up.wait()
        self._fresh.caught_up = True


def serve(settings: GatewaySettings) -> None:
    """Run a worker in this process."""
    _run(Worker(settings).run())


def relay(settings: RelaySettings) -> None:
    """Run the relay of access records in this process."""
    kafka = bus.Kafka(settings.kafka_servers, settings.kafka_user, settings.kafka_password, settings.kafka_tls)
    made = Relay(settings.database_url, kafka.producer, name=NAME)
    metrics = CollectorRegistry()
    host.measure_relay(metrics, made)
    operations = jobs.server(api.operations(Health(), metrics), settings.host, settings.relay_port)
    _run(jobs.relay(made, operations))


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
