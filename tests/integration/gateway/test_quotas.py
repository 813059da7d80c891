"""Quotas over replicas that share a database: never more than N, exactly N without a crash and soon after one."""

import asyncio
import contextlib
import time
from collections import Counter
from uuid import UUID

import asyncpg
import pytest

from common.events import ExchangeState
from exchange.layout import READER
from gateway.domain.quotas import Period, bucket
from gateway.errors import Unavailable
from gateway.store import metering
from tests.support.gateway_door import opened
from tests.support.quota_steps import drained, granted, meters, requoted, taken, used
from tests.support.waiting import eventually

CODE = "310105001"


@pytest.fixture
async def admin(outbox):
    connection = await asyncpg.connect(outbox.admin_url())
    yield connection
    await connection.close()


@contextlib.asynccontextmanager
async def second(world, store, outbox):
    async with opened(
        world=world, store_url=store.database.url(READER), outbox_url=outbox.app_url, admin_url=outbox.admin_url()
    ) as door:
        yield door


async def test_a_quota_of_a_day_is_served_to_the_last_call_and_then_it_is_207(door):
    granted(door.world, per_day=7)
    assert [(await door.call()).code for _ in range(9)] == ["1"] * 7 + ["207"] * 2


async def test_50_at_once_over_two_replicas_are_answered_as_often_as_the_quota_allows(door, world, store, outbox):
    """IN-G8."""
    granted(door.world, per_day=100)
    async with second(world, store, outbox) as other:
        codes = Counter()
        for _ in range(4):
            answers = await asyncio.gather(*((door, other)[n % 2].call(street_code=CODE) for n in range(50)))
            codes.update(answer.code for answer in answers)
        assert codes["1"] <= 100
        assert set(codes) == {"1", "207"}
        # What one of them had leased and did not use goes back, and is there for the other.
        await eventually(lambda: _all_served((door, other), codes, 100), what="the last of the quota")
        assert [(await one.call()).code for one in (door, other)] == ["207", "207"]
        assert codes["1"] == 100


async def _all_served(doors, codes, quota):
    for door in doors:
        codes[(await door.call()).code] += 1
    assert codes["1"] <= quota
    return codes["1"] == quota


@pytest.mark.parametrize("quota", [1, 2, 17, 300])
async def test_two_meters_give_out_exactly_the_quota(outbox, world, quota):
    grant = granted(world, per_day=quota)
    async with meters(outbox, "m-one", "m-two") as (one, two):
        given = sum(
            [
                charge is not None
                for charge in await asyncio.gather(*(taken((one, two)[n % 2], grant) for n in range(quota + 20)))
            ]
        )
        assert given <= quota
        # Only the second goes on: what the first holds must come to it.
        given += await drained(two, grant, within=3.0)
        assert given == quota
        assert await drained(one, grant, within=0.2) == 0


async def test_of_a_second_never_more_than_its_quota_whoever_serves(outbox, world):
    grant = granted(world, per_second=20)
    served: Counter[int] = Counter()
    async with meters(outbox, "s-one", "s-two") as both:

        async def serve(meter):
            end = time.monotonic() + 3.2
            while time.monotonic() < end:
                charge = await taken(meter, grant)
                if charge is not None:
                    served[int(charge.at)] += 1
                await asyncio.sleep(0.001)

        await asyncio.gather(*(serve(meter) for meter in both for _ in range(4)))
    assert len(served) >= 4
    assert 16 <= max(served.values()) <= 20


async def test_shares_of_a_second_are_served_without_asking_and_count_for_all(outbox, world, admin):
    grant = granted(world, per_second=512)
    served: Counter[int] = Counter()
    unasked = 0
    async with meters(outbox, "s-one", "s-two") as both:

        async def serve(meter):
            nonlocal unasked
            end = time.monotonic() + 3.2
            while time.monotonic() < end:
                at_once = meter.take_at_once(grant)
                unasked += at_once is not None and served[int(at_once.at)] == 0
                if (charge := at_once or await taken(meter, grant)) is not None:
                    served[int(charge.at)] += 1
                await asyncio.sleep(0)

        await asyncio.gather(*(serve(meter) for meter in both for _ in range(4)))
        assert max(served.values()) <= 512
        assert unasked >= 2, "a second begins with what is there already"
        assert await admin.fetchval("select shared from quota_second where grant_id = $1", grant.id) >= 2


