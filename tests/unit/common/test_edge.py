"""The HTTP edge: one form for every refusal, no value repeated, a trace, and health."""

import json

import pytest

from common import log, trace
from tests.support.edge_app import CANARY

pytestmark = pytest.mark.usefixtures("logged")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


# --- One form for every refusal -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("invalid", 422, "invalid"),
        ("not-found", 404, "not-found"),
        ("conflict", 409, "conflict"),
        ("forbidden", 403, "forbidden"),
        ("unauthenticated", 401, "unauthenticated"),
        ("policy", 409, "no-such-rule"),
        ("unwell", 503, "unwell"),
        ("away", 503, "unwell"),
        ("late", 503, "unwell"),
        ("broken", 500, "broken"),
    ],
)
async def test_every_refusal_is_a_problem_with_a_stable_code_a_text_and_the_trace(client, how, status, code):
    answer = await client.get(f"/fail/{how}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:shuqiao:problem:{code}"
    assert (body["code"], body["status"]) == (code, status)
    assert body["trace_id"] == answer.headers["x-trace-id"]
    assert any("\u4e00" <= character <= "\u9fff" for character in body["title"])
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


async def test_a_refusal_carries_its_details_and_only_where_there_are_some(client):
    assert (await client.get("/fail/invalid")).json()["details"] == {"place": 3}
    assert "details" not in (await client.get("/fail/not-found")).json()


@pytest.mark.parametrize("how", ["away", "late", "broken", "unwell"])
async def test_a_failure_is_answered_without_any_detail_of_it(client, how):
    answer = await client.get(f"/fail/{how}")
    assert answer.json().keys() == {"type", "title", "status", "code", "trace_id"}
    for leak in (CANARY, "Error", "registry", "Traceback", ".py"):
        assert leak not in answer.text


async def test_a_failure_is_in_the_log_once_with_its_traceback_an_outage_without(client, logged):
    await client.get("/fail/broken")
    await client.get("/fail/away")
    broken = [facts for level, event, facts in logged if (level, event) == ("error", "http.broken")]
    assert len(broken) == 1
    assert isinstance(broken[0]["exc_info"], RuntimeError)
    away = [facts for level, event, facts in logged if (level, event) == ("warning", "http.unwell")]
    assert away == [{"error": "ConnectionRefusedError"}]


async def test_an_unknown_address_and_a_wrong_method_are_problems_too(client):
    gone = await client.get("/nothing")
    assert (gone.status_code, gone.json()["code"]) == (404, "http-404")
    wrong = await client.delete("/things")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "http-405")
    assert wrong.headers["allow"] == "POST"  # RFC 9110, 15.5.6


