"""What a worker measures of its calls, for Prometheus. Labels are bounded: codes, and services known in memory."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

UNKNOWN: Final = "unknown"
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)


class Measures:
    """The measures of one worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter("gateway_calls", "Calls by status and code", ["status", "code"], registry=self.registry)
        self._seconds = Histogram(
            "gateway_call_seconds",
            "Duration of calls in seconds by service, evidence included; calls of no known service are `unknown`",
            ["service"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._count: dict[tuple[int, str], Counter] = {}
        self._observe: dict[str, Histogram] = {}

    def counted(self, status: int, code: str) -> None:
        """Take note of an answer."""
        count = self._count.get((status, code))
        if count is None:
            count = self._count[status, code] = self._calls.labels(str(status), code)
        count.inc()

    def timed(self, service: str | None, took: float) -> None:
        """Take note of how long an answer took: of a service that is known in memory, or of none."""
        name = service or UNKNOWN
        observe = self._observe.get(name)
        if observe is None:
            observe = self._observe[name] = self._seconds.labels(name)
        observe.observe(took)

    def gauge(self, name: str, about: str, ask: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, about, registry=self.registry).set_function(ask)
