"""What tests on real servers share: the servers, provisioned once, and fresh databases, each migrated, for one test."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from pydantic import SecretStr

from common import bus, migrations
from exchange.layout import OWNER
from provision import buckets, databases, secrets, topics
from provision.plan import SERVICES, database
from provision.secrets import EXCHANGE, KEEPER, Addresses, Secrets
from stack import Endpoints


@dataclass(frozen=True, slots=True)
class Installation:
    """Provisioned servers: principals, topics, rights, roles, databases, buckets."""

    endpoints: Endpoints
    secrets: Secrets
    addresses: Addresses

    def kafka(self, service: str) -> bus.Kafka:
        """The broker as this service's principal."""
        return bus.Kafka(self.endpoints.kafka.bootstrap, service, SecretStr(self.secrets.kafka[service]))

    def url(self, role: str, name: str) -> str:
        """The address of a database for a role."""
        return secrets.postgres_url(self.secrets, self.addresses, role, name)

    def admin_url(self, name: str = "postgres") -> str:
        return self.endpoints.postgres.url(name)

    def settings(self, service: str) -> dict[str, str]:
        """Every setting of a service as an environment, secrets included, but for its own port."""
        made = secrets.of_service(service, self.secrets, self.addresses)
        plain = secrets.plain_settings(service, self.secrets, self.addresses)
        return {name.upper(): value for name, value in made.items()} | plain

    @contextlib.contextmanager
    def fresh(self, service: str) -> Iterator["Fresh"]:
        """A database like the service's own, empty and migrated, for one test; gone afterwards.

        `service` may be `exchange` too: the exchange store with its three roles.
        """
        original = database(service) if service != EXCHANGE else EXCHANGE
        name = f"t_{original}_{uuid4().hex[:12]}"
        _aside(lambda: asyncio.run(self._make(name, original)))
        try:
            _aside(lambda: self.migrate(service, name))
            yield Fresh(self, original, name)
        finally:
            _aside(lambda: asyncio.run(self._drop(name)))

    def migrate(self, service: str, name: str) -> None:
        if service == EXCHANGE:
            migrations.upgrade_now("exchange", self.url(KEEPER, name), OWNER)
        else:
            migrations.upgrade_now(database(service), self.url(f"{database(service)}_owner", name))

    async def _make(self, name: str, original: str) -> None:
        owner = OWNER if original == EXCHANGE else f"{original}_owner"
        logins = [KEEPER, "loader", "gateway_reader"] if original == EXCHANGE else [f"{original}_app"]
        await self._admin(f'create database "{name}" owner "{owner}"', f'revoke all on database "{name}" from public')
        for login in logins:
            await self._admin(f'grant connect on database "{name}" to "{login}"')
        connection = await asyncpg.connect(self.admin_url(name))
        try:
            for statement in databases.inside_store() if original == EXCHANGE else databases.inside(original):
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _drop(self, name: str) -> None:
        await self._admin(f'drop database if exists "{name}" with (force)')

    async def _admin(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.admin_url())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class Fresh:
    """A database for one test."""

    installation: Installation
    original: str
    name: str

    @property
    def app_url(self) -> str:
        """As the service's own role."""
        return self.installation.url(f"{self.original}_app", self.name)

    def url(self, role: str) -> str:
        return self.installation.url(role, self.name)

    def admin_url(self) -> str:
        return self.installation.admin_url(self.name)


def provision(endpoints: Endpoints, folder: Path) -> Installation:
    """Provision servers and migrate every database, as `make run` does."""
    made = secrets.load_or_make(folder / "secrets.json")
    at = Addresses(
        postgres_host=endpoints.postgres.host,
        postgres_port=endpoints.postgres.port,
        kafka=endpoints.kafka.bootstrap,
        s3_endpoint=f"{'https' if endpoints.s3.secure else 'http'}://{endpoints.s3.endpoint}",
        s3_region=endpoints.s3.region,
    )
    asyncio.run(databases.make(endpoints.postgres.url(), made))
    admin = topics.client(endpoints.kafka.bootstrap, endpoints.kafka.user, endpoints.kafka.password)
    topics.make(admin, made, replicas=1, say=_quiet)
    s3 = endpoints.s3
    buckets.make(at.s3_endpoint, s3.access_key, s3.secret_key, at.s3_region, made, users=True, say=_quiet)
    installation = Installation(endpoints, made, at)
    for service in SERVICES:
        installation.migrate(service, database(service))
    installation.migrate(EXCHANGE, EXCHANGE)
    return installation


def _aside(work: Callable[[], None]) -> None:
    """Do blocking work in a thread of its own: a test that asks for it may be running in an event loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


def _quiet(_: Any) -> None:
    pass
