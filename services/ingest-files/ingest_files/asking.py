"""How the object store is asked by a client that blocks: so many threads, deadlines, and a full house says so at once.

A store that hangs holds these threads until the client's own times end them; it holds nobody else (PIT-O3, FAULT-35).
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException

from common.errors import Unwell

T = TypeVar("T")

CONNECT_WITHIN: Final = 2.0
READ_WITHIN: Final = 10.0
ASK_WITHIN: Final = 8.0
"""Seconds for a question of no size; who asks waits at a door."""
THREADS: Final = 4
"""Of one kind of calls."""
QUEUE: Final = 16
"""Calls that may wait for a thread; beyond, nobody waits for what will not come."""


class Threads:
    """A bounded pool for calls of the object store."""

    def __init__(self, name: str, count: int, queue: int = QUEUE) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._most = count + queue
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Calls that have a thread or wait for one, those that nobody waits for any more among them."""
        return self._taken

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, call: Callable[[], T], within: float) -> T:
        """What the call gives.

        Raises:
            Unwell: the store is away, did not answer in time, or holds all threads already.
        """
        with self._lock:
            if self._taken >= self._most:
                raise Unwell("object store")
            self._taken += 1
        try:
            work = self._pool.submit(call)
        except RuntimeError as error:
            self._give_back(None)
            raise Unwell("object store") from error
        work.add_done_callback(self._give_back)
        try:
            async with asyncio.timeout(within):
                return await asyncio.wrap_future(work)
        except (urllib3.exceptions.HTTPError, MinioException, OSError, TimeoutError) as error:
            raise Unwell("object store") from error

    def _give_back(self, _: "Future[T] | None") -> None:
        with self._lock:
            self._taken -= 1


def client(
    endpoint: str, *, region: str, access_key: str, secret_key: str, read: float = READ_WITHIN, tries: int = 2
) -> Minio:
    """A client with deadlines and few retries; nothing is connected yet."""
    parts = urlsplit(endpoint)
    return Minio(
        parts.netloc,
        access_key=access_key,
        secret_key=secret_key,
        secure=parts.scheme == "https",
        region=region,
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_WITHIN, read=read),
            maxsize=THREADS,
            retries=urllib3.Retry(total=tries, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        ),
    )
