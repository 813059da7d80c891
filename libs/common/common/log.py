"""One JSON line per fact, in one form for our own records and the libraries', and no secret in any of them."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final

import structlog

from common import clock, trace

REDACTED: Final = "[redacted]"

# Names under which a secret may be handed to the log by mistake.
_SECRET_NAMES = re.compile(
    r"(?i)(password|passwd|secret|token|authorization|cookie|pepper|unit_?key|method_?key|api_?key|credential|session)\Z"
)
# Values that are secrets or personal wherever they stand: API keys, tokens, identity numbers, mobile numbers, and the
# credentials inside an address.
_SECRET_VALUES = re.compile(
    r"cn[um]_[0-9A-Za-z]{8,}"
    r"|eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]*"
    r"|(?<![0-9A-Za-z])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])1[3-9][0-9]{9}(?![0-9A-Za-z])"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
_DEEPEST = 8
_FRAMES = 8


def scrub(text: str) -> str:
    """A text without the keys, tokens and personal numbers that stood in it."""
    return _SECRET_VALUES.sub(REDACTED, text)


def _clean(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if depth >= _DEEPEST:
        return REDACTED
    if isinstance(value, Mapping):
        return {k: REDACTED if _SECRET_NAMES.search(str(k)) else _clean(v, depth + 1) for k, v in value.items()}
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


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and the standard library's records to standard output as JSON lines."""

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
    handler = logging.StreamHandler(sys.stdout)
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