# --- What comes in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "place", "rule"),
    [
        ({"name": CANARY}, "body.name", "string_too_long"),
        ({"name": 7}, "body.name", "string_type"),
        ({"name": "AB"}, "body.name", "string_pattern_mismatch"),
        ({}, "body.name", "missing"),
        ({"name": "abc", "size": 10}, "body.size", "less_than_equal"),
        ({"name": "abc", "size": CANARY}, "body.size", "int_parsing"),
        ({"name": "abc", "state": CANARY}, "body.state", "literal_error"),
        ({"name": "abc", "by_name": {"a": CANARY}}, "body.by_name.a", "int_parsing"),
        ({"name": "abc", "pet": {"kind": CANARY}}, "body.pet", "union_tag_invalid"),
        ({"name": "abc", "status": "approved"}, "body.status", "extra_forbidden"),
    ],
)
async def test_a_malformed_field_is_named_with_the_rule_and_its_value_is_not_repeated(client, body, place, rule):
    # IN-C1: an unknown field is refused, so that nothing can be set that is not named.
    answer = await client.post("/things", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert [(error["at"], error["rule"]) for error in answer.json()["errors"]] == [(place, rule)]
    assert CANARY not in answer.text
    assert answer.json()["errors"][0]["message"]


async def test_the_limits_of_a_rule_are_told(client):
    answer = await client.post("/things", json={"name": "abcdef", "size": 0})
    texts = {error["at"]: error["message"] for error in answer.json()["errors"]}
    assert "5" in texts["body.name"]
    assert "1" in texts["body.size"]


async def test_a_wrong_parameter_is_named_and_not_repeated(client):
    answer = await client.get("/pages", params={"size": CANARY})
    assert answer.json()["errors"][0]["at"] == "query.size"
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", f'"{CANARY}"', CANARY, '{"name": "abc"', "[" * 100_000, '{"size": 1' + "0" * 5000 + "}"],
)
async def test_a_body_that_is_no_such_document_is_a_malformed_request_and_not_a_failure(client, text):
    # IN-G23, for the interfaces of the control plane.
    answer = await client.post("/things", content=text, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "ab\\ud800"}',
        '{"name": "abc", "\\udfff": 1}',
        '{"name": "abc", "by_name": {"\\udc00": 1}}',
        '{"name": "abc", "state": ' + "[" * 900 + '"\\ud800"' + "]" * 900 + "}",
    ],
)
async def test_half_a_character_is_malformed_wherever_it_stands(client, text):
    answer = await client.post("/things", content=text, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert "value_error" in {error["rule"] for error in answer.json()["errors"]}


async def test_a_whole_character_beyond_the_first_plane_is_text(client):
    body = '{"name": "abc", "by_name": {"\\ud83d\\ude00": 1}}'
    answer = await client.post("/things", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200


async def test_a_name_without_end_is_not_sent_back(client):
    answer = await client.post("/things", json={"name": "abc", "x" * 100_000: 1, "by_name": {"y" * 100_000: "z"}})
    assert answer.status_code == 422
    assert len(answer.content) < 2_000


async def test_an_answer_names_a_hundred_faults_at_most(client):
    answer = await client.post("/things", json={"name": "abc", "by_name": {str(n): "x" for n in range(500)}})
    assert len(answer.json()["errors"]) == 100


async def test_every_field_of_an_answer_is_always_there(client):
    assert (await client.post("/things", json={"name": "abc"})).json() == {"name": "abc", "note": None}


# --- Trace, metrics, health -----------------------------------------------------------------------------------------


async def test_a_request_goes_on_in_the_callers_trace(client):
    answer = await client.get("/trace", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    assert answer.json() == answer.headers["x-trace-id"] == TRACE


@pytest.mark.parametrize("header", [None, "garbage", "00-zz-zz-01", "\xff"])
async def test_a_request_without_a_usable_trace_begins_one(client, header):
    headers = {} if header is None else {"traceparent": header.encode("latin-1")}
    first, second = [await client.get("/trace", headers=headers) for _ in range(2)]
    assert len(first.headers["x-trace-id"]) == 32
    assert first.headers["x-trace-id"] == first.json() != second.json()


async def test_a_trace_ends_with_its_request(client):
    await client.get("/trace")
    assert trace._current.get() is None


async def test_every_answer_may_be_neither_kept_nor_sniffed(client):
    for path in ("/trace", "/nothing", "/fail/broken"):
        answer = await client.get(path)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_line_of_the_log_and_the_metrics_name_the_route_and_never_the_address(client, metrics, logged):
    await client.get(f"/fail/broken?unitKey={CANARY}")
    await client.get(f"/{CANARY}")
    facts = [facts for _, event, facts in logged if event == "http.answered"]
    assert [(fact["route"], fact["status"]) for fact in facts] == [("/fail/{how}", 500), ("-", 404)]
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/fail/{how}",service="probe",status="500"} 1.0' in text
    assert CANARY not in text + log.scrub(str(facts))


async def test_an_answer_that_broke_off_half_way_is_raised_on_and_not_begun_again(client):
    with pytest.raises(RuntimeError):
        await client.get("/half")


async def test_live_and_ready_are_two_different_questions(client, health):
    async def away():
        raise ConnectionError(CANARY)

    assert (await client.get("/health/ready")).json() == {"ready": True, "needed": {}, "degraded": {}}
    health.needed["database"] = away
    health._last = None
    assert (await client.get("/health/live")).status_code == 200
    ready = await client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json() == {"ready": False, "needed": {"database": "ConnectionError"}, "degraded": {}}


async def test_the_pages_of_the_interface_need_no_network(client):
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "//cdn" not in page.text
    schema = (await client.get("/openapi.json")).json()
    assert json.dumps(schema).count("HTTPValidationError") == 0
