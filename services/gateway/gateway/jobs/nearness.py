"""Who is near a quota (REQ-S4): a level that warns beside the one that refuses, in the metrics and in the log.

It is worked out where calls are leased, never in the path of a call: by the count that all replicas share, which has
what is leased and not yet served as well. A grant that came near in a calendar unit counts as near until it is over.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final
from uuid import UUID

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common import log
from gateway.domain.memory import Memory
from gateway.domain.quotas import Need, Period, bucket

QUIET: Final = {Period.DAY: 1, Period.SECOND: 60}
"""Calendar units for which one line in the log speaks: a grant near its quota per second would fill it otherwise."""
MAX_NEAR: Final = 10_000
"""Grants that are remembered as near; beyond, none is added until the units of some are over."""
_log = log.get(__name__)


class Level(StrEnum):
    """`warning`: near the quota; `blocking`: nothing is left of it."""

    WARNING = "warning"
    BLOCKING = "blocking"


class Nearness(Collector):
    """The grants that came near a quota in the calendar unit that runs, by service; labels are bounded."""

    def __init__(self, memory: Memory, share: float, now: Callable[[], float]) -> None:
        self._memory = memory
        self._share = share
        self._now = now
        self._near: dict[tuple[UUID, Period], tuple[int, Level, str]] = {}
        """Calendar unit, level and service, by grant and period."""
        self._said: dict[tuple[UUID, Period], int] = {}
        self._came: dict[tuple[str, Period, Level], int] = {}

    def heard(self, need: Need, unit: int, used: int) -> None:
        """Take note of how much of a quota is leased out."""
        if used < self._share * need.limit:
            return
        name = (need.grant, need.period)
        held = self._near.get(name)
        level = Level.BLOCKING if used >= need.limit else Level.WARNING
        if held is not None and held[0] == unit and (held[1] is level or held[1] is Level.BLOCKING):
            return
        grant = self._memory.grants.get(need.grant)
        if grant is None or (held is None and not self._room()):
            return
        self._near[name] = (unit, level, grant.service)
        came = (grant.service, need.period, level)
        self._came[came] = self._came.get(came, 0) + 1
        window = unit // QUIET[need.period]
        if self._said.get(name) != window:
            self._said[name] = window
            _log.warning(
                "gateway.quota_near",
                grant=str(need.grant),
                unit=grant.unit,
                service=grant.service,
                period=need.period.value,
                level=level.value,
                used=used,
                limit=need.limit,
            )

    def _room(self) -> bool:
        if len(self._near) >= MAX_NEAR:
            units = {period: bucket(period, self._now()) for period in Period}
            self._near = {name: held for name, held in self._near.items() if held[0] == units[name[1]]}
            self._said = {name: window for name, window in self._said.items() if name in self._near}
        return len(self._near) < MAX_NEAR

    def collect(self) -> Iterator[Metric]:
        """The families, as they are now."""
        units = {period: bucket(period, self._now()) for period in Period}
        labels = ["service", "period", "level"]
        near: dict[tuple[str, Period, Level], int] = {}
        for (_, period), (unit, level, service) in list(self._near.items()):
            if unit == units[period]:
                near[service, period, level] = near.get((service, period, level), 0) + 1
        gauge = GaugeMetricFamily("gateway_quota_near", "Grants near a quota in the unit that runs", labels=labels)
        for (service, period, level), count in near.items():
            gauge.add_metric([service, period.value, level.value], count)
        yield gauge
        counter = CounterMetricFamily("gateway_quota_came_near", "How often a grant came near a quota", labels=labels)
        for (service, period, level), count in list(self._came.items()):
            counter.add_metric([service, period.value, level.value], count)
        yield counter
