"""The ingest as a process of its own that takes one push: to be killed at a moment.

python -m tests.support.push_process < JSON    writes the batch down last if there is one
"""

import asyncio
import json
import sys
from typing import Any
from uuid import UUID

from common import clock, db
from common.roles import Caller, Role
from exchange.ways import Way
from ingest_files.blobs import Blobs
from ingest_files.domain.judgement import Bad
from ingest_files.exchange_store import ExchangeStore
from ingest_files.pushing import SENDER, Pushing, Sent


async def main(told: dict[str, Any]) -> None:
    database = db.connect(told["database_url"], application="pushed and killed", pool_size=2)
    blobs = Blobs(**told["blobs"])
    pushing = Pushing(clock.now, database, blobs, ExchangeStore(told["keeper_url"], told["loader_url"]))
    sent = told["sent"]
    push = Sent(**{**sent, "call": UUID(sent["call"]), "way": Way(sent["way"]), "rows": sent["rows"].encode()})
    done = await pushing.take(push, Caller(account=SENDER, unit="-", roles=frozenset({Role.SERVICE})))
    sys.stdout.write("\nrefused" if isinstance(done, Bad) else f"\n{done.id}")
    sys.stdout.flush()
    blobs.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
