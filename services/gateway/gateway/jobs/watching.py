"""Confirms, once a second, that the state in memory is what the exchange says: by the topics, else by `GET /changes`.

The services are asked while the broker is well, too, and less often: what waits in the outbox of a service that alone
is cut off from the broker is in force within seconds all the same.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from common import log
from gateway.domain.freshness import STALL, Chain, Freshness, Road
from gateway.jobs.asking import BeginAnew, NotTold, Source

EVERY: Final = 1.0
"""Seconds between two confirmations by the topics; and by the services, while the topics do not confirm."""
WELL_EVERY: Final = 3.0
"""Seconds between two questions to the services while the topics confirm."""
ENDS_WITHIN: Final = 1.0
"""Seconds in which the broker must name the topics' ends."""
_BEAT: Final = STALL / 4
_log = log.get(__name__)


class Topics(Protocol):
    """What is needed of the reader of the topics."""

    async def at_end(self, within: float) -> bool: ...


@dataclass(slots=True)
class Watch:
    """Keeps the freshness of one worker."""

    fresh: Freshness
    topics: Topics
    sources: Sequence[Source]
    chain: Chain = field(default_factory=Chain)
    first: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the state may be relied on for the first time."""
    _lost: asyncio.Event = field(default_factory=asyncio.Event)
    """While the topics do not confirm."""
    _silent: dict[str, str] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        steps = {"signs of life": self._beat, "topics": self._read_topics, "changes": self._ask_services}
        self._tasks = [
            asyncio.create_task(self._again_and_again(step), name=f"watch: {name}") for name, step in steps.items()
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _again_and_again(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except Exception as error:  # noqa: BLE001  a watch that ended in silence would let every call go unanswered
                # A defect of ours. Nothing is confirmed by it, and the other steps go on.
                _log.error("gateway.watch_broken", error=type(error).__name__, exc_info=error)
                await asyncio.sleep(EVERY)

    async def _beat(self) -> None:
        self.fresh.beat()
        await asyncio.sleep(_BEAT)

    async def _read_topics(self) -> None:
        began = self.fresh.clock()
        if await self.topics.at_end(ENDS_WITHIN):
            if self._lost.is_set():
                _log.info("gateway.topics_confirm_again")
            self._lost.clear()
            self.chain.read_to_the_end(began)
            self._confirm(began, Road.TOPICS)
        elif not self._lost.is_set():
            _log.warning("gateway.topics_confirm_nothing")
            self._lost.set()
        await self._rest(began, EVERY)

    async def _ask_services(self) -> None:
        began = self.fresh.clock()
        answers = await asyncio.gather(*(self._ask(source) for source in self.sources))
        if all(answers):
            self.chain.answered(self.fresh.clock())
            if self.chain.whole:
                self._confirm(began, Road.CHANGES)
        if not self._lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WELL_EVERY):
                    await self._lost.wait()
        else:
            await self._rest(began, EVERY)

    async def _ask(self, source: Source) -> bool:
        reason = ""
        try:
            await source.ask()
        except BeginAnew:
            self.chain.broken()
            reason = "begins anew"
        except NotTold as error:
            reason = str(error)
        if reason != self._silent.get(source.service, ""):
            # Once for each trouble and its end, not once a second.
            _log.warning("gateway.changes", service=source.service, trouble=reason or "none")
        self._silent[source.service] = reason
        return not reason

    def _confirm(self, began: float, road: Road) -> None:
        self.fresh.confirm(began, road)
        if self.fresh.holds:
            self.first.set()

    async def _rest(self, began: float, every: float) -> None:
        await asyncio.sleep(max(0.0, began + every - self.fresh.clock()))
