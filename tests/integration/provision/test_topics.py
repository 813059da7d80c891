"""Topics, principals and rights are made as planned; once more changes nothing; another shape is an error."""

import asyncio

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from common import bus
from provision import plan, topics
from provision.plan import TopicPlan
from provision.topics import WrongShape
from tests.support.probe import producer
from tests.support.waiting import eventually

EVERY_RIGHT = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)


@pytest.fixture
def admin(broker):
    """An administrator's client; it must outlive its answers."""
    return broker.admin()


def rights(admin):
    return {str(binding) for binding in admin.describe_acls(EVERY_RIGHT).result(20)}


async def eventually_kept(admin, topic, retention):
    """A broker answers from its own image of the cluster, which follows a change some moments later."""

    def told():
        return config(admin, topic)["retention.ms"] == retention

    await eventually(lambda: asyncio.to_thread(told), what=f"retention.ms {retention} of {topic}")


def config(admin, topic):
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)])
    (future,) = asked.values()
    return {name: entry.value for name, entry in future.result(20).items()}


def test_every_topic_stands_with_its_partitions_and_its_settings(broker, admin):
    held = admin.list_topics(timeout=20).topics
    for planned in plan.topics():
        assert len(held[planned.name].partitions) == planned.partitions
        found = config(admin, planned.name)
        for name, value in planned.config.items():
            assert found[name] == value, (planned.name, name)
    assert {name for name in held if not name.startswith("__")} == {planned.name for planned in plan.topics()}


async def test_provisioning_twice_is_harmless(broker, admin):
    before = rights(admin)
    said = await asyncio.to_thread(broker.provision)
    assert f"topics: {len(list(plan.topics()))} (0 new)" in said
    assert rights(admin) == before
    async with producer(broker.kafka("registry")) as sending:  # its password is still the one it has
        await sending.send_and_wait("unit-changed", b"x", b"k")


async def test_a_setting_that_was_changed_is_set_back(broker, admin):
    name = bus.dead_letter_topic("audit")
    drifted = TopicPlan(name=name, partitions=1, config={"retention.ms": "1000"})
    await asyncio.to_thread(topics._topics, admin, [drifted], 1)
    await eventually_kept(admin, name, "1000")
    await asyncio.to_thread(broker.provision)
    await eventually_kept(admin, name, str(90 * 24 * 3600 * 1000))


def test_another_number_of_partitions_is_an_error_that_names_the_topic_and_changes_nothing(broker, admin):
    # PIT-F12: more partitions would break the order of every key.
    wrong = [
        TopicPlan(name="unit-changed", partitions=5, config={"retention.ms": "1000"}),
        TopicPlan(name="access-logged", partitions=3, config={}),
        TopicPlan(name="exchange-state-changed", partitions=1, config={}),
    ]
    with pytest.raises(WrongShape) as refused:
        topics._topics(admin, wrong, 1)
    assert str(refused.value) == ("unit-changed: 4 instead of 5 partitions; access-logged: 8 instead of 3 partitions")
    assert config(admin, "unit-changed")["retention.ms"] != "1000"
    assert len(admin.list_topics(timeout=20).topics["unit-changed"].partitions) == 4


async def test_a_topic_that_nobody_made_is_not_made_by_use(broker, admin):
    async with producer(broker.kafka("registry")) as sending:
        with pytest.raises(Exception, match=r"(?i)topic|timeout|^$"):
            await asyncio.wait_for(sending.send_and_wait("never-provisioned", b"x", b"k"), 3)
    assert "never-provisioned" not in admin.list_topics(timeout=20).topics
