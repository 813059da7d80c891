"""What connections share, and one request of a connection with its answer as the application sees them."""

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from gateway.domain import edge

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent

    from gateway.jobs.protocol import Protocol


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


class Exchange(RequestResponseCycle):
    """One request and its answer, which is sent in one piece."""

    protocol: "Protocol"
    fault: int = 0
    """The status with which the request is refused because of what came after its head."""
    _head: "dict[str, Any] | None" = None

    async def receive(self) -> "ASGIReceiveEvent":
        if self.waiting_for_100_continue and not self.fault and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete and not self.fault:
            self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.fault:
            return cast("ASGIReceiveEvent", {"type": "http.disconnect", edge.FAULT: self.fault})
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        message: ASGIReceiveEvent = {"type": "http.request", "body": bytes(self.body), "more_body": self.more_body}
        self.body = bytearray()
        return message

    async def send(self, message: "ASGISendEvent") -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            # Kept until the body is there: head and body leave in one write.
            self._head = cast("dict[str, Any]", message)
            self.response_started = True
            return
        if message["type"] != "http.response.body" or self._head is None or message.get("more_body"):
            raise RuntimeError("an answer is one start and one body")
        self.protocol.write(self, self._head["status"], self._head["headers"], message["body"])

    async def send_500_response(self) -> None:
        """An application that fails has said nothing that may leave: its connection ends."""
        self.transport.abort()
