"""Ends consumers and producers whole, whatever happens to the one who ends them.

A client of Kafka that is interrupted while it closes says afterwards that it is closed, but its task that renews what
it knows of the cluster goes on for as long as the process lives, and opens new connections for it.
"""

import asyncio
from typing import Final, Protocol

from aiokafka.errors import KafkaError

WITHIN: Final = 10.0
"""Seconds; with every broker away a producer may never come back from its end (PIT-A7)."""


class Endable(Protocol):
    """A consumer or a producer."""

    async def stop(self) -> None: ...


async def end(client: Endable) -> None:
    """Stop a client. Whoever is cancelled meanwhile waits until it has stopped, and is cancelled then."""
    stopping = asyncio.create_task(_stop(client))
    cancelled: asyncio.CancelledError | None = None
    while not stopping.done():
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _stop(client: Endable) -> None:
    stopping = asyncio.create_task(client.stop())
    await asyncio.wait({stopping}, timeout=WITHIN)
    if stopping.done() and not stopping.cancelled() and stopping.exception() is None:
        return
    stopping.cancel()
    # aiokafka's consumer gives up half-way where the broker is away: it awaits the fetch that it has just cancelled,
    # and what that raises keeps it from the client that holds the connections.
    inner = getattr(client, "_client", None) or getattr(client, "client", None)
    if inner is not None:
        await asyncio.wait({asyncio.create_task(inner.close())}, timeout=WITHIN)
    await asyncio.wait({stopping}, timeout=WITHIN)
    error = stopping.exception() if stopping.done() and not stopping.cancelled() else None
    if error is not None and not isinstance(error, TimeoutError | KafkaError | OSError):
        raise error
