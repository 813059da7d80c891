"""Runs a service: what every process of the control plane starts, in which order, and how it stops.

A service hands over its parts; nothing has been connected by then. Starting never waits for the broker: requests are
answered while it is away, events wait in the outbox, and the readers come when it is back.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn
import yaml
from fastapi import FastAPI
from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from common import bus, clock, deadletters, http, log, migrations, spans
from common.auth import Verifier
from common.db import Db
from common.errors import Refusal
from common.health import Check, Health
from common.outbox import Relay
from common.settings import MigrationSettings, ServiceSettings, read_or_exit
from common.state import StateReader

_BROKER_PAUSE: Final = 1.0
_BROKER_PAUSE_LAST: Final = 15.0
_STOP_TIMEOUT: Final = 12.0
_UNORDERED: Final = frozenset({"channels", "operations", "messages", "schemas"})
_log = log.get(__name__)


@dataclass(slots=True, kw_only=True)
class Parts:
    """What a service is made of."""

    service: str
    app: FastAPI | None
    """None where the edge is no FastAPI application."""
    db: Db
    kafka: bus.Kafka
    broker: KafkaBroker | None = None
    routes: bus.Routes | None = None
    readers: list[StateReader] = field(default_factory=list)
    metrics: CollectorRegistry = field(default_factory=CollectorRegistry)
    parked: "collections.Counter[str]" = field(default_factory=collections.Counter)
    """Dead letters since the start by topic."""

    @property
    def http(self) -> FastAPI:
        """The FastAPI application of a service that has one."""
        assert self.app is not None
        return self.app


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How the command line of a service finds its parts."""

    name: str
    package: str
    about: str
    settings: type[ServiceSettings]
    example: Callable[[], ServiceSettings]
    """Settings that suffice to write the API documents; they connect to nothing."""
    build: Callable[[Any], Parts]
    owner: type[MigrationSettings]
    more_migrations: Callable[[Any], list[tuple[str, Any, str | None]]] = lambda _: []
    """Further (package, login's address, role to become) to migrate, from the owner's settings."""
    commands: dict[str, Callable[[list[str]], int]] = field(default_factory=dict)
    serve: Callable[[Any], None] | None = None
    """How to serve, where it is not by a FastAPI application."""
    openapi: Callable[[], dict[str, Any]] | None = None
    """The OpenAPI document, where no FastAPI application makes it."""


def assemble(
    settings: ServiceSettings,
    *,
    service: str,
    title: str,
    description: str,
    database: Db,
    routes: bus.Routes | None = None,
    background: Sequence[Callable[[], contextlib.AbstractAsyncContextManager[Any]]] = (),
) -> Parts:
    """Put a control-plane service together: its app, broker, relay, health and metrics."""
    kafka = bus.Kafka.of(settings)
    metrics = CollectorRegistry()
    parked: collections.Counter[str] = collections.Counter()
    metrics.register(_DeadLetters(parked))
    broker = bus.broker(kafka, service, parked=parked)
    if routes is not None:
        bus.attach(broker, routes)
    bus.declare_published(broker, service)
    relay = Relay(settings.database_url, kafka.producer, name=service, wake=database.wrote_event)
    reading = asyncio.Event()
    wanted: dict[str, Check] = {"events": lambda: _is_set(reading)} if routes is not None else {}
    health = Health(needed={"database": database.ping}, wanted=wanted)
    measure_relay(metrics, relay)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            relay.start()
            stack.push_async_callback(relay.stop)
            if routes is not None:
                starting = asyncio.create_task(start_broker(broker, reading), name="broker")
                stack.push_async_callback(stop_broker, broker, starting)
            for enter in background:
                await stack.enter_async_context(enter())
            yield

    app = http.application(
        service,
        title=title,
        description=description,
        verifier=Verifier(settings.registry_url, service),
        health=health,
        metrics=metrics,
        lifespan=lifespan,
    )
    app.state.metrics = metrics
    return Parts(
        service=service,
        app=app,
        db=database,
        kafka=kafka,
        broker=broker,
        routes=routes,
        metrics=metrics,
        parked=parked,
    )


class _DeadLetters(Collector):
    """What was parked since the start, by topic: of those that the service reads, so labels are bounded."""

    def __init__(self, parked: "collections.Counter[str]") -> None:
        self._parked = parked

    def collect(self) -> Iterator[Metric]:
        made = CounterMetricFamily("dead_letters", "Events parked since the start by topic", labels=["topic"])
        for topic, count in list(self._parked.items()):
            made.add_metric([topic], count)
        yield made


async def _is_set(event: asyncio.Event) -> None:
    if not event.is_set():
        raise ConnectionError


def measure_relay(metrics: CollectorRegistry, relay: Relay) -> None:
    """Gauges of the outbox, read when they are asked for."""
    oldest = Gauge("outbox_oldest_unsent_seconds", "Age of the oldest event not yet sent", registry=metrics)
    oldest.set_function(lambda: relay.state.oldest_unsent_seconds)
    unsent = Gauge("outbox_unsent", "Events not yet sent, up to one batch", registry=metrics)
    unsent.set_function(lambda: relay.state.unsent)
    sent = Gauge("outbox_sent_total", "Events sent since the start", registry=metrics)
    sent.set_function(lambda: relay.state.sent_total)
    leading = Gauge("outbox_relay_leading", "1 if this process sends, 0 if it stands by", registry=metrics)
    leading.set_function(lambda: float(relay.state.leading))


