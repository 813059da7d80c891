"""Sends requests exactly as they are told: nothing is added, followed or mended on the way."""

import http.client
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from tests.vectors.cases import Body, Case
from tests.vectors.comparing import Answer
from tests.vectors.literal import dump
from tests.vectors.names import Names

TIMEOUT: Final = 30.0
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_PATH: Final = "/%!$&'()*+,;=:@~-._"
"""Characters of a path that go as they stand."""


class NoAnswer(Exception):  # noqa: N818  what happened to a call
    """Nothing came back that is an answer; the text says why."""


class Gateway:
    """The gateway at an address. Each call has a connection of its own, so that none suffers from another."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"网关地址应为 http(s)://主机:端口，而不是 {url}")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")

    def play(self, case: Case, names: Names) -> Answer:
        """Send a case's call, its keys filled in. Raises NoAnswer."""
        query = [(names.filled(name), names.filled(value)) for name, value in case.query]
        headers = [(name, names.filled(value)) for name, value in case.headers]
        body = None if case.body is None else content(case.body, names)
        named = {name.lower() for name, _ in headers}
        if case.body is not None and "content-type" not in named:
            headers.append(("Content-Type", case.body.media_type))
        return self.send(case.method, names.service(case.service), query, headers, body)

    def send(
        self,
        method: str,
        service: str,
        query: Sequence[tuple[str, str]],
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Answer:
        """One request and its answer. Raises NoAnswer."""
        target = f"{self._prefix}/{quote(service, safe=_PATH, errors='surrogatepass')}"
        if query:
            target += "?" + encoded(query)
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT)
        try:
            self._put(connection, method, target, headers, body)
            answer = connection.getresponse()
            held: dict[str, str] = {}
            for name, value in answer.getheaders():
                before = held.get(name.lower())
                held[name.lower()] = value if before is None else f"{before}, {value}"
            return Answer(status=answer.status, headers=held, body=answer.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise NoAnswer(f"没有应答：{type(error).__name__} {error}") from error
        finally:
            connection.close()

    @staticmethod
    def _put(
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
    ) -> None:
        named = {name.lower() for name, _ in headers}
        connection.putrequest(method, target, skip_host="host" in named, skip_accept_encoding=True)
        if (body is not None or method in _WITH_BODY) and not named & {"content-length", "transfer-encoding"}:
            connection.putheader("Content-Length", str(len(body or b"")))
        for name, value in headers:
            connection.putheader(name, value.encode("utf-8", errors="surrogatepass"))
        try:
            connection.endheaders(body)
        except (BrokenPipeError, ConnectionResetError):
            # A body that is too large is refused before it is read to its end; the answer may be there all the same.
            return


def content(body: Body, names: Names) -> bytes:
    """What a request carries, its keys filled in."""
    match body.kind:
        case "form":
            return encoded([(names.filled(name), names.filled(value)) for name, value in body.form]).encode()
        case "json":
            return dump(_filled(body.json, names)).encode("utf-8", errors="surrogatepass")
        case _:
            return names.filled_bytes(body.raw)


def _filled(told: object, names: Names) -> object:
    if isinstance(told, dict):
        return {names.filled(name): _filled(value, names) for name, value in told.items()}
    if isinstance(told, list):
        return [_filled(value, names) for value in told]
    return names.filled(told) if isinstance(told, str) else told


def encoded(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values as a query or a form carries them, in UTF-8."""
    return urlencode(pairs, quote_via=quote, safe="", errors="surrogatepass")
