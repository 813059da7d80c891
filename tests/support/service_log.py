"""The log as a service writes it, caught: JSON lines with everything that passes the redaction."""

import contextlib
import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from common import log

_LIBRARIES = ("aiokafka", "faststream", "httpx2", "httpcore2", "alembic", "asyncio", "urllib3")


@dataclass(frozen=True, slots=True)
class ServiceLog:
    raw: io.BytesIO
    stream: io.TextIOWrapper
    """Held, so that nobody who configures the log anew closes what was written."""

    @property
    def text(self) -> str:
        """All that was written since."""
        return self.raw.getvalue().decode()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.split("\n")[:-1]]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == name]


@contextlib.contextmanager
def service_log(level: str = "DEBUG") -> Iterator[ServiceLog]:
    """Configure the log as a service does, into memory; afterwards all is as it was."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    root, access = logging.getLogger(), logging.getLogger("uvicorn.access")
    levels = {name: logging.getLogger(name).level for name in _LIBRARIES}
    held = (root.handlers[:], root.level, access.disabled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        log.configure("probe", level)
    try:
        yield ServiceLog(raw, stream)
    finally:
        root.handlers[:], root.level, access.disabled = held
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)
        structlog.reset_defaults()
