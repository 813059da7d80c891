"""What a worker measures of its calls, for Prometheus. Labels are bounded: codes, and services known in memory.

Counting is in the path of every call: an addition in a dictionary. The families are made when they are asked for.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

UNKNOWN: Final = "unknown"
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)


class _Durations:
    """How many calls took how long."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)
        self.total = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus has them."""
        found, reached = [], 0
        for bound, count in zip((*map(str, _SECONDS), "+Inf"), self.counts, strict=True):
            reached += count
            found.append((bound, float(reached)))
        return found


class Measures(Collector):
    """The measures of one worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls: dict[tuple[int, str], int] = {}
        self._seconds: dict[str, _Durations] = {}
        self.registry.register(self)

    def counted(self, status: int, code: str) -> None:
        """Take note of an answer."""
        name = (status, code)
        self._calls[name] = self._calls.get(name, 0) + 1

    def timed(self, service: str | None, took: float) -> None:
        """Take note of how long an answer took: of a service that is known in memory, or of none."""
        durations = self._seconds.get(service or UNKNOWN)
        if durations is None:
            durations = self._seconds[service or UNKNOWN] = _Durations()
        durations.counts[bisect_left(_SECONDS, took)] += 1
        durations.total += took

    def gauge(self, name: str, about: str, ask: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, about, registry=self.registry).set_function(ask)

    def collect(self) -> Iterator[Metric]:
        """The families, as they are now."""
        calls = CounterMetricFamily("gateway_calls", "Calls by status and code", labels=["status", "code"])
        for (status, code), count in self._calls.items():
            calls.add_metric([str(status), code], count)
        yield calls
        seconds = HistogramMetricFamily(
            "gateway_call_seconds",
            "Duration of calls in seconds by service, evidence included; calls of no known service are `unknown`",
            labels=["service"],
        )
        for service, durations in self._seconds.items():
            seconds.add_metric([service], durations.buckets(), durations.total)
        yield seconds
