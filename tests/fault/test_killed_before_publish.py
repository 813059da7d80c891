"""FAULT-12, FAULT-3: a service killed between its commit and its publish. Nothing is lost, nothing happens twice.

The moment is made from outside: the service's link to the broker is cut, the commit is seen in its outbox, the process
is killed, started again, and the link mended. Oracle: what was committed is what was applied.
"""

from collections.abc import Callable
from uuid import UUID

import pytest

from demo.accounts import ADMINISTRATOR
from shuqiao import Gateway, Session, files
from tests.fault.conftest import Faulty
from tests.support.databases import query, value
from tests.support.waiting import until

UNSENT = "select count(*) from outbox where published_at is null"
COMMITTED = "select event_id, topic from outbox"


def _session(faulty: Faulty, account: str) -> Session:
    return Session(faulty.system.profile, account, faulty.system.held.passwords[account])


def _registry(faulty: Faulty) -> None:
    with _session(faulty, ADMINISTRATOR) as admin:
        admin.put("registry", "/units/qfb/state", {"state": "suspended", "reason": "演练"})
        admin.put("registry", "/units/qfb/state", {"state": "active", "reason": "演练结束"})


def _catalog(faulty: Faulty) -> None:
    with _session(faulty, "dsjzx.shenhe") as reviewer:
        body = {"id": "drill", "name": "演练代码", "source": "演练", "codes": [{"code": "1", "name": "一"}]}
        reviewer.post("catalog", "/code-sets", body)


def _sharing(faulty: Faulty) -> None:
    with _session(faulty, "mzj.shenhe") as reviewer:
        grant = faulty.story.grant_of("streets")
        for state in ("suspended", "active"):
            reviewer.put("sharing", f"/grants/{grant}/state", {"state": state, "reason": "演练"})


def _ingest(faulty: Faulty) -> None:
    with _session(faulty, "mzj.fabu") as provider:
        body = {"entry": faulty.story.entry_of("streets"), "name": "演练-20230630.xls", "size": 5}
        begun = provider.post("ingest-files", "/uploads", body)
        files.post(begun["url"], begun["fields"], b"drill")
        provider.post("ingest-files", f"/uploads/{begun['upload']['id']}/completion")


def _gateway(faulty: Faulty) -> None:
    with Gateway(faulty.system.profile.gateway, faulty.story.unit_key) as gateway:
        answers = [
            gateway.call(
                faulty.story.streets_service, faulty.story.method_keys["streets"], {"street_code": "310105001"}
            )
            for _ in range(20)
        ]
    assert all(answer.ok for answer in answers)


ACTIONS: dict[str, tuple[str, list[str], Callable[[Faulty], None]]] = {
    "registry": ("registry", ["registry"], _registry),
    "catalog": ("catalog", ["catalog"], _catalog),
    "sharing": ("sharing", ["sharing"], _sharing),
    "ingest-files": ("ingest_files", ["ingest-files"], _ingest),
    "gateway": ("gateway", ["gateway-relay", "gateway"], _gateway),
}


@pytest.mark.parametrize("service", list(ACTIONS))
def test_what_was_committed_is_published_by_the_next_process(faulty: Faulty, service: str) -> None:
    database, processes, act = ACTIONS[service]
    system, link = faulty.system, faulty.links[service]
    until(lambda: value(system, database, UNSENT) == 0, what="a quiet outbox")
    link.cut()
    try:
        act(faulty)
        waiting = value(system, database, UNSENT)
        assert waiting > 0
        for process in processes:
            system.control.kill(process)
        assert value(system, database, UNSENT) == waiting
        for process in processes:
            system.control.start(process)
    finally:
        link.mend()
    until(lambda: value(system, database, UNSENT) == 0, within=60, what="everything sent")
    system.wait_ready([service])
    until(lambda: _committed(faulty, database) == _applied(faulty, database), within=60, what="committed = applied")
    assert _doubled(faulty) == []


def _committed(faulty: Faulty, database: str) -> set[object]:
    """What the service's outbox says: events by id, and of the gateway the calls by their id."""
    if database == "gateway":
        records = "jsonb_array_elements(convert_from(payload, 'UTF8')::jsonb->'records')"
        sql = f"select (r->>'call')::uuid id from outbox, {records} r"
        return {row["id"] for row in query(faulty.system, "gateway", sql)}
    return {row["event_id"] for row in query(faulty.system, database, COMMITTED)}


def _applied(faulty: Faulty, database: str) -> set[object]:
    """What the trail, which reads every topic, has of them."""
    if database == "gateway":
        return {row["call"] for row in query(faulty.system, "audit", "select call from call")}
    source = {"ingest_files": "ingest-files"}.get(database, database)
    topics = {
        "registry": ["unit-changed", "exchange-state-changed"],
        "catalog": ["catalog-changed", "service-changed", "code-set-changed"],
        "sharing": ["share-requested", "share-approved", "share-refused", "grant-changed"],
        "ingest-files": ["file-received", "batch-ingested", "batch-rejected", "resource-ready"],
    }[source]
    rows = query(faulty.system, "audit", "select id from kept_event where topic = any($1::text[])", topics)
    found: set[object] = {row["id"] for row in rows}
    assert all(isinstance(one, UUID) for one in found)
    return found


def _doubled(faulty: Faulty) -> list[object]:
    """Effects that happened twice: a call with two records, an upload with two results."""
    calls = query(faulty.system, "audit", "select call from call group by call having count(*) > 1")
    results = query(
        faulty.system,
        "audit",
        "select ref from kept_event where topic in ('batch-ingested', 'batch-rejected')"
        " group by ref having count(*) > 1",
    )
    return [*calls, *results]
