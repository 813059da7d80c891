"""The HTTP edge: one form for every refusal, bounded bodies, a trace, and no value repeated."""

import asyncio
import json
from typing import Annotated, Literal

import httpx2
import pytest
from fastapi import APIRouter, Body, Query
from prometheus_client import CollectorRegistry
from pydantic import Field
from starlette.responses import StreamingResponse

from common import http, log, trace
from common.auth import Verifier
from common.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unwell
from common.health import Health
from common.http import In, Out

CANARY = "canary-310105199001010018"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Cat(In):
    kind: Literal["cat"]


class Dog(In):
    kind: Literal["dog"]


class ThingIn(In):
    name: Annotated[str, Field(min_length=2, max_length=5, pattern="^[a-z]+$")]
    size: Annotated[int, Field(ge=1, le=9)] = 1
    state: Literal["on", "off"] = "on"
    by_name: Annotated[dict[str, int], Field(default_factory=dict)]
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None


class ThingOut(Out):
    name: str
    note: str | None


class PolicyError(Exception):
    code = "no-such-rule"
    message = "没有这条规则"


def routes() -> APIRouter:
    router = APIRouter()
    failures: dict[str, Exception] = {
        "invalid": Invalid("不符合要求", place=3),
        "not-found": NotFound("没有"),
        "conflict": Conflict("已存在"),
        "forbidden": Forbidden("不可以"),
        "unauthenticated": Unauthenticated("需要登录"),
        "unwell": Unwell("registry"),
        "away": ConnectionRefusedError(CANARY),
        "late": TimeoutError(CANARY),
        "broken": RuntimeError(CANARY),
        "policy": PolicyError(),
    }

    @router.get("/fail/{how}")
    async def fail(how: str) -> None:
        raise failures[how]

    @router.post("/things")
    async def thing(given: ThingIn) -> ThingOut:
        return ThingOut(name=given.name, note=None)

    @router.post("/raw")
    async def raw(given: Annotated[bytes, Body()]) -> int:
        return len(given)

    @router.get("/pages")
    async def pages(size: Annotated[int, Query(ge=1, le=100)]) -> int:
        return size

    @router.get("/trace")
    async def traced() -> str:
        return trace.current().trace_id

    @router.get("/half")
    async def half() -> StreamingResponse:
        async def pieces():
            yield b"first"
            raise RuntimeError(CANARY)

        return StreamingResponse(pieces())

    return router


@pytest.fixture
def metrics():
    return CollectorRegistry()


@pytest.fixture
def health():
    return Health()


@pytest.fixture
def app(metrics, health):
    made = http.application(
        "probe",
        title="probe",
        description="probe",
        verifier=Verifier("http://127.0.0.1:9", "probe"),
        health=health,
        metrics=metrics,
        lifespan=None,
    )
    made.include_router(routes())
    http.also_refused(made, PolicyError)
    return made


@pytest.fixture
async def client(app):
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://probe") as made:
        yield made


@pytest.fixture(autouse=True)
def logged(monkeypatch):
    """What the edge writes to the log: (level, event, facts)."""
    found = []

    class Logger:
        def __getattr__(self, level):
            return lambda event, **facts: found.append((level, event, facts))

    monkeypatch.setattr(http, "_log", Logger())
    return found


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


async def test_a_name_without_end_is_not_sent_back(client):
    answer = await client.post("/things", json={"name": "abc", "x" * 100_000: 1, "by_name": {"y" * 100_000: "z"}})
    assert answer.status_code == 422
    assert len(answer.content) < 2_000


async def test_an_answer_names_a_hundred_faults_at_most(client):
    answer = await client.post("/things", json={"name": "abc", "by_name": {str(n): "x" for n in range(500)}})
    assert len(answer.json()["errors"]) == 100


async def test_every_field_of_an_answer_is_always_there(client):
    assert (await client.post("/things", json={"name": "abc"})).json() == {"name": "abc", "note": None}


# --- Bodies are bounded ---------------------------------------------------------------------------------------------


async def pieces(total: int, size: int = 65_536):
    sent = 0
    while sent < total:
        yield b"x" * min(size, total - sent)
        sent += size


async def test_a_body_of_the_limit_passes_with_its_length_named_and_without(client):
    named = await client.post("/raw", content=b"x" * http.MAX_BODY)
    chunked = await client.post("/raw", content=pieces(http.MAX_BODY))
    assert (named.status_code, named.json()) == (200, http.MAX_BODY)
    assert (chunked.status_code, chunked.json()) == (200, http.MAX_BODY)


async def test_one_byte_more_is_refused_with_its_length_named_and_without(client):
    # IN-G21 for the control plane: the length that is named is not trusted, the bytes that come are counted.
    for answer in (
        await client.post("/raw", content=b"x" * (http.MAX_BODY + 1)),
        await client.post("/raw", content=pieces(http.MAX_BODY + 1)),
        await client.post("/raw", content=pieces(http.MAX_BODY + 1), headers={"content-length": "1"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("length", ["1048577", "-1", "1e3", "x", "9" * 5000, "", "1 1"])
async def test_a_length_that_is_too_large_or_no_number_is_refused_before_anything_is_read(app, length):
    read = []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    answer = await _call(app, [(b"content-length", length.encode())], receive)
    assert answer["status"] in {400, 413}
    assert read == []


async def test_a_body_without_end_is_not_read_to_its_end(app):
    read = 0

    async def receive():
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    answer = await asyncio.wait_for(_call(app, [(b"content-type", b"application/json")], receive), 10)
    assert answer["status"] == 413
    assert read <= http.MAX_BODY // 65_536 + 1


async def _call(app, headers, receive):
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/things",
        "raw_path": b"/things",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "server": ("probe", 80),
        "client": ("127.0.0.1", 1),
    }
    sent = []

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]


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
