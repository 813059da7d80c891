"""The plan of an installation, before any server is asked: topics, their shape, and who may do what."""

import pytest

from common import bus, events
from common.events import Nature, base
from provision import plan
from provision.plan import READS, SERVICES

TOPICS = {planned.name: planned for planned in plan.topics()}
RIGHTS = list(plan.rights())


def test_there_is_a_topic_for_each_event_and_for_the_dead_letters_of_each_service():
    assert set(TOPICS) == set(events.BY_TOPIC) | {bus.dead_letter_topic(service) for service in SERVICES}
    assert len(list(plan.topics())) == len(TOPICS)


@pytest.mark.parametrize("event", events.ALL, ids=lambda event: event.topic)
def test_state_is_compacted_and_facts_are_kept_for_their_time(event):
    config = TOPICS[event.topic].config
    if event.nature is Nature.STATE:
        assert config["cleanup.policy"] == "compact"
        assert "retention.ms" not in config, "state is never forgotten"
    else:
        assert config["cleanup.policy"] == "delete"
        assert int(config["retention.ms"]) == event.retention.total_seconds() * 1000
    assert TOPICS[event.topic].partitions == event.partitions


def test_facts_are_kept_longer_than_a_sent_event_stays_in_its_outbox():
    assert min(event.retention.days for event in events.ALL if event.nature is Nature.FACT) >= 30


def test_every_topic_takes_the_largest_event_with_its_head():
    assert {planned.config["max.message.bytes"] for planned in TOPICS.values()} == {str(2 * base.MAX_BYTES)}


def test_each_topic_is_written_by_one_principal_alone():
    writers = {}
    for right in RIGHTS:
        if right.write:
            assert right.topic not in writers, "one owner"
            writers[right.topic] = right.principal
    expected = {event.topic: event.owner for event in events.ALL}
    expected |= {bus.dead_letter_topic(service): service for service in SERVICES}
    assert writers == expected


def test_each_service_reads_its_events_and_its_own_dead_letters_in_groups_of_its_own_name():
    for service in SERVICES:
        reads = {right.topic for right in RIGHTS if right.principal == service and right.topic and not right.write}
        assert reads == {event.topic for event in READS[service]} | {bus.dead_letter_topic(service)}
        assert [r.group_prefix for r in RIGHTS if r.principal == service and r.group_prefix] == [f"{service}."]


def test_no_services_groups_are_anothers():
    prefixes = [right.group_prefix for right in RIGHTS if right.group_prefix]
    assert not [(a, b) for a in prefixes for b in prefixes if a != b and a.startswith(b)]


def test_only_known_principals_have_rights():
    assert {right.principal for right in RIGHTS} == set(SERVICES)
    assert {event.owner for event in events.ALL} <= set(SERVICES)


def test_the_audit_reads_everything_and_the_gateway_state_alone():
    assert set(READS["audit"]) == set(events.ALL)
    assert all(event.nature is Nature.STATE for event in READS["gateway"])


def test_a_database_is_named_like_its_service():
    assert [plan.database(service) for service in SERVICES] == [
        "registry",
        "catalog",
        "sharing",
        "ingest_files",
        "gateway",
        "audit",
    ]
