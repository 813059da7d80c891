"""Whether a process lives, and whether it may be given work: two different questions, asked by different people.

*Live*: the event loop answers; anything else would make a supervisor kill what only waits. *Ready*: what the service
cannot work without is there (its database; for a gateway its state). A broker that is away does not make a service
unready, because writes go to the outbox; it is shown as degraded.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

Check = Callable[[], Awaitable[None]]
"""Returns if all is well, raises if not."""

_TIMEOUT: Final = 2.0
_KEEP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    ready: bool
    needed: dict[str, str]
    """What must be there, with `ok` or the name of the trouble."""
    degraded: dict[str, str]
    """What may be away for a while."""


@dataclass(slots=True)
class Health:
    """The checks of one process. Results are kept a second, so that probes cost nothing."""

    needed: dict[str, Check] = field(default_factory=dict)
    wanted: dict[str, Check] = field(default_factory=dict)
    _last: Report | None = None
    _asked_at: float = 0.0

    async def report(self) -> Report:
        if self._last is not None and time.monotonic() - self._asked_at < _KEEP:
            return self._last
        names = [*self.needed, *self.wanted]
        found = dict(
            zip(names, await asyncio.gather(*map(_ask, [*self.needed.values(), *self.wanted.values()])), strict=True)
        )
        needed = {name: found[name] for name in self.needed}
        self._last = Report(
            ready=all(answer == "ok" for answer in needed.values()),
            needed=needed,
            degraded={name: found[name] for name in self.wanted if found[name] != "ok"},
        )
        self._asked_at = time.monotonic()
        return self._last


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(_TIMEOUT):
            await check()
    except Exception as error:  # noqa: BLE001  whatever the trouble is, it is named, not raised
        return type(error).__name__
    return "ok"
