"""Timers of the trail: the months to come get their partitions in good time; what is missing is counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from audit import service
from common import log
from common.db import Db

EVERY: Final = 6 * 3600.0
COUNTED_EVERY: Final = 60.0
AFTER_FAILURE: Final = 30.0
_log = log.get(__name__)


def partitions(db: Db) -> contextlib.AbstractAsyncContextManager[None]:
    """Keep the partitions of this month and the next two in being while the service runs."""

    async def make() -> None:
        async with db.begin() as tx:
            await service.make_partitions(tx)

    return _repeated("partitions", make, EVERY)


def measures(db: Db, metrics: CollectorRegistry) -> contextlib.AbstractAsyncContextManager[None]:
    """Count, once a minute, what the trail lacks: nobody may have to look to learn of it."""
    gaps = Gauge("trail_gaps", "Runs of call records that are missing", registry=metrics)
    unknown = Gauge(
        "trail_unknown_calls", "Calls of the last hour that began outside and whose end nobody knows", registry=metrics
    )

    # Until they have been counted nobody knows.
    for gauge in (gaps, unknown):
        gauge.set(float("nan"))

    async def count() -> None:
        async with db.begin() as tx:
            found = await service.lacking(tx)
        gaps.set(found.gaps)
        unknown.set(found.unknown)

    return _repeated("measures", count, COUNTED_EVERY)


@contextlib.asynccontextmanager
async def _repeated(name: str, work: Callable[[], Awaitable[None]], every: float) -> AsyncIterator[None]:
    task = asyncio.create_task(_repeat(name, work, every), name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _repeat(name: str, work: Callable[[], Awaitable[None]], every: float) -> None:
    while True:
        try:
            await work()
            pause = every
        except Exception as error:  # noqa: BLE001  whatever it was, it is said and tried again
            _log.error(f"audit.{name}_failed", error=type(error).__name__)
            pause = AFTER_FAILURE
        await asyncio.sleep(pause)
