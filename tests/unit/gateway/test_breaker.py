"""A provider that is not there is left alone, and tried again by one call at a time."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.domain.breaker import FAILURES, OPEN_AT_MOST, OPEN_FOR, Breaker, Pass, State


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def fail(breaker, times=FAILURES):
    for _ in range(times):
        breaker.failed(breaker.enter())


def test_only_failures_in_a_row_shut_it(breaker):
    for _ in range(10):
        fail(breaker, FAILURES - 1)
        breaker.answered()
    assert breaker.enter() is Pass.USUAL
    fail(breaker)
    assert (breaker.enter(), breaker.state) == (None, State.OPEN)


def test_after_a_while_one_tries_and_its_answer_lets_all_in(breaker, clock):
    fail(breaker)
    clock.now = OPEN_FOR
    assert breaker.state is State.HALF_OPEN
    assert breaker.enter() is Pass.TRIAL
    assert breaker.enter() is None
    breaker.answered()
    assert [breaker.enter() for _ in range(3)] == [Pass.USUAL] * 3


def test_each_trial_that_fails_doubles_the_wait_up_to_a_bound(breaker, clock):
    fail(breaker)
    waits = []
    for _ in range(8):
        began = clock.now
        while (let := breaker.enter()) is None:
            clock.now += 1
        breaker.failed(let)
        waits.append(clock.now - began)
    assert waits == [min(OPEN_FOR * 2**n, OPEN_AT_MOST) for n in range(8)]


def test_a_trial_that_shows_nothing_is_another_ones_turn(breaker, clock):
    fail(breaker)
    clock.now = OPEN_FOR
    breaker.given_up(breaker.enter())
    assert breaker.enter() is Pass.TRIAL


def test_calls_from_before_it_was_shut_neither_prolong_it_nor_end_the_trial(breaker, clock):
    early = [breaker.enter() for _ in range(3)]
    fail(breaker)
    clock.now = OPEN_FOR
    assert breaker.enter() is Pass.TRIAL
    breaker.failed(early[0])
    breaker.given_up(early[1])
    assert breaker.enter() is None, "the trial is still under way"
    breaker.answered()
    assert breaker.enter() is Pass.USUAL


class Provider(RuleBasedStateMachine):
    """Whatever happens: never two trials at once, and never shut for good."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(self.clock)
        self.under_way = []

    @rule()
    def enters(self):
        let = self.breaker.enter()
        if let is not None:
            self.under_way.append(let)

    @precondition(lambda self: self.under_way)
    @rule(end=st.sampled_from(["answered", "failed", "given_up"]))
    def ends(self, end):
        let = self.under_way.pop(0)
        if end == "answered":
            self.breaker.answered()
        else:
            getattr(self.breaker, end)(let)

    @rule(seconds=st.floats(0.1, 120))
    def passes(self, seconds):
        self.clock.now += seconds

    @invariant()
    def is_not_shut_for_good(self):
        if not self.under_way and self.breaker.state is State.OPEN:
            assert Breaker.enter(self.breaker) is None
            later = self.clock.now
            self.clock.now += OPEN_AT_MOST
            assert self.breaker.state is State.HALF_OPEN
            self.clock.now = later


Provider.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_it_is_never_shut_for_good = Provider.TestCase
