"""Passwords and failed logins (REQ-U2)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import domain, errors
from registry.domain import FAILURES, LOCKED_FOR, Attempts
from tests.support.given_clock import PAST_TERM

NONE_FAILED = Attempts(failures=0, locked_until=None)


@pytest.mark.parametrize(
    "password",
    ["Abcdefghij12", "abcdefgh-123", "ABCDEFGH-123", "Abcdefgh-ijk", "密码密码密码密码Ab12", "correct Horse battery"],
)
def test_a_password_of_twelve_characters_and_three_kinds_is_strong_enough(password):
    domain.check_password(password, "mzj.bianzhi")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "Abcdefghi12",  # eleven
        "abcdefghijkl",
        "ABCDEFGHIJ12",  # two kinds
        "123456-123456",
        "Mzj.Bianzhi-2026",  # holds the account's name, in whatever case
        "x-mzj.bianzhi-X",
    ],
)
def test_a_weak_password_is_refused(password):
    with pytest.raises(errors.WeakPassword):
        domain.check_password(password, "mzj.bianzhi")


@given(st.text(max_size=30))
def test_a_password_that_is_taken_is_long_enough_and_of_three_kinds(password):
    try:
        domain.check_password(password, "mzj.bianzhi")
    except errors.WeakPassword:
        return
    ascii_kinds = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789")
    kinds = sum(not set(kind).isdisjoint(password) for kind in ascii_kinds)
    others = any(char not in "".join(ascii_kinds) for char in password)
    assert len(password) >= 12
    assert kinds + others >= 3


def test_the_fifth_failure_in_a_row_locks_for_a_quarter_of_an_hour():
    held = NONE_FAILED
    for _ in range(4):
        held = held.failed(PAST_TERM)
        assert not held.locked(PAST_TERM)
    held = held.failed(PAST_TERM)

    assert held.locked(PAST_TERM)
    assert held.locked(PAST_TERM + timedelta(minutes=15) - timedelta(microseconds=1))
    assert not held.locked(PAST_TERM + timedelta(minutes=15))


@given(st.integers(min_value=1, max_value=40))
def test_every_fifth_failure_locks_anew_and_no_other(count):
    held = NONE_FAILED
    for _ in range(count):
        held = held.failed(PAST_TERM)

    assert held.failures == count
    assert (held.locked_until == PAST_TERM + LOCKED_FOR) is (count % FAILURES == 0)
    assert held.locked(PAST_TERM) is (count % FAILURES == 0)
