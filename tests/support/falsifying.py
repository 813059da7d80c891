"""A proxy in front of a service that lets everything pass but one answer, which it falsifies."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx2

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length", "date"}


@dataclass(slots=True)
class Lie:
    """Which answer is falsified: by method and path, and how its JSON is changed (in place). Told once or always."""

    method: str
    path: str
    change: Callable[[Any], Any]
    told: int = field(default=0)

    def fits(self, method: str, path: str) -> bool:
        return method == self.method and re.fullmatch(self.path, path) is not None


class Proxy:
    """Listens on a free port of the loopback and passes requests on to `target`."""

    def __init__(self, target: str, lie: Lie | None = None) -> None:
        proxy = self
        self.lie = lie
        self._client = httpx2.Client(base_url=target, timeout=30.0)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                proxy._pass(self)

            do_GET = do_POST = do_PUT = do_DELETE = _pass  # noqa: N815  http.server calls them so

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _pass(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("content-length", 0))
        body = request.rfile.read(length) if length else b""
        sent = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP | {"host"}}
        answer = self._client.request(request.command, request.path, content=body, headers=sent)
        content, headers = answer.content, dict(answer.headers)
        path = request.path.partition("?")[0]
        if self.lie is not None and self.lie.fits(request.command, path) and answer.is_success and content:
            self.lie.told += 1
            content = json.dumps(self.lie.change(json.loads(content)), ensure_ascii=False).encode()
            if "content-digest" in headers:
                digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
                headers["content-digest"] = f"sha-256=:{digest}:"
        request.send_response(answer.status_code)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP | {"content-encoding", "server"}:
                request.send_header(name, value)
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()
