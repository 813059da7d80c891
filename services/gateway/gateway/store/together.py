"""One question for all that wait: while one is under way the next ones gather, and they are asked in one order."""

import asyncio
import contextlib
from collections.abc import Callable
from operator import itemgetter
from time import monotonic
from typing import Any, Final

from gateway.errors import Unavailable
from gateway.store.link import Link

MOST: Final = 200
"""Questions that one query answers at most."""


class Together:
    """Questions of one kind to the gateway's own database.

    Each is a tuple whose members the statement binds as arrays, $1 and on, before what is the same for all; it gives
    the question's number among them from 1 as `n`, and its answer as `found`. They are asked in the order of `by`:
    each locks its row until the last of them is answered, and no two replicas wait for one another.
    """

    def __init__(
        self, link: Link, statement: str, *same: Any, by: Callable[[Any], Any], clean: str, clean_every: float
    ) -> None:
        self._link = link
        self._statement = statement
        self._same = same
        self._by = by
        self._clean_up = clean
        self._clean_every = clean_every
        self._cleaned_at = float("-inf")
        self._waiting: list[tuple[Any, asyncio.Future[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._link.close()

    async def ask(self, question: tuple[Any, ...]) -> Any:
        """The answer.

        Raises:
            Unavailable: the database cannot say; it may have noted the question all the same.
        """
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            taken.sort(key=lambda waiting: self._by(waiting[0]))
            try:
                async with self._link.lock:
                    columns = zip(*(question for question, _ in taken), strict=True)
                    rows = await self._link.query(self._statement, *map(list, columns), *self._same)
            except BaseException as error:
                for _, done in taken:
                    if not done.done():
                        done.set_exception(error)
                if isinstance(error, Exception):
                    continue
                raise
            for row in sorted(rows, key=itemgetter("n")):
                done = taken[row["n"] - 1][1]
                if not done.done():
                    done.set_result(row["found"])
            await self._clean()

    async def _clean(self) -> None:
        """Remove what is too old to matter, now and then."""
        if monotonic() - self._cleaned_at >= self._clean_every:
            self._cleaned_at = monotonic()
            with contextlib.suppress(Unavailable):
                async with self._link.lock:
                    await self._link.query(self._clean_up)
