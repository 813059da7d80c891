"""The floor: the same rows by the barest endpoint there is. ASGI, asyncpg, orjson; no key, no grant, no evidence."""

import asyncio
import os
from urllib.parse import parse_qsl

import asyncpg
import orjson
import uvicorn

QUERIES = orjson.loads(os.environ["FLOOR_QUERIES"])
"""By path: the statement, the parameters that it binds, the columns that it gives."""
HEADERS = [(b"content-type", b"application/json; charset=utf-8")]


class Floor:
    """As many connections as ours reads with, each with the statement prepared."""

    async def start(self) -> None:
        self.free: asyncio.Queue[dict[str, asyncpg.prepared_stmt.PreparedStatement]] = asyncio.Queue()
        for _ in range(int(os.environ["FLOOR_CONNECTIONS"])):
            connection = await asyncpg.connect(os.environ["FLOOR_URL"])
            self.free.put_nowait({path: await connection.prepare(sql) for path, (sql, _, _) in QUERIES.items()})

    async def __call__(self, scope, receive, send):  # type: ignore[no-untyped-def]
        if scope["type"] == "lifespan":
            await receive()
            await self.start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            return
        message = await receive()
        given = dict(parse_qsl(scope["query_string"].decode() + "&" + message.get("body", b"").decode()))
        _, names, columns = QUERIES[scope["path"]]
        statements = await self.free.get()
        try:
            rows = await statements[scope["path"]].fetch(*[given[name] for name in names])
        finally:
            self.free.put_nowait(statements)
        data = [dict(zip(columns, row, strict=True)) for row in rows]
        body = orjson.dumps({"SUCCESS": "1", "DATA": data}, default=str)
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, length]})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        Floor(), host="127.0.0.1", port=int(os.environ["FLOOR_PORT"]), loop="uvloop", http="httptools",
        access_log=False, log_level="warning",
    )  # fmt: skip
