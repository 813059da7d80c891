"""Watches this machine's clock against the database's, which decides; one that is wrong is reported (FAULT-28)."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from common import log

MAX_SKEW: Final = 2.0
"""Seconds; more is reported in the log, in the metrics and as degraded."""
_EVERY: Final = 1.0
_log = log.get(__name__)


class Timepiece:
    """Tells once that the clock is wrong, and once that it is right again."""

    def __init__(self, skew: Callable[[], float]) -> None:
        self._skew = skew
        self._wrong = False
        self._task: asyncio.Task[None] | None = None

    async def right(self) -> None:
        """Raises ConnectionError while the clock is wrong: a reason to look, none to stop answering."""
        self.look()
        if self._wrong:
            raise ConnectionError

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="timepiece")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(_EVERY)

    def look(self) -> None:
        """Say what changed since the last look."""
        skew = self._skew()
        wrong = abs(skew) > MAX_SKEW
        if wrong and not self._wrong:
            _log.error("gateway.clock_wrong", ahead_seconds=round(skew, 1))
        elif self._wrong and not wrong:
            _log.info("gateway.clock_right_again")
        self._wrong = wrong
