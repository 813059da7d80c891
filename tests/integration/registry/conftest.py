"""The register on a database of its own, emptied for each test, with the unit that runs the exchange."""

import pytest

from registry import app, service
from registry.settings import RegistrySettings
from tests.support.registry_steps import QUICK, Register, bootstrap
from tests.support.running import running


@pytest.fixture(scope="session")
async def running_registry(installation):
    with installation.fresh("registry") as database:
        async with running("registry", app.build, RegistrySettings, database) as made:
            yield made


@pytest.fixture
async def registry(running_registry, monkeypatch):
    monkeypatch.setattr(service, "_hasher", QUICK)
    await running_registry.begin_anew()
    assert await bootstrap(running_registry)
    return running_registry


@pytest.fixture
async def register(registry):
    """With 区民政局 and 区教育局 entered."""
    made = Register(registry)
    await made.unit("mzj")
    await made.unit("jyj")
    return made