async def test_both_limits_hold(door):
    granted(door.world, per_second=1000, per_day=3)
    assert [(await door.call()).code for _ in range(4)] == ["1", "1", "1", "207"]
    granted(door.world, per_second=0, per_day=3)
    assert (await door.call()).code == "207"


class TestWhatIsCharged:
    async def test_whatever_a_call_ends_in_after_check_7_it_is_charged_and_its_record_names_the_lease(self, door):
        granted(door.world, per_day=4)
        day = bucket(Period.DAY, door.gateway.meter.now())
        ends = [
            (await door.call(nothing="x"), "101"),
            (await door.call(street_code="x" * 10), "206"),
            (await door.call(rsStructure="SR"), "301"),
            (await door.call(), "1"),
            (await door.call(), "207"),
        ]
        for answer, code in ends:
            assert answer.code == code
            charged = (await door.record_of(answer)).charged
            assert charged == (None if code == "207" else f"{door.gateway.meter.holder}:{day}")

    async def test_what_is_refused_before_check_7_is_not(self, door):
        grant = granted(door.world, per_day=1)
        world = door.world
        assert (await door.call(unitKey="cnu_x")).code == "201"
        assert (await door.call(methodKey="cnm_x")).code == "202"
        world.exchange(ExchangeState.STOPPED)
        assert (await door.call()).code == "208"
        world.exchange(ExchangeState.RUNNING)
        assert len(door.gateway.meter.leases) == 0
        assert [(await door.call()).code for _ in range(2)] == ["1", "207"]
        assert grant.metered

    async def test_what_the_platform_cannot_answer_is_not(self, door):
        """503 is not charged, and its record names no lease."""
        granted(door.world, per_day=1)
        query = door.gateway.reader.query

        async def away(*_args):
            raise OSError

        door.gateway.reader.query = away
        answer = await door.call()
        assert answer.status == 503
        assert (await door.record_of(answer)).charged is None
        door.gateway.reader.query = query
        assert [(await door.call()).code for _ in range(2)] == ["1", "207"]

    async def test_a_grant_without_quota_asks_for_no_lease(self, door):
        door.gateway.meter._link._url = "postgresql://nobody@127.0.0.1:9/none"
        assert (await door.call()).code == "1"
        assert len(door.gateway.meter.leases) == 0

    async def test_where_the_counts_cannot_be_asked_nothing_is_served(self, world, store, outbox):
        granted(world, per_day=10)
        async with second(world, store, outbox) as door:
            meter = door.gateway.meter
            await meter._link.close()
            meter._link._url = "postgresql://nobody@127.0.0.1:9/none"
            meter._link._connection = None
            answer = await door.call()
            assert (answer.status, answer.reason) == (503, "grants")


class TestNewQuota:
    async def test_a_higher_quota_is_there_at_once(self, door):
        granted(door.world, per_day=2)
        assert [(await door.call()).code for _ in range(3)] == ["1", "1", "207"]
        requoted(door.world, per_day=3)
        assert [(await door.call()).code for _ in range(2)] == ["1", "207"]

    async def test_a_lower_one_too_though_more_was_leased(self, door):
        granted(door.world, per_day=1000)
        assert (await door.call()).code == "1"
        requoted(door.world, per_day=1)
        assert (await door.call()).code == "207"

    async def test_one_that_comes_while_calls_wait_is_no_trouble(self, outbox, world):
        grant = granted(world, per_day=1000)
        async with meters(outbox, "q-one") as (meter,):
            async with meter._link.lock:
                waiting = [asyncio.create_task(meter.take(grant)) for _ in range(5)]
                await asyncio.sleep(0)
                higher = requoted(world, per_day=2000)
                waiting += [asyncio.create_task(meter.take(higher)) for _ in range(5)]
                await asyncio.sleep(0)
            charges = await asyncio.gather(*waiting)
            assert len(charges) == 10


