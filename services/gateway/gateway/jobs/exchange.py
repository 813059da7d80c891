"""What connections share, and one request of a connection with its answer as the application sees them."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

from uvicorn.server import ServerState

from common import log
from gateway.domain import edge

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent

    from gateway.jobs.protocol import Protocol

_log = log.get(__name__)


class State(ServerState):
    """What the connections of one server share."""

    def __init__(self, max_connections: int) -> None:
        super().__init__()
        self.max_connections = max_connections
        self.most_connections = max_connections + max_connections // 8 + 16
        """Beyond `max_connections` a connection's first request is answered 503; beyond this it is cut unheard."""
        self.draining = False
        self.cut = 0
        """Connections that were cut unheard."""


class Exchange:
    """One request and its answer, which is sent in one piece."""

    __slots__ = (
        "_arrival",
        "_head",
        "_protocol",
        "_task",
        "body",
        "disconnected",
        "fault",
        "keep_alive",
        "more_body",
        "response_complete",
        "scope",
        "waiting_for_100_continue",
    )

    def __init__(self, protocol: "Protocol", scope: "dict[str, Any]", *, keep_alive: bool) -> None:
        self._protocol = protocol
        self.scope = scope
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = False
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.fault = 0
        """The status with which the request is refused because of what came after its head."""
        self._arrival: asyncio.Future[None] | None = None
        self._head: dict[str, Any] | None = None
        scope[edge.ANSWER] = self.answer

    def start(self, app: "ASGI3Application") -> None:
        """Have the application answer."""
        protocol = self._protocol
        self._task = protocol.loop.create_task(self._run(app))
        protocol.tasks.add(self._task)

    async def _run(self, app: "ASGI3Application") -> None:
        try:
            await app(cast("Any", self.scope), self.receive, self.send)
        except Exception as error:  # noqa: BLE001  whatever it was, nothing of it may leave
            _log.error("gateway.application_failed", exc_info=error)
        finally:
            # The two know each other: so a call's memory is free once it is answered, not when garbage is looked for.
            del self.scope[edge.ANSWER]
            self._protocol.tasks.discard(self._task)
            if not self.response_complete and not self.disconnected:
                # An application that fails has said nothing that may leave: its connection ends.
                self._protocol.transport.abort()

    def tell(self) -> None:
        """Something came, or nothing will: whoever waits for the body looks again."""
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    @property
    def _news(self) -> bool:
        return bool(self.body or not self.more_body or self.fault or self.disconnected or self.response_complete)

    async def receive(self) -> "ASGIReceiveEvent":
        protocol = self._protocol
        if self.waiting_for_100_continue and not self.fault and not protocol.transport.is_closing():
            protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        while not self._news:
            protocol.flow.resume_reading()
            self._arrival = protocol.loop.create_future()
            await self._arrival
        if self.fault:
            return cast("ASGIReceiveEvent", {"type": "http.disconnect", edge.FAULT: self.fault})
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        message: ASGIReceiveEvent = {"type": "http.request", "body": bytes(self.body), "more_body": self.more_body}
        self.body = bytearray()
        protocol.flow.resume_reading()
        return message

    async def send(self, message: "ASGISendEvent") -> None:
        if message["type"] == "http.response.start":
            # Kept until the body is there: head and body leave in one write.
            self._head = cast("dict[str, Any]", message)
            return
        if message["type"] != "http.response.body" or self._head is None or message.get("more_body"):
            raise RuntimeError("an answer is one start and one body")
        flow = self._protocol.flow
        if flow.write_paused and not self.disconnected:
            # The peer does not take what it was answered before; so there is never more than one answer too many.
            await flow.drain()
        self.answer(self._head["status"], self._head["headers"], message["body"])

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """The same in one step; False if the peer is slow to take what it was answered before, then `send` waits."""
        if self.disconnected:
            return True
        if self._head is None and self._protocol.flow.write_paused:
            return False
        self._protocol.write(self, status, headers, body)
        return True
