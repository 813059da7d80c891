"""What a worker measures of providers' own interfaces. Labels are bounded: units and origins that are registered."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.domain.breaker import State
from gateway.errors import Fault

States = Callable[[], Iterator[tuple[str, str, State, int, Mapping[Fault, int]]]]
"""Of each provider: unit, origin, breaker, calls under way, and what went wrong how often."""


class ProviderMeasures(Collector):
    """Breakers, calls under way and faults, by provider."""

    def __init__(self, states: States) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        """The families, as they are now."""
        labels = ["provider", "origin"]
        breaker = GaugeMetricFamily(
            "gateway_provider_breaker", "0: calls go through; 1: one is tried; 2: left alone for a while", labels=labels
        )
        working = GaugeMetricFamily("gateway_provider_calls_working", "Calls under way", labels=labels)
        faults = CounterMetricFamily("gateway_provider_faults", "Calls that failed", labels=[*labels, "fault"])
        for unit, origin, state, calls, failed in self._states():
            breaker.add_metric([unit, origin], state)
            working.add_metric([unit, origin], calls)
            for fault, count in failed.items():
                faults.add_metric([unit, origin, fault.value], count)
        yield from (breaker, working, faults)