class TestGoingAndComing:
    async def test_a_replica_that_stops_gives_back_what_it_did_not_use(self, outbox, world, admin):
        grant = granted(world, per_day=10_000)
        async with meters(outbox, "g-one") as (one,):
            for _ in range(3):
                await one.take(grant)
            assert await used(admin, grant) > 3
        assert await used(admin, grant) == 3
        assert await admin.fetchval("select sum(count) from quota_held where grant_id = $1", grant.id) == 3

    async def test_idle_leases_stay_while_there_are_plenty(self, outbox, world, admin):
        grant = granted(world, per_day=1_000_000)
        async with meters(outbox, "g-two") as (one,):
            await one.take(grant)
            leased = await used(admin, grant)
            assert leased == 1 + metering.AHEAD[Period.DAY]
            one.leases._days[grant.name].used_at -= 10
            await one._give_back(one.leases.idle(one.now()), scarce=True)
            assert await used(admin, grant) == leased

    async def test_nothing_is_left_over_in_the_next_day(self, outbox, world, admin):
        grant = granted(world, per_day=3)
        async with meters(outbox, "g-three") as (one,):
            assert await drained(one, grant, within=0.1) == 3
            await admin.execute("update quota_day set bucket = bucket - 1 where grant_id = $1", grant.id)
            one.leases._days.clear()
            assert await drained(one, grant, within=0.1) == 3


