"""The fault matrix: which tests break which promise, and which rows have no test yet.

`python -m tests.fault.matrix` runs every row that has its parts and lists the others as not yet built. It fails when a
test fails, and when a row names a test that there is not.
"""

import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]

_FAULT = "tests/fault"
_ENDS = f"{_FAULT}/test_replicas_end.py"
_ENDED = f"{_ENDS}::test_replicas_told_to_stop_answer_what_they_took_and_give_their_leases_back"
_TRAIL = f"{_FAULT}/test_trail_in_trouble.py"
_BUS = "tests/integration/common"
_GATEWAY = "tests/integration/gateway"
_PROVIDER = f"{_FAULT}/test_killed_at_a_provider.py"
_LOADING = "tests/integration/exchange/test_loading.py"
_PUSHING = "tests/integration/pushing/test_killed.py"
_WHOLE = "tests/integration/ingest_files/test_whole_loads.py"
_TAKING = "tests/integration/ingest_files/test_taking_files.py"
_MINIO = f"{_FAULT}/test_minio_in_trouble.py"
_WATCHED = "tests/integration/ingest_files/test_watched_bucket.py"
_NOTIFIED = "tests/integration/ingest_files/test_store_notifications.py"
_STEPS = "tests/integration/ingest_files/test_killed_at_each_step.py"
_KILLED_WHOLE = "tests/integration/ingest_files/test_killed_whole.py"
_MIDWAY = f"{_FAULT}/test_servers_killed_midway.py"
_BULK = "tests/integration/ingest_files/test_bulk_child_dies.py"
_HOSTILE = f"{_FAULT}/test_hostile_files.py"

ALSO: Final = ("tests/system/test_demo_bites.py", "tests/system/test_vectors.py", "tests/system/test_browser.py")
"""No rows of the matrix, and too long for every run of all tests.

Each service away, each answer falsified, a run of the golden cases that is broken off, a real browser.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A fault of `reliability.md`, section 4."""

    number: int
    fault: str
    tests: tuple[str, ...] = ()
    partly: str = ""
    """What of the row is not played yet."""


