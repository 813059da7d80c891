"""Working days with 调休, and when something is due (reliability page: C7 of the workflow forms)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

import policy
from policy import Calendar, DueOn, DueOpen, SourceFile, add_working_days, due, working_days_between

SHANGHAI = timezone(timedelta(hours=8))
CALENDAR = policy.shipped_calendar()
BOOK = policy.load_shipped()
ANSWER = BOOK.on(date(2026, 1, 5)).require("share-answer-deadline")

# Made up for the tests: the arrangements of 2027 were not announced when this was written.
MADE_UP_2027 = SourceFile(
    "2027.toml",
    """
[years.2027]
source = "某年部分节假日安排的通知（试验用）"
rest_days = [
  2027-01-01, 2027-02-05, 2027-02-06, 2027-02-07, 2027-02-08, 2027-02-09, 2027-02-10, 2027-02-11,
  2027-04-05, 2027-05-01, 2027-05-03, 2027-05-04, 2027-06-09, 2027-09-15,
  2027-10-01, 2027-10-02, 2027-10-03, 2027-10-04, 2027-10-05, 2027-10-06, 2027-10-07,
]
working_days = [2027-01-30, 2027-02-20, 2027-10-09]
""",
)
WITH_2027 = policy.shipped_calendar([MADE_UP_2027])

known_days = st.dates(min_value=date(2004, 1, 1), max_value=date(2025, 12, 31))
counts = st.integers(min_value=1, max_value=120)


def at(day, hour=10, minute=0, second=0, microsecond=0):
    return datetime(*day, hour, minute, second, microsecond, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        # National Day 2026 is 1-7 October; Saturday 10 October is worked.
        (at((2026, 9, 28)), 10, date(2026, 10, 16)),
        (date(2026, 9, 28), 2, date(2026, 9, 30)),
        (at((2026, 9, 30)), 1, date(2026, 10, 8)),
        (at((2026, 9, 30)), 3, date(2026, 10, 10)),
        # 春节 2026 is 15-23 February; Saturdays 14 and 28 February are worked.
        (at((2026, 2, 12)), 2, date(2026, 2, 14)),
        (at((2026, 2, 12)), 10, date(2026, 3, 4)),
        (at((2026, 2, 14)), 1, date(2026, 2, 24)),
        # Over the leap day of 2024, a Thursday.
        (at((2024, 2, 28)), 1, date(2024, 2, 29)),
        (at((2024, 2, 29)), 1, date(2024, 3, 1)),
        (at((2024, 2, 26)), 10, date(2024, 3, 11)),
        # The last microsecond of a Friday is still Friday, the next one Saturday: Monday is the first day of both.
        (at((2026, 11, 20), 23, 59, 59, 999999), 10, date(2026, 12, 4)),
        (at((2026, 11, 21), 0), 10, date(2026, 12, 4)),
        # Submitted on a day of rest: that day is not counted either, and nothing is lost by it.
        (at((2026, 11, 21)), 1, date(2026, 11, 23)),
        (at((2026, 10, 3)), 1, date(2026, 10, 8)),
        # Submitted on a worked Sunday (20 September 2026): not counted, Monday is the first.
        (at((2026, 9, 20)), 1, date(2026, 9, 21)),
        # Across the end of a year that is followed by a known one: 1-3 January 2026 are off, Sunday the 4th is worked.
        (at((2025, 12, 31)), 1, date(2026, 1, 4)),
        # An instant of another zone counts by its day in Shanghai: here already Monday 28 September.
        (datetime(2026, 9, 27, 16, 0, tzinfo=UTC), 10, date(2026, 10, 16)),
    ],
)
def test_the_due_day_is_the_nth_working_day_after_the_day_of_receipt(start, count, expected):
    assert add_working_days(start, count, CALENDAR) == expected


def test_every_day_of_the_installed_calendar_is_judged_as_it_judges():
    day, judged = date(2004, 1, 1), 0
    while day <= date(2026, 12, 31):
        assert CALENDAR.is_working_day(day) == chinese_calendar.is_workday(day), day
        day, judged = day + timedelta(days=1), judged + 1
    assert judged == 8401


@pytest.mark.parametrize("day", [date(2003, 12, 31), date(2027, 1, 1), date(1970, 1, 1)])
def test_a_year_that_nobody_has_announced_is_never_guessed(day):
    with pytest.raises(policy.CalendarMissing) as refused:
        CALENDAR.is_working_day(day)
    assert (refused.value.code, refused.value.year) == ("calendar-missing", day.year)
    assert f"国务院办公厅关于{day.year}年部分节假日安排的通知" in refused.value.message


def test_only_a_deadline_that_runs_into_the_unknown_year_is_missing():
    assert add_working_days(date(2026, 12, 17), 10, CALENDAR) == date(2026, 12, 31)
    with pytest.raises(policy.CalendarMissing) as refused:
        add_working_days(date(2026, 12, 18), 10, CALENDAR)
    assert refused.value.year == 2027


def test_the_end_of_what_is_known_can_be_watched():
    assert CALENDAR.known_until(date(2026, 11, 23)) == date(2026, 12, 31)
    assert WITH_2027.known_until(date(2026, 11, 23)) == date(2027, 12, 31)
    assert CALENDAR.known_until(date(2027, 1, 1)) is None


def test_a_table_of_2027_is_used_where_the_installed_calendar_ends():
    assert add_working_days(date(2026, 12, 20), 10, WITH_2027) == date(2027, 1, 4)
    assert add_working_days(date(2027, 1, 29), 1, WITH_2027) == date(2027, 1, 30)
    assert add_working_days(date(2027, 2, 4), 1, WITH_2027) == date(2027, 2, 12)
    assert add_working_days(date(2027, 9, 30), 2, WITH_2027) == date(2027, 10, 9)


def test_a_table_of_a_whole_year_replaces_what_was_known_and_one_that_amends_only_its_days():
    whole = 'source = "通知"\nrest_days = [2026-01-01, 2026-05-01, 2026-10-01, 2026-10-02]\n'
    replaced = policy.shipped_calendar([SourceFile("w.toml", f"[years.2026]\n{whole}")])
    assert replaced.is_working_day(date(2026, 2, 17))  # 春节 of the installed calendar, not in this table
    assert not replaced.is_working_day(date(2026, 10, 10))
    amends = 'amends = true\nsource = "通知"\nrest_days = [2026-12-31]\nworking_days = [2026-12-26]\n'
    amended = policy.shipped_calendar([SourceFile("a.toml", f"[years.2026]\n{amends}")])
    assert not amended.is_working_day(date(2026, 12, 31))
    assert amended.is_working_day(date(2026, 12, 26))
    assert not amended.is_working_day(date(2026, 2, 17))
    assert amended.is_working_day(date(2026, 10, 10))


@given(known_days, counts)
def test_counting_back_what_was_added_gives_it_again(day, count):
    assert working_days_between(day, add_working_days(day, count, CALENDAR), CALENDAR) == count


@given(known_days, counts, counts)
def test_adding_in_two_steps_is_adding_at_once(day, first, second):
    there = add_working_days(add_working_days(day, first, CALENDAR), second, CALENDAR)
    assert there == add_working_days(day, first + second, CALENDAR)


@given(known_days, known_days, counts)
def test_who_submits_later_is_not_due_earlier(one, other, count):
    earlier, later = sorted((one, other))
    assert add_working_days(earlier, count, CALENDAR) <= add_working_days(later, count, CALENDAR)


@given(known_days, counts)
def test_more_days_are_later_and_every_due_day_is_worked(day, count):
    due_day = add_working_days(day, count, CALENDAR)
    assert day < due_day < add_working_days(day, count + 1, CALENDAR)
    assert CALENDAR.is_working_day(due_day)


@given(known_days, known_days)
def test_between_is_the_same_number_backwards(one, other):
    assert working_days_between(one, other, CALENDAR) == -working_days_between(other, one, CALENDAR)
    assert working_days_between(one, one, CALENDAR) == 0


@given(known_days, counts, st.integers(min_value=0, max_value=86_399_999_999))
def test_the_hour_of_the_day_does_not_matter(day, count, microseconds):
    instant = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(microseconds=microseconds)
    assert add_working_days(instant, count, CALENDAR) == add_working_days(day, count, CALENDAR)


@pytest.mark.parametrize("count", [0, -1])
def test_no_days_at_all_are_refused(count):
    with pytest.raises(policy.CountNotPositive):
        add_working_days(date(2026, 9, 28), count, CALENDAR)


def test_an_instant_without_a_zone_is_refused():
    naive = datetime(2026, 9, 28, 10)  # noqa: DTZ001  the missing zone is the subject
    with pytest.raises(policy.NaiveInstant):
        add_working_days(naive, 1, CALENDAR)
    with pytest.raises(policy.NaiveInstant):
        working_days_between(naive, date(2026, 9, 30), CALENDAR)
    with pytest.raises(policy.NaiveInstant):
        due(naive, ANSWER, CALENDAR)


def test_due_ends_at_midnight_in_shanghai_and_names_its_rule():
    answer = due(at((2026, 9, 28)), ANSWER, CALENDAR)
    assert answer == DueOn(rule=ANSWER, on=date(2026, 10, 16))
    assert answer.ends_at == datetime(2026, 10, 16, 16, 0, tzinfo=UTC)
    assert not answer.is_past(datetime(2026, 10, 16, 15, 59, 59, 999999, UTC))
    assert answer.is_past(answer.ends_at)
    assert answer.rule.source_zh == "内部规则：区级内部管理规则第一条"


def test_due_is_open_with_an_alert_where_the_calendar_is_missing():
    answer = due(at((2026, 12, 20)), ANSWER, CALENDAR)
    assert isinstance(answer, DueOpen)
    assert answer.missing_year == 2027
    assert answer.alert_zh.startswith("期限待定：缺少2027年的工作日安排")
    assert due(at((2026, 12, 20)), ANSWER, WITH_2027) == DueOn(rule=ANSWER, on=date(2027, 1, 4))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 31), date(2026, 12, 31)),
        (date(2026, 1, 1), date(2027, 12, 31)),
        (date(2024, 2, 29), date(2025, 12, 31)),
    ],
)
def test_once_a_year_is_due_by_the_end_of_the_next_calendar_year(day, expected):
    rule = BOOK.on(date(2020, 1, 1)).require("catalog-yearly-maintenance")  # 2019§10: 每年应当至少进行一次
    assert due(day, rule, Calendar()) == DueOn(rule=rule, on=expected)


def test_calendar_days_are_counted_as_they_come():
    rule = replace(ANSWER, deadline=replace(ANSWER.deadline, count=15, unit=policy.DeadlineUnit.DAYS))
    assert due(date(2026, 12, 20), rule, CALENDAR) == DueOn(rule=rule, on=date(2027, 1, 4))


def test_a_rule_without_a_deadline_is_never_due():
    with pytest.raises(policy.PartAbsent):
        due(date(2026, 9, 28), BOOK.on(date(2026, 1, 5)).require("share-approval"), CALENDAR)


WEEKEND_LISTED = "rest_days = [2027-01-01, 2027-01-02, 2027-01-03, 2027-05-01, 2027-10-01, 2027-10-02, 2027-10-03]"


def test_a_weekend_named_as_days_of_rest_is_fine():
    (table,) = policy.read_overrides(SourceFile("o.toml", f'[years.2027]\nsource = "通知"\n{WEEKEND_LISTED}\n'))
    assert (table.year, table.source, len(table.rest_days)) == (2027, "通知", 7)


@pytest.mark.parametrize(
    ("text", "key", "flaw"),
    [
        ("[yeers.2027]", "yeers", policy.Flaw.UNKNOWN_KEY),
        ("years = 2027", "years", policy.Flaw.WRONG_TYPE),
        ("[years.27]", "years.27", policy.Flaw.BAD_VALUE),
        ('[years."２０２７"]', "years.２０２７", policy.Flaw.BAD_VALUE),
        ("[years.1999]", "years.1999", policy.Flaw.BAD_VALUE),
        (f"[years.2027]\n{WEEKEND_LISTED}", "years.2027.source", policy.Flaw.MISSING_KEY),
        (
            f'[years.2027]\nsource = "通知"\n{WEEKEND_LISTED}\nrestdays = []',
            "years.2027.restdays",
            policy.Flaw.UNKNOWN_KEY,
        ),
        (
            f'[years.2027]\nsource = "通知"\n{WEEKEND_LISTED}\nworking_days = [2027-01-02]',
            "years.2027.working_days",
            policy.Flaw.CONTRADICTION,
        ),
        (
            f'[years.2027]\nsource = "通知"\n{WEEKEND_LISTED}\nworking_days = [2026-12-26]',
            "years.2027.working_days",
            policy.Flaw.BAD_VALUE,
        ),
        (
            f'[years.2027]\nsource = "通知"\n{WEEKEND_LISTED}\nworking_days = [2027-01-05]',
            "years.2027.working_days",
            policy.Flaw.CONTRADICTION,
        ),
        (
            f'[years.2027]\nsource = "通知"\n{WEEKEND_LISTED}\nworking_days = [2027-02-20, 2027-02-20]',
            "years.2027.working_days",
            policy.Flaw.DUPLICATE,
        ),
        (
            '[years.2027]\nsource = "通知"\nrest_days = ["2027-01-01"]',
            "years.2027.rest_days",
            policy.Flaw.WRONG_TYPE,
        ),
        (
            '[years.2027]\nsource = "通知"\nrest_days = [2027-01-01T00:00:00]',
            "years.2027.rest_days",
            policy.Flaw.WRONG_TYPE,
        ),
        # Only 元旦: the rest of the notice was forgotten.
        (
            '[years.2027]\nsource = "通知"\nrest_days = [2027-01-01, 2027-05-01]',
            "years.2027.rest_days",
            policy.Flaw.MISSING_KEY,
        ),
        ('[years.2026]\namends = true\nsource = "通知"', "years.2026", policy.Flaw.MISSING_KEY),
        (
            '[years.2028]\namends = true\nsource = "通知"\nrest_days = [2028-12-31]',
            "years.2028",
            policy.Flaw.CONTRADICTION,
        ),
        ("[years.2027", "", policy.Flaw.UNREADABLE),
    ],
)
def test_a_table_of_working_days_is_refused_by_file_and_key(text, key, flaw):
    with pytest.raises(policy.FileRefused) as refused:
        policy.shipped_calendar([SourceFile("o.toml", text)])
    assert (refused.value.file, refused.value.key, refused.value.flaw) == ("o.toml", key, flaw)


def test_two_files_may_not_give_the_same_year():
    again = SourceFile("again.toml", MADE_UP_2027.content)
    with pytest.raises(policy.FileRefused) as refused:
        policy.shipped_calendar([MADE_UP_2027, again])
    assert (refused.value.file, refused.value.key, refused.value.flaw) == (
        "again.toml",
        "years.2027",
        policy.Flaw.DUPLICATE,
    )


def test_a_few_amended_days_do_not_make_a_year_known():
    amended = policy.YearTable(
        year=2027, source="通知", rest_days=frozenset({date(2027, 1, 1)}), working_days=frozenset(), amends=True
    )
    with pytest.raises(policy.CalendarMissing):
        Calendar((amended,)).is_working_day(date(2027, 1, 1))


def test_an_empty_file_of_working_days_changes_nothing():
    assert policy.shipped_calendar([SourceFile("o.toml", b"# \xe7\xa9\xba\n")]) == CALENDAR == Calendar()
