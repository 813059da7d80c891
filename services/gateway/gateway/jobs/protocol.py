"""HTTP/1.1 as the gateway speaks it: uvicorn's protocol with every limit bounded and every refusal an answer of ours.

What uvicorn would answer itself goes to the application as a request that says `gateway.refused`: so it is answered in
its turn among pipelined requests, counted and recorded like any other. No timer is made per request: each connection
has one instant at which it is looked at, and one sweep of the server looks at all of them.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from common import log
from gateway.domain import edge
from gateway.jobs.exchange import Exchange, State

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope
    from uvicorn.config import Config

_log = log.get(__name__)
NEVER: Final = float("inf")
_FRAMING: Final = frozenset({b"host", b"transfer-encoding", b"content-length", b"expect"})
_MAX_QUIET: Final = edge.MAX_HEADER_BYTES + edge.MAX_LINE
"""Bytes that may come without being a body's: of a head, of a chunk's extensions, of trailers."""


class _Stop(Exception):  # noqa: N818  ends the parser's work on a head; the answer has been chosen by then
    """The head is refused."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    server_state: State
    cycle: Exchange  # type: ignore[assignment]  # our own in the place of uvicorn's

    def __init__(self, config: "Config", server_state: State, app_state: dict[str, Any], **more: Any) -> None:
        super().__init__(config, server_state, app_state, **more)
        # Any version is read, so that one that is not spoken can be answered 505 instead of 400.
        self.parser.set_dangerous_leniencies(lenient_version=True)
        self.until = NEVER
        """When this connection is looked at, by the loop's clock."""
        self._in_head = False
        self._ended = False
        """The peer sends no more."""
        self._deaf = False
        """What comes is thrown away."""
        self._lingering = False
        self._surplus = False
        self._replaying = False
        self._refusal = 0
        self._size = 0
        self._quiet = 0
        self._full_since = NEVER
        self._framing: list[tuple[bytes, bytes]] = []
        self.waiting: deque[Exchange] = deque()
        """Pipelined requests that wait for their turn, the last that came first."""
        self._working: Exchange | None = None

    # --- The connection -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        state = self.server_state
        held = len(state.connections)
        self.until = self.loop.time() + edge.HEAD_WITHIN
        if held > state.most_connections:
            state.cut += 1
            transport.abort()
        elif held > state.max_connections:
            self._surplus = True
            self.until = self.loop.time() + edge.LINGER

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        for exchange in (self._working, self.cycle):
            if exchange is not None and not exchange.response_complete:
                exchange.disconnected = True
                exchange.tell()
        self.waiting.clear()
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        # They and this object know each other: without this only a search for garbage would find them.
        self.parser = None  # type: ignore[assignment]  # as in uvicorn
        self.cycle = self._working = None  # type: ignore[assignment]  # the same
        self._deaf = True

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn says None, asyncio says bool | None
        """The peer sends no more; it may still be waiting for its answers."""
        self._ended = True
        if self._lingering:
            return False
        if self._in_head or (self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete):
            if not self._deaf:
                self._malformed(400)
            return True
        self._deaf = True
        if self._busy:
            self._last().keep_alive = False
            return True
        return False

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._quiet += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._unreadable(error)
            return
        if self._in_head:
            self.until = min(self.until, self.loop.time() + edge.HEAD_WITHIN)
            if self._quiet > _MAX_QUIET:
                self._malformed(431)
        elif self._quiet > _MAX_QUIET and self.cycle is not None and self.cycle.more_body:
            self._malformed(400)

    def _unreadable(self, error: httptools.HttpParserError) -> None:
        if self._deaf:
            return
        if isinstance(error, httptools.HttpParserCallbackError) and not self._refusal:
            _log.error("gateway.edge_broken", exc_info=error.__context__)
        # The opening of HTTP/2 is the one malformed head that says which version it is of.
        self._malformed(self._refusal or (505 if "PRI/Upgrade" in str(error) else 400))

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])

    def _stay(self, rest: bytes) -> None:
        """Go on with HTTP/1.1 where the peer offered another protocol (RFC 9110 §7.8): the offer is let pass.

        The parser takes a message with such an offer for one without a body. Another parser is brought to the same
        place, after a head with the same framing.
        """
        if self.scope["method"] == "CONNECT":
            self._deaf = True
            self.cycle.keep_alive = False
            self._whole()
            return
        framing = next((f for f in self._framing if f[0] in {b"transfer-encoding", b"content-length"}), None)
        head = b"%b: %b\r\n" % framing if framing else b""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_version=True)
        self._replaying = True
        try:
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + head + b"\r\n")
        finally:
            self._replaying = False
        if framing is None or (framing[1].isdigit() and int(framing[1]) == 0):
            self._whole()
        if rest:
            self._feed(rest)

    # --- The parser's tellings ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._replaying:
            return
        self._in_head = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._size = 0
        if self._framing:
            self._framing = []

    def on_url(self, url: bytes) -> None:
        if self._replaying:
            return
        self.url += url
        if len(self.url) > edge.MAX_LINE:
            self._stop(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._replaying:
            return
        self._size += len(name) + len(value) + 4
        if self._size > edge.MAX_HEADER_BYTES:
            self._stop(431)
        if not self._in_head:
            # A trailer: what it says was not there when the call was decided, so it says nothing.
            return
        name = name.lower()
        if name in _FRAMING:
            self._framing.append((name, value))
        self.headers.append((name, value))
        if len(self.headers) > edge.MAX_HEADERS:
            self._stop(431)

    def on_headers_complete(self) -> None:
        if self._replaying:
            return
        parser = self.parser
        method = parser.get_method()
        version = parser.get_http_version()
        if len(method) + len(self.url) + len(" ") * 2 + len("HTTP/1.1") > edge.MAX_LINE:
            self._stop(414)
        hosts, encodings, continuing = 0, [], False
        for name, value in self._framing:
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding":
                encodings.append(value)
            elif name == b"expect":
                continuing = value.lower() == b"100-continue"
        refused = edge.faulty(version, hosts, encodings)
        if refused:
            self._stop(refused)
        self._in_head = False
        self._size = self._quiet = 0
        self._accept(method.decode("ascii"), version, continuing=continuing)

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            return
        self._quiet = 0
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.tell()

    def on_message_complete(self) -> None:
        if not self._replaying and not self.parser.should_upgrade():
            self._whole()

    def _whole(self) -> None:
        self._quiet = 0
        self.cycle.more_body = False
        self.cycle.tell()

    def _stop(self, status: int) -> None:
        self._refusal = status
        raise _Stop

    # --- Requests and refusals ----------------------------------------------------------------------------------

    def _accept(self, method: str, version: str, *, continuing: bool) -> None:
        """Give a request whose head is whole to the application, in its turn."""
        if len(self.waiting) >= edge.MAX_PIPELINED:
            self._deaf = True
            self._last().keep_alive = False
            raise _Stop
        path, query = edge.target(self.url)
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": method,
            "scheme": self.scheme,
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self.headers,
            "client": self.client,
            "server": self.server,
        }
        if self._surplus:
            scope[edge.REFUSED] = 503
        self._begin(scope, keep_alive=not self._surplus and version != "1.0" and self.parser.should_keep_alive())
        self.cycle.waiting_for_100_continue = continuing

    def _begin(self, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.scope = cast("HTTPScope", scope)
        cycle = Exchange(self, scope, keep_alive=keep_alive)
        busy = self._busy
        self.cycle = cycle
        self.until = NEVER
        if busy:
            self.flow.pause_reading()
            self.waiting.appendleft(cycle)
        else:
            self._working = cycle
            cycle.start(self.app)

    def _malformed(self, status: int) -> None:
        """Refuse what came and hear no more: after it nobody could say where the next request begins."""
        self._deaf = True
        cycle = self.cycle
        if not self._in_head and cycle is not None and cycle.more_body and not cycle.response_complete:
            # The application is at this request and may be waiting for its body.
            cycle.fault = status
            cycle.keep_alive = False
            cycle.tell()
            return
        self._in_head = False
        scope: dict[str, Any] = {
            "type": "http",
            "method": "-",
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "headers": [],
            "client": self.client,
            edge.REFUSED: status,
        }
        self._begin(scope, keep_alive=False)
        self.cycle.more_body = False

    @property
    def _busy(self) -> bool:
        """Whether a request is in work or waits for its turn."""
        return self._working is not None and not self._working.response_complete

    def _last(self) -> Exchange:
        return self.waiting[0] if self.waiting else cast("Exchange", self._working)

    # --- Answers ------------------------------------------------------------------------------------------------

    def write(self, cycle: Exchange, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Send the answer of the request in work, then go on with the next one or end."""
        if cycle.more_body or (self.server_state.draining and not self.waiting):
            # Of a request that was not read to its end nobody knows where the next one begins.
            cycle.keep_alive = False
        sent = [*self.server_state.default_headers, *headers]
        if not cycle.keep_alive:
            sent.append((b"connection", b"close"))
        head = b"".join([STATUS_LINE[status], *[b"%b: %b\r\n" % header for header in sent], b"\r\n"])
        if head.count(b"\n") != len(sent) + 2 or head.count(b"\r") != len(sent) + 2:
            raise RuntimeError("a header holds an end of line")
        self.transport.write(head if cycle.scope["method"] == "HEAD" else head + body)
        cycle.response_complete = True
        cycle.tell()
        self._answered(cycle)

    def _answered(self, cycle: Exchange) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not cycle.keep_alive:
            self._finish()
        elif self.waiting:
            self._working = following = self.waiting.pop()
            following.start(self.app)
        else:
            self.flow.resume_reading()
            self.until = self.loop.time() + (edge.HEAD_WITHIN if self._in_head else edge.IDLE_WITHIN)

    def _finish(self) -> None:
        """End the connection so that the last answer arrives."""
        self.waiting.clear()
        self._deaf = self._lingering = True
        if self._ended:
            self.transport.close()
            return
        self.flow.resume_reading()
        self.until = self.loop.time() + edge.LINGER
        try:
            self.transport.write_eof()
        except OSError:
            # The peer has gone.
            self.transport.abort()

    # --- The sweep ----------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """End what has taken too long; called for every connection about twice a second."""
        transport = self.transport
        if transport.get_write_buffer_size() == 0:
            self._full_since = NEVER
        elif self._full_since == NEVER:
            self._full_since = now
        elif now - self._full_since > edge.TAKEN_WITHIN:
            transport.abort()
            return
        if now < self.until:
            return
        if self._lingering:
            # What the peer has not taken yet stays bounded by the rule above.
            if self._full_since == NEVER:
                transport.close()
        elif self._in_head:
            self._malformed(408)
        else:
            transport.close()

    def shutdown(self) -> None:
        """The server takes no new connections: this one ends after its next answer, or when it stays idle."""
        if not self._busy and not self._in_head:
            self.until = min(self.until, self.loop.time() + edge.LINGER)