async def start_broker(broker: KafkaBroker, reading: asyncio.Event) -> None:
    """Start the subscribers, however long the broker is away."""
    pause = _BROKER_PAUSE
    while True:
        try:
            await broker.start()
        except Exception as error:  # noqa: BLE001  whatever kept it from starting, the service goes on and tries again
            _log.warning("bus.not_started", error=type(error).__name__, again_in=pause)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_STOP_TIMEOUT):
                    await broker.stop()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _BROKER_PAUSE_LAST)
        else:
            reading.set()
            _log.info("bus.started")
            return


async def stop_broker(broker: KafkaBroker, starting: "asyncio.Task[None]") -> None:
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STOP_TIMEOUT):
            await broker.stop()


def serve(parts: Parts, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished first."""
    uvicorn.Server(
        uvicorn.Config(
            parts.http,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=30,
            limit_concurrency=200,
        )
    ).run()


def asyncapi(parts: Parts, service: Service) -> str:
    """The AsyncAPI 3.0 document of a service as YAML with readable Chinese."""
    assert parts.broker is not None
    document = AsyncAPI(
        parts.broker, title=service.name, version="1", schema_version="3.0.0", description=service.about
    )
    written = document.to_specification().to_jsonable()
    # The framework keeps what was declared in sets: without an order of ours each run would write another document.
    for section in (written, written["components"]):
        for name, members in section.items():
            section[name] = dict(sorted(members.items())) if name in _UNORDERED else members
    return yaml.safe_dump(written, allow_unicode=True, sort_keys=False, width=120)


def openapi(service: Service) -> str:
    """The OpenAPI document of a service as JSON."""
    document = service.openapi() if service.openapi else service.build(service.example()).http.openapi()
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def main(service: Service, arguments: list[str] | None = None) -> int:
    """The command line that every service has."""
    parser = argparse.ArgumentParser(prog=f"python -m {service.package}", description=service.about)
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sub.add_parser("serve", help="serve requests and read events until told to stop")
    sub.add_parser("migrate", help="bring the database to the newest revision (as the tables' owner)")
    sub.add_parser("openapi", help="print the OpenAPI document")
    sub.add_parser("asyncapi", help="print the AsyncAPI document")
    dead = sub.add_parser("dead-letters", help="see and replay what was parked")
    dead.add_argument("action", choices=["list", "show", "replay"])
    dead.add_argument("origin", nargs="?", help="topic/partition/offset")
    dead.add_argument("--value", action="store_true", help="show the record's value; it may hold personal data")
    dead.add_argument("--by", default="operator", help="who replays, for the record")
    for name in service.commands:
        sub.add_parser(name, add_help=False, help=(service.commands[name].__doc__ or "").split("\n", 1)[0])
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in service.commands:
        return service.commands[given[0]](given[1:])
    options = parser.parse_args(given)
    match options.command:
        case "serve":
            settings = read_or_exit(service.settings)
            log.configure(service.name, settings.log_level)
            with spans.exported(service.name):
                if service.serve is not None:
                    service.serve(settings)
                else:
                    serve(service.build(settings), settings)
        case "migrate":
            owner = read_or_exit(service.owner)
            log.configure(service.name)
            for package, url, role in [(service.package, owner.owner_url, None), *service.more_migrations(owner)]:
                migrations.upgrade_now(package, url, role)
        case "openapi":
            sys.stdout.write(openapi(service))
        case "asyncapi":
            sys.stdout.write(asyncapi(service.build(service.example()), service))
        case _:
            if options.action != "list" and options.origin is None:
                dead.error(f"{options.action} needs the ORIGIN of a dead letter")
            log.configure(service.name, "WARNING", stream=sys.stderr)
            return asyncio.run(_dead_letters(service.build(read_or_exit(service.settings)), options))
    return 0


async def _dead_letters(parts: Parts, options: argparse.Namespace) -> int:
    say = sys.stdout.write
    try:
        if options.action == "list":
            done = await deadletters.replayed(parts.db)
            async for letter in deadletters.read_all(parts.kafka, parts.service):
                at = clock.show(clock.from_millis(letter.parked_at_ms))
                state = f"replayed {done[letter.origin]}" if letter.origin in done else "parked"
                say(f"{at}  {letter.origin}  {letter.reason}  {state}\n")
            return 0
        letter = await deadletters.find(parts.kafka, parts.service, options.origin)
        if options.action == "show":
            say(f"origin    {letter.origin}\nreason    {letter.reason}\nattempts  {letter.attempts}\n")
            for name, value in letter.headers.items():
                say(f"header    {name}: {value}\n")
            size = "none" if letter.value is None else f"{len(letter.value)} bytes (--value shows them)"
            if letter.omitted is not None:
                size = f"{letter.omitted} bytes, too large for any event; they lie at the origin"
            say(f"value     {letter.value!r}\n" if options.value else f"value     {size}\n")
            return 0
        if parts.routes is None:
            say("this service reads no events\n")
            return 1
        await deadletters.replay(letter, parts.routes, parts.db, options.by)
        say(f"replayed {letter.origin}\n")
    except Refusal as refusal:
        # The reason as a dead letter names it, and the sentence for people; nothing was noted.
        sys.stderr.write(f"{bus.reason_of(refusal)}: {refusal.message}\n")
        return 1
    except Exception as error:
        if not bus.unwell(error):
            raise
        sys.stderr.write(f"not now, something is away: {type(error).__name__}\n")
        return 1
    finally:
        await parts.db.close()
    return 0
