"""A service of its own for one test: an event with its topic, a principal that owns it, one that reads it.

Nothing of the exchange is touched: topics, principals and rights are made by the very functions that provision an
installation, under names that no other test has.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from common import bus, clock
from common.events import Event, Nature, StateEvent, base
from common.ids import uuid7
from provision import topics
from provision.plan import Right, TopicPlan
from tests.support.installation import Installation
from tests.support.waiting import eventually

_STARTS_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Probe:
    """An event that `owner` writes and `reader` reads."""

    installation: Installation
    event: type[Event]
    owner: str
    reader: str
    passwords: dict[str, SecretStr]

    @property
    def topic(self) -> str:
        return self.event.topic

    @property
    def group(self) -> str:
        return bus.group(self.reader, self.event)

    @property
    def dead_letters(self) -> str:
        return bus.dead_letter_topic(self.reader)

    def make_topic(self, policy: str | None = None) -> None:
        usual = "compact" if self.event.nature is Nature.STATE else "delete"
        config = {"cleanup.policy": policy or usual, "max.message.bytes": str(2 * base.MAX_BYTES)}
        plan = TopicPlan(name=self.topic, partitions=self.event.partitions, config=config)
        topics._topics(admin_client(self.installation), [plan], 1)

    def kafka(self, principal: str) -> bus.Kafka:
        return bus.Kafka(self.installation.endpoints.kafka.bootstrap, principal, self.passwords[principal])

    def told(self, name: str, number: int = 0, **more: Any) -> Event:
        return self.event(name=name, number=number, **more)

    def headers(self, **changed: str | None) -> list[tuple[str, bytes]]:
        """The head of an event that was made now; a header that is None is left out."""
        whole = base.headers(
            self.topic,
            event_id=uuid7(),
            source=self.owner,
            time=clock.now(),
            traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        )
        merged = {name: value.decode() for name, value in whole} | {k.replace("__", "-"): v for k, v in changed.items()}
        return [(name, value.encode()) for name, value in merged.items() if value is not None]

    async def end(self, topic: str | None = None) -> int:
        """How many records the topic has held so far, over all partitions."""
        async with consumer(admin(self.installation), topic or self.topic) as reading:
            return sum((await reading.end_offsets(list(reading.assignment()))).values())

    async def committed(self) -> int:
        """How far the reader's group has come, over all partitions."""
        client = AIOKafkaAdminClient(**admin(self.installation).client_options())
        await client.start()
        try:
            found = await client.list_consumer_group_offsets(self.group)
        finally:
            await client.close()
        return sum(offset.offset for partition, offset in found.items() if partition.topic == self.topic)

    async def all_committed(self, within: float = 60.0) -> None:
        """Wait until the group stands at the end of the topic: nothing is left to be read again."""
        end = await self.end()

        async def at_the_end() -> bool:
            return await self.committed() == end

        await eventually(at_the_end, within=within, what=f"all {end} records committed")

    async def dead(self) -> list[Any]:
        """The records of the reader's dead letters."""
        return await records(admin(self.installation), self.dead_letters)


def admin(installation: Installation) -> bus.Kafka:
    """The broker as its administrator."""
    kafka = installation.endpoints.kafka
    return bus.Kafka(kafka.bootstrap, kafka.user, SecretStr(kafka.password))


def make_probe(
    installation: Installation, *, partitions: int = 1, state: bool = False, park: bool = True, topic: bool = True
) -> Probe:
    """Make the topic of a new event, its dead letters, and the two principals with the rights of a service each.

    Without `park` the reader may not write its dead letters; without `topic` the event's topic is not there yet.
    """
    mark = uuid4().hex[:8]
    owner, reader = f"owner-{mark}", f"reader-{mark}"
    event = _event(f"told-{mark}", owner, partitions, state=state)
    probe = Probe(installation, event, owner, reader, {name: SecretStr(uuid4().hex) for name in (owner, reader)})
    client = admin_client(installation)
    secrets = replace(
        installation.secrets, kafka={name: secret.get_secret_value() for name, secret in probe.passwords.items()}
    )
    topics._principals(client, secrets)
    letters = TopicPlan(name=probe.dead_letters, partitions=1, config={"max.message.bytes": str(2 * base.MAX_BYTES)})
    topics._topics(client, [letters], 1)
    if topic:
        probe.make_topic()
    topics._rights(
        client,
        [
            Right(principal=owner, topic=event.topic, write=True),
            Right(principal=reader, topic=event.topic),
            Right(principal=reader, topic=probe.dead_letters),
            # Whoever may not park may write something else: else its producer could not even begin.
            Right(principal=reader, topic=probe.dead_letters if park else f"{reader}-nothing", write=True),
            Right(principal=reader, group_prefix=f"{reader}."),
        ],
    )
    return probe


