"""What the gateway reads: state events into memory, every partition from its first record."""

from typing import TYPE_CHECKING, Any

from common import bus, deadletters
from common.db import Db
from common.state import Park, StateReader
from gateway.domain.memory import STATES, Memory

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

NAME = "gateway"


def reader(kafka: bus.Kafka, memory: Memory, park: Park) -> StateReader:
    """The reader that keeps the memory as the exchange last told it."""
    return StateReader(kafka, NAME, STATES, memory.apply, park)


def parking(kafka: bus.Kafka, database: Db) -> Park:
    """Dead-letters what cannot be read, once; so rare that a producer is made for it when it happens."""

    async def park(record: "ConsumerRecord[Any, Any]", reason: str) -> None:
        producer = kafka.producer()
        await producer.start()
        try:
            await deadletters.park_once(database, producer, NAME, record, reason)
        finally:
            await producer.stop()

    return park
