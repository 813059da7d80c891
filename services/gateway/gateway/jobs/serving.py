"""Listens, serves and stops: a server of calls that drains without a reset, and one of health pages beside it.

Told to stop, a process first says that it is not ready, answers calls for a grace in which balancers learn of it, then
takes no new connection, answers what is in work, and ends with status 0.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import uvicorn
from starlette.types import ASGIApp

from common import log
from common.outbox import Relay
from gateway.jobs.exchange import State
from gateway.jobs.protocol import Protocol

BACKLOG: Final = 1024
CANNOT_LISTEN: Final = 3
"""Exit status of a process whose port is taken."""
_TICKS_PER_SWEEP: Final = 5
"""uvicorn ticks every tenth of a second."""
_DRAIN_PAUSE: Final = 0.02
_AFTER_CUT: Final = 1.0
"""Seconds for tasks to end after their connections were cut."""
_SO_ATTACH_FILTER: Final = 26
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a worker takes at once, and how it stops."""

    connections: int = 2000
    drain_within: float = 15.0
    """Seconds in which requests in work must have been answered after the last connection was taken."""
    grace: float = 0.0
    """Seconds between being told to stop and taking no more connections."""


@dataclass(slots=True)
class Stop:
    """Whether this process has been told to stop."""

    event: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def told(self) -> bool:
        return self.event.is_set()

    def tell(self) -> None:
        self.event.set()

    def listen(self, *, above: bool = False) -> None:
        """Be told by SIGTERM or Ctrl-C; with `above` by SIGTERM, or because the process above has ended.

        That process holds the other end of the standard input. Ctrl-C reaches all processes of a terminal, and a worker
        among several leaves it to the one above.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.tell)
        loop.add_signal_handler(signal.SIGINT, _nothing if above else self.tell)
        if above:
            loop.add_reader(sys.stdin.fileno(), self._hear)

    def _hear(self) -> None:
        if not os.read(sys.stdin.fileno(), 1):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.tell()


def _nothing() -> None:
    return


def listening(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens; with `shared` other processes of this user may listen on the same port.

    Raises:
        OSError: the port is taken, or the host has no such address.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def listening_or_exit(host: str, port: int, *, shared: bool) -> socket.socket:
    """As `listening`; a process whose port is taken ends with a line that says so."""
    try:
        return listening(host, port, shared=shared)
    except OSError as error:
        _log.error("gateway.cannot_listen", host=host, port=port, error=str(error))
        sys.exit(CANNOT_LISTEN)


def let_nobody_come(listening_socket: socket.socket) -> None:
    """Have the kernel drop the first packet of every new connection to a listening socket.

    A connection that the kernel has taken but we have not is reset when the listening socket is closed. After this
    there come no more of them, those that wait can be taken, and the socket is closed with nobody in it. Who is dropped
    tries again by itself after a second, and finds another worker or nobody.
    """
    # One instruction of the classic packet filter: return 0 bytes of the packet.
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    listening_socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))


class Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it: the process ends after its own clean-up, with status 0."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config)
        self._sockets = sockets

    @property
    def port(self) -> int:
        """Where it listens, also where the system chose."""
        return int(self._sockets[0].getsockname()[1])

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # noqa: ANN201  uvicorn's own signature
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await super().serve(sockets or self._sockets)


class Door(Server):
    """The server of calls."""

    server_state: State

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], limits: Limits) -> None:
        super().__init__(config, sockets)
        self._limits = limits
        self.server_state = State(limits.connections)

    @property
    def grace(self) -> float:
        return self._limits.grace

    @property
    def connections(self) -> int:
        """Connections that are held now."""
        return len(self.server_state.connections)

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SWEEP == 0:
            self._look()
        return await super().on_tick(counter)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            assert isinstance(connection, Protocol)
            connection.look(now)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, answer what is in work, let nothing be reset before the bound."""
        state = self.server_state
        # A kernel without packet filters: connections of the last instant are reset, as with any other server.
        with contextlib.suppress(OSError):
            for made in sockets or []:
                let_nobody_come(made)
        # The loop takes all that wait each time it looks; twice, for those that came while it looked.
        for _ in range(3):
            await asyncio.sleep(_DRAIN_PAUSE)
        state.draining = True
        for server in self.servers:
            server.close()
        for made in sockets or []:
            made.close()
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limits.drain_within
        for connection in list(state.connections):
            connection.shutdown()
        while (state.connections or state.tasks) and loop.time() < until:
            await asyncio.sleep(_DRAIN_PAUSE)
            self._look()
        await self._cut()

    async def _cut(self) -> None:
        """End what did not end in time."""
        state = self.server_state
        left = list(state.connections)
        if left or state.tasks:
            _log.warning("gateway.cut", connections=len(left), calls=len(state.tasks))
        for connection in left:
            connection.transport.abort()
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_AFTER_CUT)


def _config(app: ASGIApp, http: type[asyncio.Protocol] | Literal["httptools"]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=http,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
        backlog=BACKLOG,
    )


def door(app: ASGIApp, host: str, port: int, limits: Limits, *, shared: bool = False) -> Door:
    """A server of calls; the port is taken at once, connections are taken when it is served."""
    return Door(_config(app, Protocol), [listening_or_exit(host, port, shared=shared)], limits)


def operations(app: ASGIApp, host: str, port: int, *, path: str = "") -> Server:
    """A server of health and metrics, on a port or, for a worker among several, on a path."""
    if path:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(path)
        made.setblocking(False)
    else:
        made = listening_or_exit(host, port, shared=False)
    return Server(_config(app, "httptools"), [made])


async def serve(
    stop: Stop, made: Callable[[], Door] | None, operations: Server, *, first: asyncio.Event | None = None
) -> None:
    """Serve until told to stop; health and metrics are answered until the last call has been.

    The port of calls is taken when `first` has happened. A server that ends by itself ends the process with it.
    """
    tasks = [asyncio.create_task(operations.serve())]
    told = asyncio.create_task(stop.event.wait())
    ready = asyncio.create_task(first.wait()) if first is not None else None
    if ready is not None:
        await asyncio.wait([told, ready, *tasks], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
    door = made() if made is not None and not told.done() else None
    if door is not None:
        tasks.append(asyncio.create_task(door.serve()))
    await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
    stop.tell()
    if door is not None:
        if not any(task.done() for task in tasks):
            await asyncio.wait(tasks, timeout=door.grace, return_when=asyncio.FIRST_COMPLETED)
        door.should_exit = True
        await tasks[1]
    operations.should_exit = True
    await asyncio.gather(told, *tasks)


async def relay(made: Relay, health: Server) -> None:
    """Send the outbox until told to stop."""
    stop = Stop()
    stop.listen()
    made.start()
    await serve(stop, None, health)
    await made.stop()
