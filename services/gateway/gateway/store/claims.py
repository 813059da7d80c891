"""How often one may guess: different claims about one identity, per unit and day (`gateway-protocol`, verification).

Whoever may ask whether a value is true could find the value by asking often enough. Keyed hashes alone are kept.
"""

import asyncio
import contextlib
from operator import itemgetter
from time import monotonic
from typing import Final

from gateway.errors import Code, Refused, Unavailable
from gateway.store.link import Link

MOST: Final = 5
"""Different sets of claims about one identity that a unit may make on one day."""
_WITHIN: Final = 2.0
_FORGET_EVERY: Final = 3600.0
_ADMIT: Final = """
select n, admit_claims(unit, identity, claims, $4) as admitted
from unnest($1::text[], $2::text[], $3::text[]) with ordinality c(unit, identity, claims, n)
"""
_FORGET: Final = "delete from claim where day < (clock_timestamp() at time zone 'Asia/Shanghai')::date"


class Claims:
    """Asks the database for all that wait at once."""

    def __init__(self, url: str) -> None:
        # What a crash of the database forgets of the last instant helps nobody who cannot crash it at will.
        self._link = Link(url, "gateway claims", within=_WITHIN, settings={"synchronous_commit": "off"})
        self._waiting: list[tuple[tuple[str, str, str], asyncio.Future[bool]]] = []
        self._task: asyncio.Task[None] | None = None
        self._forgot_at = float("-inf")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._link.close()

    async def admit(self, unit: str, identity: str, claims: str) -> None:
        """Note a set of claims about an identity, both as keyed hashes.

        Raises:
            Refused: 207, too many different ones today.
            Unavailable: they cannot be counted.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(((unit, identity, claims), done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        if not await done:
            raise Refused(Code.QUOTA)

    async def _run(self) -> None:
        while self._waiting:
            # In one order everywhere: each is locked until the last of them is counted.
            taken, self._waiting = sorted(self._waiting, key=itemgetter(0)), []
            try:
                async with self._link.lock:
                    columns = zip(*(asked for asked, _ in taken), strict=True)
                    rows = await self._link.query(_ADMIT, *map(list, columns), MOST)
            except BaseException as error:
                for _, done in taken:
                    if not done.done():
                        done.set_exception(error)
                if isinstance(error, Exception):
                    continue
                raise
            for row in rows:
                done = taken[row["n"] - 1][1]
                if not done.done():
                    done.set_result(row["admitted"])
            await self._forget()

    async def _forget(self) -> None:
        """Remove the claims of days that are over, now and then."""
        if monotonic() - self._forgot_at >= _FORGET_EVERY:
            self._forgot_at = monotonic()
            with contextlib.suppress(Unavailable):
                async with self._link.lock:
                    await self._link.query(_FORGET)
