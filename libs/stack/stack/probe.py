"""Asks a starting program whether it is ready, without ever blocking the supervisor."""

import asyncio
import struct
from pathlib import Path
from typing import Final, assert_never

from stack.process import owns_port
from stack.program import HttpReady, KafkaReady, PostgresReady, Probe, Program, TcpReady

ANSWER_SECONDS: Final = 2.0
"""How long one question may take; the next one follows anyway."""
PID_LINE, STATUS_LINE = 0, 7
"""Lines of `postmaster.pid` (the first is 0) that hold the process and its state."""
API_VERSIONS: Final = struct.pack(">ihhih5s", 15, 18, 0, 1, 5, b"stack")
"""The one request that Kafka answers before anyone has logged in: ApiVersions 0, correlation 1, client `stack`."""


async def is_ready(program: Program, pid: int) -> bool:
    """One try; False for every kind of "not yet"."""
    probe = program.probe
    if probe is None:
        return True
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await _ask(probe, program.cwd, pid)
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return False


async def _ask(probe: Probe, cwd: Path, pid: int) -> bool:
    match probe:
        case PostgresReady():
            return postmaster_is_ready((cwd / "postmaster.pid").read_text(encoding="utf-8", errors="replace"), pid)
        case TcpReady():
            await _exchange(probe.port, b"", 0)
        case HttpReady():
            question = f"GET {probe.path} HTTP/1.0\r\nHost: 127.0.0.1:{probe.port}\r\nConnection: close\r\n\r\n"
            status = await _exchange(probe.port, question.encode("ascii"), len(b"HTTP/1.0 200"))
            if not status.startswith(b"HTTP/") or int(status[-3:]) >= 400:
                return False
        case KafkaReady():
            answer = await _exchange(probe.port, API_VERSIONS, 10)  # length, correlation, error
            if struct.unpack(">iih", answer)[1:] != (1, 0):
                return False
        case _:
            assert_never(probe)
    return owns_port(pid, probe.port)


def postmaster_is_ready(text: str, pid: int) -> bool:
    """Whether `postmaster.pid` says that this very process takes connections (a killed server leaves its file)."""
    lines = text.splitlines()
    return len(lines) > STATUS_LINE and lines[PID_LINE].strip() == str(pid) and lines[STATUS_LINE].strip() == "ready"


async def _exchange(port: int, question: bytes, size: int) -> bytes:
    """Connect to the loopback, send, read `size` bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(question)
        return await reader.readexactly(size)
    finally:
        writer.close()
