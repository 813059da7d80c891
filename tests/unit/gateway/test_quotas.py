"""Quotas by lease: whatever the order of what replicas do, never more than the quota, and without a crash all of it."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.events import Quota
from gateway.domain.grants import Grant
from gateway.domain.quotas import IDLE, TERM, Leases, Need, Period, bucket, limits
from tests.support.gateway_world import World
from tests.support.items import key, text

NOON = 1_700_020_800.0
"""A day's noon in Asia/Shanghai."""
DAY = 86_400.0
ONCE = {Period.SECOND: 1.0, Period.DAY: DAY}


def granted(**quota) -> Grant:
    world = World()
    world.unit("edu")
    world.service("streets", [key(text("code"))], {})
    world.grant("edu", "streets", ["code"], quota=Quota(**quota))
    (held,) = world.memory.grants.values()
    return held


@dataclass
class Shared:
    """The count that replicas share, as the database keeps it: in one calendar unit, one grant."""

    unit: int = -1
    used: int = 0
    term: int = -1
    shared: int = 0

    def lease(self, leases: Leases, need: Need, want: int, at: float) -> None:
        now = bucket(need.period, at)
        seconds = need.period is Period.SECOND
        if now // TERM != self.term:
            self.term, self.shared = now // TERM, 0
        if now != self.unit:
            self.unit, self.used = now, self.shared
        left = need.limit - self.used
        count = max(0, min(left, max(1, min(want, left // 8))))
        self.used += count
        share = max(0, min(want, need.limit // 256, need.limit // 16 - self.shared)) if seconds else 0
        self.shared += share
        leases.add(need, now, count=count, spent=self.used >= need.limit, at=at, share=share)

    def take_back(self, leases: Leases, at: float, unused_for: float = IDLE) -> None:
        for grant, day, _ in leases.idle(at, unused_for):
            back = leases.withdraw(grant, day)
            if day == self.unit:
                self.used = max(0, self.used - back)


@dataclass
class Replicas:
    """Several replicas, and what they served by calendar unit."""

    grant: Grant
    period: Period
    leases: list[Leases] = field(default_factory=lambda: [Leases(), Leases()])
    shared: Shared = field(default_factory=Shared)
    served: dict[int, int] = field(default_factory=dict)
    taken: list[tuple[Leases, float]] = field(default_factory=list)
    at: float = NOON

    def call(self, replica: int, want: int = 32) -> bool:
        leases = self.leases[replica]
        while not isinstance(answer := leases.take(self.grant, self.at), bool):
            for need in answer:
                self.shared.lease(leases, need, want, self.at)
        if answer:
            unit = bucket(self.period, self.at)
            self.served[unit] = self.served.get(unit, 0) + 1
            self.taken.append((leases, self.at))
        return answer

    def fail(self) -> None:
        """The last call that was served is answered 503 after all."""
        if self.taken:
            leases, at = self.taken.pop()
            leases.give_back(self.grant, at)
            self.served[bucket(self.period, at)] -= 1

    def sweep(self, replica: int) -> None:
        self.shared.take_back(self.leases[replica], self.at)


class TestOneReplica:
    def test_without_a_lease_one_is_needed_and_with_it_so_many_calls_are_served(self):
        grant, leases = granted(per_day=10), Leases()
        (need,) = leases.take(grant, NOON)
        assert need == Need(grant.id, Period.DAY, 10)
        leases.add(need, bucket(Period.DAY, NOON), count=2, spent=False, at=NOON)
        assert [leases.take(grant, NOON) for _ in range(3)] == [True, True, [need]]

    def test_where_both_are_limited_nothing_is_taken_unless_both_give(self):
        grant, leases = granted(per_second=5, per_day=10), Leases()
        second, day = leases.take(grant, NOON)
        assert (second.period, day.period) == (Period.SECOND, Period.DAY)
        leases.add(day, bucket(Period.DAY, NOON), count=1, spent=True, at=NOON)
        assert leases.take(grant, NOON) == [second]
        leases.add(second, int(NOON), count=0, spent=True, at=NOON)
        assert leases.take(grant, NOON) is False
        leases.add(second, int(NOON), count=1, spent=True, at=NOON)
        assert leases.take(grant, NOON) is True
        assert leases.take(grant, NOON) is False

    @pytest.mark.parametrize("quota", [{"per_day": 0}, {"per_second": 0}, {"per_second": 0, "per_day": 5}])
    def test_a_quota_of_nothing_is_used_up_without_asking(self, quota):
        assert Leases().take(granted(**quota), NOON) is False

    @pytest.mark.parametrize("period", Period)
    def test_a_lease_is_worth_nothing_in_the_next_calendar_unit(self, period):
        grant, leases = granted(**{f"per_{period}": 10}), Leases()
        (need,) = leases.take(grant, NOON)
        leases.add(need, bucket(period, NOON), count=5, spent=False, at=NOON)
        assert leases.take(grant, NOON + ONCE[period]) == [need]
        leases.idle(NOON + ONCE[period])
        assert len(leases) == 0, "and nothing is kept of it"

    def test_days_begin_at_midnight_in_shanghai(self):
        midnight = NOON + DAY / 2
        assert bucket(Period.DAY, midnight - 0.001) == bucket(Period.DAY, NOON)
        assert bucket(Period.DAY, midnight) == bucket(Period.DAY, NOON) + 1
        assert bucket(Period.SECOND, NOON + 0.999) == bucket(Period.SECOND, NOON) == int(NOON)

    def test_a_count_that_was_used_up_is_asked_again_after_a_while(self):
        """What another replica leased and gave back unused is there for this one."""
        grant, leases = granted(per_day=10), Leases()
        (need,) = leases.take(grant, NOON)
        leases.add(need, bucket(Period.DAY, NOON), count=0, spent=True, at=NOON)
        assert leases.take(grant, NOON + IDLE / 2) is False
        assert leases.take(grant, NOON + IDLE) == [need]

    def test_a_lease_that_is_used_stays_and_an_idle_one_goes_back(self):
        grant, leases = granted(per_day=100), Leases()
        (need,) = leases.take(grant, NOON)
        day = bucket(Period.DAY, NOON)
        leases.add(need, day, count=12, spent=False, at=NOON)
        leases.take(grant, NOON + 0.9)
        assert leases.idle(NOON + 1.5) == []
        assert leases.idle(NOON + 1.9) == [(grant.id, day, 11)]
        assert leases.withdraw(grant.id, day) == 11
        assert leases.withdraw(grant.id, day) == 0
        assert leases.take(grant, NOON + 2) == [need]

    def test_what_was_used_meanwhile_or_is_of_another_day_does_not_go_back(self):
        grant, leases = granted(per_day=100), Leases()
        (need,) = leases.take(grant, NOON)
        day = bucket(Period.DAY, NOON)
        leases.add(need, day, count=1, spent=False, at=NOON)
        assert leases.idle(NOON + 1) == [(grant.id, day, 1)]
        assert leases.withdraw(grant.id, day + 1) == 0
        assert leases.take(grant, NOON + 1) is True
        assert leases.withdraw(grant.id, day) == 0

    def test_all_of_it_can_go_back_at_the_end(self):
        grant, leases = granted(per_day=100), Leases()
        (need,) = leases.take(grant, NOON)
        leases.add(need, bucket(Period.DAY, NOON), count=5, spent=False, at=NOON)
        assert leases.idle(NOON, unused_for=float("-inf")) == [(grant.id, bucket(Period.DAY, NOON), 5)]

    def test_a_lease_of_a_second_never_goes_back(self):
        grant, leases = granted(per_second=100), Leases()
        (need,) = leases.take(grant, NOON)
        leases.add(need, int(NOON), count=5, spent=False, at=NOON)
        assert leases.idle(NOON, unused_for=float("-inf")) == []


class TestShares:
    """Where there is plenty a replica serves so many calls in each second of a term without asking again."""

    def given(self, at=NOON, quota=1000, share=3):
        grant, leases = granted(per_second=quota), Leases()
        need = Need(grant.id, Period.SECOND, quota)
        leases.add(need, int(at), count=1, spent=False, at=at, share=share)
        assert leases.take(grant, at) is True
        return grant, leases, need

    def test_it_holds_from_the_next_second_on_in_each(self):
        grant, leases, need = self.given()
        assert leases.take(grant, NOON) == [need], "what was leased for this second is used up"
        for second in (1, 2, 30):
            assert [leases.take(grant, NOON + second) for _ in range(4)] == [True] * 3 + [[need]]

    def test_more_is_leased_beside_it(self):
        grant, leases, need = self.given()
        assert leases.take(grant, NOON + 1) is True
        leases.add(need, int(NOON) + 1, count=2, spent=False, at=NOON + 1, share=3)
        assert [leases.take(grant, NOON + 1) for _ in range(5)] == [True] * 4 + [[need]]
        assert [leases.take(grant, NOON + 2) for _ in range(7)] == [True] * 6 + [[need]]

    def test_it_ends_with_the_term(self):
        grant, leases, need = self.given()
        assert leases.take(grant, NOON + TERM - 1) is True
        assert leases.take(grant, NOON + TERM) == [need]
        leases.idle(NOON + TERM)
        assert leases.take(grant, NOON + TERM - 2) == [need], "and nothing is kept of it"

    def test_it_does_not_begin_before_it_was_counted(self):
        """A clock that is behind the database's: in its second the database knew of no share."""
        grant, leases, need = self.given(at=NOON + 5)
        assert leases.take(grant, NOON + 4) == [need]

    def test_under_another_quota_it_is_worth_nothing(self):
        grant, leases, _ = self.given()
        world_grant = granted(per_second=2000)
        world_grant.name, world_grant.id = grant.name, grant.id
        assert leases.take(world_grant, NOON + 1) == [Need(grant.id, Period.SECOND, 2000)]

    def test_it_is_given_up_where_the_counts_may_have_been_lost(self):
        grant, leases, need = self.given()
        leases.distrust()
        assert leases.take(grant, NOON + 1) == [need]


class TestFailedCalls:
    @pytest.mark.parametrize("period", Period)
    def test_a_call_that_is_not_served_is_given_back(self, period):
        grant, leases = granted(**{f"per_{period}": 1}), Leases()
        (need,) = leases.take(grant, NOON)
        leases.add(need, bucket(period, NOON), count=1, spent=True, at=NOON)
        assert [leases.take(grant, NOON), leases.take(grant, NOON)] == [True, False]
        leases.give_back(grant, NOON)
        assert [leases.take(grant, NOON), leases.take(grant, NOON)] == [True, False]

    @pytest.mark.parametrize("period", Period)
    def test_into_the_next_calendar_unit_nothing_is_given_back(self, period):
        """A call of one second that fails in the next would be one too many there."""
        grant, leases = granted(**{f"per_{period}": 1}), Leases()
        later = NOON + ONCE[period]
        for at in (NOON, later):
            (need,) = leases.take(grant, at)
            leases.add(need, bucket(period, at), count=1, spent=True, at=at)
            assert leases.take(grant, at) is True
        leases.give_back(grant, NOON)
        assert leases.take(grant, later) is False


class TestNewQuota:
    """A quota that is told anew is in force with the next call."""

    def with_lease(self, count, *, spent, **quota):
        grant, leases = granted(**quota), Leases()
        (need,) = leases.take(grant, NOON)
        leases.add(need, bucket(Period.DAY, NOON), count=count, spent=spent, at=NOON)
        return grant, leases

    def test_a_higher_one_is_asked_for_though_the_lower_was_used_up(self):
        grant, leases = self.with_lease(1, spent=True, per_day=1)
        assert [leases.take(grant, NOON), leases.take(grant, NOON)] == [True, False]
        grant.per_day = 2
        (need,) = leases.take(grant, NOON)
        leases.add(need, bucket(Period.DAY, NOON), count=1, spent=True, at=NOON)
        assert [leases.take(grant, NOON), leases.take(grant, NOON)] == [True, False]

    def test_what_was_leased_under_a_higher_one_is_not_served_but_goes_back(self):
        grant, leases = self.with_lease(100, spent=False, per_day=1000)
        grant.per_day = 5
        (need,) = leases.take(grant, NOON)
        assert need.limit == 5
        leases.add(need, bucket(Period.DAY, NOON), count=0, spent=True, at=NOON)
        assert leases.take(grant, NOON) is False
        day = bucket(Period.DAY, NOON)
        assert leases.idle(NOON) == [(grant.id, day, 100)]
        assert leases.withdraw(grant.id, day) == 100
        assert leases.idle(NOON) == []

    def test_none_at_all_needs_no_lease(self):
        grant, leases = self.with_lease(1, spent=True, per_day=1)
        grant.per_day = None
        assert limits(grant) == []
        assert [leases.take(grant, NOON) for _ in range(5)] == [True] * 5


steps = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.integers(0, 1), st.integers(1, 40)),
        st.tuples(st.just("sweep"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 40), st.just(0)),
        st.tuples(st.just("fail"), st.just(0), st.just(0)),
    ),
    max_size=120,
)


def played(quota, happened, period):
    replicas = Replicas(granted(**{f"per_{period}": quota}), period)
    for what, one, more in happened:
        if what == "call":
            replicas.call(one, more)
        elif what == "sweep":
            replicas.sweep(one)
        elif what == "wait":
            replicas.at += one / 10
        else:
            replicas.fail()
        assert all(count <= quota for count in replicas.served.values()), what
    return replicas


@given(st.integers(0, 300), steps)
@settings(deadline=None)
def test_whatever_two_replicas_do_no_more_than_the_quota_is_served_and_all_of_it_can_be(quota, happened):
    """IN-G8; protocol page, Quota: never more than N, without a crash exactly N."""
    replicas = played(quota, happened, Period.DAY)
    for replica in (0, 1):
        # Idle leases go back, and the other replica finds them.
        replicas.at += 2 * IDLE
        replicas.sweep(0)
        replicas.sweep(1)
        replicas.at += IDLE
        while replicas.call(replica):
            pass
    assert replicas.served.get(bucket(Period.DAY, NOON), 0) == quota


@given(st.one_of(st.integers(0, 60), st.integers(256, 600)), steps)
@settings(deadline=None)
def test_in_no_second_are_more_served_than_its_quota(quota, happened):
    played(quota, happened, Period.SECOND)


@given(st.integers(1, 60), st.integers(0, 59))
@settings(deadline=None)
def test_within_one_second_two_replicas_serve_its_quota_between_them_and_nothing_is_left(quota, first):
    """A second is over before anything could go back, so the last of it are leased one by one."""
    replicas = Replicas(granted(per_second=quota), Period.SECOND)
    for _ in range(min(first, quota)):
        replicas.call(0)
    while replicas.call(1):
        pass
    while replicas.call(0):
        pass
    assert replicas.served[int(NOON)] == quota
