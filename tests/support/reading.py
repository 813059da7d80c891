"""A reader on the real broker with the policy of every service: `common.bus` as it is, a handler of the test's own."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from faststream.kafka import KafkaBroker

from common import bus, host
from common.events import Event, Meta
from tests.support.probe import Probe
from tests.support.waiting import eventually

Handle = Callable[[Event, Meta], Awaitable[Any]]


@dataclass(slots=True)
class Reader:
    """What a reader has done so far."""

    broker: KafkaBroker
    routes: bus.Routes
    parked: Counter[str]
    """Dead letters by topic."""
    handled: list[Any] = field(default_factory=list)
    """Names of the events whose handler ended well, in that order."""
    tried: list[Any] = field(default_factory=list)
    """Names of the events that were handed to the handler, however it ended."""

    async def has_handled(self, *names: str, within: float = 60.0) -> None:
        async def all_of_them() -> bool:
            return set(names) <= set(self.handled)

        await eventually(all_of_them, within=within, what=f"{names} handled")


@contextlib.asynccontextmanager
async def reading(probe: Probe, handle: Handle | None = None, *more: type[Event]) -> AsyncIterator[Reader]:
    """Read the probe's topic (and others) until the block ends."""
    parked: Counter[str] = Counter()
    broker = bus.broker(probe.kafka(probe.reader), probe.reader, parked=parked)
    routes = bus.Routes(probe.reader)
    reader = Reader(broker, routes, parked)

    async def handler(event: Any, meta: Meta) -> Any:
        reader.tried.append(event.name)
        answer = None if handle is None else await handle(event, meta)
        reader.handled.append(event.name)
        return answer

    for event in (probe.event, *more):
        routes.on(event)(handler)
    bus.attach(broker, routes)
    started = asyncio.Event()
    starting = asyncio.create_task(host.start_broker(broker, started))
    try:
        yield reader
    finally:
        await host.stop_broker(broker, starting)
