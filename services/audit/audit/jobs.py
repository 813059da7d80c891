"""Timers of the trail: the months to come get their partitions in good time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from audit import service
from common import log
from common.db import Db

EVERY: Final = 6 * 3600.0
AFTER_FAILURE: Final = 30.0
_log = log.get(__name__)


@contextlib.asynccontextmanager
async def partitions(db: Db) -> AsyncIterator[None]:
    """Keep the partitions of this month and the next two in being while the service runs."""
    task = asyncio.create_task(_keep(db), name="partitions")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(db: Db) -> None:
    while True:
        try:
            async with db.begin() as tx:
                await service.make_partitions(tx)
            pause = EVERY
        except Exception as error:  # noqa: BLE001  whatever it was, it is said and tried again
            _log.error("audit.partitions_failed", error=type(error).__name__)
            pause = AFTER_FAILURE
        await asyncio.sleep(pause)
