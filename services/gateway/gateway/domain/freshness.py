"""Whether the state in memory may be relied on: it was confirmed, and not longer ago than a lease.

Pure: the clock is given. Seconds are those of one monotonic clock throughout.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.errors import Trouble, Unavailable

STALL: Final = 2.0
"""Seconds without a sign of life after which this process counts as having stood still. While it stood, anything may
have been taken back: nothing that was confirmed before is relied on."""


class Road(StrEnum):
    """On which road a confirmation came."""

    TOPICS = "topics"
    """All topics have been read to the ends that the broker named."""
    CHANGES = "changes"
    """Each service that owns state told what changed since it was last asked."""


@dataclass(slots=True)
class Freshness:
    """What calls ask before they rely on the state in memory."""

    lease: float
    """Seconds."""
    clock: Callable[[], float]
    confirmed: dict[Road, float] = field(default_factory=dict)
    """When the newest confirmation on each road began; the state in memory is at least as new."""
    _since: float = -math.inf
    """Confirmations that began earlier do not count."""
    _alive: float = math.inf
    _until: float = -math.inf

    def confirm(self, began: float, road: Road) -> None:
        """The state is at least as new as the moment at which this was begun to be asked."""
        self.beat()
        self.confirmed[road] = max(began, self.confirmed.get(road, began))
        self._work_out()

    def beat(self) -> None:
        """A sign of life; several are given in the time of a stall."""
        now = self.clock()
        if now - self._alive > STALL:
            self._since = now
        self._alive = now
        self._work_out()

    def _work_out(self) -> None:
        counted = [began for began in self.confirmed.values() if began >= self._since]
        self._until = min(max(counted, default=-math.inf) + self.lease, self._alive + STALL)

    @property
    def holds(self) -> bool:
        """Whether the state may be relied on now."""
        return self.clock() <= self._until

    def need(self) -> None:
        """Raises Unavailable unless the state may be relied on now."""
        if not self.holds:
            raise Unavailable(Trouble.GRANTS)

    def age(self, *roads: Road) -> float:
        """Seconds since the newest confirmation on any of these roads began, of all roads if none is named."""
        return self.clock() - max((self.confirmed.get(road, -math.inf) for road in roads or Road), default=-math.inf)


@dataclass(slots=True)
class Chain:
    """Whether the answers of all services together leave no gap behind the topics.

    An answer tells what changed since the one before. The first one has none before it: what had been sent until then
    is known only to whoever has read the topics to their ends after it.
    """

    whole: bool = False
    _first: float = math.inf

    def answered(self, ended: float) -> None:
        """Every service answered, and all of it is applied."""
        self._first = min(self._first, ended)

    def read_to_the_end(self, began: float) -> None:
        """The topics were read to the ends that they had at this moment or later."""
        if began >= self._first:
            self.whole = True

    def broken(self) -> None:
        """A service cannot tell any more what changed since its last answer: it begins anew."""
        self.whole, self._first = False, math.inf
