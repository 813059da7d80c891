"""How long the state in memory is relied on: a lease after a confirmation began, and not beyond a standstill."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.freshness import STALL, Chain, Freshness, Road
from gateway.errors import Trouble, Unavailable

LEASE = 60.0


class Watched:
    """A freshness under a clock that a test moves; signs of life are given as the clock moves, unless it stands."""

    def __init__(self, lease=LEASE):
        self.now = 1000.0
        self.fresh = Freshness(lease, lambda: self.now)
        self.stood_until, self._sign = float("-inf"), self.now
        self.beat()

    def beat(self):
        """A sign of life, and the test's own account of whether there was none for too long before."""
        if self.now - self._sign > STALL:
            self.stood_until = self.now
        self._sign = self.now
        self.fresh.beat()

    def live(self, seconds):
        """Time in which the process runs."""
        for _ in range(int(seconds // 0.5)):
            self.now += 0.5
            self.beat()
        self.now += seconds % 0.5
        self.beat()

    def stand(self, seconds):
        """Time in which it does not."""
        self.now += seconds


@pytest.fixture
def watched():
    return Watched()


def test_nothing_is_relied_on_before_the_first_confirmation(watched):
    with pytest.raises(Unavailable) as refused:
        watched.fresh.need()
    assert refused.value.trouble is Trouble.GRANTS
    assert watched.fresh.age() == float("inf")


def test_a_confirmation_holds_for_the_lease_and_not_longer(watched):
    watched.fresh.confirm(watched.now, Road.TOPICS)
    watched.live(LEASE)
    watched.fresh.need()
    watched.live(0.01)
    with pytest.raises(Unavailable):
        watched.fresh.need()


def test_it_counts_from_when_it_was_begun_to_be_asked(watched):
    began = watched.now
    watched.live(10)
    watched.fresh.confirm(began, Road.CHANGES)
    assert watched.fresh.age() == pytest.approx(10)
    watched.live(LEASE - 10)
    assert watched.fresh.holds
    watched.live(0.01)
    assert not watched.fresh.holds


def test_either_road_will_do_and_each_has_its_age(watched):
    watched.fresh.confirm(watched.now, Road.TOPICS)
    watched.live(40)
    watched.fresh.confirm(watched.now, Road.CHANGES)
    watched.live(30)
    assert watched.fresh.holds
    assert watched.fresh.age(Road.TOPICS) == pytest.approx(70)
    assert watched.fresh.age(Road.CHANGES) == watched.fresh.age() == pytest.approx(30)


def test_a_late_confirmation_does_not_take_back_a_newer_one(watched):
    began = watched.now
    watched.live(10)
    watched.fresh.confirm(watched.now, Road.TOPICS)
    watched.fresh.confirm(began, Road.TOPICS)
    assert watched.fresh.age() == 0


def test_a_process_that_stood_still_relies_on_nothing_that_was_confirmed_before(watched):
    # FAULT-26 for a replica that is paused: whatever was taken back meanwhile, it has not heard of it.
    watched.fresh.confirm(watched.now, Road.TOPICS)
    watched.stand(STALL + 0.1)
    assert not watched.fresh.holds, "a call that comes before any sign of life"
    watched.fresh.beat()
    assert not watched.fresh.holds, "and one that comes after it"
    watched.live(1)
    watched.fresh.confirm(watched.now, Road.TOPICS)
    assert watched.fresh.holds


def test_a_confirmation_that_was_under_way_over_a_standstill_does_not_count(watched):
    began = watched.now
    watched.stand(STALL + 0.1)
    watched.fresh.confirm(began, Road.CHANGES)
    assert not watched.fresh.holds


def test_a_short_standstill_changes_nothing(watched):
    watched.fresh.confirm(watched.now, Road.TOPICS)
    watched.stand(STALL)
    assert watched.fresh.holds
    watched.fresh.beat()
    assert watched.fresh.holds


STEPS = st.one_of(
    st.tuples(st.just("live"), st.floats(0, 30)),
    st.tuples(st.just("stand"), st.floats(0, 30)),
    st.tuples(st.sampled_from(Road), st.floats(0, 30)),
)


@given(st.floats(5, 60), st.lists(STEPS, max_size=30))
def test_it_is_never_relied_on_beyond_the_lease_nor_over_a_standstill(lease, steps):
    watched = Watched(lease)
    confirmed = []
    for what, amount in steps:
        if what == "live":
            watched.live(amount)
        elif what == "stand":
            watched.stand(amount)
        else:
            watched.beat()
            began = max(1000.0, watched.now - amount)
            watched.fresh.confirm(began, what)
            confirmed.append(began)
        counted = [began for began in confirmed if watched.now - lease <= began]
        if watched.fresh.holds:
            assert counted, "confirmed within the lease"
            assert max(counted) >= watched.stood_until, "and since the process stood still last"
        if what != "stand" and any(
            began >= max(watched.stood_until, watched.now - lease + 0.001) for began in confirmed
        ):
            assert watched.fresh.holds, "and it is, while nothing speaks against it"


def test_answers_count_only_when_the_topics_were_read_to_their_end_after_the_first_of_them():
    chain = Chain()
    chain.answered(10.0)
    assert not chain.whole
    chain.read_to_the_end(9.0)
    assert not chain.whole, "what was sent between 9 and 10 was told by nobody"
    chain.answered(12.0)
    chain.read_to_the_end(11.0)
    assert chain.whole, "each answer since the first one is part of the chain"


def test_without_an_answer_the_topics_alone_begin_no_chain():
    chain = Chain()
    chain.read_to_the_end(10.0)
    assert not chain.whole


def test_a_service_that_cannot_go_on_breaks_the_chain():
    chain = Chain()
    chain.answered(1.0)
    chain.read_to_the_end(2.0)
    chain.broken()
    chain.read_to_the_end(3.0)
    assert not chain.whole
    chain.answered(4.0)
    chain.read_to_the_end(5.0)
    assert chain.whole
