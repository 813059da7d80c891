"""A broker of these tests' own: they write into the very topics of the exchange, which others read elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from common import bus
from provision import topics
from stack import KafkaEndpoint, acquire
from tests.support.installation import Installation


@dataclass(frozen=True, slots=True)
class Broker:
    """A provisioned broker with nothing in it."""

    endpoint: KafkaEndpoint
    installation: Installation

    def kafka(self, principal: str, password: str | None = None) -> bus.Kafka:
        known = self.installation.secrets.kafka.get(principal, "") if password is None else password
        return bus.Kafka(self.endpoint.bootstrap, principal, SecretStr(known))

    def admin(self) -> Any:
        return topics.client(self.endpoint.bootstrap, self.endpoint.user, self.endpoint.password)

    def provision(self) -> list[str]:
        """Provision it (once more); what that says."""
        said: list[str] = []
        topics.make(self.admin(), self.installation.secrets, replicas=1, say=said.append)
        return said


@pytest.fixture(scope="package")
def broker(installation: Installation, session_folder: Path) -> Iterator[Broker]:
    with acquire(session_folder / "provision-servers") as endpoints:
        made = Broker(endpoints.kafka, installation)
        made.provision()
        yield made
