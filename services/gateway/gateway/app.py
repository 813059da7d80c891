"""The gateway, put together: the worker that answers calls, and the relay that sends its records."""

import asyncio
import contextlib
import gc
import time
from collections.abc import Coroutine
from typing import Any

import httpx2
import uvloop
from faststream.kafka import KafkaBroker
from prometheus_client import CollectorRegistry

from common import bus, db, host, spans
from common.health import Health
from common.keys import Pepper
from common.outbox import Relay
from common.reach import Reach
from common.state import StateReader
from gateway import api, jobs, stream
from gateway.domain.cursors import Seal
from gateway.domain.flood import Flood
from gateway.domain.freshness import Freshness, Road
from gateway.domain.memory import STATES, Memory
from gateway.domain.origins import Ingress
from gateway.domain.records import Call
from gateway.domain.signing import Signer
from gateway.provider import Limits as ProviderLimits
from gateway.provider import Providers
from gateway.providing import Provided
from gateway.pushing import Pushing
from gateway.service import Gateway, Reply
from gateway.settings import GatewaySettings, RelaySettings
from gateway.store.claims import Claims
from gateway.store.ingest import INGEST, Ingest
from gateway.store.metering import Meter
from gateway.store.nonces import Nonces
from gateway.store.reading import Reader
from gateway.store.recording import Recorder

NAME = "gateway"
GARBAGE = (20_000, 20, 100)
"""When the garbage collector runs: a call leaves little that only it can find."""
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
        self._flood = Flood()
        own = db.plain_url(settings.database_url)
        self._recorder = Recorder(own, settings.worker)
        self._meter = Meter(own, settings.worker)
        self._recorder.lost = self._meter.distrust
        self._claims = Claims(own)
        self._nonces = Nonces(own)
        self._signer = Signer.of(settings.answer_key.get_secret_value())
        self._fresh = Freshness(settings.lease, time.monotonic)
        self._http = httpx2.AsyncClient(timeout=jobs.ASK_WITHIN, trust_env=False)
        self._tokens = jobs.Tokens(self._http, settings.registry_url, settings.client_secret)
        evidence = Pepper(settings.evidence_pepper_id, settings.evidence_pepper.get_secret_value().encode())
        self._watch = jobs.Watch(self._fresh, self._state, self._sources())
        self._providers = _providers(settings)
        self._gateway = Gateway(
            memory=self._memory,
            reader=self._reader,
            recorder=self._recorder,
            meter=self._meter,
            claims=self._claims,
            seal=Seal.of(settings.evidence_pepper.get_secret_value().encode()),
            peppers=tuple(
                Pepper(name, secret.get_secret_value().encode()) for name, secret in settings.peppers.items()
            ),
            evidence=evidence,
            clock=self._meter.clock,
            fresh=self._fresh,
            flood=self._flood,
            nonces=self._nonces,
            pushing=Pushing(
                Ingest(settings.ingest_files_url, self._http, jobs.Shown(self._tokens, INGEST)),
                self._recorder,
                evidence,
                self._meter.clock,
            ),
            provided=Provided(self._providers, self._recorder, evidence, self._meter.clock),
        )
        self._tallies = jobs.Tallies(self._flood, self._recorder, self._gateway.evidence, self._meter.clock)
        self._measures = jobs.Measures()
        self._near = jobs.Nearness(self._memory, settings.quota_warning, self._meter.now)
        self._meter.heard_used = self._near.heard
        self._timepiece = jobs.Timepiece(self._meter.skew)
        self._stop = jobs.Stop()
        self._health = Health(
            needed={"store": self._reader.ping, "database": self._db.ping, "grants": self._is_fresh},
            wanted={"clock": self._timepiece.right},
        )

    async def _is_fresh(self) -> None:
        if not self._fresh.holds:
            raise ConnectionError

    def _sources(self) -> list[jobs.Source]:
        """The services of the control plane that own what is held in memory."""
        settings = self._settings
        urls = {"registry": settings.registry_url, "catalog": settings.catalog_url, "sharing": settings.sharing_url}
        owned = {service: [event for event in STATES if event.owner == service] for service in urls}
        return [
            jobs.Source(service, url.rstrip("/"), owned[service], self._http, self._tokens, self._memory.apply)
            for service, url in urls.items()
        ]

    def _calls(self) -> api.Calls:
        measures, memory = self._measures, self._memory

        def timed(call: Call, took: float) -> None:
            measures.timed(call.who.service.code if call.who.service else None, took)

        def counted(reply: Reply, code: str, _took: float) -> None:
            measures.counted(reply.status, code)

        made = api.calls(
            self._gateway,
            counted,
            timed=timed,
            at_most=self._settings.max_calls,
            ingress=Ingress(self._settings.ingress, certificates=self._settings.ingress_certificates),
            signer=self._signer,
        )
        if (told := spans.active()) is not None:
            made.traced = jobs.traced(told)
        measures.gauge("gateway_calls_working", "Calls in work", lambda: made.working)
        measures.gauge("gateway_calls_at_most", "Calls in work beyond which 503", lambda: self._settings.max_calls)
        measures.gauge("gateway_records_waiting", "Records that wait for their commit", lambda: self._recorder.waiting)
        measures.gauge("gateway_clock_skew_seconds", "Own clock less the database's", self._meter.skew)
        measures.registry.register(self._near)
        measures.gauge("gateway_grants", "Grants in memory", lambda: len(memory.grants))
        fresh = self._fresh
        measures.gauge("gateway_state_age_seconds", "Since the state in memory was confirmed", fresh.age)
        measures.gauge(
            "gateway_state_topics_age_seconds", "Since the topics confirmed it", lambda: fresh.age(Road.TOPICS)
        )
        measures.gauge(
            "gateway_state_changes_age_seconds", "Since the services confirmed it", lambda: fresh.age(Road.CHANGES)
        )
        measures.gauge("gateway_lookups_waiting", "Calls that wait for the store", lambda: self._reader.waiting)
        measures.gauge("gateway_store_connections", "Connections to the store in use", lambda: self._reader.busy)
        most = self._settings.store_connections
        measures.gauge("gateway_store_connections_at_most", "Connections to the store", lambda: most)
        measures.gauge(
            "gateway_flood_sources", "Source addresses whose refusals are counted", lambda: self._flood.sources
        )
        measures.registry.register(jobs.ProviderMeasures(self._providers.states))
        return made

    def _door(self, calls: api.Calls) -> jobs.Door:
        settings = self._settings
        limits = jobs.Limits(settings.max_connections, settings.drain_within, settings.grace)
        shared = bool(settings.operations_path)
        made = jobs.door(calls, settings.host, settings.port, limits, shared=shared)
        self._measures.gauge("gateway_connections", "Connections of callers", lambda: made.connections)
        return made

    async def run(self) -> None:
        """Serve until told to stop."""
        settings = self._settings
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._db.close)
            stack.push_async_callback(self._reader.stop)
            self._recorder.start()
            stack.push_async_callback(self._recorder.stop)
            stack.push_async_callback(self._claims.stop)
            stack.push_async_callback(self._nonces.stop)
            stack.push_async_callback(self._providers.stop)
            self._meter.start()
            stack.push_async_callback(self._meter.stop)
            self._state.start()
            stack.push_async_callback(self._state.stop)
            stack.push_async_callback(self._http.aclose)
            self._watch.start()
            stack.push_async_callback(self._watch.stop)
            self._tallies.start()
            stack.push_async_callback(self._tallies.stop)
            self._timepiece.start()
            stack.push_async_callback(self._timepiece.stop)
            calls = self._calls()
            stack.push_async_callback(calls.recorded)
            pages = api.operations(
                api.readiness(self._health), api.registry(self._measures.registry), lambda: self._stop.told
            )
            operations = jobs.operations(pages, settings.host, settings.operations_port, path=settings.operations_path)
            settling = asyncio.create_task(_settle(self._state.progress.caught_up))
            stack.callback(settling.cancel)
            self._stop.listen(above=bool(settings.operations_path))
            await jobs.serve(self._stop, lambda: self._door(calls), operations, first=self._first())

    def _first(self) -> asyncio.Event | None:
        """What a worker among several waits for before it takes its part of the port: the others answer meanwhile."""
        return self._watch.first if self._settings.operations_path else None


