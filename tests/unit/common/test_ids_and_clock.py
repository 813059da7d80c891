"""Identifiers that sort by their making, and time as Shanghai's calendar shows it."""

import os
import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import clock, ids

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.integers(694_310_400, 7_258_118_400).flatmap(
    lambda seconds: ZONES.map(lambda zone: datetime.fromtimestamp(seconds, zone))
)


class Drawn:
    def __init__(self, bits):
        self.bits = bits

    def getrandbits(self, count):
        return self.bits & ((1 << count) - 1)


@given(st.integers(0, (1 << 48) - 1), st.integers(0, (1 << 80) - 1))
def test_an_id_has_version_7_the_variant_and_its_time_in_front(millis, bits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids.time, "time_ns", lambda: millis * 1_000_000 + 999_999)
        patch.setattr(ids, "_drawn", Drawn(bits))
        made = ids.uuid7()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == millis
    carried = (made.int >> 64 & 0xFFF) << 62 | made.int & ((1 << 62) - 1)
    assert carried == bits & ((1 << 74) - 1)  # all 74 random bits are used


def test_a_forked_process_draws_other_ids():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, ids.random_bits(128).to_bytes(16, "big"))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 16) != ids.random_bits(128).to_bytes(16, "big")
    os.close(read)
    os.close(write)


def test_ids_made_one_millisecond_after_the_other_sort_in_that_order(monkeypatch):
    # Sorting as text, as bytes and as PostgreSQL's uuid is the same: most significant first.
    moments = iter(range(1_700_000_000_000, 1_700_000_000_500))
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(moments) * 1_000_000)
    made = [ids.uuid7() for _ in range(500)]
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_ids_carry_the_time_of_now_and_are_never_the_same():
    before = time.time_ns() // 1_000_000
    made = [ids.uuid7() for _ in range(2000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == 2000
    assert all(before <= one.int >> 80 <= after for one in made)


def test_now_is_aware_and_in_utc():
    assert clock.now().tzinfo is UTC


@given(INSTANTS)
def test_shanghai_is_eight_hours_ahead_whatever_zone_an_instant_comes_in(instant):
    shown = clock.local(instant)
    assert shown == instant
    assert shown.utcoffset() == timedelta(hours=8)
    assert clock.local_day(instant) == (instant.astimezone(UTC) + timedelta(hours=8)).date()


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 12, 31, 15, 59, 59, 999_999, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=timezone(timedelta(hours=-5))), date(2027, 1, 1)),
    ],
)
def test_the_day_turns_at_midnight_of_shanghai(instant, day):
    assert clock.local_day(instant) == day


@pytest.mark.parametrize("ask", [clock.local, clock.local_day, clock.show])
def test_an_instant_without_a_zone_has_no_place_on_a_calendar(ask):
    with pytest.raises(ValueError, match="zone"):
        ask(datetime(2026, 1, 1))  # noqa: DTZ001  the subject of the test


def test_people_see_seconds_of_shanghai():
    assert clock.show(datetime(2026, 11, 23, 1, 12, 0, 999_999, tzinfo=UTC)) == "2026-11-23 09:12:00"


@given(st.integers(0, 4_102_444_800_000))
def test_milliseconds_come_back_as_they_went(millis):
    instant = clock.from_millis(millis)
    assert instant.tzinfo is UTC
    assert round(instant.timestamp() * 1000) == millis
