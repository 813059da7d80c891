"""FAULT-7: PostgreSQL killed with SIGKILL under calls, within group commits. Answered is recorded, nothing twice."""

import threading

import pytest

from shuqiao import Gateway
from tests.fault.conftest import Faulty
from tests.support.databases import query, value
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KILLS = 3
CALLERS = 6
EVERYBODY = ["registry", "catalog", "sharing", "ingest-files", "gateway", "audit"]


def test_postgresql_killed_within_group_commits_loses_no_record_and_writes_none_twice(faulty: Faulty) -> None:
    system, story = faulty.system, faulty.story
    stop = threading.Event()
    answered: list[str] = []
    codes: set[str] = set()

    def call() -> None:
        with Gateway(system.profile.gateway, story.unit_key) as gateway:
            while not stop.is_set():
                answer = gateway.call(story.streets_service, story.method_keys["streets"], {"street_code": "310105002"})
                codes.add(answer.code)
                if answer.ok:
                    answered.append(answer.trace_id)
                stop.wait(0.002)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(KILLS):
            before = len(answered)
            until(lambda before=before: len(answered) > before + 50, within=60, what="calls under way")
            system.control.kill("postgres")
            system.control.start("postgres")
    finally:
        stop.set()
        for caller in callers:
            caller.join(60)
    assert codes <= {"1", "500"}
    system.wait_ready(EVERYBODY, within=60)
    until(
        lambda: value(system, "gateway", "select count(*) from outbox where published_at is null") == 0,
        within=60,
        what="the outbox drained",
    )
    traces = sorted(set(answered))
    assert len(traces) == len(answered)

    def missing() -> set[str]:
        rows = query(system, "audit", "select trace_id from call where trace_id = any($1::text[])", traces)
        return set(traces) - {row["trace_id"] for row in rows}

    until(lambda: missing() == set(), within=90, what="every answered call in the trail")
    twice = "select trace_id from call where trace_id = any($1::text[]) group by trace_id having count(*) > 1"
    assert query(system, "audit", twice, traces) == []
    assert query(system, "audit", "select * from worker_gap") == []
