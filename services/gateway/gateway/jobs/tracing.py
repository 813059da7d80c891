"""The spans of a call, told when it has been answered: decide, read, commit. Codes and counts, no key and no value."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from common import trace
from common.spans import SpanKind, Spans
from common.trace import Trace
from gateway.domain.records import Call
from gateway.domain.requests import Headers

_NANO: Final = 1_000_000_000
_FAILED: Final = 500


def traced(told: Spans) -> Callable[[Call, Headers, float], None]:
    """Tells the spans of each call."""

    def tell(call: Call, headers: Headers, took: float) -> None:
        given = headers.get(b"traceparent", b"").decode("latin-1")
        came = trace.parse(given)
        sampled = came is None or trace.is_sampled(given)
        own = trace.inside(Trace(call.trace_id, ""))
        began = _nanos(call.received_at)
        ended = began + int(took * _NANO)
        who = call.who
        kept = told.over(
            "call",
            own,
            came.span_id if came else None,
            began=began,
            ended=ended,
            kind=SpanKind.SERVER,
            sampled=sampled,
            failed=call.status >= _FAILED,
            attributes={
                "shuqiao.call": str(call.id),
                "shuqiao.code": call.code,
                "shuqiao.unit": who.unit,
                "shuqiao.service": who.service.code if who.service else None,
                "shuqiao.grant": str(who.grant.id) if who.grant else None,
                "shuqiao.rows": call.rows,
                "http.response.status_code": call.status,
            },
        )
        if not kept:
            return
        # Each part ends where the next begins; a call that was refused has the first and the last.
        checked = _nanos(call.checked_at) if call.checked_at is not None else None
        sourced = _nanos(call.sourced_at) if call.sourced_at is not None else None
        at = began
        for name, until in (("decide", checked), ("read", sourced)):
            if until is not None:
                told.over(name, trace.inside(own), own.span_id, began=at, ended=max(at, until))
                at = max(at, until)
        told.over("commit", trace.inside(own), own.span_id, began=at, ended=max(at, ended))

    return tell


def _nanos(at: datetime) -> int:
    return int(at.timestamp() * _NANO)
