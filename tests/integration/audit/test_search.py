"""Calls are found by who, what, under which grant, from which batch and when; by those who may see them (REQ-T1)."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from common.roles import Role
from tests.support.catalog_values import catalog_changed
from tests.support.given_clock import PAST_TERM
from tests.support.trail_values import ENTRY, TRACE, logged, record

OTHER_ENTRY = "307001-000002"
BATCH = uuid4()
MINE = record(1)
"""区教育局 calls 区民政局's streets."""
OTHERS = record(2, unit="gaj", grant=UUID(int=6), trace_id="1" * 32, batches=(BATCH, uuid4()), batch_count=2)
"""区公安分局 calls them too."""
ELSEWHERE = record(3, unit="gaj", entry=OTHER_ENTRY, grant=UUID(int=7), trace_id="2" * 32)
"""区公安分局 calls its own."""
STRANGER = record(4, unit=None, entry=None, grant=None, service="none", trace_id="3" * 32, code="201")
ALL = (MINE, OTHERS, ELSEWHERE, STRANGER)


@pytest.fixture
async def full(trail):
    await trail.hear(catalog_changed(ENTRY, provider="mzj"))
    await trail.hear(catalog_changed(OTHER_ENTRY, provider="gaj"))
    await trail.hear(logged([told.model_copy(update={"received_at": at(n)}) for n, told in enumerate(ALL)]))
    return trail


def at(minutes):
    return PAST_TERM + timedelta(minutes=minutes)


async def found(trail, unit="dsjzx", role=Role.AUDITOR, /, **asked):
    answer = await trail.as_(f"{unit}.x", unit, role).get("/calls", params=asked)
    assert answer.status_code == 200, answer.text
    return [UUID(call["record"]["call"]) for call in answer.json()]


def calls(*records):
    return [told.call for told in records]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"trace_id": TRACE}, [MINE]),
        ({"unit": "gaj"}, [ELSEWHERE, OTHERS]),
        ({"grant": str(UUID(int=5))}, [MINE]),
        ({"entry": ENTRY}, [OTHERS, MINE]),
        ({"batch": str(BATCH)}, [OTHERS]),
        ({"unit": "gaj", "entry": ENTRY}, [OTHERS]),
        ({"unit": "jyj", "batch": str(BATCH)}, []),
        ({"trace_id": "3" * 32}, [STRANGER]),
        ({"trace_id": "f" * 32}, []),
        ({"entry": ENTRY, "since": at(1).isoformat()}, [OTHERS]),
        ({"entry": ENTRY, "until": at(1).isoformat()}, [MINE]),
        ({"entry": ENTRY, "since": at(0).isoformat(), "until": at(2).isoformat()}, [OTHERS, MINE]),
        ({"entry": ENTRY, "since": at(2).isoformat()}, []),
        ({"entry": ENTRY, "limit": "1"}, [OTHERS]),
    ],
)
async def test_calls_are_found_by_each_key_the_newest_first(full, asked, expected):
    assert await found(full, **asked) == calls(*expected)


async def test_a_record_is_shown_whole_with_the_worker_that_numbered_it(full):
    (shown,) = (await full.as_("a", "dsjzx", Role.AUDITOR).get("/calls", params={"trace_id": TRACE})).json()
    assert (shown["worker"], shown["start"]) == ("w1", str(UUID(int=1)))
    told = MINE.model_copy(update={"received_at": at(0)}).model_dump(mode="json")
    assert shown["record"] == told


@pytest.mark.parametrize("asked", [{}, {"limit": "10"}, {"since": at(0).isoformat(), "until": at(9).isoformat()}])
async def test_whoever_searches_says_what_for(full, asked):
    answer = await full.as_("a", "dsjzx", Role.AUDITOR).get("/calls", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing-asked")


@pytest.mark.parametrize(
    "asked",
    [
        {"trace_id": "x"},
        {"trace_id": TRACE.upper()},
        {"grant": "5"},
        {"batch": "x"},
        {"unit": "x" * 41},
        {"unit": "gaj", "since": "2026-01-01T00:00:00"},  # without a zone
        {"unit": "gaj", "limit": "0"},
        {"unit": "gaj", "limit": "1001"},
    ],
)
async def test_a_malformed_search_is_refused(full, asked):
    answer = await full.as_("a", "dsjzx", Role.AUDITOR).get("/calls", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


class TestRights:
    async def test_an_auditor_sees_every_call(self, full):
        for told in ALL:
            assert await found(full, trace_id=told.trace_id) == calls(told)

    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.AUDITOR, Role.SERVICE}))
    async def test_others_see_the_calls_of_their_unit_and_of_its_resources(self, full, role):
        seen = {
            "jyj": [MINE],
            "gaj": [OTHERS, ELSEWHERE],
            "mzj": [MINE, OTHERS],
            "dsjzx": [],
        }
        for unit, expected in seen.items():
            visible = [call for told in ALL for call in await found(full, unit, role, trace_id=told.trace_id)]
            assert visible == calls(*expected), unit

    @pytest.mark.parametrize("asked", [{"unit": "jyj"}, {"entry": ENTRY}, {"grant": str(UUID(int=5))}])
    async def test_naming_another_unit_shows_no_more_of_it(self, full, asked):
        assert set(await found(full, "gaj", Role.APPLICANT, **asked)) <= set(calls(OTHERS, ELSEWHERE))

    async def test_a_former_provider_still_sees_the_calls_of_what_was_its_own(self, full):
        await full.hear(catalog_changed(ENTRY, version=2, provider="gaj"))
        assert await found(full, "mzj", Role.APPLICANT, entry=ENTRY) == calls(OTHERS, MINE)
        assert await found(full, "gaj", Role.APPLICANT, entry=ENTRY) == calls(OTHERS, MINE)

    async def test_nobody_without_a_token_sees_anything(self, full):
        for path in ("/calls?unit=jyj", f"/calls/{MINE.call}/trace", "/gaps"):
            assert (await full.http.get(path)).status_code == 401
