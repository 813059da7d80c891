"""What no client should send (IN-C1, C8, C11, C12): refused with a code, never set, never a fault of ours."""

import pytest

from tests.support.hostile_requests import Given, none_is_our_fault
from tests.support.sharing_steps import CLOSED_ITEMS, OPEN_ITEMS
from tests.support.sharing_values import LAW, application_body


def refused(answer):
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(
    "more",
    [
        {"state": "granted"},
        {"status": "approved"},
        {"unit": "mzj"},
        {"provider": "gaj"},
        {"applicant": "other"},
        {"number": "CNZYSQ260009"},
        {"id": "x"},
        {"sharing_type": "unrestricted"},
        {"due_on": "2099-01-01"},
        {"decision": {"approved": True}},
        {"terms": {}},
    ],
)
async def test_what_is_not_the_applicants_to_say_is_refused(sharing, parties, more):
    assert refused(await parties.applicant.post("/applications", application_body(**more))) == (422, "malformed")
    assert (await parties.applicant.get("/applications")).json() == []


async def test_nor_can_deciders_set_what_is_not_theirs(sharing, parties):
    number, grant = await parties.heard(), await parties.granted_at_once()
    for caller, method, path, body in (
        (parties.provider, "POST", f"/applications/{number}/opinions", {"agree": True, "unit": "dsjzx"}),
        (parties.platform, "POST", f"/applications/{number}/decision", {"approve": True, "by": "mzj.shenhe"}),
        (parties.platform, "POST", f"/applications/{number}/decision", {"approve": True, "terms": {"state": "x"}}),
        (parties.platform, "POST", f"/applications/{number}/decision", {"approve": True, "basis": {}}),
        (parties.provider, "PUT", f"/grants/{grant}/state", {"state": "suspended", "reason": "核查", "version": 9}),
        (parties.provider, "PUT", f"/grants/{grant}/state", {"state": "granted", "reason": "核查"}),
    ):
        assert refused(await caller.ask(method, path, body)) == (422, "malformed"), body


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"items": []}, "malformed"),
        ({"items": [f"i{number}" for number in range(201)]}, "malformed"),
        ({"items": [f"i{number}" for number in range(200)]}, "not-applicable"),
        ({"items": ["street_code", "street_code"]}, "not-applicable"),
        ({"items": ["不在目录"]}, "malformed"),
        ({"services": []}, "malformed"),
        ({"services": ["streets"] * 51}, "malformed"),
        ({"commitment": False}, "commitment-missing"),
        ({"use_mode": "everything"}, "malformed"),
        ({"reason": "x"}, "malformed"),
        ({"reason": "\u200b\u200b\u200b"}, "malformed"),
        ({"reason": "a\x00b"}, "malformed"),
        ({"reason": "a" * 2001}, "malformed"),
        ({"contact": "  \t "}, "malformed"),
        ({"using_system": "a\x00b"}, "malformed"),
    ],
)
async def test_an_application_is_within_its_form(sharing, parties, asked, code):
    assert refused(await parties.applicant.post("/applications", application_body(**asked))) == (422, code)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/applications", {"limit": 0}),
        ("/applications", {"limit": 10**9}),
        ("/applications", {"page": -1}),
        ("/applications", {"sort": "password"}),
        ("/applications", {"state": "open"}),
        ("/applications", {"before": "2026-09-28"}),
        ("/applications", {"before": "2026-09-28T00:00:00"}),
        ("/applications", {"before": "0001-01-01T00:00:00+14:00"}),
        ("/applications", {"before": "9999-12-31T23:59:59-14:00"}),
        ("/grants", {"limit": 1001}),
        ("/grants", {"unit": "mzj"}),
    ],
)
async def test_a_list_takes_what_it_names_and_nothing_else(sharing, parties, path, query):
    assert refused(await parties.applicant.get(path, params=query)) == (422, "malformed")


@pytest.mark.parametrize("name", ["CNZYSQ26000", "cnzysq260001", "CNZYSQ26000１", "-" * 36, "x", "..%2F..", "%00"])
async def test_a_name_that_is_none_finds_nothing(sharing, parties, name):
    assert (await parties.applicant.get(f"/applications/{name}")).status_code in {404, 422}


async def test_a_refusal_does_not_repeat_the_terms_that_were_sent(sharing, parties):
    number = await parties.heard()
    for terms in ({"source_addresses": ["某处的地址"]}, {"required_headers": ["X-某人"]}):
        answer = await parties.platform.post(f"/applications/{number}/decision", {"approve": True, "terms": terms})
        assert refused(answer) == (422, "bad-terms")
        assert "某" not in answer.text


async def test_no_request_makes_sharing_fail(sharing, parties):
    number, waiting = await parties.heard(), await parties.submitted()
    draft, grant = await parties.draft(), await parties.granted_at_once(services=["people"])
    key = (await parties.applicant.post(f"/grants/{grant}/keys")).json()["id"]
    bodies = {
        "POST /applications": application_body(items=OPEN_ITEMS),
        "POST /applications/{name}/opinions": {"agree": False} | LAW,
        "POST /applications/{name}/papers": {"papers": ["applicant-stamp"]},
        "POST /applications/{name}/decision": {
            "approve": True,
            "reason": "履行职责所需",
            "terms": {
                "items": [{"code": item, "mode": "masked", "mask": "name"} for item in CLOSED_ITEMS],
                "row_filter": [{"item": "street_code", "values": ["310105001"]}],
                "source_addresses": ["10.0.0.0/8"],
                "required_headers": ["X-Operator"],
                "valid_from": "2026-10-01T00:00:00+08:00",
                "valid_until": "2027-10-01T00:00:00+08:00",
                "quota": {"per_second": 1, "per_day": 100},
            },
        },
        "PUT /grants/{grant}/state": {"state": "suspended", "reason": "核查"},
    }
    live = {"applications.name": [number, waiting, draft], "grants.grant": [grant], "grants.key": [key]}
    await none_is_our_fault(sharing, Given(("jyj", "mzj", "dsjzx", "nobody"), live, bodies), examples=150)
