"""One JSON line per fact, in one form for our own records and the libraries', and no secret in any of them."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from common import clock, trace

REDACTED: Final = "[redacted]"

# Names under which a secret may be handed to the log by mistake.
_SECRET_NAMES = re.compile(
    r"(?i)(password|passwd|secret|token|authorization|cookie|pepper|credentials?|session"
    r"|(unit|method|api|signing|private)[-_]?key)\Z"
)
# Values that are secrets or personal wherever they stand: API keys, tokens, identity numbers, mobile numbers (the
# code of an entry may begin with eleven such digits), and the credentials inside an address.
_SECRET_VALUES = re.compile(
    r"cn[um]_[0-9A-Za-z]{8,}"
    r"|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*"
    r"|(?<![0-9A-Za-z])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])1[3-9][0-9]{9}(?![0-9A-Za-z]|-[0-9]{6}(?![0-9]))"
    r"|(?<=://)[^/\s:@]*:[^/\s]+(?=@)"
)
# What PostgreSQL and its driver repeat of a row or a parameter: no pattern knows a name, so all of it goes.
_ROW_VALUES = re.compile(
    r"(?P<said>^DETAIL:\s|\binvalid input for query argument \$[0-9]+: |\binvalid input syntax for type [^:\n]+: "
    r"|\bfield value out of range: )"
    r"(?s:.+?)(?=\n(?:HINT|CONTEXT):|\n\[SQL|\n\n(?:The above|During)|\Z)",
    re.MULTILINE,
)
_DEEPEST = 8
_FRAMES = 8


def scrub(text: str) -> str:
    """A text without the keys, tokens, personal numbers and rows that stood in it; it can be written as UTF-8."""
    if not text.isascii():
        # Half a character (a lone surrogate, as JSON can carry it) would lose the whole line.
        text = text.encode(errors="backslashreplace").decode()
    return _SECRET_VALUES.sub(REDACTED, _ROW_VALUES.sub(rf"\g<said>{REDACTED}", text))


def _clean(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if depth >= _DEEPEST:
        return REDACTED
    if isinstance(value, Mapping):
        named = ((str(name), held) for name, held in value.items())
        return {scrub(k): REDACTED if _SECRET_NAMES.search(k) else _clean(v, depth + 1) for k, v in named}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(v, depth + 1) for v in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return f"{len(value)} bytes" if isinstance(value, (bytes, bytearray)) else scrub(str(value))


def redact(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before the renderer: nothing secret passes it."""
    for key, value in event.items():
        event[key] = REDACTED if _SECRET_NAMES.search(key) else _clean(value)
    return event


def _stamp(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["at"] = clock.local(clock.now()).isoformat(timespec="milliseconds")
    return event


def _traced(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if (found := trace._current.get()) is not None:  # noqa: SLF001  the log names a trace only where there is one
        event.setdefault("trace_id", found.trace_id)
    return event


def _last_frames(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """The last frames of a traceback, which are ours; the frameworks' before them only hide them."""
    return "".join(traceback.format_exception(*exc_info, limit=-_FRAMES))


def configure(service: str, level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's records to standard output as JSON lines.

    A command whose own output stands there names another `stream`.
    """

    def named(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _stamp,
        _traced,
        named,
        structlog.processors.ExceptionRenderer(_last_frames),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # The access log of the HTTP server would write query strings, and those hold keys.
    logging.getLogger("uvicorn.access").disabled = True
    for noisy in ("aiokafka", "faststream", "httpx2", "httpcore2", "alembic", "asyncio", "urllib3"):
        logging.getLogger(noisy).setLevel(max(root.level, logging.WARNING))


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module; events are constant names (`gateway.call_refused`), facts are keys."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
