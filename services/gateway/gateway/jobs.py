"""The relay of access records: a process of its own, because in the gateway's event loop it took a quarter of it."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import ASGIApp

from common.outbox import Relay


class Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it: the process ends after its own clean-up, with status 0."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # noqa: ANN201  uvicorn's own signature
        yield


def server(app: ASGIApp, host: str, port: int) -> Server:
    """A server of calls or of health pages."""
    return Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=10,
            timeout_keep_alive=60,
            backlog=1024,
        )
    )


@contextlib.asynccontextmanager
async def until_told(*servers: uvicorn.Server) -> AsyncIterator[None]:
    """Serve until SIGTERM or Ctrl-C, then let requests under way finish."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    tasks = [asyncio.create_task(made.serve()) for made in servers]
    ended = asyncio.create_task(told.wait())
    yield
    # A server that ends by itself could not bind its port: the process ends with it.
    await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for made in servers:
        made.should_exit = True
    ended.cancel()
    await asyncio.gather(*tasks)


async def relay(made: Relay, operations: uvicorn.Server) -> None:
    """Send the outbox until told to stop."""
    made.start()
    async with until_told(operations):
        pass
    await made.stop()
