"""FAULT-4, 5: a replica killed while it holds quota, and replicas told to stop under load."""

import asyncio
import signal
import time

import asyncpg
import pytest

from tests.support.gateway_process import replicas
from tests.support.replica_calls import calling, records
from tests.support.waiting import eventually, until

pytestmark = pytest.mark.slow

QUOTA = 1500
SETTLED_WITHIN = 60.0
DRAINED_WITHIN = 15.0


async def test_a_replica_killed_with_leases_serves_never_too_much_and_the_rest_is_settled(told, trail):
    """FAULT-4."""
    with replicas(told(per_day=QUOTA), "one", "two") as (one, two):
        with calling([one, two], pause=0.002) as seen:
            until(lambda: seen.codes()["1"] > QUOTA // 4, within=60, what="calls under way")
            connection = await asyncpg.connect(trail.admin_url())
            one.send(signal.SIGKILL)
            killed = time.monotonic()
            held = await connection.fetch(
                "select h.count from quota_held h join replica using (holder) where worker = $1", one.worker
            )
            assert sum(row["count"] for row in held) > 0, "it held leases"
            workers = (one.worker, two.worker)

            async def charged():
                return sum(one["charged"] is not None for one in await records(trail.admin_url(), *workers))

            async def all_charged():
                return await charged() >= QUOTA

            try:
                await eventually(all_charged, within=SETTLED_WITHIN, what="the whole quota served")
            finally:
                await connection.close()
            assert time.monotonic() - killed < SETTLED_WITHIN
        # Served is what was answered; one or the other call of the killed was recorded and not answered any more.
        assert await charged() == QUOTA
        assert seen.codes()["1"] <= QUOTA
        assert seen.codes()["1"] > QUOTA - 20
        assert two.call()[0] == "207"
        found = {record["trace_id"] for record in await records(trail.admin_url(), *workers)}
        assert seen.traces("1", "207") <= found


@pytest.mark.parametrize("close", [True, False], ids=["a connection each", "connections kept"])
async def test_replicas_told_to_stop_answer_what_they_took_and_give_their_leases_back(told, trail, close):
    """FAULT-5: no accepted call is reset, the drain is bounded, nothing of the quota is lost."""
    with replicas(told(per_day=100_000), "one", "two") as both:
        with calling(both, each=6, pause=0.0, close=close) as seen:
            until(lambda: seen.codes()["1"] > 200, within=60, what="calls under way")
            for one in both:
                one.send(signal.SIGTERM)
                began = time.monotonic()
                status, said = await asyncio.to_thread(one.ended)
                assert status == 0, said
                assert time.monotonic() - began < DRAINED_WITHIN
        assert seen.reset == []
        assert set(seen.codes()) == {"1", "gone"}
        found = await records(trail.admin_url(), *(one.worker for one in both))
        assert seen.traces("1") == {record["trace_id"] for record in found}
        connection = await asyncpg.connect(trail.admin_url())
        try:
            assert await connection.fetchval("select sum(count) from quota_held") == len(found)
            assert await connection.fetchval("select used from quota_day") == len(found)
        finally:
            await connection.close()
