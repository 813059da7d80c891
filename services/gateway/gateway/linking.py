"""A call that asks for one object of a resource: its row, and the short-lived link with which its content is fetched.

The link is an item like the others: it is given where it is granted in clear, to a call that names the object by its
key and asks for one record, so that each is a call of its own in the trail. The ingest makes it; no secret of the
object store is known here.
"""

from collections.abc import Awaitable
from uuid import UUID

import orjson

from common.events import ItemMode
from gateway.domain.decisions import Plan
from gateway.domain.grants import LINK, OBJECT
from gateway.domain.records import Call
from gateway.store.ingest import Ingest
from gateway.store.reading import Rows


async def linked(ingest: Ingest, call: Call, plan: Plan, asked: Awaitable[Rows]) -> Rows:
    """The rows of a call, with the link where there is one row and one may be given.

    Raises:
        Unavailable: `store` where the ingest is away: no answer without what was asked for.
    """
    found = await asked
    object_id = _object(plan)
    if len(found.rows) != 1 or object_id is None or not _granted(call, plan):
        return found
    service = call.who.service
    assert service is not None
    url = await ingest.link(service.entry, service.resource_version, object_id, call.trace_id)
    place = plan.template.codes.index(LINK)
    row = list(found.rows[0])
    row[place] = orjson.dumps(url).decode()
    return found._replace(rows=(tuple(row),))


def _object(plan: Plan) -> UUID | None:
    """The object that a call names by its key."""
    given = dict(zip(plan.template.filters, plan.values, strict=False)).get(OBJECT)
    try:
        return UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None


def _granted(call: Call, plan: Plan) -> bool:
    grant = call.who.grant
    clear = grant is not None and any(item.code == LINK and item.mode is ItemMode.CLEAR for item in grant.items)
    return clear and LINK in plan.template.codes
