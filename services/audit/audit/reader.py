"""Reads the records of calls, many groups at a time: they are by far the most that the trail is told.

One group after the other, with a transaction and a commit of its offset each, was measured to cost twenty times as
much as all that is done for the calls themselves. Here the groups that have come go into one transaction, and the rules
of the bus hold for each of them: it is claimed in the inbox in the transaction of its effect; what is refused goes to
the dead letters by itself; what fails for unknown reasons is tried alone, so that it stops no other; when something is
unwell all are held and come again. Offsets are committed after the effect and after the dead letters, by ourselves.
"""

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from pydantic import ValidationError

from audit import service, store
from audit.domain import Group
from common import bus, ending, log
from common.db import Db
from common.errors import Refusal, Undecodable, Unwell
from common.events import AccessLogged, Meta, base

Record: TypeAlias = ConsumerRecord[Any, Any]

MOST_GROUPS: Final = 256
MOST_BYTES: Final = 1024 * 1024
"""Groups in one transaction, and the bytes of their values; with more it was measured to become dearer, not cheaper."""
PACE: Final = 0.1
"""Seconds from one transaction to the next at least: the groups of a tenth of a second cost hardly more than one."""
_FETCH_WAIT_MS: Final = 1500
_START_TIMEOUT: Final = 20.0
_UNKNOWN_TRIES: Final = 5
_PAUSE_FIRST, _PAUSE_LAST = 0.2, 15.0
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A group that was understood, with the record that it came in."""

    record: Record
    meta: Meta
    group: Group


_Refused: TypeAlias = tuple[Record, Exception]


class CallReader:
    """The reader of `access-logged` of one process; the processes of its group share the partitions."""

    def __init__(
        self,
        kafka: bus.Kafka,
        db: Db,
        name: str,
        event: type[AccessLogged] = AccessLogged,
        *,
        parked: "Counter[str] | None" = None,
    ) -> None:
        self._kafka = kafka
        self._db = db
        self._name = name
        self._event = event
        self._parked = parked
        self._producer: AIOKafkaProducer | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read while the block runs, however often the broker goes away."""
        # What there is now stays: to look it through for waste, again and again while records are read, was measured to
        # cost as much as reading them.
        gc.collect()
        gc.freeze()
        task = asyncio.create_task(self._run(), name="call reader")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def consumer(self) -> AIOKafkaConsumer:
        """A consumer of the group, which commits nothing by itself and begins at the first record."""
        return AIOKafkaConsumer(
            self._event.topic,
            **self._kafka.client_options(),
            client_id=self._name,
            group_id=bus.group(self._name, self._event),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=4 * base.MAX_BYTES,
        )

    async def _run(self) -> None:
        pause = _PAUSE_FIRST
        while True:
            try:
                await self._read()
            except Exception as error:  # noqa: BLE001  a reader that ended in silence would leave the trail behind
                _log.warning("audit.calls_interrupted", error=type(error).__name__, again_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSE_LAST)

    async def _read(self) -> None:
        consumer = self.consumer()
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                await consumer.start()
            _log.info("audit.calls_read")
            pause, most = _PAUSE_FIRST, MOST_GROUPS
            while True:
                began = asyncio.get_running_loop().time()
                found = await consumer.getmany(timeout_ms=1000, max_records=most)
                try:
                    for some in slices([record for records in found.values() for record in records]):
                        await self._take(some)
                except Exception as error:
                    if not bus.unwell(error):
                        raise
                    _log.warning("audit.calls_held", error=type(error).__name__, again_in=pause)
                    _seek_back(consumer, found)
                    await asyncio.sleep(pause)
                    # A database that is too slow for many may still do one.
                    pause, most = min(pause * 2, _PAUSE_LAST), 1
                    continue
                if found:
                    pause, most = _PAUSE_FIRST, MOST_GROUPS
                    await _commit(consumer, found)
                    await asyncio.sleep(max(0.0, began + PACE - asyncio.get_running_loop().time()))
        finally:
            await self._stop(consumer)

    async def _stop(self, consumer: AIOKafkaConsumer) -> None:
        producer, self._producer = self._producer, None
        try:
            await ending.end(consumer)
        finally:
            if producer is not None:
                await ending.end(producer)

    async def _take(self, records: Sequence[Record]) -> None:
        """Keep what these records hold, each in effect once, and dead-letter what is refused.

        Raises:
            Unwell, KafkaError or the database's error: something is away; none may be let go.
        """
        tries = 1
        while True:
            try:
                refused = await self._keep(records)
            except Exception as error:
                if bus.unwell(error):
                    raise
                if len(records) > 1:
                    # One of them spoils the transaction of all: each by itself.
                    for record in records:
                        await self._take([record])
                    return
                if tries < _UNKNOWN_TRIES:
                    tries += 1
                    await asyncio.sleep(_PAUSE_FIRST)
                    continue
                refused = [(records[0], error)]
            for record, why in refused:
                await self._park(record, why, tries)
            return

    async def _keep(self, records: Sequence[Record]) -> list[_Refused]:
        """One transaction: claim what is new and keep it. What is refused, and why."""
        refused: list[_Refused] = []
        taken: list[_Taken] = []
        for record in records:
            try:
                taken.append(self._understood(record))
            except (Refusal, ValidationError) as error:
                refused.append((record, error))
        if not taken:
            return refused
        new: list[Group] = []
        async with self._db.begin() as tx:
            # Of two that came together under one id the first is the one that is claimed.
            claims = {one.meta.id: one.meta.digest for one in reversed(taken)}
            held = await store.claim(tx, self._name, claims)
            for one in taken:
                before = held.get(one.meta.id)
                if before is None:
                    held[one.meta.id] = one.meta.digest
                    new.append(one.group)
                elif before != one.meta.digest:
                    refused.append((one.record, Undecodable("同一事件标识的内容不同", reason="id-reused")))
            if new:
                await service.keep_calls(tx, new)
        return refused

    def _understood(self, record: Record) -> _Taken:
        """Raises Undecodable: the record is none of this topic's events."""
        meta = bus.meta_of(self._event, record)
        event = base.read(self._event, record.key, record.value)
        assert isinstance(event, AccessLogged)
        return _Taken(record, meta, Group.told(event, record.value or b""))

    async def _park(self, record: Record, error: Exception, attempts: int) -> None:
        """Dead-letter a record; returns when the broker has it.

        Raises:
            Unwell: the broker did not take it.
        """
        reason = bus.reason_of(error)
        key, value = bus.carried(record)
        headers = [(k, v.encode()) for k, v in bus.dead_letter_headers(record, reason, attempts).items()]
        try:
            if self._producer is None:
                producer = self._kafka.producer()
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            await self._producer.send_and_wait(bus.dead_letter_topic(self._name), value, key=key, headers=headers)
        except (KafkaError, OSError, TimeoutError) as trouble:
            _log.error("bus.dead_letter_failed", topic=record.topic, error=type(trouble).__name__)
            raise Unwell("broker") from trouble
        if self._parked is not None:
            self._parked[record.topic] += 1
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        _log.error("bus.dead_lettered", origin=origin, reason=reason, attempts=attempts)


def slices(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Records in their order, as many together as one transaction may hold."""
    some: list[Record] = []
    size = 0
    for record in records:
        more = len(record.value or b"")
        if some and size + more > MOST_BYTES:
            yield some
            some, size = [], 0
        some.append(record)
        size += more
    if some:
        yield some


def _seek_back(consumer: AIOKafkaConsumer, found: dict[TopicPartition, list[Record]]) -> None:
    for partition, records in found.items():
        # What was taken from us meanwhile is another's to read.
        with contextlib.suppress(IllegalStateError):
            consumer.seek(partition, records[0].offset)


async def _commit(consumer: AIOKafkaConsumer, found: dict[TopicPartition, list[Record]]) -> None:
    done = {partition: records[-1].offset + 1 for partition, records in found.items()}
    try:
        await consumer.commit(done)
    except (KafkaError, IllegalStateError) as error:
        # They come again, to us or to whoever has the partition now, and have no second effect.
        _log.warning("audit.offsets_not_committed", error=type(error).__name__)
