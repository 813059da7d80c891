"""FAULT-16: Kafka killed with SIGKILL three times under load. Nothing is lost, and everybody recovers by themselves."""

import threading

import pytest

from demo.accounts import ADMINISTRATOR
from shuqiao import Gateway, Session
from tests.fault.conftest import Faulty
from tests.support.databases import query, value
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KILLS = 3
EVERYBODY = ["registry", "catalog", "sharing", "ingest-files", "gateway", "audit"]


def test_kafka_killed_three_times_loses_nothing(faulty: Faulty) -> None:
    system, story = faulty.system, faulty.story
    stop = threading.Event()
    traces: list[str] = []

    def call() -> None:
        with Gateway(system.profile.gateway, story.unit_key) as gateway:
            while not stop.is_set():
                answer = gateway.call(story.streets_service, story.method_keys["streets"], {"street_code": "310105002"})
                assert answer.ok
                traces.append(answer.trace_id)
                stop.wait(0.02)

    caller = threading.Thread(target=call)
    caller.start()
    try:
        with Session(system.profile, ADMINISTRATOR, system.held.passwords[ADMINISTRATOR]) as admin:
            unit = admin.get("registry", "/units/qfb")
            contacts = {"leader": unit["leader"], "dedicated": unit["dedicated"]}
            for _ in range(KILLS):
                before = len(traces)
                admin.put("registry", "/units/qfb/contacts", contacts)
                system.control.kill("kafka")
                admin.put("registry", "/units/qfb/contacts", contacts)
                until(lambda before=before: len(traces) > before + 20, what="calls that go on without a broker")
                system.control.start("kafka")
            told = admin.get("registry", "/units/qfb")["version"]
    finally:
        stop.set()
        caller.join(20)
    for database in ("registry", "gateway"):
        until(
            lambda database=database: (
                value(system, database, "select count(*) from outbox where published_at is null") == 0
            ),
            within=60,
            what=f"the outbox of {database} drained",
        )
    for database in ("catalog", "sharing"):
        until(
            lambda database=database: value(system, database, "select version from unit where code = 'qfb'") == told,
            within=60,
            what=f"{database} knowing the unit's last state",
        )

    def kept() -> set[str]:
        rows = query(system, "audit", "select trace_id from call where trace_id = any($1::text[])", traces)
        return {row["trace_id"] for row in rows}

    until(lambda: kept() == set(traces), within=60, what="every call in the trail")
    assert query(system, "audit", "select * from worker_gap") == []
    system.wait_ready(EVERYBODY)
