"""The gateway's server of calls before a plain application, and callers who speak to it in raw bytes."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import uvloop
from starlette.types import Receive, Scope, Send

from gateway.domain.edge import FAULT, REFUSED
from gateway.jobs.serving import Door, Limits, door
from tests.support.waiting import eventually, until

HOST = b"Host: gateway\r\n"


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it says that it is the last of its connection."""
        return self.headers.get("connection") == "close"


@dataclass(slots=True)
class Caller:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def answer(self, *, within: float = 60.0) -> Answer:
        """The next answer; fails if the connection ends before one."""
        async with asyncio.timeout(within):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            if status == 100:
                return Answer(status, {}, b"")
            lines = head.decode("latin-1").split("\r\n")[1:-2]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            return Answer(status, headers, await self.reader.readexactly(int(headers["content-length"])))

    async def ask(self, raw: bytes) -> Answer:
        await self.send(raw)
        return await self.answer()

    async def rest(self, *, within: float = 60.0) -> bytes:
        """What comes until the server ends the connection; a reset is an error."""
        async with asyncio.timeout(within):
            return await self.reader.read()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass(slots=True)
class Seen:
    """A request as the application was given it."""

    method: str
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    refused: int
    body: bytes = b""
    fault: int = 0


@dataclass(slots=True)
class Plain:
    """An application that answers with what it read, and remembers it."""

    seen: list[Seen] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Answers to `/held` wait for it."""
    loop: asyncio.AbstractEventLoop | None = None
    answer: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        made = Seen(
            scope["method"],
            scope["raw_path"],
            scope["query_string"],
            list(scope["headers"]),
            scope.get(REFUSED, 0),
        )
        self.seen.append(made)
        status = made.refused or (413 if made.path == b"/early" else 200)
        if status == 200:
            status = await self._read(made, receive)
        if made.path == b"/held":
            self.loop = asyncio.get_running_loop()
            await self.released.wait()
        body = (made.body if self.answer is None else self.answer) if status == 200 else b""
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def release(self, *, count: int = 1) -> None:
        """Let what is held go on, once so many requests have come."""
        await asyncio.to_thread(until, lambda: self.loop is not None and len(self.seen) >= count)
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.released.set)

    async def _read(self, made: Seen, receive: Receive) -> int:
        while True:
            message: Any = await receive()
            if message["type"] != "http.request":
                made.fault = message.get(FAULT, 408)
                return made.fault
            made.body += message["body"]
            if not message["more_body"]:
                return 200


@dataclass(slots=True)
class Edge:
    """The server in a thread of its own, on the loop that it has in production; callers are on the test's."""

    app: Any
    server: Door
    callers: list[Caller] = field(default_factory=list)

    async def connect(self) -> Caller:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        made = Caller(reader, writer)
        self.callers.append(made)
        return made

    async def ask(self, raw: bytes) -> Answer:
        """One request on a connection of its own."""
        return await (await self.connect()).ask(raw)


def _run(server: Door) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve())


@contextlib.asynccontextmanager
async def opened(app: Callable[..., Awaitable[None]], limits: Limits | None = None) -> AsyncIterator[Edge]:
    """The server of calls on a port of its own."""
    server = door(app, "127.0.0.1", 0, limits or Limits())
    made = Edge(app, server)
    serving = threading.Thread(target=_run, args=(server,), name="edge")
    serving.start()
    try:
        await asyncio.to_thread(until, lambda: server.started)
        yield made
    finally:
        for caller in made.callers:
            await caller.close()
        server.should_exit = True
        await asyncio.to_thread(serving.join)


@contextlib.asynccontextmanager
async def beside(app: Callable[..., Awaitable[None]], limits: Limits | None = None) -> AsyncIterator[Edge]:
    """The server of calls on the test's own loop, for an application that works with what lives there."""
    server = door(app, "127.0.0.1", 0, limits or Limits())
    made = Edge(app, server)
    serving = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: asyncio.sleep(0, server.started))
        yield made
    finally:
        for caller in made.callers:
            await caller.close()
        server.should_exit = True
        await serving


def post(path: str = "/streets", *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """A request as a well-behaved caller writes it."""
    lines = [f"POST {path} HTTP/{version}", "Host: gateway", *headers]
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def is_refused(edge: Edge, raw: bytes, status: int) -> Seen:
    """Answered with the status and an empty body, told to the application as such, and the connection ended."""
    caller = await edge.connect()
    answer = await caller.ask(raw)
    assert (answer.status, answer.body, answer.closes) == (status, b"", True)
    assert await caller.rest() == b""
    found: Seen = edge.app.seen[-1]
    return found
