"""Callers before replicas of a gateway, and what the trail has of their calls."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import asyncpg
import httpx2
import orjson

from tests.support.gateway_process import Replica


@dataclass(slots=True)
class Seen:
    """What callers were answered."""

    answers: list[tuple[float, float, str, str]] = field(default_factory=list)
    """Seconds when it came and how long it took, code and trace id."""
    reset: list[str] = field(default_factory=list)
    """Calls whose connection was taken and that were not answered."""

    def codes(self, since: float = 0.0) -> Counter[str]:
        return Counter(code for at, _, code, _ in list(self.answers) if at >= since)

    def traces(self, *codes: str) -> set[str]:
        return {trace for _, _, code, trace in list(self.answers) if code in codes and trace}


@contextmanager
def calling(replicas: list[Replica], *, each: int = 3, pause: float = 0.01, close: bool = False) -> Iterator[Seen]:
    """Call all replicas without end while the block runs; with `close` each call on a connection of its own."""
    seen, stop = Seen(), threading.Event()

    def call(replica: Replica) -> None:
        headers = {"Connection": "close"} if close else {}
        with httpx2.Client() as http:
            while not stop.is_set():
                began = monotonic()
                try:
                    code, trace = replica.call(http, **headers)
                except httpx2.TransportError as error:
                    seen.reset.append(type(error).__name__)
                else:
                    seen.answers.append((monotonic(), monotonic() - began, code, trace))
                stop.wait(pause)

    threads = [threading.Thread(target=call, args=(one,)) for one in replicas for _ in range(each)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(40)


async def records(admin_url: str, *workers: str) -> list[dict[str, Any]]:
    """Every committed record of these workers; the numbers of each are without a gap and none is there twice."""
    connection = await asyncpg.connect(admin_url)
    try:
        rows = await connection.fetch(
            "select key, payload from outbox where topic = 'access-logged' and key = any($1) order by id", list(workers)
        )
    finally:
        await connection.close()
    found: list[dict[str, Any]] = []
    numbers: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        event = orjson.loads(row["payload"])
        numbers.setdefault((row["key"], event["start"]), []).extend(one["number"] for one in event["records"])
        found += event["records"]
    for of_one in numbers.values():
        assert of_one == list(range(1, len(of_one) + 1))
    ids = [one["call"] for one in found]
    assert len(ids) == len(set(ids))
    return found
