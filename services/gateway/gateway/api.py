"""The gateway's HTTP edge: raw ASGI, no framework per call; and a second, small one for health and metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from time import monotonic
from typing import Final

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

from common import trace
from common.health import Health
from gateway import service
from gateway.domain import answers, edge
from gateway.domain.decisions import Format
from gateway.domain.flood import Kind
from gateway.domain.origins import Ingress
from gateway.domain.records import Call
from gateway.domain.requests import MAX_BODY, Headers, headers_of
from gateway.domain.signing import ASKED_BY, TRACE, Signer
from gateway.errors import Code, Transport, Trouble
from gateway.service import Gateway, Reply

BODY_WITHIN: Final = 10.0
"""Seconds in which a request's body must have come."""
MAX_WORKING: Final = 512
"""Calls in work at once, unless a setting says otherwise; beyond, calls are answered 503 at once."""


NO_STORE: Final = (b"cache-control", b"no-store")
AtOnce = Callable[[int, list[tuple[bytes, bytes]], bytes], bool]
"""Sends status, headers and body in one step if it can without waiting."""
Counted = Callable[[Reply, str, float], None]
"""Told of each reply, its code and its seconds."""
Timed = Callable[[Call, float], None]
"""Told of each call as its record has it, and its seconds."""
Traced = Callable[[Call, Headers, float], None]
"""Told of each call, the headers that it came with, and its seconds, where spans are wanted."""


