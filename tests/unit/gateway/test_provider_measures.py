"""What operators see of providers: breaker, calls under way, faults."""

from prometheus_client import CollectorRegistry, generate_latest

from gateway.domain.breaker import State
from gateway.errors import Fault
from gateway.jobs import ProviderMeasures


def test_each_provider_has_its_numbers():
    def states():
        yield "mzj", "http://10.1.1.1:80", State.OPEN, 3, {Fault.DEADLINE: 5, Fault.OPEN: 2}
        yield "jyj", "http://10.1.1.2:80", State.CLOSED, 0, {}

    registry = CollectorRegistry()
    registry.register(ProviderMeasures(states))
    page = generate_latest(registry).decode()
    one = 'origin="http://10.1.1.1:80",provider="mzj"'
    for line in (
        f"gateway_provider_breaker{{{one}}} 2.0",
        f"gateway_provider_calls_working{{{one}}} 3.0",
        f'gateway_provider_faults_total{{fault="deadline",{one}}} 5.0',
        'gateway_provider_breaker{origin="http://10.1.1.2:80",provider="jyj"} 0.0',
    ):
        assert line in page
