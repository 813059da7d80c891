"""A provider's own interface for tests and demonstrations: people by number, as REST and as SOAP 1.1, and misbehaviour.

python -m tests.support.provider_server PORT    serves both until it is ended
"""

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SPACE = "urn:example:people"
PEOPLE: tuple[dict[str, Any], ...] = (
    {"no": "0001", "xm": "张示例", "age": 41, "income": "1200.5", "born": "1982-03-09", "area": "310105"},
    {"no": "0002", "xm": "李示例", "age": 7, "income": None, "born": "2016-11-30", "area": "310104"},
    {"no": "0003", "xm": "王示例", "age": 88, "income": "0.05", "born": "1935-01-01", "area": "310105"},
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def values(self) -> dict[str, str]:
        """Parameters of the query, the form, the JSON object or the SOAP operation."""
        found = {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}
        kind = self.headers.get("content-type", "")
        if kind.startswith("application/json"):
            found |= {name: str(value) for name, value in json.loads(self.body).items()}
        elif kind.startswith("text/xml"):
            body = ET.fromstring(self.body).find(f"{{{SOAP}}}Body")
            assert body is not None
            found |= {element.tag.rpartition("}")[2]: element.text or "" for element in body[0]}
        else:
            found |= {name: values[0] for name, values in parse_qs(self.body.decode()).items()}
        return found


Writer = asyncio.StreamWriter
Behaviour = Callable[[Request, Writer], Awaitable[None]]


def response(status: int, body: bytes, *headers: str, media: str = "application/json") -> bytes:
    """An HTTP response that keeps its connection."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {media}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(status: int, body: bytes, *headers: str) -> Behaviour:
    """Answers the same to everything."""

    async def behave(_request: Request, writer: Writer) -> None:
        writer.write(response(status, body, *headers))

    return behave


def tells(value: Any) -> Behaviour:
    return says(200, json.dumps(value, ensure_ascii=False).encode())


def zipped(value: Any) -> Behaviour:
    return says(200, gzip.compress(json.dumps(value).encode()), "Content-Encoding: gzip")


async def hangs(_request: Request, _writer: Writer) -> None:
    await asyncio.Event().wait()


async def drips(_request: Request, writer: Writer) -> None:
    """A byte in a while, of an answer that never ends."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def resets(_request: Request, writer: Writer) -> None:
    made: socket.socket = writer.get_extra_info("socket")
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def floods(_request: Request, writer: Writer) -> None:
    """A hundred megabytes, without saying before how many they are."""
    writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1600):
        writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def people(request: Request, writer: Writer) -> None:
    """Those who match: as JSON under /rest, as a SOAP response under /soap."""
    asked = request.values
    found = [one for one in PEOPLE if all(one[name] == asked[name] for name in ("no", "area") if name in asked)]
    if request.target.startswith("/soap"):
        writer.write(response(200, soap(found), media="text/xml; charset=utf-8"))
    else:
        body = json.dumps({"code": 0, "data": {"list": found, "secret": "不应外传"}}, ensure_ascii=False)
        writer.write(response(200, body.encode()))


def soap(found: list[dict[str, Any]]) -> bytes:
    rows = "".join("<row>" + "".join(_element(name, value) for name, value in one.items()) + "</row>" for one in found)
    return envelope(f'<m:findResponse xmlns:m="{SPACE}"><people>{rows}</people></m:findResponse>')


def envelope(inside: str) -> bytes:
    return f'<?xml version="1.0"?><s:Envelope xmlns:s="{SOAP}"><s:Body>{inside}</s:Body></s:Envelope>'.encode()


def _element(name: str, value: Any) -> str:
    return "" if value is None else f"<{name}>{escape(str(value))}</{name}>"


@dataclass(slots=True)
class Provider:
    """A server that does what it is told, and remembers what it was asked."""

    behave: Behaviour = people
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def url(self, path: str = "/rest") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    request = await _read(reader)
                    self.requests.append(request)
                    await self.behave(request, writer)
                    await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


async def main(port: int) -> None:
    async with Provider(port=port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