class Calls:
    """The application that answers calls; only so many at once, and none of a source that floods it with bad keys."""

    def __init__(
        self,
        gateway: Gateway,
        counted: Counted,
        timed: Timed,
        at_most: int,
        ingress: Ingress | None,
        signer: Signer | None,
    ) -> None:
        self._gateway = gateway
        self._counted = counted
        self._timed = timed
        self._flood = gateway.flood
        self._at_most = at_most
        self._ingress = ingress or None
        self._signer = signer
        self.traced: Traced | None = None
        self._recording: set[asyncio.Task[Reply]] = set()
        self.working = 0
        """Calls in work."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        gateway, method = self._gateway, scope["method"]
        headers = headers_of(scope["headers"])
        peer = scope.get("client")
        call = service.new_call(gateway, method=method, address=peer[0] if peer else "", trace_id=_trace_id(headers))
        if self._ingress is not None and self._ingress.stands_at(call.address):
            call.from_ingress, call.address = True, self._ingress.take(call.address, headers)
        began = monotonic()
        if edge.REFUSED in scope:
            reply = self._refused(call, scope[edge.REFUSED], scope)
        elif self._flood.shut(call.address, call.received_at):
            reply = self._tallied(call, 429, "429", Reply(429, None, b""))
        elif self.working >= self._at_most:
            reply = self._overloaded(call, scope)
        else:
            self.working += 1
            try:
                if method == "POST":
                    reply = await _answer(gateway, call, scope, receive, headers)
                else:
                    reply = await service.refuse(gateway, call, 405)
            finally:
                self.working -= 1
        took = monotonic() - began
        self._counted(reply, call.code, took)
        self._timed(call, took)
        if ASKED_BY in headers and self._signer is not None:
            reply = _signed(self._signer, reply, headers[ASKED_BY], call, gateway.clock())
        if self.traced is not None:
            self.traced(call, headers, took)
        await _send(send, reply, scope.get(edge.ANSWER))

    def _refused(self, call: Call, status: int, scope: Scope) -> Reply:
        """The answer to what the server could not make a request of, or has no room for.

        Its record is handed over and not waited for: whoever sends such things does not get to hold anything here.
        """
        if status == 503:
            return self._overloaded(call, scope)
        reply = Reply(status, None, b"")
        if self._gateway.recorder.waiting > self._at_most:
            # The trail is behind with the records of calls, which do wait for it.
            return self._tallied(call, status, str(status), reply)
        task = asyncio.create_task(service.refuse(self._gateway, call, status))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)
        call.status, call.code = status, str(status)
        return _traced(call, reply)

    def _overloaded(self, call: Call, scope: Scope) -> Reply:
        output = Format.XML if b"format=xml" in scope["query_string"].split(b"&") else Format.JSON
        body = answers.failure(Code.PLATFORM, output)
        headers = ((b"x-reason", Trouble.OVERLOAD.value.encode()), (b"retry-after", b"1"))
        return self._tallied(call, 503, Code.PLATFORM.value, Reply(503, answers.MEDIA[output], body, headers))

    def _tallied(self, call: Call, status: int, code: str, reply: Reply) -> Reply:
        """A reply that costs no commit: the trail learns of it as one of a count."""
        call.status, call.code = status, code
        self._flood.count(call.address, Kind(status, code), call.received_at)
        return _traced(call, reply)

    async def recorded(self) -> None:
        """Returns when the records that nobody waited for have been committed, or could not be."""
        while self._recording:
            await asyncio.wait(self._recording)


def _trace_id(headers: Headers) -> str:
    """The trace that the caller is in, or a new one."""
    given = headers.get(b"traceparent")
    came = trace.parse(given.decode("latin-1")) if given is not None else None
    return came.trace_id if came is not None else trace.new_id()


def _traced(call: Call, reply: Reply) -> Reply:
    return Reply(reply.status, reply.media, reply.body, (*reply.headers, (b"x-trace-id", call.trace_id.encode())))


def _signed(signer: Signer, reply: Reply, field: bytes, call: Call, at: datetime) -> Reply:
    """The reply with the signature that its caller asks for, refusals as well; without one if it asks for another."""
    asked = signer.asked(field)
    if asked is None:
        return reply
    told = reply.headers if any(name == TRACE for name, _ in reply.headers) else _traced(call, reply).headers
    more = signer.headers(asked, reply.status, told, reply.body, at)
    return Reply(reply.status, reply.media, reply.body, (*told, *more))


def _not_timed(_call: Call, _took: float) -> None:
    return


def calls(
    gateway: Gateway,
    counted: Counted,
    *,
    timed: Timed = _not_timed,
    at_most: int = MAX_WORKING,
    ingress: Ingress | None = None,
    signer: Signer | None = None,
) -> Calls:
    """The application that answers at most so many calls at once; it believes the ingress and signs with the signer."""
    return Calls(gateway, counted, timed, at_most, ingress, signer)


async def _answer(gateway: Gateway, call: Call, scope: Scope, receive: Receive, headers: Headers) -> Reply:
    body = b""
    if b"content-length" in headers or b"transfer-encoding" in headers:
        try:
            body = await _body(receive, headers)
        except Transport as refused:
            return await service.refuse(gateway, call, refused.status)
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return await service.answer(gateway, call, raw_path, scope["query_string"], headers, body)


async def _body(receive: Receive, headers: Headers) -> bytes:
    """The whole body, bounded in size and time.

    Raises:
        Transport: 413 over the limit, 408 if it does not come or the peer goes away, 400 if it is malformed.
    """
    announced = headers.get(b"content-length")
    if announced is not None and announced.isdigit():
        if int(announced) == 0:
            return b""
        if int(announced) > MAX_BODY:
            raise Transport(413)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Transport(message.get(edge.FAULT, 408))
                part = message.get("body", b"")
                size += len(part)
                if size > MAX_BODY:
                    raise Transport(413)
                parts.append(part)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise Transport(408) from None


async def _send(send: Send, reply: Reply, at_once: AtOnce | None = None) -> None:
    status, media, body, more = reply
    headers = [*more, (b"content-length", b"%d" % len(body)), NO_STORE]
    if media is not None:
        headers.append((b"content-type", media))
    if at_once is None or not at_once(status, headers, body):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


Page = Callable[[], Awaitable[tuple[int, bytes, bytes]]]
"""Status, media type and body of a page of operations."""
Readiness = Callable[[], Awaitable[tuple[bool, Mapping[str, object]]]]
METRICS_MEDIA: Final = b"text/plain; version=0.0.4; charset=utf-8"


def readiness(health: Health) -> Readiness:
    """Whether one process is ready, and what it needs and wants."""

    async def ask() -> tuple[bool, Mapping[str, object]]:
        report = await health.report()
        return report.ready, {"needed": report.needed, "degraded": report.degraded}

    return ask


def registry(metrics: CollectorRegistry) -> Callable[[], Awaitable[CollectorRegistry]]:
    """The numbers of one process."""

    async def ask() -> CollectorRegistry:
        return metrics

    return ask


def operations(
    ready: Readiness,
    metrics: Callable[[], Awaitable[CollectorRegistry]],
    stopping: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """Health and metrics, on a port of their own that callers do not reach; not ready once told to stop."""

    async def live() -> tuple[int, bytes, bytes]:
        return 200, b"application/json", b'{"status":"live"}'

    async def is_ready() -> tuple[int, bytes, bytes]:
        # Asked of nobody: it is to be known at once.
        told, found = (False, {"stopping": True}) if stopping() else await ready()
        return (200 if told else 503), b"application/json", orjson.dumps({"ready": told, **found})

    async def measured() -> tuple[int, bytes, bytes]:
        return 200, METRICS_MEDIA, generate_latest(await metrics())

    pages: dict[str, Page] = {"/health/live": live, "/health/ready": is_ready, "/metrics": measured}

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        page = pages.get(scope["path"]) if scope["method"] == "GET" else None
        status, media, body = await page() if page else (404, b"text/plain", b"")
        await _send(send, Reply(status, media, body))

    return app
