"""A flood of refusals is counted, never lost, and costs bounded memory (IN-G28, protocol page: Promises)."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import SHANGHAI
from gateway.domain import flood as rules
from gateway.domain.flood import ANYWHERE, Flood, Kind, source_of

NOON = datetime(2024, 5, 6, 12, tzinfo=SHANGHAI)
BAD = Kind(200, "201")
HERE, THERE = "203.0.113.7", "203.0.113.8"


def bad_keys(flood, count, *, address=HERE, at=NOON, kind=BAD):
    """How many of so many bad keys are recorded by themselves."""
    return sum(flood.bad_key(address, kind, at) for _ in range(count))


def test_the_first_hundred_of_a_source_and_minute_are_recorded_each_and_the_rest_are_one_count():
    flood = Flood()
    assert bad_keys(flood, 250) == 100
    assert flood.over(NOON + timedelta(seconds=59.9)) == []
    (tally,) = flood.over(NOON + timedelta(seconds=60))
    assert (tally.source, tally.kind, tally.count, tally.first_at) == (HERE, BAD, 150, NOON)
    assert flood.over(NOON + timedelta(seconds=61)) == []
    assert flood.sources == 0


def test_both_codes_of_bad_keys_share_the_hundred_and_are_counted_apart_by_unit():
    flood = Flood()
    bad_keys(flood, 60)
    assert bad_keys(flood, 60, kind=Kind(200, "202", "edu")) == 40
    bad_keys(flood, 5, kind=Kind(200, "202", "civil"))
    found = {tally.kind: tally.count for tally in flood.rest(NOON)}
    assert found == {Kind(200, "202", "edu"): 20, Kind(200, "202", "civil"): 5}


def test_another_source_and_another_minute_have_a_hundred_of_their_own():
    flood = Flood()
    bad_keys(flood, 150)
    assert bad_keys(flood, 150, address=THERE) == 100
    later = NOON + timedelta(minutes=1)
    assert bad_keys(flood, 150, at=later) == 100
    assert sorted((t.source, t.count) for t in flood.rest(later)) == [(HERE, 50), (HERE, 50), (THERE, 50)]


def test_after_a_thousand_bad_keys_a_source_is_shut_out_until_its_minute_ends_and_no_other_is():
    flood = Flood()
    at = NOON + timedelta(seconds=20)
    bad_keys(flood, 1000, at=at)
    assert not flood.shut(HERE, at)
    bad_keys(flood, 1, at=at)
    assert flood.shut(HERE, at)
    assert flood.shut(HERE, NOON + timedelta(seconds=59.999))
    assert not flood.shut(HERE, NOON + timedelta(seconds=60))
    assert not flood.shut(THERE, at)


def test_malformed_requests_have_a_hundred_of_their_own_and_shut_nobody_out():
    flood = Flood()
    alone = sum(flood.malformed(HERE, Kind(400, "400"), NOON) for _ in range(5000))
    assert alone == 100
    assert not flood.shut(HERE, NOON)
    assert bad_keys(flood, 1) == 1


def test_a_clock_that_goes_back_begins_no_minute_anew():
    flood = Flood()
    bad_keys(flood, 100)
    assert bad_keys(flood, 10, at=NOON - timedelta(minutes=5)) == 0


def test_more_sources_than_are_kept_push_out_the_oldest_whose_count_goes_on_without_an_address():
    flood = Flood(max_sources=3)
    for n in range(5):
        flood.count(f"192.0.2.{n}", Kind(503, "500", "edu"), NOON + timedelta(seconds=n))
    assert flood.sources == 3
    told = flood.rest(NOON)
    assert sorted(t.source for t in told) == [ANYWHERE, "192.0.2.2", "192.0.2.3", "192.0.2.4"]
    (anywhere,) = [t for t in told if t.source == ANYWHERE]
    assert (anywhere.kind, anywhere.count) == (Kind(503, "500"), 2)


def test_what_one_source_can_make_us_remember_is_bounded():
    flood = Flood(recorded_each=0)
    for n in range(1000):
        flood.bad_key(HERE, Kind(200, "202", f"unit-{n}"), NOON)
    told = flood.rest(NOON)
    assert len(told) == rules.MAX_KINDS + 1
    assert sum(t.count for t in told) == 1000


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not:an:address", "not:an:address"),
    ],
)
def test_a_source_is_an_address_or_the_network_that_one_subscriber_has(address, source):
    assert source_of(address) == source


happenings = st.lists(
    st.tuples(
        st.sampled_from(["bad_key", "malformed", "count", "over"]),
        st.sampled_from([f"192.0.2.{n}" for n in range(6)]),
        st.integers(0, 240),
        st.integers(1, 30),
    ),
    max_size=60,
)


@given(happenings)
def test_every_refusal_is_recorded_or_counted_exactly_once_whatever_comes(happened):
    """answered ⊆ recorded; and at most so many by themselves, and so many sources in memory."""
    flood = Flood(recorded_each=10, shut_after=20, max_sources=4)
    came = alone = told = 0
    clock = 0
    for what, address, seconds, times in happened:
        # Time goes on, though not always: a clock may be set back.
        clock = max(0, clock + seconds - 30)
        at = NOON + timedelta(seconds=clock)
        if what == "over":
            told += sum(tally.count for tally in flood.over(at))
            continue
        for _ in range(times):
            came += 1
            if what == "count":
                flood.count(address, Kind(503, "500"), at)
            elif getattr(flood, what)(address, Kind(200, "201"), at):
                alone += 1
        assert flood.sources <= 4
    told += sum(tally.count for tally in flood.rest(NOON))
    assert alone + told == came
    assert flood.sources == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), max_size=400))
def test_a_source_is_shut_out_exactly_while_it_has_too_many_bad_keys_in_this_minute(happened):
    flood = Flood(recorded_each=5, shut_after=10)
    counts: Counter[tuple[str, int]] = Counter()
    for number, seconds in sorted(happened, key=lambda h: h[1]):
        address, minute = f"192.0.2.{number}", seconds // 60
        at = NOON + timedelta(seconds=seconds)
        assert flood.shut(address, at) == (counts[address, minute] > 10)
        alone = flood.bad_key(address, BAD, at)
        counts[address, minute] += 1
        assert alone == (counts[address, minute] <= 5)
