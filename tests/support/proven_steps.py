"""Steps of the tests of proven calls: a gateway behind an ingress, and calls of it."""

import contextlib
import ipaddress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.layout import READER
from gateway.domain.origins import Ingress
from tests.support.gateway_door import opened
from tests.support.signing import Signing

KEY = Signing(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
THERE = "192.0.2.10"
"""Where the ingress is."""


@contextlib.asynccontextmanager
async def replica(world, store, outbox, **more):
    async with opened(
        world=world,
        store_url=store.database.url(READER),
        outbox_url=outbox.app_url,
        admin_url=outbox.admin_url(),
        **{"ingress": Ingress([ipaddress.ip_network(f"{THERE}/32")], certificates=True), **more},
    ) as made:
        yield made


def target(world, **more):
    given = {**world.keys("edu", "streets"), "street_code": "310105001", **more}
    return "/streets?" + "&".join(f"{name}={value}" for name, value in given.items())


async def sent(door, headers, to=None, **more):
    return await door.ask("POST", to or target(door.world), headers=headers, **more)
