"""When something is due: a rule's deadline counted from an instant, or open where the calendar cannot say yet."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import assert_never

from policy.errors import CalendarMissing, PartAbsent
from policy.model import Rule
from policy.shanghai import end_of, shanghai_day
from policy.vocabulary import DeadlineUnit
from policy.workdays import Calendar, add_working_days


@dataclass(frozen=True, slots=True, kw_only=True)
class DueOn:
    """Due by 24:00 of `on` in Asia/Shanghai, under `rule` (whose layer and citation a screen shows)."""

    rule: Rule
    on: date

    @property
    def ends_at(self) -> datetime:
        """The first instant that is too late."""
        return end_of(self.on)

    def is_past(self, instant: datetime) -> bool:
        """Whether the deadline has ended by an aware instant.

        Raises:
            NaiveInstant: the instant has no zone.
        """
        return shanghai_day(instant) > self.on


@dataclass(frozen=True, slots=True, kw_only=True)
class DueOpen:
    """No date yet: the working days of `missing_year` are not known. What was submitted stands all the same."""

    rule: Rule
    missing_year: int
    alert_zh: str


Due = DueOn | DueOpen


def due(start: datetime | date, rule: Rule, calendar: Calendar) -> Due:
    """When what the rule asks for is due, counted from the day of `start`, which itself is not counted.

    Raises:
        PartAbsent: the rule sets no deadline.
        NaiveInstant: a datetime without a zone.
    """
    deadline = rule.deadline
    if deadline is None:
        raise PartAbsent(rule.citation, "deadline")
    day = shanghai_day(start)
    match deadline.unit:
        case DeadlineUnit.WORKING_DAYS:
            try:
                return DueOn(rule=rule, on=add_working_days(day, deadline.count, calendar))
            except CalendarMissing as missing:
                return DueOpen(rule=rule, missing_year=missing.year, alert_zh=f"期限待定：{missing.message}")
        case DeadlineUnit.DAYS:
            return DueOn(rule=rule, on=day + timedelta(days=deadline.count))
        case DeadlineUnit.CALENDAR_YEARS:
            return DueOn(rule=rule, on=date(day.year + deadline.count, 12, 31))
        case _:
            assert_never(deadline.unit)
