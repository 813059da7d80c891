"""Spans of a call and of an event at a collector: the caller's trace, the parts of the call, no key and no value."""

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from common import spans, trace
from gateway import api, jobs
from tests.support.gateway_door import Door
from tests.support.otlp_receiver import Receiver

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = CALLER[:-2] + "00"
ONE = {"street_code": "310105001"}


@pytest.fixture
def collector():
    with Receiver() as made:
        yield made


@pytest.fixture
def told(collector):
    """Everything is sent when the block ends."""
    made = spans.exported("gateway", OTLPSpanExporter(endpoint=f"{collector.url}/v1/traces"))
    with made as given:
        yield given


@pytest.fixture
def traced(door, told):
    app = api.calls(door.gateway, lambda *_: None)
    app.traced = jobs.traced(told)
    return Door(door.gateway, door.world, app, door.outbox_url)


async def ask(door, service="streets", traceparent=None, **parameters):
    headers = {"traceparent": traceparent} if traceparent else {}
    params = {**door.world.keys("edu", "streets"), **parameters}
    return await door.ask("POST", f"/{service}", params=params, headers=headers)


async def test_a_call_is_a_span_of_the_callers_trace_with_its_parts(traced, told, collector):
    answer = await ask(traced, traceparent=CALLER, **ONE)
    record = await traced.record_of(answer)
    told.close()
    (call,) = collector.named("call")
    assert (call.service, call.trace_id, call.parent) == ("shuqiao-gateway", CALLER[3:35], CALLER[36:52])
    assert call.attributes == {
        "shuqiao.call": str(record.call),
        "shuqiao.code": "1",
        "shuqiao.unit": "edu",
        "shuqiao.service": "streets",
        "shuqiao.grant": str(record.grant),
        "shuqiao.rows": 1,
        "http.response.status_code": 200,
    }
    parts = [span for span in collector.spans if span.parent == call.span_id]
    assert [part.name for part in parts] == ["decide", "read", "commit"]
    assert {part.trace_id for part in parts} == {call.trace_id}
    edges = [(part.began, part.ended) for part in parts]
    assert edges[0][0] == call.began
    assert [end for _, end in edges[:2]] == [begin for begin, _ in edges[1:]]
    assert edges[-1][1] == max(call.ended, edges[-1][0])


async def test_a_call_without_a_trace_begins_the_one_that_its_answer_names(traced, told, collector):
    answer = await ask(traced, **ONE)
    told.close()
    (call,) = collector.named("call")
    assert (call.trace_id, call.parent) == (answer.trace_id, "")


async def test_a_refusal_has_no_part_that_it_did_not_reach(traced, told, collector):
    refused = await ask(traced, nothing="x")
    unknown = await traced.ask("POST", "/streets", params={"unitKey": "x", "methodKey": "y"})
    assert (refused.code, unknown.code) == ("101", "201")
    told.close()
    assert [(span.attributes["shuqiao.code"], span.failed) for span in collector.named("call")] == [
        ("101", False),
        ("201", False),
    ]
    assert {span.name for span in collector.spans} == {"call", "commit"}


async def test_a_trace_that_its_caller_does_not_keep_is_not_kept_here(traced, told, collector):
    await ask(traced, traceparent=UNSAMPLED, **ONE)
    told.close()
    assert collector.spans == []


async def test_no_key_and_no_value_is_in_a_span(traced, told, collector):
    keys = traced.world.keys("edu", "streets")
    await ask(traced, traceparent=CALLER, **ONE)
    await ask(traced, traceparent=CALLER, street_name__prefix="金丝雀甲", street_code=keys["unitKey"])
    headers = {"traceparent": keys["unitKey"], "X-Operator": keys["methodKey"], "User-Agent": keys["unitKey"]}
    await traced.ask("POST", f"/{keys['unitKey']}", params={**keys, **ONE}, headers=headers)
    told.close()
    sent = b"".join(collector.raw)
    assert len(collector.named("call")) == 3
    for secret in (*keys.values(), *(key[6:20] for key in keys.values()), "310105001", "金丝雀甲", "203.0.113.7"):
        assert secret.encode() not in sent


async def test_an_event_goes_on_in_the_trace_of_what_made_it(told, collector):
    own, token = trace.enter(CALLER)
    carried = told.published("grant-changed", own)
    trace.leave(token)
    handled, token = trace.enter(carried.traceparent)
    told.processed("grant-changed", handled, carried.traceparent, began=spans.now(), failed=True)
    trace.leave(token)
    told.close()
    (published,), (processed,) = collector.named("publish grant-changed"), collector.named("process grant-changed")
    assert published.trace_id == processed.trace_id == CALLER[3:35]
    assert (published.parent, processed.parent) == (own.span_id, published.span_id)
    assert (published.failed, processed.failed) == (False, True)


@pytest.mark.parametrize(
    ("environment", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_environment_says_whether_there_are_spans(environment, on, monkeypatch):
    for name in (*spans.ENDPOINTS, "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert spans.wanted(environment) is on
    with spans.exported("gateway") as made:
        assert (made is not None) is on
        assert spans.active() is made
    assert spans.active() is None
