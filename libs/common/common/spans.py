"""Spans for OpenTelemetry, where the standard environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`); else none.

A span is told when it is over, with the ids of `common.trace`, so that logs, events, records and spans name the same
trace. Attributes are codes and counts: whoever tells a span hands in no key and no value of anybody's data.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from common import trace
from common.trace import Trace

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Either switches spans on; `OTEL_SDK_DISABLED=true` switches them off all the same."""
Attribute = str | int | float | bool

__all__ = ["SpanKind", "Spans", "active", "exported", "now", "wanted"]


class _Ids(RandomIdGenerator):
    """Gives the ids that are set, or new ones."""

    def __init__(self) -> None:
        self.of: Trace | None = None

    def generate_trace_id(self) -> int:
        return int(self.of.trace_id, 16) if self.of is not None else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return int(self.of.span_id, 16) if self.of is not None else super().generate_span_id()


class Spans:
    """Where a process's spans go."""

    def __init__(self, service: str, exporter: SpanExporter | None = None) -> None:
        self._ids = _Ids()
        # A name in the environment goes before ours, as OpenTelemetry has it; so do its sampler and its limits.
        ours = Resource({"service.name": os.environ.get("OTEL_SERVICE_NAME") or f"shuqiao-{service}"})
        self._provider = TracerProvider(
            resource=Resource.create().merge(ours), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("shuqiao")

    def close(self) -> None:
        """Send what is left, as long as that takes no longer than the exporter's own bound."""
        self._provider.shutdown()

    def over(
        self,
        name: str,
        own: Trace,
        parent: str | None,
        *,
        began: int,
        ended: int,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Attribute | None] | None = None,
        failed: bool = False,
        sampled: bool = True,
    ) -> bool:
        """A span that is over: its own ids, its parent's span id in the same trace, nanoseconds of Unix time.

        Returns whether it is kept: what happened within it is told only then.
        `sampled` is what the one before us decided about the trace; it counts where there is a parent.
        """
        context = None
        if parent is not None:
            flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
            before = SpanContext(int(own.trace_id, 16), int(parent, 16), is_remote=True, trace_flags=flags)
            context = set_span_in_context(NonRecordingSpan(before))
        self._ids.of = own
        try:
            span = self._tracer.start_span(
                name,
                context=context,
                kind=kind,
                start_time=began,
                attributes={n: value for n, value in (attributes or {}).items() if value is not None},
            )
        finally:
            self._ids.of = None
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        kept = span.is_recording()
        span.end(ended)
        return kept

    def published(self, topic: str, within: Trace) -> Trace:
        """An event is on its way, out of what is being done; the trace that it carries."""
        own, at = trace.inside(within), now()
        self.over(
            f"publish {topic}",
            own,
            within.span_id,
            began=at,
            ended=at,
            kind=SpanKind.PRODUCER,
            attributes={"messaging.system": "kafka", "messaging.destination.name": topic},
        )
        return own

    def processed(self, topic: str, own: Trace, traceparent: str | None, *, began: int, failed: bool) -> None:
        """An event has been handled, in the trace that it carried."""
        came = trace.parse(traceparent)
        self.over(
            f"process {topic}",
            own,
            came.span_id if came else None,
            began=began,
            ended=now(),
            kind=SpanKind.CONSUMER,
            attributes={"messaging.system": "kafka", "messaging.destination.name": topic},
            failed=failed,
        )


_active: Spans | None = None


def active() -> Spans | None:
    """Where spans go; None, as long as nobody wants any."""
    return _active


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a collector."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not off and any(environment.get(name) for name in ENDPOINTS)


def now() -> int:
    """Nanoseconds of Unix time."""
    return time.time_ns()


@contextlib.contextmanager
def exported(service: str, exporter: SpanExporter | None = None) -> Iterator[Spans | None]:
    """Send the spans of this process while the block runs, if the environment or the caller names where."""
    global _active  # noqa: PLW0603  one per process, as there is one log
    if exporter is None and not wanted(os.environ):
        yield None
        return
    made = _active = Spans(service, exporter)
    try:
        yield made
    finally:
        _active = None
        made.close()