def admin_client(installation: Installation) -> Any:
    kafka = installation.endpoints.kafka
    return topics.client(kafka.bootstrap, kafka.user, kafka.password)


def _event(topic_name: str, owned_by: str, count: int, *, state: bool) -> type[Event]:
    root: type[Event] = StateEvent if state else Event

    class Told(root):  # type: ignore[misc,valid-type]
        """Something was told."""

        topic: ClassVar[str] = topic_name
        owner: ClassVar[str] = owned_by
        partitions: ClassVar[int] = count
        nature: ClassVar[Nature] = Nature.STATE if state else Nature.FACT

        name: str
        number: int
        text: str = ""

        @property
        def key(self) -> str:
            return self.name

    return Told


class _Started:
    """An aiokafka client that is started, and stopped afterwards; a login may take a moment to be known (SCRAM)."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._client: Any = None

    async def __aenter__(self) -> Any:
        async def started() -> bool:
            self._client = self._make()
            try:
                await asyncio.wait_for(self._client.start(), _STARTS_WITHIN)
            except (KafkaError, TimeoutError):
                await self._client.stop()
                return False
            return True

        await eventually(started, within=_STARTS_WITHIN, what="the client started")
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.stop()


def producer(kafka: bus.Kafka, **options: Any) -> _Started:
    if not options:
        return _Started(kafka.producer)
    return _Started(lambda: AIOKafkaProducer(**kafka.client_options(), **options))


def consumer(kafka: bus.Kafka, *names: str) -> _Started:
    return _Started(
        lambda: AIOKafkaConsumer(
            *names,
            **kafka.client_options(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=8 * base.MAX_BYTES,
        )
    )


async def send(kafka: bus.Kafka, topic: str, sent: Sequence[tuple[bytes | None, bytes | None, Any]]) -> None:
    """Send records (key, value, headers) one after the other, as this principal."""
    async with producer(kafka) as sending:
        for key, value, headers in sent:
            await patiently(lambda k=key, v=value, h=headers: sending.send_and_wait(topic, v, k, headers=h))


async def patiently(call: Callable[[], Awaitable[Any]]) -> Any:
    """A call to the broker, tried again while its rights are not known everywhere yet."""
    found: list[Any] = []

    async def done() -> bool:
        try:
            found.append(await call())
        except KafkaError:
            return False
        return True

    await eventually(done, within=_STARTS_WITHIN, what="the broker took it")
    return found[-1]


async def records(kafka: bus.Kafka, *names: str) -> list[Any]:
    """All records of these topics up to their present ends, in the order of their partitions."""
    async with consumer(kafka, *names) as reading:
        ends = await reading.end_offsets(list(reading.assignment()))
        begins = await reading.beginning_offsets(list(ends))
        waiting = {place for place, end in ends.items() if begins[place] < end}
        found: dict[TopicPartition, list[Any]] = {place: [] for place in sorted(ends)}
        while waiting:
            for place, batch in (await reading.getmany(timeout_ms=1000)).items():
                found[place] += batch
                if batch[-1].offset >= ends[place] - 1:
                    waiting.discard(place)
        return [record for batch in found.values() for record in batch]


def header(record: Any, name: str) -> str | None:
    """A header of a record as text."""
    return next((value.decode() for found, value in record.headers if found == name and value is not None), None)


def event_id(record: Any) -> UUID:
    found = header(record, "ce_id")
    assert found is not None
    return UUID(found)
