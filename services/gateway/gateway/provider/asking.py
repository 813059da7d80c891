"""Asks providers' own interfaces: each within its deadline, its size and its number of calls at once.

What one provider does costs its own calls alone: its connections, its place in the breaker and its bound are its own.
Nothing is followed, nothing is remembered (no redirects, no cookies, no proxies of the environment).
"""

import asyncio
import contextlib
import re
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar

import httpcore2

from common.events import Interface, InterfaceKind
from common.reach import Reach, Unreachable
from gateway.domain.access import Bindable
from gateway.domain.breaker import Breaker, Pass, State
from gateway.domain.provided import Tree
from gateway.errors import Fault, ProviderFault
from gateway.provider import forming, reading
from gateway.provider.connecting import Checked

T = TypeVar("T")

AT_ONCE: Final = 16
"""Calls of one provider under way in a worker, unless a setting says otherwise; beyond, 503 at once."""
MAX_ANSWER: Final = 1024 * 1024
"""Bytes of an answer, as it comes and inflated, unless a setting says otherwise."""
MAX_LINES: Final = 500
"""Providers whose connections are kept; of more, the idle ones are forgotten."""
LARGE: Final = 16 * 1024
"""Bytes from which an answer is read in a thread, so that the calls of others go on meanwhile."""
KEPT_FOR: Final = 30.0
"""Seconds for which an idle connection is kept."""
_CREDENTIAL: Final = re.compile(r"[\x20-\x7e]{1,4096}")
_NETWORK: Final = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError)


async def apart(large: bool, work: Callable[[], T]) -> T:
    """Do some work here, or in a thread where it would hold up the others."""
    return await asyncio.to_thread(work) if large else work()


@dataclass(slots=True)
class _Line:
    """What is held of one provider: its unit at one origin."""

    pool: httpcore2.AsyncConnectionPool
    breaker: Breaker
    working: int = 0
    faults: dict[Fault, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one provider may cost."""

    at_once: int = AT_ONCE
    answer: int = MAX_ANSWER


class Providers:
    """The interfaces of providers, as one worker calls them."""

    def __init__(
        self,
        reach: Reach,
        credentials: Path | None,
        limits: Limits | None = None,
        *,
        authorities: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`credentials` is a folder with a file `{unit}.{name}` for each; `authorities` a file of further CAs."""
        self._reach = reach
        self._credentials = credentials
        self._limits = limits or Limits()
        self._authorities = authorities
        self._clock = clock
        self._trust: ssl.SSLContext | None = None
        self._lines: dict[tuple[str, str], _Line] = {}

    async def stop(self) -> None:
        for line in self._lines.values():
            await line.pool.aclose()
        self._lines.clear()

    def states(self) -> Iterator[tuple[str, str, State, int, Mapping[Fault, int]]]:
        """Of each provider: unit, origin, breaker, calls under way, and what went wrong how often."""
        for (unit, origin), line in self._lines.items():
            yield unit, origin, line.breaker.state, line.working, line.faults

    @contextlib.asynccontextmanager
    async def turn(self, unit: str, interface: Interface) -> AsyncIterator["Turn"]:
        """A turn at a provider, before anything leaves the platform: whoever has it may ask once.

        Raises:
            ProviderFault: there is none now, or the registration leads nowhere. Nothing was sent then.
        """
        try:
            origin = self._reach.target(interface.url).origin
        except Unreachable:
            raise ProviderFault(Fault.ADDRESS) from None
        line = await self._line(unit, origin)
        let = None
        try:
            credential = self._credential(unit, interface)
            let = self._enter(line)
            line.working += 1
            yield Turn(line, let, interface, credential, self._limits.answer)
        except ProviderFault as fault:
            line.faults[fault.fault] = line.faults.get(fault.fault, 0) + 1
            raise
        finally:
            if let is not None:
                line.working -= 1
                line.breaker.given_up(let)

    def _enter(self, line: _Line) -> Pass:
        if line.working >= self._limits.at_once:
            raise ProviderFault(Fault.BUSY)
        let = line.breaker.enter()
        if let is None:
            raise ProviderFault(Fault.OPEN)
        return let

    async def _line(self, unit: str, origin: str) -> _Line:
        found = self._lines.get((unit, origin))
        if found is not None:
            return found
        if len(self._lines) >= MAX_LINES:
            idle = [name for name, line in self._lines.items() if not line.working]
            forgotten = [self._lines.pop(name) for name in idle]
            for line in forgotten:
                await line.pool.aclose()
        if self._trust is None:
            self._trust = ssl.create_default_context()
            if self._authorities:
                self._trust.load_verify_locations(self._authorities)
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self._trust,
            max_connections=self._limits.at_once,
            keepalive_expiry=KEPT_FOR,
            retries=0,
            network_backend=Checked(self._reach),
        )
        return self._lines.setdefault((unit, origin), _Line(pool, Breaker(self._clock)))

    def _credential(self, unit: str, interface: Interface) -> str | None:
        """What the provider is shown. A unit names its own alone: another's secret is never sent to its interface."""
        if interface.credential is None:
            return None
        try:
            if self._credentials is None:
                raise ProviderFault(Fault.CREDENTIAL)
            text = (self._credentials / f"{unit}.{interface.credential}").read_text("ascii").rstrip("\r\n")
        except (OSError, UnicodeError):
            raise ProviderFault(Fault.CREDENTIAL) from None
        if not _CREDENTIAL.fullmatch(text):
            raise ProviderFault(Fault.CREDENTIAL)
        return text


