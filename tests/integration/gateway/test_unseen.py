"""Keys and values are seen nowhere but in the request itself: no log line, metric or answer has them (IN-G33)."""

import json

import pytest
import structlog
from prometheus_client import CollectorRegistry, Counter, generate_latest
from structlog.testing import capture_logs

from common import log
from gateway import api
from gateway.domain import answers, decisions
from tests.support.waiting import eventually

VALUE = "金丝雀甲"


def lines(entries):
    """The entries as the service writes them: the exception's last frames, then redacted."""
    rendered = []
    for entry in entries:
        told = structlog.processors.ExceptionRenderer(log._last_frames)(None, "", dict(entry))
        rendered.append(json.dumps(log.redact(None, "", told), ensure_ascii=False, default=str))
    return rendered


@pytest.fixture
def canaries(door):
    return [*door.world.keys("edu", "streets").values(), VALUE]


async def all_kinds_of_calls(door):
    keys = door.world.keys("edu", "streets")
    asked = {**keys, "street_name__prefix": VALUE}
    yield await door.ask("POST", "/streets", params=asked)
    yield await door.ask("POST", "/streets", data=asked)
    yield await door.ask("POST", "/streets", json=asked)
    yield await door.ask("POST", "/streets", headers={"X-Unit-Key": keys["unitKey"], "X-Method-Key": keys["methodKey"]})
    yield await door.ask("POST", "/streets", params={**asked, "nothing": VALUE})
    yield await door.ask("POST", "/streets", params={**asked, "street_code": keys["unitKey"]})
    yield await door.ask("POST", "/streets", params={**keys, "unitKey": keys["methodKey"]})
    yield await door.ask("POST", f"/{keys['unitKey']}", params=asked)
    yield await door.ask("GET", f"/{keys['methodKey']}", params=asked)
    yield await door.ask("POST", "/streets", params=asked, headers={"Content-Type": keys["unitKey"]}, content=b"x")


async def test_in_no_log_line_and_in_no_answer(door, canaries):
    with capture_logs() as entries:
        seen = [a.response.text + str(a.response.headers) async for a in all_kinds_of_calls(door)]
    assert len(seen) == 10
    assert not [canary for canary in canaries if canary in "".join(seen)]
    assert not [canary for canary in canaries if canary in "".join([*lines(entries), repr(entries)])]


@pytest.mark.parametrize(("place", "name"), [(decisions, "plan"), (answers, "success")])
async def test_not_even_where_broken_code_repeats_them(door, canaries, monkeypatch, place, name):
    keys = door.world.keys("edu", "streets")

    def broken(*_args, **_more):
        raise ValueError(f"cannot do {keys['unitKey']} with {keys['methodKey']} of 11010519491231002X")

    monkeypatch.setattr(place, name, broken)
    with capture_logs() as entries:
        answer = await door.call()
    assert answer.status == 503
    written = "".join(lines(entries))
    assert "gateway.broken" in written
    assert "ValueError" in written, "the trace of the defect is there"
    assert not [canary for canary in (*keys.values(), "11010519491231002X") if canary in written]


async def test_nor_where_the_databases_fail(door, canaries, store):
    door.gateway.reader._url = "postgresql://nobody:secret-canary@127.0.0.1:9/none"
    await door.gateway.reader.stop()
    with capture_logs() as entries:
        answers_ = [a async for a in all_kinds_of_calls(door)]
    assert any(answer.status == 503 for answer in answers_)
    written = "".join([*lines(entries), repr(entries)])
    assert "gateway.store_failed" in written
    assert not [canary for canary in (*canaries, "secret-canary") if canary in written]


async def test_metrics_count_by_status_and_code_alone(door, canaries):
    metrics = CollectorRegistry()
    count = Counter("gateway_calls", "Calls", ["status", "code"], registry=metrics)
    door.app = api.calls(door.gateway, lambda reply, code, _: count.labels(str(reply.status), code).inc())
    async for _ in all_kinds_of_calls(door):
        pass
    shown = generate_latest(metrics).decode()
    assert 'gateway_calls_total{code="1",status="200"}' in shown
    assert not [canary for canary in canaries if canary in shown]


async def test_the_records_of_all_of_it_hold_none_of_them(door, canaries):
    count = len([answer async for answer in all_kinds_of_calls(door)])
    await eventually(lambda: _has(door, count))
    written = "".join(record.model_dump_json() for record in await door.records())
    assert not [canary for canary in canaries if canary in written]


async def _has(door, count):
    return len(await door.records()) == count
