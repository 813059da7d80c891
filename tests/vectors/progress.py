"""Says how far the work is: a line per step, and counts where a step is long."""

import time
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, field
from typing import Final, TextIO, TypeVar

T = TypeVar("T")
EVERY: Final = 2.0
"""Seconds between two counts of one step."""


@dataclass(slots=True)
class Progress:
    """Writes to a stream, at once."""

    out: TextIO
    _said: float = field(default=0.0)

    def say(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def step(self, text: str) -> None:
        self.say(f"… {text}")
        self._said = time.monotonic()

    def each(self, text: str, things: Iterable[T]) -> Iterator[T]:
        """The things one after the other, the step told first and its count from time to time."""
        total = len(things) if isinstance(things, Sized) else 0
        self.step(f"{text}（{total}）")
        for done, thing in enumerate(things):
            if time.monotonic() - self._said > EVERY:
                self.step(f"{text} {done}/{total}")
            yield thing
