"""Each metric and label that the dashboard and the alerts ask for is told by a running exchange (REQ-S4, R2)."""

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from demo.system import System
from tests.support.monitoring import OF_SCRAPING, asked, expressions

WITHOUT_SAMPLES = {
    "gateway_quota_near": {"service", "period", "level"},
    "dead_letters_total": {"topic"},
    "gateway_worker_up": {"worker"},
}
"""Families that tell nothing while all is well, and their labels: test_nearness, test_bus_refusals and
test_edge_processes have them with samples. The last comes from a pod of several workers only."""
OF_SEVERAL_WORKERS = {"worker"}


@pytest.fixture(scope="module")
def told(system: System) -> dict[str, set[str]]:
    """Labels by the name of a sample, of every process of the exchange."""
    system.wait_ready(["registry", "catalog", "sharing", "ingest-files", "gateway", "audit"])
    httpx2.post(f"{system.profile.gateway}/x", params={"unitKey": "cnu_x", "methodKey": "cnm_x"})
    pages = [system.ports.health(service).replace("/health/ready", "/metrics") for service in system.ports.services]
    found: dict[str, set[str]] = {}
    for page in [*pages, f"http://127.0.0.1:{system.ports.relay}/metrics"]:
        answer = httpx2.get(page)
        assert answer.status_code == 200, page
        for family in text_string_to_metric_families(answer.text):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found.setdefault(name, set())
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_each_metric_that_is_asked_for_is_told_with_its_labels(told: dict[str, set[str]]) -> None:
    wrong = []
    for place, expression in expressions():
        for one in asked(place, expression):
            labels = told.get(one.metric)
            known = WITHOUT_SAMPLES.get(one.metric, set())
            if labels is None and one.metric != "gateway_worker_up":
                wrong.append(f"{place}: {one.metric} is told by nobody")
            elif extra := one.labels - (labels or set()) - known - OF_SCRAPING - OF_SEVERAL_WORKERS:
                wrong.append(f"{place}: {one.metric} has no {sorted(extra)}")
    assert wrong == []


def test_what_operators_look_at_first_is_told(told: dict[str, set[str]]) -> None:
    assert {
        "gateway_calls_total",
        "gateway_call_seconds_bucket",
        "gateway_store_connections",
        "gateway_lookups_waiting",
        "gateway_records_waiting",
        "gateway_state_age_seconds",
        "gateway_quota_near",
        "gateway_clock_skew_seconds",
    } <= set(told)