class TestCrash:
    """A replica is killed: the others give back what it had leased and not served, by the records that it committed."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch):
        for name, value in (("BEAT", 0.1), ("ALIVE", 1.0), ("DEAD", 2.0), ("_SETTLE", 0.1)):
            monkeypatch.setattr(metering, name, value)

    def kill(self, meter):
        """Nothing of it goes on, nothing is given back."""
        for task in list(meter._tasks):
            task.cancel()
        if meter._link._connection is not None:
            meter._link._connection.terminate()

    async def test_exactly_what_it_served_stays_used(self, world, store, outbox, admin):
        grant = granted(world, per_day=64)
        async with second(world, store, outbox) as survivor, second(world, store, outbox) as victim:
            answers = [await victim.call(street_code=CODE) for _ in range(10)]
            assert {answer.code for answer in answers} == {"1"}
            assert len(await victim.records()) == 10
            assert await used(admin, grant) > 10
            self.kill(victim.gateway.meter)
            victim.gateway.meter.leases._days.clear()
            served = 10
            given = [(await survivor.call(street_code=CODE)).code for _ in range(64)]
            served += given.count("1")
            assert served <= 64

            async def the_rest_is_served():
                nonlocal served
                served += (await survivor.call(street_code=CODE)).code == "1"
                assert served <= 64
                return served == 64

            await eventually(the_rest_is_served, what="the rest of the quota")
            assert (await survivor.call()).code == "207"
            assert await admin.fetchval("select used from quota_day where grant_id = $1", grant.id) == 64

    async def test_many_at_once_are_settled_together(self, outbox, world, admin, monkeypatch):
        """A node that dies takes many replicas with it; the last of them is not settled minutes later."""
        monkeypatch.setattr(metering, "_SETTLE", 1.0)
        grant = granted(world, per_day=100)
        async with meters(outbox, "m-lives") as (living,):
            await living.take(grant)
            before = await used(admin, grant)
            # All at once: whoever settles in between would be counted in "before".
            await admin.execute(
                "with lost as (insert into replica select gen_random_uuid(), 'm-lost', now() - interval '1 hour'"
                " from generate_series(1, 60) returning holder),"
                " held as (insert into quota_held select holder, $1, $2, 1 from lost)"
                " update quota_day set used = used + 60 where grant_id = $1",
                grant.id,
                bucket(Period.DAY, living.now()),
            )
            # The quota of each comes back in a statement after the one that says who is settled.
            await eventually(lambda: _is(_held_of(admin, "m-lost"), 0), what="the leases of all sixty gone")
            assert await _settled_of(admin, "m-lost") == 60
            assert await used(admin, grant) <= before

    async def test_it_is_settled_once_whoever_looks(self, outbox, world, admin):
        grant = granted(world, per_day=100)
        async with meters(outbox, "c-a", "c-b", "c-c") as (victim, *others):
            await victim.take(grant)
            assert await used(admin, grant) > 1
            self.kill(victim)
            await eventually(lambda: _is(used(admin, grant), 0), what="all of it back: nothing of it is on record")
            assert await admin.fetchval("select count(*) from quota_held where holder = $1", victim.holder) == 0
            assert await admin.fetchval("select settled from replica where holder = $1", victim.holder)
            given = sum([await drained(other, grant, within=2.0) for other in others])
            assert given == 100

    async def test_one_that_only_stood_still_uses_nothing_of_what_was_settled_and_begins_anew(
        self, outbox, world, admin
    ):
        """FAULT-28: paused for longer than the others wait, it comes back with leases in its memory."""
        grant = granted(world, per_day=100)
        async with meters(outbox, "p-a", "p-b") as (paused, other):
            charge = await paused.take(grant)
            paused.check(charge)
            held = paused.holder
            for task in list(paused._tasks):
                task.cancel()
            await eventually(lambda: _is(used(admin, grant), 0))
            # A call that was under way when it stood still is not answered.
            with pytest.raises(Unavailable):
                paused.check(charge)
            paused.give_back(charge)
            again = await paused.take(grant)
            assert paused.holder != held
            assert again.lease.startswith(str(paused.holder))
            paused.check(again)
            with pytest.raises(Unavailable):
                paused.check(charge)
            given = 1 + await drained(other, grant, within=0.3)
            assert given <= 100
            paused.start()
            given += await drained(other, grant, within=2.5) + await drained(paused, grant, within=1.0)
            assert given == 100

    async def test_one_that_lives_is_not_given_up(self, outbox, world, admin):
        grant = granted(world, per_day=100)
        async with meters(outbox, "l-a", "l-b") as (one, _):
            charge = await one.take(grant)
            began = time.monotonic()
            await eventually(lambda: _is(_passed(began, 3.5), value=True))
            one.check(charge)
            assert not await admin.fetchval("select settled from replica where holder = $1", one.holder)

    async def test_it_is_settled_by_what_is_charged_to_it_and_to_no_other(self, outbox, world, admin):
        """The records of its worker before it began, and of others, are none of it."""
        grant = granted(world, per_day=100)
        async with meters(outbox, "w-same", "w-other") as (victim, _):
            charge = await victim.take(grant)
            records = [charge.lease, charge.lease, f"{UUID(int=7)}:{charge.lease.rpartition(':')[2]}", None]
            await self.record(admin, "w-same", grant, records)
            await self.record(admin, "w-strange", grant, [charge.lease])
            self.kill(victim)
            await eventually(lambda: _is(used(admin, grant), 2), what="the two that are on record stay used")

    async def record(self, admin, worker, grant, charges):
        told = [f'{{"grant":"{grant.id}","charged":{f"{chr(34)}{c}{chr(34)}" if c else "null"}}}' for c in charges]
        await admin.execute(
            "insert into outbox (event_id, topic, key, headers, payload)"
            " values (gen_random_uuid(), 'access-logged', $1, '{}', convert_to($2, 'UTF8'))",
            worker,
            f'{{"records":[{",".join(told)}]}}',
        )

    @pytest.fixture(autouse=True)
    async def no_strange_records(self, admin):
        yield
        await admin.execute("delete from outbox where key in ('w-same', 'w-strange')")


async def _settled_of(admin, worker):
    return await admin.fetchval("select count(*) from replica where worker = $1 and settled", worker)


async def _held_of(admin, worker):
    return await admin.fetchval("select count(*) from quota_held join replica using (holder) where worker = $1", worker)


async def _is(asked, value):
    return await asked == value


async def _passed(since, seconds):
    return time.monotonic() - since > seconds


def test_the_others_wait_longer_than_it_may_serve():
    """By more than a call that was charged may take until its record is committed."""
    assert metering.DEAD - metering.ALIVE > 5
    assert metering.ALIVE > 3 * metering.BEAT
    assert metering.DEAD + 2 * metering._SETTLE < 60
