"""An application behind our edge, and who calls it."""

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from common import http
from common.health import Health
from tests.support.edge_app import application


@pytest.fixture
def metrics():
    return CollectorRegistry()


@pytest.fixture
def health():
    return Health()


@pytest.fixture
def app(metrics, health):
    return application(metrics, health)


@pytest.fixture
async def client(app):
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://probe") as made:
        yield made


@pytest.fixture
def logged(monkeypatch):
    """What the edge writes to the log: (level, event, facts)."""
    found = []

    class Logger:
        def __getattr__(self, level):
            return lambda event, **facts: found.append((level, event, facts))

    monkeypatch.setattr(http, "_log", Logger())
    return found
