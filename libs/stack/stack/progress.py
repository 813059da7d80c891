"""How far a long preparation has come, on standard error.

On a terminal a live line with a bar; elsewhere (CI, a file) one line at the start, one for each tenth, one at the end.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO


class Step(Protocol):
    """One running preparation with a known number of parts."""

    def reached(self, done: int) -> None:
        """`done` parts are finished; never fewer than before."""


class Tenths:
    """Prints a line whenever another tenth of the parts is done."""

    def __init__(self, title: str, total: int, stream: TextIO) -> None:
        self._title = title
        self._total = max(total, 1)
        self._stream = stream
        self._shown = 0

    def reached(self, done: int) -> None:
        """More parts than foretold are shown as 90 %: only the end of the step says that it is done."""
        tenth = min(done * 10 // self._total, 9)
        if tenth > self._shown:
            self._shown = tenth
            say(f"… {self._title}: {tenth * 10} %", self._stream)


def say(text: str, stream: TextIO | None = None) -> None:
    """One line to the reader, at once."""
    out = stream or sys.stderr
    out.write(text + "\n")
    out.flush()


@contextmanager
def step(title: str, total: int, stream: TextIO | None = None) -> Iterator[Step]:
    """Show a preparation of `total` parts while the block runs; says at its end how long it took.

    If the block raises, the line ends without praise and the error goes on.
    """
    out = stream or sys.stderr
    began = time.monotonic()
    if out.isatty():
        with _bar(title, total, out) as bar:
            yield bar
    else:
        say(f"… {title}", out)
        yield Tenths(title, total, out)
    say(f"✓ {title} ({time.monotonic() - began:.0f} s)", out)


@contextmanager
def _bar(title: str, total: int, out: TextIO) -> Iterator[Step]:
    """A live bar; rich is imported only where there is a terminal to draw on."""
    from rich.console import Console  # noqa: PLC0415 - 0.1 s that a server's start need not pay
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(file=out), transient=True) as live:
        task = live.add_task(title, total=total)

        class Bar:
            def reached(self, done: int) -> None:
                live.update(task, completed=min(done, total))

        yield Bar()
