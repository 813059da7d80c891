"""The golden cases of the interface protocol, played against the gateway as far as it is built."""

import json

import jsonschema
import pytest

from common.clock import now
from exchange.layout import READER
from tests.support.gateway_door import opened
from tests.support.gateway_world import World
from tests.support.golden_cases import CASES, FOLDER, differences, play, tables, tell
from tests.support.waiting import until

NAMES = [case["name"] for case in CASES["cases"]]


@pytest.fixture(scope="module")
async def played(store, outbox):
    world = World()
    expired = tell(world, await tables(store))
    until(lambda: now() > expired, what="the expired grant is expired")
    async with opened(world=world, store_url=store.database.url(READER), outbox_url=outbox.app_url) as door:
        yield door


def test_the_cases_have_their_form():
    jsonschema.validate(CASES, json.loads((FOLDER / "schema.json").read_text(encoding="utf-8")))
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda c: c["name"])
async def test_a_case_is_answered_as_the_protocol_says(played, case):
    assert list(differences(case, await play(played, case))) == []
