"""Code sets: published in versions that never change, told in parts that an event can carry."""

import pytest

from catalog.domain.code_sets import CODES_PER_PART
from common.events import MAX_BYTES, CodeName, CodeSetChanged
from common.events.base import dump
from tests.support.catalog_steps import Unit
from tests.support.catalog_values import entry_body, text
from tests.support.given_clock import PAST_TERM


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


def body(*codes, **more):
    listed = [{"code": code, "name": f"名称{code}"} for code in codes or ("1",)]
    return {"id": "district", "name": "区划代码", "source": "GB/T 2260", "codes": listed} | more


async def test_each_publication_is_the_next_version_and_the_earlier_stay(catalog, unit):
    first = await unit.platform.post("/code-sets", body("1", "2"))
    second = await unit.platform.post("/code-sets", body("1"))

    assert [one.json()["edition"] for one in (first, second)] == [1, 2]
    shown = (await unit.compiler.get("/code-sets")).json()
    assert [(one["edition"], len(one["codes"])) for one in shown] == [(1, 2), (2, 1)]
    told = [one.event for one in await catalog.told(CodeSetChanged)]
    assert [(one.key, one.version, one.part, one.parts) for one in told] == [
        ("district@1/1", 1, 1, 1),
        ("district@2/1", 1, 1, 1),
    ]


async def test_an_item_names_a_version_that_is_there(catalog, unit):
    await unit.platform.post("/code-sets", body())

    def naming(version):
        return entry_body(items=[text("a", key_place=1, code_set={"id": "district", "version": version})])

    assert (await unit.compiler.post("/entries", naming(1))).is_success
    refused = await unit.compiler.post("/entries", naming(2))
    assert (refused.status_code, refused.json()["code"]) == (404, "code-set-unknown")
    draft = await unit.draft()
    change = await unit.compiler.put(f"/entries/{draft}/draft", {"revision": 1, "content": naming(2)})
    assert change.json()["code"] == "code-set-unknown"


async def test_a_long_code_set_goes_in_parts_that_hold_it_all_in_order(catalog, unit):
    codes = [f"{number:05}" for number in range(2 * CODES_PER_PART + 1)]
    await unit.platform.post("/code-sets", body(*codes))
    told = [one.event for one in await catalog.told(CodeSetChanged)]

    assert [(one.part, one.parts) for one in told] == [(1, 3), (2, 3), (3, 3)]
    assert [code.code for one in told for code in one.codes] == codes


def test_a_part_of_the_longest_codes_and_names_is_within_an_events_limit():
    longest = tuple(CodeName(code="𠮷" * 100, name="𠮷" * 200) for _ in range(CODES_PER_PART))
    told = CodeSetChanged(
        version=1,
        code_set="a" * 40,
        edition=1,
        name="𠮷" * 100,
        source="𠮷" * 200,
        part=1,
        parts=50,
        codes=longest,
        changed_at=PAST_TERM,
    )

    assert len(dump(told)) <= MAX_BYTES


async def test_one_code_does_not_mean_two_things(catalog, unit):
    refused = await unit.platform.post("/code-sets", body("1", "2", "1"))

    assert (refused.status_code, refused.json()["code"]) == (422, "malformed")
    assert await catalog.told() == []
