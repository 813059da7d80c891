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

NEXT_ISSUE = {
    "daily quota of zero": "quotas: a grant with one is answered 203",
    "truth verification, true": "verify mode: its services are answered 208",
    "truth verification, false": "verify mode",
    "truth verification of nobody": "verify mode",
    "a page has a cursor when there is more": "cursors",
    "declared ordering, descending": "orderBy",
    "masked address": "masks: a grant with one is answered 203",
    "the answer names its trace and its data's age": "X-Data-As-Of",
}
"""Cases whose features are not built yet, each with what is missing."""
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


def test_what_is_not_built_is_listed_by_its_name():
    assert set(NEXT_ISSUE) <= set(NAMES)


@pytest.mark.parametrize("case", [c for c in CASES["cases"] if c["name"] not in NEXT_ISSUE], ids=lambda c: c["name"])
async def test_a_case_is_answered_as_the_protocol_says(played, case):
    assert list(differences(case, await play(played, case))) == []


@pytest.mark.parametrize("case", [c for c in CASES["cases"] if c["name"] in NEXT_ISSUE], ids=lambda c: c["name"])
async def test_a_case_that_is_listed_as_not_built_is_not_answered_so_yet(played, case):
    """When this fails, the feature is there: take the case off the list."""
    assert list(differences(case, await play(played, case)))
