"""Working days of the mainland with 调休: days off on weekdays, working Saturdays and Sundays.

`chinesecalendar` knows the State Council's notices of past years. A year that it lacks comes from a table which an
administrator enters from the notice itself; a year that neither has is refused, never guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources

from chinese_calendar.constants import holidays, workdays

from policy.errors import CalendarMissing, CountNotPositive, FileRefused, Flaw
from policy.shanghai import shanghai_day
from policy.tables import SourceFile, Table, read_table

FIRST_YEAR = 2000
LAST_YEAR = 2099

_SATURDAY = 5
_DAY = timedelta(days=1)

# 全国年节及纪念日放假办法 gives these days off by their date in every year: a table of a whole year that works on one
# of them is not complete.
_ALWAYS_OFF = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class YearTable:
    """The days off and the extra working days of one year, from the notice named as `source`.

    A whole year (`amends` false) stands for itself: weekends are off and weekdays are worked unless listed. One that
    amends changes only the listed days of a year that the calendar knows.
    """

    year: int
    source: str
    rest_days: frozenset[date]
    working_days: frozenset[date]
    amends: bool = False
    file: str = ""

    def is_working_day(self, day: date) -> bool | None:
        """Whether it is worked; None where this table says nothing of the day."""
        if day in self.working_days:
            return True
        if day in self.rest_days:
            return False
        return None if self.amends else day.weekday() < _SATURDAY


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked; `tables` are asked before the installed calendar."""

    tables: tuple[YearTable, ...] = ()

    def knows(self, year: int) -> bool:
        """Whether the year is known, from a table or from the installed calendar."""
        return year in _installed_years() or any(table.year == year and not table.amends for table in self.tables)

    def known_until(self, day: date) -> date | None:
        """The last day of the years that are known without a gap from that day's on; None if its own is not.

        For an alert before deadlines begin to stay open.
        """
        year = day.year
        while self.knows(year):
            year += 1
        return date(year - 1, 12, 31) if year > day.year else None

    def is_working_day(self, day: date) -> bool:
        """Whether the day is worked.

        Raises:
            CalendarMissing: its year is not known.
        """
        if not self.knows(day.year):
            raise CalendarMissing(day.year)
        for table in self.tables:
            if table.year == day.year:
                said = table.is_working_day(day)
                if said is not None:
                    return said
        return day in workdays or (day.weekday() < _SATURDAY and day not in holidays)


def add_working_days(start: datetime | date, count: int, calendar: Calendar) -> date:
    """The count-th working day after the day of `start`.

    That day itself, the day of receipt, is not counted, whether it is worked or not and whatever the hour. A deadline
    that falls on the day returned ends at 24:00 of it in Asia/Shanghai.

    Raises:
        CountNotPositive: count is less than 1.
        CalendarMissing: a day on the way belongs to a year that is not known.
        NaiveInstant: a datetime without a zone.
    """
    if count < 1:
        raise CountNotPositive(count)
    day = shanghai_day(start)
    left = count
    while left:
        day += _DAY
        left -= calendar.is_working_day(day)
    return day


def working_days_between(start: datetime | date, end: datetime | date, calendar: Calendar) -> int:
    """How many working days lie after the day of `start` up to and with that of `end`; negative if `end` is before.

    So `working_days_between(d, add_working_days(d, n, c), c) == n`.

    Raises:
        CalendarMissing: a day on the way belongs to a year that is not known.
        NaiveInstant: a datetime without a zone.
    """
    first, last = shanghai_day(start), shanghai_day(end)
    if last < first:
        return -working_days_between(last, first, calendar)
    return sum(calendar.is_working_day(first + _DAY * ahead) for ahead in range(1, (last - first).days + 1))


def shipped_calendar(extra: Iterable[SourceFile] = ()) -> Calendar:
    """The installed calendar with the shipped table and an administrator's files.

    Raises:
        FileRefused: a file is not valid, two give the same year, or one amends a year that is not known.
    """
    shipped = resources.files("policy").joinpath("overrides.toml").read_bytes()
    tables: list[YearTable] = []
    for source in (SourceFile("overrides.toml", shipped), *extra):
        tables += read_overrides(source)
    seen: dict[int, YearTable] = {}
    for table in tables:
        key = f"years.{table.year}"
        if table.year in seen:
            raise FileRefused(table.file, key, Flaw.DUPLICATE, f"该年已由{seen[table.year].file}录入")
        if table.amends and table.year not in _installed_years():
            raise FileRefused(table.file, key, Flaw.CONTRADICTION, "不能修正日历尚未收录的年份，请录入全年安排")
        seen[table.year] = table
    return Calendar(tuple(tables))


def read_overrides(source: SourceFile) -> tuple[YearTable, ...]:
    """The years of one file of working days; an empty file has none.

    Raises:
        FileRefused: names the file, the key and what is wrong.
    """
    root = read_table(source)
    if not root.has("years"):
        root.close()
        return ()
    years = root.table("years")
    tables = []
    for key in years.keys():  # noqa: SIM118  a Table is asked for its keys, it is no mapping
        if not (key.isascii() and key.isdigit() and len(key) == 4 and FIRST_YEAR <= int(key) <= LAST_YEAR):
            years.refuse(key, Flaw.BAD_VALUE, f"须为{FIRST_YEAR}至{LAST_YEAR}的年份")
        tables.append(_year(years.table(key), int(key)))
    root.close()
    return tuple(tables)


def _year(table: Table, year: int) -> YearTable:
    read = YearTable(
        year=year,
        source=table.text("source"),
        rest_days=_days_of(table, "rest_days", year),
        working_days=_days_of(table, "working_days", year),
        amends=table.flag("amends") if table.has("amends") else False,
        file=table.file,
    )
    table.close()
    if both := sorted(read.rest_days & read.working_days):
        table.refuse("working_days", Flaw.CONTRADICTION, f"{both[0]}既列为休息日又列为工作日")
    if read.amends:
        if not read.rest_days | read.working_days:
            table.refuse("", Flaw.MISSING_KEY, "没有任何日期")
        return read
    for day in sorted(read.working_days):
        if day.weekday() < _SATURDAY:
            table.refuse("working_days", Flaw.CONTRADICTION, f"{day}不是周六或周日，本来就是工作日")
    for month, day_of_month in _ALWAYS_OFF:
        if read.is_working_day(date(year, month, day_of_month)):
            table.refuse("rest_days", Flaw.MISSING_KEY, f"全年安排不完整：{month}月{day_of_month}日为法定节日")
    return read


def _days_of(table: Table, key: str, year: int) -> frozenset[date]:
    days = table.days(key) if table.has(key) else ()
    for day in days:
        if day.year != year:
            table.refuse(key, Flaw.BAD_VALUE, f"{day}不属于{year}年")
    return frozenset(days)


@cache
def _installed_years() -> range:
    """The years of the installed calendar; it has whole years without a gap."""
    known = [day.year for day in holidays]
    return range(min(known), max(known) + 1)
