"""The calendar day of Asia/Shanghai: the only place where an instant becomes a date.

The regulations count in days of the district. China keeps one offset without daylight saving since 1991, so neither a
time zone database nor the environment is asked.
"""

from datetime import date, datetime, timedelta, timezone

from policy.errors import NaiveInstant

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


def shanghai_day(moment: datetime | date) -> date:
    """The day in which an aware instant falls; a plain date stays itself.

    Raises:
        NaiveInstant: a datetime without a zone.
    """
    if not isinstance(moment, datetime):
        return moment
    if moment.utcoffset() is None:
        raise NaiveInstant
    return moment.astimezone(SHANGHAI).date()


def end_of(day: date) -> datetime:
    """24:00 of a day in Asia/Shanghai, as the aware instant at which the next day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(days=1)
