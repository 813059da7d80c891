"""Evidence first: no answer leaves before the record of its call is committed; refusals too (FAULT-5 to FAULT-10)."""

import asyncio
import contextlib
import json
from collections import Counter

import asyncpg
import pytest
from structlog.testing import capture_logs

from common.events import ExchangeState, GrantState
from exchange.layout import READER
from gateway.domain import answers, decisions, records
from gateway.domain.freshness import Freshness
from gateway.store import recording
from gateway.store.recording import MAX_GROUP, Recorder
from tests.support.exchange_store import terminate
from tests.support.gateway_door import opened
from tests.support.proxying import TcpProxy
from tests.support.waiting import eventually

PLATFORM = {"SUCCESS": "0", "ERROR": {"ERROR_CODE": "500", "ERROR_MEMO": "平台暂不可用, 请稍后重试"}}
SECRET = "canary-table u_civil_affairs select * from"


def is_trail_failure(answer):
    return (answer.status, answer.reason, answer.response.json()) == (503, "trail", PLATFORM)


@contextlib.asynccontextmanager
async def administrator(outbox):
    connection = await asyncpg.connect(outbox.admin_url())
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@contextlib.asynccontextmanager
async def stalled(outbox):
    """Nothing can be written into the outbox while the block runs."""
    async with administrator(outbox) as admin, admin.transaction():
        await admin.execute("lock table outbox in exclusive mode")
        yield


async def waiting_writers(outbox):
    async with administrator(outbox) as admin:
        return await admin.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and application_name = 'gateway recorder' and wait_event_type = 'Lock'"
        )


def waits(recorder, *texts):
    """Records that wait for their commit, of a recorder that was not started."""
    for text in texts:
        recorder._waiting.append(recording._Waiting(text, float("inf"), asyncio.get_running_loop().create_future()))


def contiguous(found):
    return [record.number for record in found] == list(range(1, len(found) + 1))


class TestBeforeTheAnswer:
    async def test_an_answer_waits_for_the_commit_of_its_record(self, door, outbox):
        async with stalled(outbox):
            calling = asyncio.create_task(door.call())
            await eventually(lambda: waiting_writers(outbox), what="the record waits for its commit")
            assert not calling.done()
            assert await door.records() == []
        assert (await calling).code == "1"
        assert len(await door.records()) == 1

    @pytest.mark.parametrize(
        ("change", "parameters", "code"),
        [
            (lambda w: None, {"rsStructure": "KV", "street_code": "310105001"}, "1"),
            (lambda w: None, {"methodKey": ""}, "101"),
            (lambda w: None, {"unitKey": "cnu_x"}, "201"),
            (lambda w: None, {"methodKey": "cnm_x"}, "202"),
            (lambda w: w.grant("edu", "streets", ["street_code"], state=GrantState.SUSPENDED), {}, "203"),
            (lambda w: None, {"nothing": "x"}, "101"),
            (lambda w: None, {"street_code": "x" * 10}, "206"),
            (lambda w: w.exchange(ExchangeState.STOPPED), {}, "208"),
            (lambda w: None, {"rsStructure": "KV"}, "301"),
        ],
    )
    async def test_whatever_the_answer_is_its_record_is_committed(self, door, change, parameters, code):
        change(door.world)
        answer = await door.call(**parameters)
        assert answer.code == code
        record = await door.record_of(answer)
        assert (record.code, record.status) == (code, 200)

    async def test_no_key_and_no_value_is_in_the_outbox(self, door, outbox):
        keys = door.world.keys("edu", "streets")
        headers = {"X-Operator": keys["unitKey"], "Referer": keys["methodKey"], "User-Agent": keys["unitKey"]}
        await door.ask("POST", "/streets", params={**keys, "street_name__prefix": "金丝雀"}, headers=headers)
        await door.ask("POST", f"/{keys['unitKey']}", params={**keys, "note": keys["methodKey"]})
        assert len(await door.records()) == 2
        async with administrator(outbox) as admin:
            rows = await admin.fetch("select convert_from(payload, 'UTF8') || headers::text || key as t from outbox")
        written = "".join(row["t"] for row in rows)
        assert not [canary for canary in (*keys.values(), "金丝雀") if canary in written]