ROWS: Final = (
    Row(1, "gateway killed before its record is committed", (_PROVIDER,)),
    Row(
        2,
        "gateway killed while a provider answers",
        (_PROVIDER, "tests/integration/audit/test_outcomes.py"),
    ),
    Row(3, "gateway killed after its record is committed", (f"{_FAULT}/test_killed_before_publish.py",)),
    Row(
        4,
        "gateway killed while it holds quota",
        (_ENDS,),
    ),
    Row(
        5,
        "gateway told to stop under load",
        (f"{_GATEWAY}/test_evidence.py::TestNumbers::test_what_waits_is_committed_before_the_end", _ENDED),
    ),
    Row(
        6,
        "the database of the evidence stands still",
        (f"{_GATEWAY}/test_evidence.py::TestWithoutTheTrail", _TRAIL),
    ),
    Row(7, "PostgreSQL killed within a group commit", (f"{_FAULT}/test_postgres_killed.py",)),
    Row(
        8,
        "the disk of the evidence is full",
        (f"{_TRAIL}::test_a_full_disk_of_the_evidence_refuses_all_calls_and_room_alone_mends_it",),
        "the disk of the write-ahead log",
    ),
    Row(
        9,
        "database sessions ended under load",
        (f"{_GATEWAY}/test_evidence.py::TestNumbers::test_connections_cut_in_the_middle_lose_no_record_and_no_number",),
    ),
    Row(
        10,
        "the news of a commit is lost",
        (f"{_GATEWAY}/test_evidence.py::TestNumbers::test_a_commit_whose_news_was_lost_is_not_committed_again",),
    ),
    Row(
        11,
        "the pool of connections is used up",
        (f"{_GATEWAY}/test_store_away.py::test_a_store_that_does_not_answer_in_time_is_503_and_a_full_pool_too",),
    ),
    Row(
        12,
        "relay killed between the broker's word and its own mark",
        (f"{_FAULT}/test_killed_before_publish.py", f"{_BUS}/test_relay_trouble.py"),
    ),
    Row(13, "two relays of one service", (f"{_BUS}/test_relay_trouble.py",)),
    Row(14, "a relay stands still and another takes over"),
    Row(15, "a transaction that stays open", (f"{_BUS}/test_outbox.py",), "the alarm"),
    Row(16, "Kafka killed three times under load", (f"{_FAULT}/test_broker_killed.py",)),
    Row(17, "Kafka away under calls", (f"{_FAULT}/test_broker_away.py",)),
    Row(18, "Kafka's disk is full"),
    Row(19, "Kafka's data are gone"),
    Row(20, "consumer killed between effect and offset", (f"{_FAULT}/test_killed_before_offset.py",)),
    Row(
        21,
        "consumer told to stop within a handler that outlasts the grace",
        (f"{_FAULT}/test_stopped_in_handler.py", f"{_BUS}/test_bus_outages.py"),
    ),
    Row(22, "a handler that takes longer than the group waits", (f"{_BUS}/test_inbox.py",), "two members of a group"),
    Row(23, "members of a group come and go"),
    Row(24, "bad bytes, wrong schemas, tombstones, too large", (f"{_BUS}/test_bus_refusals.py",)),
    Row(25, "no dead letter can be written", (f"{_BUS}/test_bus_outages.py",)),
    Row(
        26,
        "a replica cut off from its database, then a revocation",
        (
            f"{_FAULT}/test_revocations.py::test_a_gateway_that_nobody_tells_anything_stops_after_the_lease",
            f"{_TRAIL}::test_a_replica_cut_off_from_its_database_gives_no_answer_after_a_revocation",
        ),
    ),
    Row(
        27,
        "the news of a revocation is lost",
        (f"{_FAULT}/test_revocations.py", f"{_GATEWAY}/test_watch.py"),
    ),
    Row(28, "a wrong clock at the gateway", (f"{_FAULT}/test_wrong_clock.py",)),
    Row(29, "a clock set back at the audit"),
    Row(
        30,
        "a provider that hangs, drips, resets, floods or redirects",
        (f"{_GATEWAY}/test_provider_faults.py",),
        "others' p99 within 20 %: needs a machine of its own",
    ),
    Row(
        31,
        "ingest killed within parsing, loading, or before its result",
        (_LOADING, _TAKING, _PUSHING, _KILLED_WHOLE, _STEPS, _MIDWAY),
    ),
    Row(
        32,
        "a child parser that dies, hangs, floods or forks",
        (
            "tests/unit/sheets/test_reading.py",
            f"{_TAKING}::TestNotYet",
            f"{_WHOLE}::test_a_child_without_memory_or_time_is_refused_and_the_next_file_is_fine",
            f"{_WHOLE}::test_a_child_that_lies_changes_nothing",
            _BULK,
            _HOSTILE,
        ),
        "a child that ends well and leaves a fork of itself, where the service runs as root",
    ),
    Row(
        33,
        "MinIO killed within an upload",
        (_MINIO, f"{_MIDWAY}::test_minio_killed_midway"),
    ),
    Row(
        34,
        "notifications lost, doubled, out of order",
        (f"{_MINIO}::test_what_no_notification_told_of_is_registered_once_within_a_minute", _WATCHED, _NOTIFIED),
    ),
    Row(
        35,
        "MinIO stands still",
        (f"{_TAKING}::TestNotYet", f"{_MINIO}::test_standing_still_for_half_a_minute_it_holds_up_nobody_else"),
    ),
    Row(36, "sealer killed between signing and storing"),
    Row(37, "the trail tampered with"),
    Row(38, "the whole restored to a moment"),
    Row(39, "a migration while both versions serve"),
    Row(40, "too few files or too little memory"),
    Row(41, "servers and services started in any order", (f"{_FAULT}/test_any_order.py",)),
    Row(42, "Kafka, database and gateway at once, for ten minutes"),
)


@dataclass(slots=True, eq=False)
class Outcomes:
    """pytest's word on each test, by its id."""

    by_test: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.by_test[report.nodeid] = "failed"
        elif report.when == "call" or report.skipped:
            self.by_test.setdefault(report.nodeid, report.outcome)


def verdict(row: Row, outcomes: dict[str, str]) -> str:
    """`passed`, `failed`, `no such test` or `not yet built`; a test that was skipped has not passed."""
    if not row.tests:
        return "not yet built"
    told: dict[str, list[str]] = defaultdict(list)
    for test in row.tests:
        told[test] = [
            word for name, word in outcomes.items() if name == test or name.startswith((f"{test}::", f"{test}["))
        ]
    if not all(told.values()):
        return "no such test"
    return "passed" if all(word == "passed" for words in told.values() for word in words) else "failed"


def main() -> int:
    """Run the rows; the number of the rows that did not hold decides the exit."""
    outcomes = Outcomes()
    named = [test for row in ROWS for test in row.tests]
    chosen = sorted({test for test in (_FAULT, *ALSO, *named) if not test.startswith(f"{_FAULT}/")})
    # Every test that is named runs, whatever mark keeps it out of the quick runs.
    code = pytest.main(["-q", "--rootdir", str(ROOT), "-m", "slow or not slow", *chosen], plugins=[outcomes])
    bad = 0
    for row in ROWS:
        word = verdict(row, outcomes.by_test)
        bad += word in ("failed", "no such test")
        beside = f"  (not yet: {row.partly})" if row.partly and word == "passed" else ""
        sys.stdout.write(f"FAULT-{row.number:<3}{word:<14}{row.fault}{beside}\n")
    built = sum(bool(row.tests) for row in ROWS)
    sys.stdout.write(f"{built} rows played, {bad} of them did not hold; {len(ROWS) - built} not yet built\n")
    return 1 if bad or code else 0


if __name__ == "__main__":
    sys.exit(main())
