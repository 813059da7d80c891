"""Records a flood as counts: what `Flood` counted is written when its minute has ended, one per source and kind."""

import asyncio
import contextlib
from datetime import datetime
from typing import Final

from common import log, trace
from common.clock import Clock
from common.keys import Pepper
from gateway.domain import records
from gateway.domain.decisions import Who
from gateway.domain.flood import Flood, Tally
from gateway.errors import Unavailable
from gateway.service import BAD_KEYS
from gateway.store.recording import Recorder

_EVERY: Final = 1.0
_AT_ONCE: Final = 100
"""Counts that are handed to the recorder together: so they never crowd out the records of calls."""
_log = log.get(__name__)


def tally_record(tally: Tally, pepper: Pepper, at: datetime) -> bytes:
    """The record of a count, in the form of `common.events.CallRecord`; its `count` says of how many."""
    method = "POST" if tally.kind.code in BAD_KEYS else "-"
    call = records.Call(method=method, address=tally.source, trace_id=trace.new_id(), received_at=tally.first_at)
    call.status, call.code = tally.kind.status, tally.kind.code
    call.who = Who(unit=tally.kind.unit or None)
    return records.record(call, None, pepper, at)[:-1] + b',"count":%d}' % tally.count


class Tallies:
    """Writes the counts of a flood; while the trail has no room they wait, and the last are written at the end."""

    def __init__(self, flood: Flood, recorder: Recorder, pepper: Pepper, clock: Clock) -> None:
        self._flood = flood
        self._recorder = recorder
        self._pepper = pepper
        self._clock = clock
        self._left: list[Tally] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="tallies")

    async def stop(self) -> None:
        """Write what has been counted so far, as far as the recorder takes it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._left += self._flood.rest(self._clock())
        await self._write()
        if self._left:
            _log.error("gateway.tallies_lost", tallies=len(self._left), refusals=sum(t.count for t in self._left))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self._left += self._flood.over(self._clock())
            await self._write()

    async def _write(self) -> None:
        while self._left:
            batch, self._left = self._left[:_AT_ONCE], self._left[_AT_ONCE:]
            taken = [self._hand_over(tally) for tally in batch]
            self._left = [tally for tally, done in zip(batch, taken, strict=True) if done is None] + self._left
            # One that is not committed in time is on its way, and given again it would count twice.
            await asyncio.gather(*(done for done in taken if done is not None), return_exceptions=True)
            if None in taken:
                return

    def _hand_over(self, tally: Tally) -> "asyncio.Future[None] | None":
        """Done when the count is committed; None if the recorder has no room."""
        try:
            return self._recorder.record(tally_record(tally, self._pepper, self._clock()))
        except Unavailable:
            return None