class TestWithoutTheTrail:
    async def test_stalled_for_longer_than_a_caller_waits_is_503_trail_and_no_other_answer(
        self, door, outbox, monkeypatch
    ):
        monkeypatch.setattr(recording, "COMMIT_WITHIN", 0.3)
        async with stalled(outbox):
            answers_ = await asyncio.gather(
                door.call(), door.call(unitKey="cnu_x"), door.call(street_code=""), door.call(format="xml")
            )
            transport = await door.ask("GET", "/streets")
        assert all(is_trail_failure(answer) for answer in (*answers_[:3], transport))
        assert "<ERROR_CODE>500</ERROR_CODE>" in answers_[3].response.text
        # What was called is committed as soon as it can be: evidence of calls that were not answered.
        await eventually(lambda: _count(door, 5), what="all five records")
        assert contiguous(await door.records())
        monkeypatch.undo()
        assert (await door.call()).code == "1"

    async def test_the_patience_of_a_caller_is_two_seconds(self, door, outbox):
        loop = asyncio.get_running_loop()
        async with stalled(outbox):
            began = loop.time()
            assert is_trail_failure(await door.call())
            assert 1.9 < loop.time() - began < 30

    async def test_with_its_database_away_nothing_is_answered_and_afterwards_everything_is_on_record(
        self, world, store, outbox, installation, monkeypatch
    ):
        monkeypatch.setattr(recording, "COMMIT_WITHIN", 0.5)
        with TcpProxy() as proxy:
            proxy.target = installation.endpoints.postgres.port
            url = outbox.app_url.replace(f":{proxy.target}/", f":{proxy.port}/")
            assert url != outbox.app_url
            reader_url = store.database.url(READER)
            async with opened(world=world, store_url=reader_url, outbox_url=url, admin_url=outbox.admin_url()) as door:
                assert (await door.call()).code == "1"
                proxy.cut()
                for _ in range(3):
                    assert is_trail_failure(await door.call())
                proxy.mend()
                await eventually(lambda: _count(door, 4), what="the records of the time without a database")
                assert (await door.call()).code == "1"
                found = await door.records()
                assert contiguous(found)
                assert [record.code for record in found] == ["1", "1", "1", "1", "1"]

    async def test_more_that_wait_than_may_wait_are_refused_at_once(self, door, outbox, monkeypatch):
        monkeypatch.setattr(recording, "MAX_WAITING", 3)
        async with stalled(outbox):
            first = asyncio.create_task(door.call())
            await eventually(lambda: waiting_writers(outbox))
            waiting = [asyncio.create_task(door.call()) for _ in range(3)]
            await eventually(lambda: _waits(door, 3))
            assert is_trail_failure(await door.call())
            assert not any(call.done() for call in (first, *waiting)), "it did not wait as they do"
        assert [(await call).code for call in (first, *waiting)] == ["1"] * 4
        assert len(await door.records()) == 4

    async def test_without_state_that_is_caught_up_nothing_is_decided(self, door):
        object.__setattr__(door.gateway, "fresh", Freshness(60.0, lambda: 0.0))
        answer = await door.call()
        assert (answer.status, answer.reason, answer.response.json()) == (503, "grants", PLATFORM)
        assert (await door.record_of(answer)).status == 503


async def _count(door, count):
    return len(await door.records()) == count


async def _waits(door, count):
    return door.gateway.recorder.waiting >= count


