"""FAULT-28: a machine whose clock is wrong decides by the database's, and says that its own is."""

import re
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.support.gateway_process import replicas
from tests.support.replica_calls import records
from tests.support.signing import Signing, signed
from tests.support.waiting import until

pytestmark = pytest.mark.slow

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
"""From Debian's package libfaketime."""
KEY = Signing()
CLOCKS = {"+1h": 3600.0, "-1h": -3600.0, "+1d": 86_400.0}


@pytest.fixture(params=CLOCKS)
def wrong(request):
    """The environment of a process with a wrong clock, and by how much; a steady clock is never wrong."""
    if LIBRARY is None:
        pytest.skip("needs Debian's libfaketime")
    faked = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": request.param, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return faked, CLOCKS[request.param]


async def now(trail):
    connection = await asyncpg.connect(trail.admin_url())
    try:
        found = await connection.fetchval("select clock_timestamp()")
        assert abs(found - datetime.now(UTC)) < timedelta(seconds=5)
        return found
    finally:
        await connection.close()


async def test_a_grant_ends_by_the_databases_clock_and_the_wrong_one_is_reported(told, trail, wrong):
    environment, skew = wrong
    at = await now(trail)
    still = told(valid_until=(at + timedelta(minutes=30)).isoformat())
    over = told(valid_until=(at - timedelta(minutes=30)).isoformat())
    with (
        replicas(still, "still", environment=environment) as (one,),
        replicas(over, "over", environment=environment) as (two,),
    ):
        assert [one.call()[0], two.call()[0]] == ["1", "203"]
        (record,) = await records(trail.admin_url(), one.worker)
        received = datetime.fromisoformat(record["received_at"])
        assert abs(received - at) < timedelta(seconds=60)
        page = one.page("/metrics")[1]
        told_skew = float(re.findall(r"^gateway_clock_skew_seconds (\S+)$", page, re.MULTILINE)[0])
        assert abs(told_skew - skew) < 5
        status, ready = one.page("/health/ready")
        assert status == 200, "it goes on serving"
        assert '"clock"' in ready.partition("degraded")[2]
        one.send(signal.SIGTERM)
        assert "gateway.clock_wrong" in one.ended()[1]


async def test_signatures_are_of_now_by_the_databases_clock_and_come_once(told, trail, wrong):
    """IN-G25 at a replica whose machine would take what is old, or refuse what is of now."""
    environment, skew = wrong
    at = (await now(trail)).timestamp()
    with replicas(told(signer=KEY.told.model_dump()), "wrong", environment=environment) as (replica,):
        fresh = by(replica, at)
        its_now = by(replica, at + skew)
        codes = [replica.call(target=target, **headers)[0] for target, headers in (fresh, fresh, its_now)]
        assert codes == ["1", "203", "203"]
        told_why = [record.get("unproven") for record in await records(trail.admin_url(), replica.worker)]
        assert told_why == [None, "replay", "stale-signature"]


def by(replica, created):
    """The target of a call and the headers that sign it."""
    target = f"/streets?unitKey={replica.told.unit_key}&methodKey={replica.told.method_key}&street_code=310105001"
    return target, signed(KEY, target, origin=replica.origin, created=created)


async def test_a_quota_is_one_whatever_the_replicas_clocks_say(told, trail, wrong):
    environment, _ = wrong
    state = told(per_day=60)
    with replicas(state, "right") as (right,), replicas(state, "wrong", environment=environment) as (other,):
        codes = Counter((right, other)[n % 2].call()[0] for n in range(100))
        assert codes["1"] <= 60

        def all_served():
            for one in (right, other):
                codes[one.call()[0]] += 1
            assert codes["1"] <= 60
            return codes["1"] == 60

        until(all_served, within=15, what="the last of the quota")
        assert [one.call()[0] for one in (right, other)] == ["207", "207"]
        assert right.page("/health/ready")[1].partition("degraded")[2].count("clock") == 0
