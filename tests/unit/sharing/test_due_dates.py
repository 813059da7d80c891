"""When an answer is due (REQ-P1, S2; IN-C7): the rule's term in working days, or open where the calendar cannot say."""

from datetime import date

import pytest

from common.events import SharingType
from policy import SourceFile, load_shipped, shipped_calendar
from sharing.domain import applications
from tests.support.given_clock import at
from tests.support.sharing_values import NUMBER, application

BOOK = load_shipped()
CALENDAR = shipped_calendar()
# Made up for the tests: the arrangements of 2027 were not announced when this was written.
YEAR_2027 = SourceFile(
    "2027.toml",
    """
[years.2027]
source = "某年部分节假日安排的通知（试验用）"
rest_days = [2027-01-01, 2027-05-01, 2027-10-01]
working_days = []
""",
)


def submitted(instant, *, sharing_type=SharingType.AUTHORIZED, calendar=CALENDAR):
    return applications.submit(
        application(),
        by="jyj.shenqing",
        number=NUMBER,
        sharing_type=sharing_type,
        at=instant,
        in_force=BOOK.at(instant),
        calendar=calendar,
    )


@pytest.mark.parametrize(
    ("instant", "due", "source"),
    [
        # Over National Day 2026, with Saturday 10 October worked; the house rule keeps what 2019 had.
        (at("2026-09-28"), date(2026, 10, 16), "内部规则：区级内部管理规则第一条"),
        (at("2026-09-28", "00:00:00"), date(2026, 10, 16), "内部规则：区级内部管理规则第一条"),
        (at("2026-09-28", "23:59:59.999"), date(2026, 10, 16), "内部规则：区级内部管理规则第一条"),
        (at("2026-11-20", "23:59:59.999"), date(2026, 12, 4), "内部规则：区级内部管理规则第一条"),
        # In its own time 2019 said it itself.
        (at("2020-03-02"), date(2020, 3, 16), "本区办法：长府规〔2019〕1号第十七条第一款"),
        (at("2024-02-28"), date(2024, 3, 13), "内部规则：区级内部管理规则第一条"),
    ],
)
def test_the_answer_is_due_after_ten_working_days_and_says_by_which_rule(instant, due, source):
    done = submitted(instant)

    assert (done.due_on, done.due_open, done.due_source) == (due, None, source)
    assert applications.requested(done).due_on == due


def test_where_the_calendar_ends_the_day_is_open_and_says_what_to_enter():
    done = submitted(at("2026-12-20"))

    assert done.due_on is None
    assert "2027" in done.due_open
    assert done.due_open.startswith("期限待定")
    assert done.due_source == "内部规则：区级内部管理规则第一条"
    assert applications.requested(done).due_open == done.due_open


def test_it_is_counted_once_the_year_was_entered():
    done = submitted(at("2026-12-20"), calendar=shipped_calendar([YEAR_2027]))

    assert (done.due_on, done.due_open) == (date(2027, 1, 4), None)


def test_what_is_granted_at_once_has_no_due_date():
    done = submitted(at("2026-12-20"), sharing_type=SharingType.UNRESTRICTED)

    assert (done.due_on, done.due_open, done.due_source) == (None, None, None)
