"""A gateway as a process with one service whose source is a provider's own interface: to be killed at a moment.

python -m tests.support.provider_process OUTBOX_URL PROVIDER_URL    calls once, and writes the answer down if it comes
"""

import asyncio
import sys

from gateway.provider import Providers
from tests.support.gateway_door import opened
from tests.support.gateway_world import World
from tests.support.provider_world import HERE, INPUTS, ITEMS, rest


async def main(outbox_url: str, provider_url: str) -> None:
    world = World()
    world.unit("edu")
    world.service("people", ITEMS, INPUTS, ready=False, source="provider", interface=rest(provider_url))
    world.grant("edu", "people", ["person_no", "name"])
    # The exchange store is not read.
    async with opened(
        world=world, store_url=outbox_url, outbox_url=outbox_url, providers=Providers(HERE, None)
    ) as door:
        answer = await door.call("people", person_no="0001")
        sys.stdout.write(answer.response.text)
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
