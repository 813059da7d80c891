"""Fixtures only; nothing imports this file."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from demo.system import System
from stack import Endpoints, acquire
from tests.support.installation import Fresh, Installation, provision

# No deadline: a machine that stands still for a moment fails no rule.
# The same examples in each run: what fails was changed, not drawn. `HYPOTHESIS_PROFILE=explore` draws new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A folder for this run of the tests; outside of pytest's own, whose paths are long."""
    with tempfile.TemporaryDirectory(prefix="shuqiao-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def servers(session_folder: Path) -> Iterator[Endpoints]:
    """Real Kafka, PostgreSQL and MinIO: from the environment, else Docker, else local processes."""
    with acquire(session_folder / "servers") as endpoints:
        yield endpoints


@pytest.fixture(scope="session")
def installation(servers: Endpoints, session_folder: Path) -> Installation:
    """The servers provisioned as an installation is, and every database migrated."""
    return provision(servers, session_folder / "installation")


@pytest.fixture
def fresh(installation: Installation) -> Iterator[Callable[[str], Fresh]]:
    """Makes an empty, migrated database of a service for this test alone: `fresh("catalog")`."""
    import contextlib

    with contextlib.ExitStack() as stack:
        yield lambda service: stack.enter_context(installation.fresh(service))


@pytest.fixture(scope="session")
def system(session_folder: Path) -> Iterator[System]:
    """The whole exchange: servers and all services as processes of their own, with the demonstration's units."""
    # Interfaces of providers live on this machine here, which nothing else allows.
    special = '["127.0.0.0/8"]'
    settings = {name: {f"{name.upper()}_PROVIDER_SPECIAL": special} for name in ("catalog", "gateway")}
    with System.open(session_folder / "system", settings=settings) as running:
        running.enter_units()
        yield running


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of services that stand in the developer's environment do not reach the tests."""
    for name in list(os.environ):
        if name.startswith(("REGISTRY_", "CATALOG_", "SHARING_", "INGEST_FILES_", "GATEWAY_", "AUDIT_", "PROVISION_")):
            monkeypatch.delenv(name)
