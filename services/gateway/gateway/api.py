"""The gateway's HTTP edge: raw ASGI, no framework per call; and a second, small one for health and metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

from common import log, trace
from common.health import Health
from gateway import service
from gateway.domain.records import Call
from gateway.domain.requests import MAX_BODY, Headers, headers_of
from gateway.errors import Transport
from gateway.service import Gateway, Reply

BODY_WITHIN: Final = 10.0
"""Seconds in which a request's body must have come."""
_log = log.get(__name__)


def calls(gateway: Gateway, counted: Callable[[Reply, str, float], None]) -> ASGIApp:
    """The application that answers calls; `counted` is told of each reply, its code and its seconds."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = headers_of(scope["headers"])
        came = trace.parse(headers.get(b"traceparent", b"").decode("latin-1")) or trace.fresh()
        peer = scope.get("client")
        call = service.new_call(
            gateway, method=scope["method"], address=peer[0] if peer else "", trace_id=came.trace_id
        )
        began = asyncio.get_running_loop().time()
        if scope["method"] == "POST":
            reply = await _answer(gateway, call, scope, receive, headers)
        else:
            reply = await service.refuse(gateway, call, 405)
        counted(reply, call.code, asyncio.get_running_loop().time() - began)
        await _send(send, reply)

    return app


async def _answer(gateway: Gateway, call: Call, scope: Scope, receive: Receive, headers: Headers) -> Reply:
    try:
        body = await _body(receive, headers)
    except Transport as refused:
        return await service.refuse(gateway, call, refused.status)
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return await service.answer(gateway, call, raw_path, scope["query_string"], headers, body)


async def _body(receive: Receive, headers: Headers) -> bytes:
    """The whole body, bounded in size and time.

    Raises:
        Transport: 413 over the limit, 408 if it does not come or the peer goes away.
    """
    announced = headers.get(b"content-length")
    if announced is None and b"transfer-encoding" not in headers:
        return b""
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
                    raise Transport(408)
                part = message.get("body", b"")
                size += len(part)
                if size > MAX_BODY:
                    raise Transport(413)
                parts.append(part)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise Transport(408) from None


async def _send(send: Send, reply: Reply) -> None:
    headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode()), (b"cache-control", b"no-store")]
    if reply.media is not None:
        headers.append((b"content-type", reply.media))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def operations(health: Health, metrics: CollectorRegistry) -> ASGIApp:
    """Health and metrics, on a port of their own that callers do not reach."""

    async def live() -> tuple[int, bytes, bytes]:
        return 200, b"application/json", b'{"status":"live"}'

    async def ready() -> tuple[int, bytes, bytes]:
        report = await health.report()
        body = {"ready": report.ready, "needed": report.needed, "degraded": report.degraded}
        return (200 if report.ready else 503), b"application/json", orjson.dumps(body)

    async def measured() -> tuple[int, bytes, bytes]:
        return 200, b"text/plain; version=0.0.4", generate_latest(metrics)

    pages: dict[str, Callable[[], Awaitable[tuple[int, bytes, bytes]]]] = {
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": measured,
    }

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        page = pages.get(scope["path"]) if scope["method"] == "GET" else None
        status, media, body = await page() if page else (404, b"text/plain", b"")
        await _send(send, Reply(status, media, body))

    return app
