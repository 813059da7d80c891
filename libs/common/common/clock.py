"""Time as the exchange sees it: aware instants, days of Asia/Shanghai.

A clock is given to whoever needs one, so that a test can give its own.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

# China keeps one offset without daylight saving since 1991, so no time zone database is needed on the machine.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

Clock = Callable[[], datetime]


def now() -> datetime:
    """The system's time, aware, in UTC."""
    return datetime.now(UTC)


def local_day(instant: datetime) -> date:
    """The calendar day of Asia/Shanghai in which an aware instant falls."""
    return local(instant).date()


def local(instant: datetime) -> datetime:
    """An aware instant as Asia/Shanghai shows it.

    Raises:
        ValueError: the instant has no zone.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone has no place on a calendar")
    return instant.astimezone(SHANGHAI)


def show(instant: datetime) -> str:
    """An instant for people: `2026-11-23 09:12:00` in Asia/Shanghai."""
    return local(instant).strftime("%Y-%m-%d %H:%M:%S")


def from_millis(millis: int) -> datetime:
    """The instant of a Unix time in milliseconds."""
    return datetime.fromtimestamp(millis / 1000, UTC)
