"""FAULT-20: a consumer killed between its effect and its offset. The record comes again and has no second effect.

The moment is made from outside: a lock holds the handler in its transaction, the link to the broker is cut, the lock is
released, the effect is seen to be committed while its offset cannot be, and the process is killed.
"""

from collections.abc import Callable

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import OffsetSpec

from demo.accounts import ADMINISTRATOR
from provision import topics
from shuqiao import Session, files
from tests.fault.conftest import Faulty
from tests.support.databases import held_lock, query, value
from tests.support.waiting import until

WAITING_FOR_LOCK = """
select count(*) from pg_stat_activity
where datname = $1 and wait_event_type = 'Lock' and query ilike 'insert into inbox%'
"""


def _unit_changes(faulty: Faulty) -> None:
    with Session(faulty.system.profile, ADMINISTRATOR, faulty.system.held.passwords[ADMINISTRATOR]) as admin:
        held = admin.get("registry", "/exchange")["state"]
        assert held == "running"
        unit = admin.get("registry", "/units/qfb")
        body = {"leader": unit["leader"], "dedicated": unit["dedicated"]}
        admin.put("registry", "/units/qfb/contacts", body)


def _file_comes(faulty: Faulty) -> None:
    with Session(faulty.system.profile, "mzj.fabu", faulty.system.held.passwords["mzj.fabu"]) as provider:
        body = {"entry": faulty.story.entry_of("assistance"), "name": "演练-20230630.xls", "size": 5}
        begun = provider.post("ingest-files", "/uploads", body)
        files.post(begun["url"], begun["fields"], b"drill")
        provider.post("ingest-files", f"/uploads/{begun['upload']['id']}/completion")


CASES: dict[str, tuple[str, str, Callable[[Faulty], None]]] = {
    "catalog": ("catalog", "unit-changed", _unit_changes),
    "sharing": ("sharing", "unit-changed", _unit_changes),
    "audit": ("audit", "unit-changed", _unit_changes),
    "ingest-files": ("ingest_files", "file-received", _file_comes),
}


def _lag(faulty: Faulty, group: str, topic: str) -> int:
    """Records of a topic that the group has not committed."""
    kafka = faulty.system.endpoints.kafka
    admin = topics.client(kafka.bootstrap, kafka.user, kafka.password)
    asked = [ConsumerGroupTopicPartitions(group)]
    found = admin.list_consumer_group_offsets(asked)[group].result(10).topic_partitions
    committed = {part.partition: part.offset for part in found if part.topic == topic}
    count = len(admin.list_topics(topic, timeout=10).topics[topic].partitions)
    wanted = {TopicPartition(topic, n): OffsetSpec.latest() for n in range(count)}
    ends = {part.partition: future.result(10).offset for part, future in admin.list_offsets(wanted).items()}
    return sum(end - max(committed.get(part, 0), 0) for part, end in ends.items())


@pytest.mark.parametrize("service", list(CASES))
def test_a_record_whose_offset_was_not_committed_has_its_effect_once(faulty: Faulty, service: str) -> None:
    database, topic, act = CASES[service]
    system, link, group = faulty.system, faulty.links[service], f"{service}.{topic}"
    until(lambda: _lag(faulty, group, topic) == 0, within=40, what="a group that has committed everything")
    claims = value(system, database, "select count(*) from inbox")
    try:
        with held_lock(system, database, "lock table inbox in exclusive mode"):
            act(faulty)
            until(
                lambda: value(system, database, WAITING_FOR_LOCK, database) > 0,
                within=20,
                what="the handler in its transaction",
            )
            link.cut()
        until(
            lambda: value(system, database, "select count(*) from inbox") > claims,
            what="the effect committed",
        )
        system.control.kill(service)
        assert _lag(faulty, group, topic) > 0, "the offset must not have been committed: the record comes again"
        effects = value(system, database, "select count(*) from inbox")
        system.control.start(service)
    finally:
        link.mend()
    until(lambda: _lag(faulty, group, topic) == 0, within=60, what="the record read again and committed")
    assert value(system, database, "select count(*) from inbox") >= effects
    claimed_twice = "select event_id from inbox group by consumer, event_id having count(*) > 1"
    assert query(system, database, claimed_twice) == []
    assert _second_effects(faulty) == []
    dead = value(system, database, "select count(*) from dead_letter")
    assert dead == 0


def _second_effects(faulty: Faulty) -> list[object]:
    """An upload with two results, or an event kept twice."""
    results = query(
        faulty.system,
        "audit",
        "select ref from kept_event where topic in ('batch-ingested', 'batch-rejected')"
        " group by ref having count(*) > 1",
    )
    told = query(
        faulty.system,
        "ingest_files",
        "select convert_from(payload, 'UTF8')::jsonb->>'upload' u from outbox where topic = 'batch-rejected'"
        " group by 1 having count(*) > 1",
    )
    return [*results, *told]
