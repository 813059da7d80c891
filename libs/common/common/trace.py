"""The trace that a request or an event belongs to (W3C Trace Context), carried along in a context variable."""

import re
from contextvars import ContextVar, Token
from dataclasses import dataclass

from common.ids import random_bits

_TRACEPARENT = re.compile(r"\A00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}\Z")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


@dataclass(frozen=True, slots=True)
class Trace:
    trace_id: str
    span_id: str

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


_current: ContextVar[Trace | None] = ContextVar("shuqiao_trace", default=None)


def fresh() -> Trace:
    """A new trace."""
    return Trace(new_id(), _new_span())


def new_id() -> str:
    """The id of a new trace."""
    # All zeros would be no id; that is drawn once in 2**128 times.
    return f"{random_bits(128):032x}"


def _new_span() -> str:
    return f"{random_bits(64):016x}"


def parse(traceparent: str | None) -> Trace | None:
    """The trace named by a `traceparent` header; None where it is absent, malformed or all zeros."""
    found = _TRACEPARENT.match(traceparent) if traceparent else None
    if found is None or found["trace"] == _NO_TRACE or found["span"] == _NO_SPAN:
        return None
    return Trace(found["trace"], found["span"])


def inside(outer: Trace) -> Trace:
    """A span of its own within a trace."""
    return Trace(outer.trace_id, _new_span())


def is_sampled(traceparent: str) -> bool:
    """Whether whoever wrote a well-formed header keeps the spans of its trace."""
    return bool(int(traceparent[-2:], 16) & 1)


def enter(traceparent: str | None = None) -> tuple[Trace, Token[Trace | None]]:
    """Go on in the trace of the header, or begin one; give the token back to `leave`."""
    came = parse(traceparent)
    trace = Trace(came.trace_id, _new_span()) if came else fresh()
    return trace, _current.set(trace)


def leave(token: Token[Trace | None]) -> None:
    _current.reset(token)


def current() -> Trace:
    """The trace of what is being done now; outside of any, a new one."""
    return _current.get() or fresh()
