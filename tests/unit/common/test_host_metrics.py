"""Dead letters are counted by topic where Prometheus asks."""

from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest

from common.host import _DeadLetters


def test_dead_letters_are_told_by_topic():
    parked = Counter()
    registry = CollectorRegistry()
    registry.register(_DeadLetters(parked))
    assert b"# TYPE dead_letters_total counter" in generate_latest(registry)
    parked["grant-changed"] += 2
    assert registry.get_sample_value("dead_letters_total", {"topic": "grant-changed"}) == 2
