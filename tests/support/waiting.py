"""Waits with a deadline; tests never sleep for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE = 0.02


def until(ask: Callable[[], T], *, within: float = 60.0, what: str = "the awaited state") -> T:
    """Ask until the answer is truthy, and return it."""
    deadline = time.monotonic() + within
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; last answer: {answer!r}")
        time.sleep(PAUSE)


async def eventually(ask: Callable[[], Awaitable[T]], *, within: float = 60.0, what: str = "the awaited state") -> T:
    """Ask until the answer is truthy, and return it."""
    deadline = time.monotonic() + within
    while True:
        answer = await ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; last answer: {answer!r}")
        await asyncio.sleep(PAUSE)
