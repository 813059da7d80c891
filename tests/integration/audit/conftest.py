"""The trail on a database of its own, emptied for each test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from audit import app
from audit.settings import AuditSettings
from common import host
from tests.support.installation import Installation
from tests.support.running import Running, running


@pytest.fixture(scope="session")
async def running_audit(installation: Installation) -> AsyncIterator[Running]:
    def build(settings: AuditSettings, **_clock: Any) -> host.Parts:
        return app.build(settings)

    with installation.fresh("audit") as database:
        async with running("audit", build, AuditSettings, database) as made:
            yield made


@pytest.fixture
async def trail(running_audit: Running) -> Running:
    await running_audit.begin_anew()
    return running_audit