class TestNumbers:
    async def test_many_calls_at_once_are_numbered_without_gaps_in_few_commits(self, door, outbox):
        answers_ = await asyncio.gather(*(door.call() for _ in range(300)))
        found = await door.records()
        assert contiguous(found)
        assert {answer.trace_id for answer in answers_} == {record.trace_id for record in found}
        async with administrator(outbox) as admin:
            groups = await admin.fetchval("select count(*) from outbox where key = $1", door.gateway.recorder.worker)
        assert groups < 300

    async def test_connections_cut_in_the_middle_lose_no_record_and_no_number(self, door, outbox):
        """FAULT-9: the group in hand is tried again as it is."""
        done = asyncio.Event()
        cuts = 0

        async def cut():
            nonlocal cuts
            async with administrator(outbox) as admin:
                while not done.is_set():
                    await terminate(admin, "gateway recorder")
                    cuts += 1
                    await asyncio.wait_for(asyncio.shield(_next_commit(door)), 30)

        cutting = asyncio.create_task(cut())
        try:
            answers_ = []
            for _ in range(12):
                answers_ += await asyncio.gather(*(door.call(street_code="310105001") for _ in range(20)))
        finally:
            done.set()
            cutting.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await cutting
        assert cuts > 2
        await eventually(lambda: _count(door, 240), what="all records")
        found = await door.records()
        assert contiguous(found)
        held = Counter(record.trace_id for record in found)
        assert set(held.values()) == {1}
        answered = [answer for answer in answers_ if answer.code == "1"]
        assert answered
        assert {answer.trace_id for answer in answered} <= set(held)

    async def test_that_the_database_was_lost_is_told(self, outbox):
        """What it counts in seconds goes with it: whoever holds shares of that gives them up."""
        recorder, told = Recorder(outbox.app_url, "w-lost"), []
        recorder.lost = lambda: told.append(recorder.committed)
        recorder.start()
        await recorder.record(b'{"x":1}')
        assert told == []
        async with administrator(outbox) as admin:
            await terminate(admin, "gateway recorder")
        await eventually(lambda: _is_told(told), what="told, though nothing is recorded")
        await recorder.record(b'{"x":2}')
        assert set(told) == {1}
        await recorder.stop()

    async def test_a_commit_whose_news_was_lost_is_not_committed_again(self, outbox, installation):
        """FAULT-10: the row is there and the reply is not: the same row again is no second one."""
        recorder = Recorder(outbox.app_url, "w-unknown-outcome")
        waits(recorder, b'{"x":1}')
        row = recorder._next_group()
        for _ in range(3):
            connection = await recorder._commit(None, row)
            await connection.close()
        async with administrator(outbox) as admin:
            count = await admin.fetchval("select count(*) from outbox where key = 'w-unknown-outcome'")
            await admin.execute("delete from outbox where key = 'w-unknown-outcome'")
        assert count == 1

    async def test_a_group_is_no_larger_than_an_event_may_be(self, outbox):
        def taken(*texts):
            recorder = Recorder(outbox.app_url, "w-groups")
            waits(recorder, *texts)
            row = recorder._next_group()
            told = json.loads(row[-1])
            assert [record["number"] for record in told["records"]] == list(range(1, len(told["records"]) + 1))
            assert len(told["records"]) == len(recorder._taken) == len(texts) - recorder.waiting
            return len(told["records"]), len(row[-1])

        small, large = b'{"x":1}', b'{"x":"' + b"y" * 30_000 + b'"}'
        assert taken(*[small] * (MAX_GROUP + 1))[0] == MAX_GROUP
        count, size = taken(*[large] * 30)
        assert 1 < count < 30
        assert size <= 512 * 1024
        huge = b'{"x":"' + b"y" * 500_000 + b'"}'
        assert taken(huge, huge)[0] == 1, "one that is large alone is not held back for ever"

    async def test_what_waits_is_committed_before_the_end(self, world, store, outbox):
        """FAULT-5: told to stop, the worker finishes what it has begun."""
        async with opened(
            world=world, store_url=store.database.url(READER), outbox_url=outbox.app_url, admin_url=outbox.admin_url()
        ) as door:
            calling = [asyncio.create_task(door.call()) for _ in range(20)]
            await eventually(lambda: _waits_or_done(door, calling))
        assert [answer.code for answer in await asyncio.gather(*calling)] == ["1"] * 20
        assert len(await door.records()) == 20

    async def test_each_start_counts_for_itself(self, outbox):
        one, other = Recorder(outbox.app_url, "w"), Recorder(outbox.app_url, "w")
        assert one.start_id != other.start_id
        assert (one.next_number, other.next_number) == (1, 1)


async def _is_told(told):
    return bool(told)


async def _next_commit(door):
    committed = door.gateway.recorder.committed
    await eventually(lambda: _beyond(door, committed))


async def _beyond(door, committed):
    return door.gateway.recorder.committed > committed


async def _waits_or_done(door, calling):
    return door.gateway.recorder.waiting + sum(call.done() for call in calling) >= len(calling)


class TestBrokenCode:
    """A defect of ours is a 503 that tells nothing of how the platform is made, and it is on record and in the log."""

    @pytest.fixture(autouse=True)
    def logged(self):
        with capture_logs() as found:
            yield found

    @pytest.mark.parametrize(
        ("place", "name"),
        [(decisions, "identify"), (decisions, "admit"), (decisions, "plan"), (answers, "success")],
    )
    async def test_in_deciding_or_answering(self, door, monkeypatch, logged, place, name):
        def broken(*_args, **_more):
            raise RuntimeError(SECRET)

        monkeypatch.setattr(place, name, broken)
        answer = await door.call()
        assert (answer.status, answer.reason, answer.response.json()) == (503, "store", PLATFORM)
        assert (await door.record_of(answer)).code == "500"
        assert [entry["event"] for entry in logged] == ["gateway.broken"]

    async def test_in_reading(self, door):
        async def broken(*_args):
            raise ZeroDivisionError(SECRET)

        door.gateway.reader.query = broken
        # Alone and together with others.
        answers_ = [await door.call(), *await asyncio.gather(*(door.call(street_code="310105001") for _ in range(5)))]
        assert all((answer.status, answer.response.json()) == (503, PLATFORM) for answer in answers_)
        answer = answers_[-1]
        assert SECRET not in str(answer.response.headers)

    @pytest.mark.parametrize("method", ["POST", "GET"])
    async def test_in_making_the_record_is_as_if_there_were_no_trail(self, door, monkeypatch, method):
        def broken(*_args):
            raise KeyError(SECRET)

        monkeypatch.setattr(records, "record", broken)
        assert is_trail_failure(await door.ask(method, "/streets", params=door.world.keys("edu", "streets")))
        assert await door.records() == []
