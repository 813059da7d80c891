"""The ingest as a process of its own that takes one batch back: to be killed at a moment.

python -m tests.support.undo_process < JSON    writes `done` last
"""

import asyncio
import json
import sys
from typing import Any
from uuid import UUID

from common import clock, db
from common.roles import Caller, Role
from ingest_files import undoing
from ingest_files.blobs import Blobs
from ingest_files.exchange_store import ExchangeStore
from ingest_files.service import Desk


async def main(told: dict[str, Any]) -> None:
    database = db.connect(told["database_url"], application="undone and killed", pool_size=2)
    blobs = Blobs(**told["blobs"])
    exchange = ExchangeStore(told["keeper_url"], told["loader_url"])
    desk = Desk(clock=clock.now, db=database, blobs=blobs, exchange=exchange)
    caller = Caller(account="mzj.somebody", unit="mzj", roles=frozenset({Role.PUBLISHER}))
    await undoing.take_back(told["entry"], UUID(told["batch"]), "送错了", caller, desk)
    blobs.close()
    await database.close()
    sys.stdout.write("done")


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
