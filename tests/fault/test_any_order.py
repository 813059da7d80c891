"""FAULT-41: services started before what they lean on. They live, are not ready, and become ready by themselves."""

import httpx2

from tests.fault.conftest import Faulty
from tests.support.waiting import until

SERVERS = ["postgres", "minio", "kafka"]
SERVICES = ["registry", "catalog", "sharing", "ingest-files", "gateway", "audit"]
PROCESSES = [*SERVICES, "gateway-relay"]


def _live(faulty: Faulty, service: str) -> bool:
    try:
        answer = httpx2.get(faulty.system.ports.health(service).replace("/ready", "/live"), timeout=2)
    except httpx2.HTTPError:
        return False
    return answer.status_code == 200


def test_services_wait_for_their_servers_and_become_ready(faulty: Faulty) -> None:
    system = faulty.system
    for name in [*reversed(PROCESSES), *reversed(SERVERS)]:
        system.control.stop(name)
    for name in PROCESSES:
        system.control.start(name)
    until(lambda: all(_live(faulty, service) for service in SERVICES), within=60, what="every service alive")
    assert [service for service in SERVICES if system.ready(service)] == []
    for name in SERVERS:
        system.control.start(name)
    system.wait_ready(SERVICES, within=60)
    conditions = {one.name: one for one in system.control.status()}
    assert [name for name in PROCESSES if conditions[name].restarts] == [], "nobody had to be started again"
