"""The inbox: an event that comes twice has its effect once, because the claim and the effect commit together."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from common import delivery
from common.errors import Undecodable
from common.events import Meta


async def first_time(session: AsyncSession, consumer: str, meta: Meta) -> bool:
    """Claim an event for this consumer; False if it was claimed before.

    Raises:
        Undecodable: the id was claimed before by an event with another body.
    """
    claim = (
        insert(delivery.inbox)
        .values(consumer=consumer, event_id=meta.id, digest=meta.digest)
        .on_conflict_do_nothing()
        .returning(delivery.inbox.c.event_id)
    )
    if (await session.execute(claim)).first() is not None:
        return True
    held = await session.scalar(
        select(delivery.inbox.c.digest).where(
            delivery.inbox.c.consumer == consumer, delivery.inbox.c.event_id == meta.id
        )
    )
    if held is not None and held != meta.digest:
        raise Undecodable("同一事件标识的内容不同", reason="id-reused")
    return False
