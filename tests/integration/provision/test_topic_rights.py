"""Who may write and read which topic, asked of the broker itself: each topic is written by its owner alone."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from confluent_kafka import KafkaError as Code
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation

from common import bus, events
from provision import topics
from provision.plan import READS, SERVICES
from tests.support.probe import consumer, producer
from tests.support.waiting import eventually

TOPICS = {**{event.topic: event.owner for event in events.ALL}, **{bus.dead_letter_topic(s): s for s in SERVICES}}
"""Every topic with the one service that may write it."""
READERS = {
    **{event.topic: {service for service, reads in READS.items() if event in reads} for event in events.ALL},
    **{bus.dead_letter_topic(service): {service} for service in SERVICES},
}


@pytest.fixture(scope="package")
async def written(broker):
    """What each service could write: (service, topic) -> None, or the error that the broker gave."""

    async def by(service):
        async with producer(broker.kafka(service)) as sending:
            return {
                (service, topic): await outcome(sending, topic, owner == service) for topic, owner in TOPICS.items()
            }

    async def outcome(sending, topic, own):
        error = await attempt(sending, topic)
        if own and error is not None:
            # Rights take a moment to be known everywhere; what stays refused is refused.
            async def taken():
                return await attempt(sending, topic) is None

            await eventually(taken, what=f"the owner writes {topic}")
            return None
        return error

    async def attempt(sending, topic):
        try:
            await asyncio.wait_for(sending.send_and_wait(topic, b"it can be written", b"k"), 20)
        except KafkaError as error:
            return error
        return None

    parts = await asyncio.gather(*map(by, SERVICES))
    return {pair: outcome for part in parts for pair, outcome in part.items()}


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_topic_is_written_by_its_owner_and_by_nobody_else(written, topic):
    # IN-E7: a forged producer is refused by the broker.
    outcomes = {service: written[service, topic] for service in SERVICES}
    assert outcomes.pop(TOPICS[topic]) is None
    assert {type(outcome) for outcome in outcomes.values()} == {TopicAuthorizationFailedError}


@pytest.fixture(scope="package")
def allowed(broker, written):
    """What the broker says that each service may do with each topic: (service, topic) -> operations."""
    found = {}
    for service in SERVICES:
        kafka = broker.kafka(service)
        client = topics.client(kafka.servers, kafka.user, kafka.password.get_secret_value())
        asked = client.describe_topics(TopicCollection(list(TOPICS)), include_authorized_operations=True)
        for topic, future in asked.items():
            try:
                found[service, topic] = set(future.result(20).authorized_operations)
            except KafkaException as error:
                found[service, topic] = error.args[0].code()
    return found


@pytest.mark.parametrize("topic", TOPICS)
def test_the_broker_lets_each_service_do_what_the_plan_says_and_nothing_more(allowed, topic):
    for service in SERVICES:
        reads = {AclOperation.READ, AclOperation.DESCRIBE} if service in READERS[topic] else set()
        writes = {AclOperation.WRITE, AclOperation.DESCRIBE} if service == TOPICS[topic] else set()
        expected = reads | writes or Code.TOPIC_AUTHORIZATION_FAILED
        assert allowed[service, topic] == expected, service


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_what_it_needs(broker, written, service):
    needed = {topic for topic, readers in READERS.items() if service in readers}
    async with consumer(broker.kafka(service), *sorted(needed)) as reading:
        met = set()
        async with asyncio.timeout(20):
            while met < needed:
                met |= {place.topic for place in await reading.getmany(timeout_ms=500)}


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "audit"])
async def test_a_service_that_reads_on_elsewhere_is_refused(broker, written, service):
    foreign = next(topic for topic, readers in READERS.items() if service not in readers)
    reading = AIOKafkaConsumer(foreign, **broker.kafka(service).client_options(), group_id=None)
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await asyncio.wait_for(start_and_read(reading), 20)
    finally:
        await reading.stop()


async def start_and_read(reading):
    await reading.start()  # who writes the topic may see that it is there
    await reading.getone()


@pytest.mark.parametrize(("service", "other"), [("catalog", "audit"), ("audit", "catalog")])
async def test_nobody_moves_the_offsets_of_another(broker, service, other):
    async def move(group):
        kafka = broker.kafka(service)
        moving = AIOKafkaConsumer(**kafka.client_options(), group_id=group, enable_auto_commit=False)
        place = TopicPartition("unit-changed", 0)
        try:
            await asyncio.wait_for(moving.start(), 15)
            moving.assign([place])
            await moving.commit({place: 0})
        finally:
            await moving.stop()

    await move(f"{service}.unit-changed")
    for group in (f"{other}.unit-changed", f"{service}x.unit-changed", "unit-changed"):
        with pytest.raises(GroupAuthorizationFailedError):
            await move(group)


async def test_no_service_makes_or_ends_a_topic_or_a_principal(broker):
    admin = AIOKafkaAdminClient(**broker.kafka("registry").client_options())
    await admin.start()
    try:
        made = await admin.create_topics([NewTopic("unit-changed.v2", 1, 1)])
        assert [error for _, error, *_ in made.topic_errors] == [TopicAuthorizationFailedError.errno]
        ended = await admin.delete_topics(["unit-changed"])
        assert [error for _, error, *_ in ended.topic_error_codes] == [TopicAuthorizationFailedError.errno]
    finally:
        await admin.close()
    held = (await asyncio.to_thread(broker.admin().list_topics, timeout=10)).topics
    assert "unit-changed" in held
    assert "unit-changed.v2" not in held


@pytest.mark.parametrize(
    ("principal", "password"),
    [("nobody", "x"), ("registry", "wrong"), ("registry", ""), ("", ""), ("ANONYMOUS", "x"), ("admin", "admin")],
)
async def test_who_is_unknown_or_has_a_wrong_password_cannot_log_in(broker, principal, password):
    made = broker.kafka(principal, password).producer()
    try:
        with pytest.raises((KafkaConnectionError, ValueError)):
            await asyncio.wait_for(made.start(), 15)
    finally:
        await made.stop()


async def test_without_any_login_nobody_is_heard(broker):
    made = AIOKafkaProducer(bootstrap_servers=broker.endpoint.bootstrap, request_timeout_ms=2000)
    try:
        with pytest.raises((KafkaError, TimeoutError)):
            await asyncio.wait_for(made.start(), 15)
    finally:
        await made.stop()
