"""The ingest as a process of its own that takes one file: to be killed at a moment.

python -m tests.support.take_process < JSON    writes `done` last
"""

import asyncio
import json
import sys
from typing import Any
from uuid import UUID

from common import clock, db
from common.events import FileReceived, Meta
from ingest_files import service
from ingest_files.blobs import Blobs
from ingest_files.exchange_store import ExchangeStore
from ingest_files.service import Desk


async def main(told: dict[str, Any]) -> None:
    database = db.connect(told["database_url"], application="taken and killed", pool_size=2)
    blobs = Blobs(**told["blobs"])
    exchange = ExchangeStore(told["keeper_url"], told["loader_url"])
    desk = Desk(clock=clock.now, db=database, blobs=blobs, exchange=exchange)
    event = FileReceived.model_validate_json(told["event"])
    meta = told["meta"]
    more = {"id": UUID(meta["id"]), "time": clock.now(), "digest": bytes.fromhex(meta["digest"])}
    await service.take_file(event, Meta(**{**meta, **more}), desk)
    blobs.close()
    await database.close()
    sys.stdout.write("done")


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
