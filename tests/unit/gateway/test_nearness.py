"""Who is near a quota is seen in metrics and told once a window (REQ-S4); a wrong clock reports itself (FAULT-28)."""

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from common.events import Quota
from gateway.domain.quotas import Need, Period, bucket
from gateway.jobs import nearness
from gateway.jobs.nearness import Nearness
from gateway.jobs.timepiece import MAX_SKEW, Timepiece
from tests.support.begun_world import begun

NOON = 1_700_000_000.0


class Hands:
    at = NOON

    def __call__(self):
        return self.at


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def world():
    return begun()


@pytest.fixture
def near(world, hands):
    made = Nearness(world.memory, 0.8, hands)
    made.registry = CollectorRegistry()
    made.registry.register(made)
    return made


@pytest.fixture
def grant(world):
    told = world.grant("edu", "streets", ["street_code"], quota=Quota(per_day=100, per_second=10))
    return world.memory.grants[told.grant]


def shown(near, level="warning", period="day", name="gateway_quota_near"):
    return near.registry.get_sample_value(name, {"service": "streets", "period": period, "level": level})


def heard(near, grant, used, *, period=Period.DAY, at=NOON, limit=100):
    near.heard(Need(grant.id, period, limit), bucket(period, at), used)


def test_below_the_share_nothing_is_seen(near, grant):
    with capture_logs() as lines:
        heard(near, grant, 79)
    assert shown(near) is None
    assert lines == []


def test_from_the_share_on_it_is_seen_and_told_once(near, grant):
    with capture_logs() as lines:
        for used in (80, 85, 99, 100, 100, 90):
            heard(near, grant, used)
    assert shown(near) is None, "it is past warning"
    assert shown(near, "blocking") == 1
    assert shown(near, name="gateway_quota_came_near_total") == 1
    (line,) = lines
    assert {name: line[name] for name in ("event", "unit", "service", "period", "level", "used", "limit")} == {
        "event": "gateway.quota_near",
        "unit": "edu",
        "service": "streets",
        "period": "day",
        "level": "warning",
        "used": 80,
        "limit": 100,
    }


def test_the_next_day_begins_anew(near, grant, hands):
    heard(near, grant, 80)
    assert shown(near) == 1
    hands.at = NOON + 86_400
    assert shown(near) is None
    with capture_logs() as lines:
        heard(near, grant, 80, at=hands.at)
    assert len(lines) == 1
    assert shown(near) == 1
    assert shown(near, name="gateway_quota_came_near_total") == 2


def test_a_quota_per_second_is_told_once_a_minute(near, grant, hands):
    begin = NOON - NOON % 60
    with capture_logs() as lines:
        for second in range(90):
            hands.at = begin + second
            heard(near, grant, 9, period=Period.SECOND, at=hands.at, limit=10)
    assert len(lines) == 2
    assert shown(near, period="second") == 1
    assert shown(near, period="second", name="gateway_quota_came_near_total") == 90


def test_what_is_remembered_is_bounded_and_makes_room_for_those_of_now(near, grant, world, hands, monkeypatch):
    monkeypatch.setattr(nearness, "MAX_NEAR", 1)
    heard(near, grant, 80)
    world.unit("health")
    other = world.memory.grants[world.grant("health", "streets", ["street_code"]).grant]
    heard(near, other, 80)
    assert shown(near) == 1
    hands.at = NOON + 86_400
    heard(near, other, 80, at=hands.at)
    assert shown(near) == 1
    assert [name[0] for name in near._near] == [other.id]


def test_a_grant_that_is_not_known_any_more_is_left_out(near, grant, world):
    world.memory.grants.clear()
    heard(near, grant, 100)
    assert shown(near, "blocking") is None


async def test_a_wrong_clock_is_told_once_and_when_it_is_right_again():
    skew = 0.0
    timepiece = Timepiece(lambda: skew)
    with capture_logs() as lines:
        timepiece.look()
        await timepiece.right()
        for skew in (MAX_SKEW + 1, -3600.0, MAX_SKEW, 0.0):
            timepiece.look()
            if abs(skew) > MAX_SKEW:
                with pytest.raises(ConnectionError):
                    await timepiece.right()
    assert [line["event"] for line in lines] == ["gateway.clock_wrong", "gateway.clock_right_again"]
    assert lines[0]["ahead_seconds"] == 3.0
