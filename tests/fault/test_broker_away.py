"""FAULT-17: Kafka stopped under calls for three leases. They go on, and the trail is complete afterwards."""

import threading
import time

import pytest

from shuqiao import Gateway
from tests.fault.conftest import LEASE, Faulty
from tests.support.databases import query, value
from tests.support.waiting import until

pytestmark = pytest.mark.slow

AWAY = 3.0 * LEASE
CALLERS = 4


def test_calls_go_on_while_kafka_is_away_and_the_trail_is_complete_afterwards(faulty: Faulty) -> None:
    system, story = faulty.system, faulty.story
    stop = threading.Event()
    answered: list[tuple[str, str]] = []
    during: list[str] = []
    away = threading.Event()

    def call() -> None:
        with Gateway(system.profile.gateway, story.unit_key) as gateway:
            while not stop.is_set():
                answer = gateway.call(story.streets_service, story.method_keys["streets"], {"street_code": "310105001"})
                answered.append((answer.code, answer.trace_id))
                if away.is_set():
                    during.append(answer.code)
                stop.wait(0.01)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        until(lambda: len(answered) > 50, what="calls under way")
        system.control.stop("kafka")
        began = time.monotonic()
        away.set()
        until(lambda: time.monotonic() - began >= AWAY, within=AWAY + 5, what="the broker to have been away")
        away.clear()
        system.control.start("kafka")
    finally:
        stop.set()
        for caller in callers:
            caller.join(20)
    assert len(during) > 200
    assert {code for code, _ in answered} == {"1"}
    until(
        lambda: value(system, "gateway", "select count(*) from outbox where published_at is null") == 0,
        within=60,
        what="the outbox drained",
    )
    traces = {trace for _, trace in answered}
    assert len(traces) == len(answered)

    def kept() -> set[str]:
        rows = query(system, "audit", "select trace_id from call where trace_id = any($1::text[])", sorted(traces))
        return {row["trace_id"] for row in rows}

    until(lambda: kept() == traces, within=90, what="every call in the trail")
    assert query(system, "audit", "select * from worker_gap") == []
    system.wait_ready(["registry", "catalog", "sharing", "ingest-files", "gateway", "audit"])
