"""A worker that stands still while a call is under way gives no answer by what it knew before (FAULT-26)."""

import pytest

from exchange.layout import READER
from gateway.domain.freshness import STALL, Freshness, Road
from tests.support.gateway_door import opened

LOOKS = range(1, 4)
"""How often a call looks whether the state may be relied on: at first, when it has its rows, before it leaves."""


class Standing:
    """Relied on for so many looks at the clock; then it shows that this process stood still."""

    def __init__(self):
        self.left = -1

    def __call__(self):
        if self.left == 0:
            return STALL + 1
        self.left -= 1
        return 0.0


@pytest.fixture
async def standing(world, store, outbox):
    clock = Standing()
    fresh = Freshness(60.0, clock)
    fresh.confirm(0.0, Road.TOPICS)
    async with opened(
        world=world,
        store_url=store.database.url(READER),
        outbox_url=outbox.app_url,
        admin_url=outbox.admin_url(),
        fresh=fresh,
    ) as door:
        yield clock, door


@pytest.mark.parametrize("look", LOOKS)
async def test_a_standstill_before_any_look_is_503(standing, look):
    clock, door = standing
    clock.left = look - 1
    answer = await door.call(street_code="310105001")
    assert (answer.status, answer.code, answer.reason) == (503, "500", "grants")
    assert b"310105001" not in answer.response.content


async def test_one_after_the_last_look_changes_nothing(standing):
    clock, door = standing
    clock.left = len(LOOKS)
    assert (await door.call(street_code="310105001")).code == "1"


async def test_a_refusal_needs_no_second_look(standing):
    # It gives nothing away; it is the answer by what was known when it was asked for.
    clock, door = standing
    clock.left = 1
    answer = await door.ask("POST", "/streets", params={"unitKey": "x", "methodKey": "y"})
    assert answer.code == "201"
