"""Steps of the tests of quotas: meters on one database, grants with a quota, calls taken from them."""

import asyncio
import contextlib
import time

from common.events import Quota
from gateway.errors import Refused
from gateway.store.metering import Meter


@contextlib.asynccontextmanager
async def meters(outbox, *names):
    made = [Meter(outbox.app_url, name) for name in names]
    for meter in made:
        meter.start()
    try:
        yield made
    finally:
        for meter in made:
            await meter.stop()


def granted(world, **quota):
    """A grant with this quota, not used before."""
    world.grants.pop(("edu", "streets"), None)
    world.method_keys.pop(("edu", "streets"), None)
    told = world.grant("edu", "streets", ["street_code"], quota=Quota(**quota))
    return world.memory.grants[told.grant]


def requoted(world, **quota):
    told = world.grant("edu", "streets", ["street_code"], quota=Quota(**quota))
    return world.memory.grants[told.grant]


async def taken(meter, grant):
    try:
        return await meter.take(grant)
    except Refused:
        return None


async def used(admin, grant):
    return await admin.fetchval("select used from quota_day where grant_id = $1", grant.id)


async def drained(meter, grant, within=6.0):
    """How many calls can still be taken until nothing comes for longer than idle leases need to go back."""
    count, deadline = 0, time.monotonic() + within
    while time.monotonic() < deadline:
        if await taken(meter, grant) is not None:
            count, deadline = count + 1, time.monotonic() + within
        else:
            await asyncio.sleep(0.05)
    return count
