"""Every reader of Kafka in every service is set as the rules of delivery say, and reads what the plan gives it."""

import pytest
from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic import SecretStr

from common import bus, events
from common.events import UnitChanged
from common.state import StateReader
from provision.plan import READS, SERVICES
from tests.support.subscriptions import made_by, parts_of, reads, unsafe_reader, unsafe_subscribers

KAFKA = bus.Kafka("localhost:9092", "catalog", SecretStr("-"))


@pytest.fixture(scope="module")
def parts():
    return {name: parts_of(name) for name in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_every_subscriber_acknowledges_last_answers_nobody_and_begins_at_the_first_record(parts, service):
    # PIT-F1, PIT-F2, PIT-F4, PIT-F7, PIT-F11, PIT-F15, PIT-A9.
    assert list(unsafe_subscribers(parts[service].broker, service)) == []


async def test_every_state_reader_belongs_to_no_group_and_commits_nothing(parts):
    readers = [reader for part in parts.values() for reader in part.readers]
    assert [reader.service for reader in readers] == ["gateway"]
    assert [fault for reader in readers for fault in await unsafe_reader(reader)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_the_plan_gives_it_the_right_to(parts, service):
    assert reads(parts[service]) == set(READS[service])


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_subscribes_to_is_what_its_document_says(parts, service):
    subscribed = {topic for subscriber in parts[service].broker.subscribers for topic in subscriber.topic_names}
    assert subscribed == {event.topic for event in READS[service]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_makes_its_own_events_and_every_one_of_them(service):
    assert made_by(service) == {event for event in events.ALL if event.owner == service}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_names_its_own_events_in_its_document(parts, service):
    published = {publisher.topic for publisher in parts[service].broker.publishers}
    assert published == {event.topic for event in events.ALL if event.owner == service}


# --- The walk bites -------------------------------------------------------------------------------------------------


def throw_away(**options):
    """A broker with our policy and one subscriber that is set as it should be, but for what is given."""
    broker = bus.broker(KAFKA, "catalog")
    good = {
        "group_id": "catalog.unit-changed",
        "ack_policy": AckPolicy.NACK_ON_ERROR,
        "no_reply": True,
        "auto_offset_reset": "earliest",
    }
    given = {name: value for name, value in {**good, **options}.items() if value is not ...}
    subscriber = broker.subscriber(given.pop("topic", "unit-changed"), **given)

    async def handle(event: UnitChanged) -> None:
        pass

    subscriber(handle)
    return broker


def test_the_walk_is_content_with_what_is_right():
    assert list(unsafe_subscribers(throw_away(), "catalog")) == []


@pytest.mark.filterwarnings("ignore:AckPolicy.REJECT_ON_ERROR:UserWarning")  # the framework's own word on it
@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"ack_policy": AckPolicy.ACK_FIRST}, "ack policy ACK_FIRST"),
        ({"ack_policy": AckPolicy.ACK_FIRST}, "commits by itself"),
        ({"ack_policy": AckPolicy.ACK}, "ack policy ACK"),
        ({"ack_policy": AckPolicy.REJECT_ON_ERROR}, "ack policy REJECT_ON_ERROR"),
        ({"ack_policy": AckPolicy.MANUAL}, "ack policy MANUAL"),
        ({"no_reply": False}, "replies"),
        ({"no_reply": ...}, "replies"),
        ({"auto_offset_reset": "latest"}, "begins at latest"),
        ({"auto_offset_reset": ...}, "begins at latest"),
        ({"group_id": ...}, "group None"),
        ({"group_id": "sharing.unit-changed"}, "group sharing.unit-changed"),
        ({"group_id": "catalog"}, "group catalog"),
        ({"topic": "unit-change"}, "is no event"),
        ({"batch": True}, "several at a time"),
        ({"max_workers": 4}, "several at a time"),
    ],
)
def test_the_walk_finds_a_subscriber_that_is_set_otherwise(options, fault):
    assert any(fault in line for line in unsafe_subscribers(throw_away(**options), "catalog"))


def test_the_walk_finds_the_frameworks_own_defaults():
    broker = KafkaBroker("localhost:9092")
    subscriber = broker.subscriber("unit-changed")
    subscriber(lambda body: None)
    found = "\n".join(unsafe_subscribers(broker, "catalog"))
    for fault in ("ACK_FIRST", "replies", "begins at latest", "group None", "middleware", "tolerant parser"):
        assert fault in found


def test_the_walk_finds_a_subscriber_of_several_topics_or_of_a_pattern():
    for made in (
        lambda broker: broker.subscriber("unit-changed", "grant-changed", group_id="catalog.unit-changed"),
        lambda broker: broker.subscriber(pattern="unit-.*", group_id="catalog.unit-changed"),
    ):
        broker = bus.broker(KAFKA, "catalog")
        made(broker)(lambda body: None)
        assert any("not one topic" in line for line in unsafe_subscribers(broker, "catalog"))


async def test_the_walk_finds_a_state_reader_with_a_group_or_without_a_state(monkeypatch):
    reader = StateReader(KAFKA, "gateway", [UnitChanged], print, print)
    assert await unsafe_reader(reader) == []
    facts = StateReader(KAFKA, "gateway", [events.BatchIngested], print, print)
    assert await unsafe_reader(facts) == ["gateway holds batch-ingested: holds what is no state"]

    class Grouped(StateReader):
        def _consumer(self):
            return AIOKafkaConsumer("unit-changed", group_id="gateway")

    found = await unsafe_reader(Grouped(KAFKA, "gateway", [UnitChanged], print, print))
    assert len(found) == 3


def test_a_service_that_reads_a_topic_twice_is_stopped_where_it_is_put_together():
    routes = bus.Routes("catalog")

    async def handle(event, meta):
        pass

    routes.on(UnitChanged)(handle)
    with pytest.raises(ValueError, match="unit-changed twice"):
        routes.on(UnitChanged)(handle)