def _providers(settings: GatewaySettings) -> Providers:
    reach = Reach.of(settings.provider_networks, settings.provider_hosts, settings.provider_special)
    limits = ProviderLimits(settings.provider_calls, settings.provider_answer)
    return Providers(reach, settings.provider_credentials, limits, authorities=settings.provider_authorities or None)


async def _settle(caught_up: asyncio.Event) -> None:
    """Once the state is in memory: it stays for good, so the garbage collector need not look at it again and again."""
    await caught_up.wait()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


async def pod(settings: GatewaySettings) -> None:
    """Run several workers, and health and metrics for all of them, until told to stop."""
    stop = jobs.Stop()
    stop.listen()
    held = jobs.listening_or_exit(settings.host, settings.port, shared=True)
    port = str(held.getsockname()[1])

    def environment(worker: jobs.Worker) -> dict[str, str]:
        path = str(worker.path)
        names = {"WORKERS": "1", "WORKER": worker.name, "PORT": port, "OPERATIONS_PATH": path}
        return {f"GATEWAY_{name}": value for name, value in names.items()}

    bound = settings.grace + settings.drain_within
    with jobs.group(settings.workers, settings.worker, environment, bound) as group:
        pages = api.operations(group.report, group.metrics, lambda: stop.told)
        operations = jobs.operations(pages, settings.host, settings.operations_port)
        await jobs.run_group(stop, group, operations)
    held.close()


def serve(settings: GatewaySettings) -> None:
    """Run a worker in this process, or several in processes of their own."""
    _run(Worker(settings).run() if settings.workers == 1 else pod(settings))


def relay(settings: RelaySettings) -> None:
    """Run the relay of access records in this process."""
    kafka = bus.Kafka(settings.kafka_servers, settings.kafka_user, settings.kafka_password, settings.kafka_tls)
    made = Relay(settings.database_url, kafka.producer, name=NAME)
    metrics = CollectorRegistry()
    host.measure_relay(metrics, made)
    pages = api.operations(api.readiness(Health()), api.registry(metrics))
    operations = jobs.operations(pages, settings.host, settings.relay_port)
    _run(jobs.relay(made, operations))


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
