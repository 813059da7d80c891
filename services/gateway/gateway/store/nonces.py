"""Signed requests are of now and come once, whichever replica they come to: both decided by the database (FAULT-28).

A replica whose clock is wrong neither takes what is old nor refuses what is of now, for the age of a signature is taken
by the database's clock when its nonce is written; the nonce is kept twice as long as a signature can be taken.
"""

import asyncio
import contextlib
import hashlib
from operator import itemgetter
from time import monotonic
from typing import Final

from gateway.domain.signatures import MAX_AGE, SKEW, Fault, Signature
from gateway.errors import Unavailable
from gateway.store.link import Link

_WITHIN: Final = 2.0
_MAX_TOGETHER: Final = 200
_CLEAN_EVERY: Final = 60.0
_OK: Final = "ok"
_ADMIT: Final = """
select n, admit_signature(digest, created, expires, $4, $5) as found
from unnest($1::bytea[], $2::bigint[], $3::bigint[]) with ordinality c(digest, created, expires, n)
"""
_CLEAN: Final = """
delete from signature_nonce where digest in (
    select digest from signature_nonce where until < clock_timestamp() order by until limit 10000 for update skip locked
)
"""
_Asked = tuple[bytes, int, int | None]


class Nonces:
    """Asks the database for all that wait at once."""

    def __init__(self, url: str) -> None:
        self._link = Link(url, "gateway nonces", within=_WITHIN)
        self._waiting: list[tuple[_Asked, asyncio.Future[str]]] = []
        self._task: asyncio.Task[None] | None = None
        self._cleaned_at = float("-inf")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._link.close()

    async def take(self, signature: Signature) -> Fault | None:
        """Use up the nonce of a signature that is right; why it cannot be, if it cannot.

        Raises:
            Unavailable: the database cannot say; the nonce may have been used up.
        """
        digest = hashlib.sha256(f"{signature.key}\0{signature.nonce}".encode()).digest()
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(((digest, signature.created, signature.expires), done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        found = await done
        return None if found == _OK else Fault(found)

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:_MAX_TOGETHER], self._waiting[_MAX_TOGETHER:]
            # In one order everywhere, so that no two replicas wait for one another.
            taken.sort(key=lambda asked: asked[0][0])
            try:
                async with self._link.lock:
                    columns = zip(*(asked for asked, _ in taken), strict=True)
                    rows = await self._link.query(_ADMIT, *map(list, columns), MAX_AGE, SKEW)
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
        """Remove the nonces of signatures that are too old to be taken, now and then."""
        if monotonic() - self._cleaned_at >= _CLEAN_EVERY:
            self._cleaned_at = monotonic()
            with contextlib.suppress(Unavailable):
                async with self._link.lock:
                    await self._link.query(_CLEAN)
