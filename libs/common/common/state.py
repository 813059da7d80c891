"""Reads compacted topics into memory: all partitions, from the first record to the ends seen at the start, then on.

No consumer group: every replica holds the whole state and rebuilds it from Kafka alone. The reader is plain aiokafka,
because a subscriber without a group cannot acknowledge and would log an error for each record.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from common import bus, ending, log
from common.events import StateEvent, base

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

Apply = Callable[[Any], None]
"""Takes a state event; called in the order of its partition, possibly with versions that are already held."""

Park = Callable[["ConsumerRecord[Any, Any]", str], Awaitable[None]]
"""Dead-letters a record that cannot be read or applied; called once per record and start."""

NO_REPLY: Final = True
ACK: Final = "none: every start reads from the first record"
"""What the walk over all readers asks for: a state reader answers nobody and commits nothing."""

_START_TIMEOUT: Final = 20.0
_RESTART_PAUSE: Final = 1.0
_FETCH_WAIT_MS: Final = 200
_log = log.get(__name__)


@dataclass(slots=True)
class Progress:
    """How far a reader is."""

    caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    reading: bool = False
    records: int = 0
    refused: int = 0


class StateReader:
    """Reads state events of some topics and hands them to `apply`."""

    def __init__(
        self,
        kafka: bus.Kafka,
        service: str,
        event_types: Sequence[type[StateEvent]],
        apply: Apply,
        park: Park,
    ) -> None:
        self.event_types = {event.topic: event for event in event_types}
        self.service = service
        self.progress = Progress()
        self._kafka = kafka
        self._apply = apply
        self._park = park
        self._goals: dict[TopicPartition, int] = {}
        self._consumer_now: AIOKafkaConsumer | None = None
        self._taking = False
        """Whether records are in hand that have not all been applied."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"state of {self.service}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def at_end(self, within: float) -> bool:
        """Whether all that stood in the topics when this was asked has been applied, by the broker's own word.

        False as well if the broker does not say so within these seconds.
        """
        consumer = self._consumer_now
        if consumer is None or not self.progress.caught_up.is_set():
            return False
        try:
            async with asyncio.timeout(within):
                partitions = list(consumer.assignment())
                for partition, end in (await consumer.end_offsets(partitions)).items():
                    if end > 0 and await consumer.position(partition) < end:
                        return False
        except (TimeoutError, KafkaError, OSError):
            return False
        # A position moves on when records are handed over; they count when they have been applied.
        return bool(partitions) and not self._taking and consumer is self._consumer_now

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except Exception as error:  # noqa: BLE001  a reader that ended in silence would answer from old state
                # Usually the broker, or the database behind `park`. All is read anew, what is held already is skipped.
                _log.warning("state.interrupted", error=type(error).__name__)
            self.progress.reading = False
            await asyncio.sleep(_RESTART_PAUSE)

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            *self.event_types,
            **self._kafka.client_options(),
            client_id=self.service,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=4 * base.MAX_BYTES,
        )

    async def _read(self) -> None:
        consumer = self._consumer()
        try:
            # A topic that is not there would keep `start` waiting for ever (recipes 5): bounded, and named.
            try:
                async with asyncio.timeout(_START_TIMEOUT):
                    await consumer.start()
            except TimeoutError:
                _log.error("state.no_start", topics=sorted(self.event_types))
                raise
            partitions = list(consumer.assignment())
            self._goals = await consumer.end_offsets(partitions)
            self.progress.reading = True
            self._consumer_now = consumer
            await self._see_whether_caught_up(consumer)
            while True:
                taken = await consumer.getmany(timeout_ms=1000, max_records=2000)
                self._taking = True
                for records in taken.values():
                    for record in records:
                        await self._take(record)
                self._taking = False
                await self._see_whether_caught_up(consumer)
        finally:
            self._consumer_now, self._taking = None, False
            await ending.end(consumer)

    async def _see_whether_caught_up(self, consumer: AIOKafkaConsumer) -> None:
        if self.progress.caught_up.is_set():
            return
        for partition, goal in self._goals.items():
            if goal > 0 and await consumer.position(partition) < goal:
                return
        self.progress.caught_up.set()
        _log.info("state.caught_up", records=self.progress.records)

    async def _take(self, record: "ConsumerRecord[Any, Any]") -> None:
        event_type = self.event_types[record.topic]
        try:
            bus.meta_of(event_type, record)
            self._apply(base.read(event_type, record.key, record.value))
        except Exception as error:  # noqa: BLE001  one record that cannot be applied must not stop all others
            self.progress.refused += 1
            await self._park(record, bus.reason_of(error))
        else:
            self.progress.records += 1
