"""Malware scanners for tests: ClamAV's daemon with one signature of ours, and a small server that speaks as it does."""

import asyncio
import contextlib
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from tests.support.waiting import until

CLAMD = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin")
BAD = b"this-is-what-our-signature-finds"


@contextlib.contextmanager
def clamd(folder: Path) -> Iterator[str]:
    """The daemon, on a free port of the loopback; its address."""
    assert CLAMD is not None
    folder.chmod(0o755)
    (folder / "db").mkdir()
    (folder / "db" / "ours.ndb").write_text(f"Shuqiao.Test:0:*:{BAD.hex()}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "TCPSocket": port,
        "TCPAddr": "127.0.0.1",
        "DatabaseDirectory": folder / "db",
        "Foreground": "yes",
        "StreamMaxLength": "1M",
        "User": "root",
    }
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    words = [CLAMD, f"--config-file={folder / 'clamd.conf'}"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(port), within=30, what="clamd")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as line:
            line.sendall(b"zPING\0")
            return line.recv(10).startswith(b"PONG")
    except OSError:
        return False


@contextlib.asynccontextmanager
async def speaking(say: Callable[[bytes], bytes | None]) -> AsyncIterator[str]:
    """A server that takes a stream and says of it what it is told to; None hangs up. Its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
            data = b""
            while size := struct.unpack(">I", await reader.readexactly(4))[0]:
                data += await reader.readexactly(size)
            if (said := say(data)) is not None:
                writer.write(said)
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
