"""Connections to providers: to the very address that was checked, whatever its name resolves to a moment later."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import httpcore2

from common.reach import Reach
from gateway.errors import Fault, ProviderFault


class Checked(httpcore2.AsyncNetworkBackend):
    """Resolves a name itself and connects to an address that is admitted; to no other, and to no socket file."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises ProviderFault where the name leads to nothing that is admitted, or to nothing at all."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ProviderFault(Fault.CONNECTION) from None
        told = dict.fromkeys(str(place[4][0]) for place in found)
        admitted = [address for address in told if self._reach.admits(ipaddress.ip_address(address.partition("%")[0]))]
        if not admitted:
            raise ProviderFault(Fault.ADDRESS)
        return await self._inner.connect_tcp(admitted[0], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
