"""A malware scanner behind one small port; where none is configured, nothing is scanned and the objects say so.

ClamAV's `INSTREAM` over TCP: the content goes there in pieces, one line comes back. A scanner that is away, or cannot
say, is Unwell: what it has not seen is held, never let through. Its `StreamMaxLength` is to be as large as the largest
object: of a longer one it often cannot say more than a cut, and the object is held.
"""

import asyncio
import contextlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from common.errors import Unwell
from ingest_files import errors

WITHIN: Final = 120.0
CONNECT_WITHIN: Final = 3.0
_STEP: Final = 64 * 1024
_ANSWER: Final = 4096


class Scanner(Protocol):
    """Says whether a file may be kept."""

    async def scan(self, path: Path) -> None:
        """Raises Infected, Unwell."""


class NoScanner:
    """None is configured."""

    async def scan(self, path: Path) -> None:
        """Nothing is looked at."""


@dataclass(frozen=True, slots=True)
class Clamd:
    """ClamAV's daemon."""

    host: str
    port: int

    async def scan(self, path: Path) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                answer = await self._ask(path)
        except (OSError, TimeoutError) as error:
            raise Unwell("malware scanner") from error
        if answer.endswith("FOUND"):
            # The signature's name is the scanner's; it is for the log of the scanner, not for strangers.
            raise errors.Infected("文件未通过恶意代码检查")
        if "size limit exceeded" in answer:
            raise errors.Infected("文件超过恶意代码检查的大小上限，不能收存")
        if not answer.endswith("OK"):
            raise Unwell("malware scanner")

    async def _ask(self, path: Path) -> str:
        async with asyncio.timeout(CONNECT_WITHIN):
            reader, writer = await asyncio.open_connection(self.host, self.port)
        # Heard while we still send: a daemon that has had enough says why, and hangs up.
        heard = asyncio.create_task(reader.read(_ANSWER))
        try:
            with contextlib.suppress(ConnectionError):
                await self._send(path, writer, heard)
            return (await heard).rstrip(b"\0\r\n ").decode(errors="replace")
        finally:
            heard.cancel()
            writer.close()

    @staticmethod
    async def _send(path: Path, writer: asyncio.StreamWriter, heard: "asyncio.Task[bytes]") -> None:
        writer.write(b"zINSTREAM\0")
        with path.open("rb") as file:
            while (piece := await asyncio.to_thread(file.read, _STEP)) and not heard.done():
                writer.write(struct.pack(">I", len(piece)) + piece)
                await writer.drain()
        writer.write(struct.pack(">I", 0))
        await writer.drain()


def scanner(address: str | None) -> Scanner:
    """The scanner at `host:port`, or none."""
    if address is None:
        return NoScanner()
    host, _, port = address.rpartition(":")
    return Clamd(host, int(port))
