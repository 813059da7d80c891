"""How a worker is put together: whose clock decides, who hears of quotas, and spans only where they are wanted."""

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from common import spans
from gateway.app import Worker
from gateway.settings import example


@pytest.fixture
async def worker():
    made = Worker(example())
    yield made
    await made._http.aclose()
    await made._db.close()


async def test_decisions_and_records_follow_the_databases_clock(worker):
    """FAULT-28."""
    assert worker._gateway.clock == worker._meter.clock
    assert worker._tallies._clock == worker._meter.clock


async def test_what_is_leased_is_looked_at_for_quotas_that_are_near(worker):
    assert worker._meter.heard_used == worker._near.heard


async def test_spans_cost_nothing_where_nobody_wants_them(worker):
    assert worker._calls().traced is None


async def test_spans_are_told_where_somebody_does(worker):
    with spans.exported("gateway", InMemorySpanExporter()):
        assert worker._calls().traced is not None
