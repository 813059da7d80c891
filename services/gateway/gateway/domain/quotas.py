"""Quotas of grants as leases: a replica takes a few calls ahead from the shared count and serves them by itself.

Seconds and days are calendar units of Asia/Shanghai by the database's clock. What was leased for one is worth nothing
in the next. Where there is plenty a replica also gets a share: so many calls in each second of five minutes, not
asked for again.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from gateway.domain.grants import Grant

_SHANGHAI: Final = 8 * 3600
_DAY: Final = 86_400
IDLE: Final = 1.0
"""Seconds after which a lease that nobody uses may go back, and a count that was used up is asked again: what another
replica had leased and did not use may be there by then."""


TERM: Final = 300
"""Seconds for which a share is held; terms of the clock, so that all shares of a grant end together."""


class Period(StrEnum):
    SECOND = "second"
    DAY = "day"


def bucket(period: Period, at: float) -> int:
    """The calendar unit in which a Unix time in seconds falls."""
    return int(at) if period is Period.SECOND else int(at + _SHANGHAI) // _DAY


@dataclass(slots=True)
class Lease:
    """Calls of one grant in one calendar unit that this replica may still serve."""

    bucket: int
    limit: int
    """The quota that it was leased under."""
    left: int
    spent: bool
    """Whether the shared count had nothing more to give."""
    used_at: float
    asked_at: float
    aside: int = 0
    """Calls that may not be served, for the quota was lowered; they go back."""


@dataclass(slots=True)
class Share:
    """Calls of one grant that this replica may serve in each second of a term after the one it was given in."""

    since: int
    limit: int
    """The quota that it was given under."""
    count: int


@dataclass(frozen=True, slots=True)
class Need:
    """Something has to be leased before the call can be decided."""

    grant: UUID
    period: Period
    limit: int


@dataclass(frozen=True, slots=True)
class Charge:
    """One call that was taken from the leases of a replica: what is undone if it is not served, and its record."""

    leases: "Leases"
    grant: Grant
    """As it was when it was taken."""
    at: float
    """When it was taken: what was taken in one calendar unit is not given back in another."""
    lease: str | None
    """The holder and the day of the lease, for the record; None without a quota per day."""


class Leases:
    """The leases of one replica."""

    def __init__(self) -> None:
        # By the bytes of the grant's id: a UUID costs a function to hash and another to compare, in each call.
        self._held: dict[Period, dict[bytes, Lease]] = {Period.SECOND: {}, Period.DAY: {}}
        self._seconds, self._days = self._held[Period.SECOND], self._held[Period.DAY]
        self._shares: dict[bytes, Share] = {}
        self._term = 0
        """In which shares were looked through last."""

    def __len__(self) -> int:
        return len(self._seconds) + len(self._days)

    def take(self, grant: Grant, at: float) -> list[Need] | bool:
        """Take one call: True if it may be served, False if the quota is used up, else what has to be leased first.

        `at` is the database's time. Nothing is taken unless both periods give.
        """
        if self._take_at_once(grant, at):
            return True
        needs: list[Need] = []
        found: list[Lease] = []
        for period, limit in limits(grant):
            lease = self._held[period].get(grant.id.bytes)
            if limit == 0:
                return False
            if lease is None or lease.bucket != bucket(period, at) or lease.limit != limit:
                needs.append(Need(grant.id, period, limit))
            elif lease.left > 0:
                found.append(lease)
            elif lease.spent and at - lease.asked_at < IDLE:
                return False
            else:
                needs.append(Need(grant.id, period, limit))
        if needs:
            return needs
        for lease in found:
            lease.left -= 1
            lease.used_at = at
        return True

    def _take_at_once(self, grant: Grant, at: float) -> bool:
        """The same where both periods have a lease with something left, as for nearly every call."""
        name = grant.name
        second = day = None
        if grant.per_second is not None:
            second = self._seconds.get(name)
            if second is None or second.bucket != int(at):
                second = self._begin(name, grant.per_second, at)
            if second is None or second.left <= 0 or second.limit != grant.per_second:
                return False
        if grant.per_day is not None:
            day = self._days.get(name)
            if (
                day is None
                or day.left <= 0
                or day.bucket != int(at + _SHANGHAI) // _DAY
                or day.limit != grant.per_day
                or grant.per_day == 0
            ):
                return False
        if grant.per_second == 0:
            return False
        for lease in (second, day):
            if lease is not None:
                lease.left -= 1
                lease.used_at = at
        return True

    def _begin(self, name: bytes, limit: int, at: float) -> Lease | None:
        """The lease of a second that has just begun, by the share; None without one."""
        share, now = self._shares.get(name), int(at)
        if share is None or share.limit != limit or now <= share.since or now // TERM != share.since // TERM:
            return None
        lease = self._seconds[name] = Lease(now, limit, share.count, spent=False, used_at=at, asked_at=at)
        return lease

    def give_back(self, grant: Grant, at: float) -> None:
        """Undo the `take` of this instant: the call was answered 503 and is not charged."""
        for period, _ in limits(grant):
            lease = self._held[period].get(grant.id.bytes)
            if lease is not None and lease.bucket == bucket(period, at):
                lease.left += 1

    def add(self, need: Need, unit: int, *, count: int, spent: bool, at: float, share: int = 0) -> None:
        """Take in what the database leased, and the share that it gave."""
        held, name = self._held[need.period], need.grant.bytes
        if share:
            before = self._shares.get(name)
            same = before is not None and (before.since // TERM, before.limit) == (unit // TERM, need.limit)
            self._shares[name] = Share(unit, need.limit, share + (before.count if before is not None and same else 0))
        lease = held.get(name)
        if lease is None or lease.bucket != unit:
            held[name] = Lease(unit, need.limit, count, spent, at, at)
            return
        if need.limit < lease.limit:
            # How much of it the lower quota leaves is for the shared count to say, once it is back there.
            lease.aside, lease.left = lease.aside + lease.left, 0
        lease.limit = need.limit
        lease.left += count
        lease.spent = spent
        lease.used_at = lease.asked_at = at

    def distrust(self) -> None:
        """Use no share any more: the counts may have been lost, and know nothing of it."""
        self._shares.clear()

    def idle(self, at: float, unused_for: float = IDLE) -> list[tuple[UUID, int, int]]:
        """Leases of days that nobody used for so long: grant, day, calls left. Forgets what is over."""
        for period, held in self._held.items():
            now = bucket(period, at)
            for name in [name for name, lease in held.items() if lease.bucket != now]:
                del held[name]
        if int(at) // TERM != self._term:
            self._term = int(at) // TERM
            for name in [name for name, share in self._shares.items() if share.since // TERM < self._term]:
                del self._shares[name]
        return [
            (UUID(bytes=name), lease.bucket, lease.left + lease.aside)
            for name, lease in self._days.items()
            if lease.aside or (lease.left and at - lease.used_at >= unused_for)
        ]

    def withdraw(self, grant: UUID, day: int) -> int:
        """Hand over what is left of a day's lease, so that it can go back; 0 if it was used meanwhile."""
        lease = self._days.get(grant.bytes)
        if lease is None or lease.bucket != day:
            return 0
        left, lease.left, lease.aside = lease.left + lease.aside, 0, 0
        # Whether there is more is for the database to say, with the next call.
        lease.spent = False
        return left


def limits(grant: Grant) -> list[tuple[Period, int]]:
    found = []
    if grant.per_second is not None:
        found.append((Period.SECOND, grant.per_second))
    if grant.per_day is not None:
        found.append((Period.DAY, grant.per_day))
    return found