@dataclass(slots=True)
class Turn:
    """One call of a provider."""

    _line: _Line
    _let: Pass
    _interface: Interface
    _credential: str | None = field(repr=False)
    _limit: int
    large: bool = False
    """Whether the answer was too large to be worked on among the calls of others."""

    async def ask(self, values: Mapping[str, Bindable], trace_id: str) -> Tree:
        """What the provider answers to these values by our parameters' names.

        Raises:
            ProviderFault: it did not answer, or not so that it can be read.
        """
        breaker = self._line.breaker
        try:
            async with asyncio.timeout(self._interface.deadline):
                status, body = await self._exchange(values, trace_id)
            self.large = len(body) > LARGE
            found = await apart(self.large, lambda: self._read(status, body))
        except TimeoutError:
            breaker.failed(self._let)
            raise ProviderFault(Fault.DEADLINE) from None
        except _NETWORK:
            breaker.failed(self._let)
            raise ProviderFault(Fault.CONNECTION) from None
        except ProviderFault as fault:
            if fault.fault in {Fault.STATUS, Fault.CONNECTION, Fault.ADDRESS}:
                breaker.failed(self._let)
            else:
                breaker.answered()
            raise
        breaker.answered()
        return found

    async def _exchange(self, values: Mapping[str, Bindable], trace_id: str) -> tuple[int, bytes]:
        # The call's own id stands for the span: one provider is asked once in it.
        traceparent = f"00-{trace_id}-{trace_id[16:]}-01"
        asked = forming.form(self._interface, values, credential=self._credential, traceparent=traceparent)
        async with self._line.pool.stream(
            asked.method, asked.url, headers=asked.headers, content=asked.body
        ) as response:
            inflated = _Body.of(response, self._limit)
            if response.status == 200 or (response.status == 500 and self._interface.kind is InterfaceKind.SOAP):
                async for part in response.aiter_stream():
                    inflated.take(part)
            return response.status, inflated.end()

    def _read(self, status: int, body: bytes) -> Tree:
        if 300 <= status < 400:
            raise ProviderFault(Fault.REDIRECT)
        soap = self._interface.soap if self._interface.kind is InterfaceKind.SOAP else None
        if status == 500 and soap is not None:
            try:
                reading.of_soap(body, soap.operation)
            except ProviderFault as told:
                # SOAP says by 500 too that the question was wrong, and only its fault tells which it is.
                raise ProviderFault(Fault.REFUSED if told.fault is Fault.REFUSED else Fault.STATUS) from None
        if 400 <= status < 500 and status not in {408, 429}:
            raise ProviderFault(Fault.REFUSED)
        if status != 200:
            raise ProviderFault(Fault.STATUS)
        return reading.of_json(body) if soap is None else reading.of_soap(body, soap.operation)


class _Body:
    """A body that is read: bounded as it comes and as it is."""

    def __init__(self, limit: int, *, gzip: bool) -> None:
        self._left = limit
        self._limit = limit
        self._size = 0
        self._inflate = zlib.decompressobj(wbits=31) if gzip else None
        self._parts: list[bytes] = []

    @classmethod
    def of(cls, response: httpcore2.Response, limit: int) -> Self:
        """Raises ProviderFault for a coding that was not asked for, or a length over the limit."""
        told = {name.lower(): value.strip().lower() for name, value in response.headers}
        coding = told.get(b"content-encoding", b"identity")
        if coding not in {b"identity", b"gzip", b""}:
            raise ProviderFault(Fault.MALFORMED)
        length = told.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            raise ProviderFault(Fault.TOO_LARGE)
        return cls(limit, gzip=coding == b"gzip")

    def take(self, part: bytes) -> None:
        self._left -= len(part)
        if self._left < 0:
            raise ProviderFault(Fault.TOO_LARGE)
        if self._inflate is not None:
            try:
                part = self._inflate.decompress(part, self._limit - self._size + 1)
            except zlib.error:
                raise ProviderFault(Fault.MALFORMED) from None
        self._size += len(part)
        if self._size > self._limit:
            raise ProviderFault(Fault.TOO_LARGE)
        self._parts.append(part)

    def end(self) -> bytes:
        if self._inflate is not None and self._size and (not self._inflate.eof or self._inflate.unused_data):
            raise ProviderFault(Fault.MALFORMED)
        return b"".join(self._parts)
