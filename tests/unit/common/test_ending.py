"""A consumer or a producer is ended whole, or it lives on in secret."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from common import ending


class Client:
    """A client whose end takes until it is allowed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun, self.allowed = asyncio.Event(), asyncio.Event()
        self.stopped = False
        self._error = error

    async def stop(self) -> None:
        self.begun.set()
        await self.allowed.wait()
        if self._error is not None:
            raise self._error
        self.stopped = True


async def test_one_who_is_cancelled_while_a_client_ends_waits_for_its_end_and_is_cancelled_then():
    client = Client()
    ender = asyncio.create_task(ending.end(client))
    await client.begun.wait()
    for _ in range(3):
        ender.cancel()
        await asyncio.sleep(0)
    assert not ender.done()
    client.allowed.set()
    with pytest.raises(asyncio.CancelledError):
        await ender
    assert client.stopped


async def test_an_end_without_disturbance_is_just_that():
    client = Client()
    client.allowed.set()
    await ending.end(client)
    assert client.stopped


@pytest.mark.parametrize("error", [KafkaConnectionError(), OSError(), TimeoutError()])
async def test_a_broker_that_is_away_is_no_trouble_at_the_end(error):
    client = Client(error)
    client.allowed.set()
    await ending.end(client)


async def test_a_defect_at_the_end_is_not_hidden():
    client = Client(ValueError("a defect"))
    client.allowed.set()
    with pytest.raises(ValueError, match="a defect"):
        await ending.end(client)


async def test_what_holds_the_connections_is_closed_even_where_the_client_gives_up_half_way():
    class Inner:
        closed = False

        async def close(self) -> None:
            self.closed = True

    class Consumer:
        _client = Inner()

        async def stop(self) -> None:
            raise asyncio.CancelledError

    consumer = Consumer()
    await ending.end(consumer)
    assert consumer._client.closed


async def test_a_client_that_never_ends_is_left_after_a_while(monkeypatch):
    monkeypatch.setattr(ending, "WITHIN", 0.05)
    client = Client()
    await ending.end(client)
    assert not client.stopped
