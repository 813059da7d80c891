"""The inbox: an event that comes twice has its effect once, whoever comes at the same time."""

import asyncio

import pytest
import sqlalchemy as sa

from common import clock, delivery, inbox
from common.errors import Undecodable
from common.events import Meta
from common.ids import uuid7


def meta(*, body=b"body", event_id=None) -> Meta:
    return Meta(id=event_id or uuid7(), type="told", source="registry", time=clock.now(), traceparent=None, digest=body)


async def rows(db, event_id):
    async with db.begin() as tx:
        held = delivery.inbox
        return (await tx.execute(sa.select(held).where(held.c.event_id == event_id))).all()


async def claim(db, consumer, came):
    async with db.begin() as tx:
        return await inbox.first_time(tx, consumer, came)


async def test_the_first_coming_is_the_only_first_one(shared_db):
    came = meta()
    assert [await claim(shared_db, "catalog", came) for _ in range(3)] == [True, False, False]
    (row,) = await rows(shared_db, came.id)
    assert (row.consumer, row.digest) == ("catalog", b"body")


async def test_each_consumer_has_its_own_first_time(shared_db):
    came = meta()
    assert await claim(shared_db, "catalog", came)
    assert await claim(shared_db, "sharing", came)


async def test_a_claim_goes_with_its_transaction(shared_db):
    came = meta()
    with pytest.raises(RuntimeError):
        await _claim_and_fail(shared_db, came)
    assert await rows(shared_db, came.id) == []
    assert await claim(shared_db, "catalog", came)


async def _claim_and_fail(db, came):
    async with db.begin() as tx:
        assert await inbox.first_time(tx, "catalog", came)
        raise RuntimeError


async def test_of_many_at_once_one_is_the_first_and_the_others_wait_for_its_end(shared_db):
    # PIT-A2: a member that was given up for lost works on beside its successor.
    came = meta()
    assert sorted(await asyncio.gather(*(claim(shared_db, "catalog", came) for _ in range(8)))) == [False] * 7 + [True]


@pytest.mark.parametrize("ends_well", [True, False])
async def test_the_second_waits_until_it_is_known_whether_the_first_had_its_effect(shared_db, ends_well):
    came, claimed, end = meta(), asyncio.Event(), asyncio.Event()

    async def first():
        async with shared_db.begin() as tx:
            assert await inbox.first_time(tx, "catalog", came)
            claimed.set()
            await end.wait()
            if not ends_well:
                raise RuntimeError

    one = asyncio.create_task(first())
    await claimed.wait()
    two = asyncio.create_task(claim(shared_db, "catalog", came))
    done, _ = await asyncio.wait({two}, timeout=0.3)
    assert not done, "it is not known yet"
    end.set()
    if ends_well:
        await one
    else:
        with pytest.raises(RuntimeError):
            await one
    assert await two is not ends_well


async def test_the_same_id_with_another_body_is_refused_and_changes_nothing(shared_db):
    # IN-E3
    came = meta()
    await claim(shared_db, "catalog", came)
    with pytest.raises(Undecodable) as refused:
        await claim(shared_db, "catalog", meta(event_id=came.id, body=b"another"))
    assert refused.value.details == {"reason": "id-reused"}
    assert [row.digest for row in await rows(shared_db, came.id)] == [b"body"]
