"""The whole exchange as processes of this machine: servers, provisioning, migrations, services; and its end.

Everything lies below one folder (`.run`): the servers' data, the secrets, the logs, and the profile by which the
command line finds the exchange. What is there is used again, so data survive a restart.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx2

from common import migrations
from demo import accounts
from demo.accounts import ADMINISTRATOR, PLATFORM, Demonstration
from exchange.layout import OWNER
from provision import buckets, databases, secrets, topics
from provision.plan import SERVICES
from provision.secrets import Addresses, Secrets
from shuqiao import Profile
from shuqiao import profile as profiles
from stack import Child, Control, Endpoints, KafkaListener, Orders, Program, RunFolder, Stack, free_ports
from stack import from_environment as servers_from_environment

READY_WITHIN: Final = 120.0
HOST: Final = "127.0.0.1"
RELAY: Final = "gateway-relay"
PACKAGES: Final = {service: service.replace("-", "_") for service in SERVICES}
Say = Callable[[str], None]


class NotReady(Exception):  # noqa: N818  the state of the system
    """A service did not become ready; the text names it and where its log is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Free ports, taken at the start: one per service, and the gateway's for health and its relay's."""

    services: dict[str, int]
    operations: int
    relay: int

    @classmethod
    def take(cls) -> "Ports":
        found = free_ports(len(SERVICES) + 2)
        return cls(services=dict(zip(SERVICES, found, strict=False)), operations=found[-2], relay=found[-1])

    def url(self, service: str) -> str:
        return f"http://{HOST}:{self.services[service]}"

    def health(self, service: str) -> str:
        port = self.operations if service == "gateway" else self.services[service]
        return f"http://{HOST}:{port}/health/ready"


@dataclass(slots=True, kw_only=True)
class System:
    """A running exchange. Usable as a context manager; closing it stops all in order."""

    folder: Path
    endpoints: Endpoints
    secrets: Secrets
    ports: Ports
    profile: Profile
    held: Demonstration
    stack: Stack | None
    control: Control
    child: Child | None = None
    _closed: bool = field(default=False)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        say: Say = lambda _: None,
        kafka_listeners: Sequence[KafkaListener] = (),
        kafka_of: Callable[[str, Endpoints], str] | None = None,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        without: Sequence[str] = (),
        postgres_settings: Mapping[str, str] | None = None,
    ) -> Self:
        """Start everything below `folder`; returns when all services are ready.

        For tests: `kafka_of` names the broker's address for a service (a proxy's), `settings` adds variables to one,
        `without` leaves services out.

        Raises:
            StackError, NotReady: something did not start; nothing is left running.
        """
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        given = servers_from_environment(os.environ)
        stack: Stack | None = None
        child: Child | None = None
        if given is None:
            say("启动 PostgreSQL、Kafka、MinIO")
            stack = Stack.open(folder / "stack", kafka_listeners=kafka_listeners, postgres_settings=postgres_settings)
            endpoints, control = stack.endpoints, Control(RunFolder(folder / "stack"))
        else:
            say("使用环境变量指定的服务器")
            run = RunFolder(folder / "services")
            run.make()
            child = Child.start(Orders(folder=run.root, programs=()))
            endpoints, control = given, Control(run)
        made = secrets.load_or_make(folder / "secrets.json")
        ports = Ports.take()
        system = cls(
            folder=folder,
            endpoints=endpoints,
            secrets=made,
            ports=ports,
            profile=Profile(
                gateway=ports.url("gateway"),
                services={service: ports.url(service) for service in profiles.SERVICES},
                account=ADMINISTRATOR,
                password=made.administrator,
            ),
            held=accounts.load(folder / "demonstration.json"),
            stack=stack,
            control=control,
            child=child,
        )
        try:
            say("建立数据库、主题、存储桶")
            system._provision()
            say("迁移数据库")
            system._migrate()
            say("启动各服务")
            for program in system.programs(kafka_of, settings or {}):
                if program.name not in without:
                    control.add(program)
            system._bootstrap()
            system.wait_ready([name for name in SERVICES if name not in without])
            profiles.save(system.profile, folder / "profile.json")
        except BaseException:
            system.close()
            raise
        return system

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop services and servers in order. Harmless when called again."""
        if self._closed:
            return
        self._closed = True
        if self.stack is not None:
            self.stack.close()
        if self.child is not None:
            self.child.close()

    def log(self, name: str) -> Path:
        """The log of a service or server."""
        return self.control.folder.log(name)

    @property
    def addresses(self) -> Addresses:
        endpoints = self.endpoints
        scheme = "https" if endpoints.s3.secure else "http"
        return Addresses(
            postgres_host=endpoints.postgres.host,
            postgres_port=endpoints.postgres.port,
            kafka=endpoints.kafka.bootstrap,
            s3_endpoint=f"{scheme}://{endpoints.s3.endpoint}",
            s3_region=endpoints.s3.region,
        )

    def _provision(self) -> None:
        at, end = self.addresses, self.endpoints
        asyncio.run(databases.make(end.postgres.url(), self.secrets))
        admin = topics.client(end.kafka.bootstrap, end.kafka.user, end.kafka.password)
        topics.make(admin, self.secrets, replicas=1, say=_quiet)
        buckets.make(
            at.s3_endpoint,
            end.s3.access_key,
            end.s3.secret_key,
            at.s3_region,
            self.secrets,
            users=True,
            say=_quiet,
        )

    def _migrate(self) -> None:
        for service in SERVICES:
            owner = secrets.of_migration(service, self.secrets, self.addresses)
            name = PACKAGES[service]
            migrations.upgrade_now(name, owner[f"{name}_owner_url"])
            if service == "ingest-files":
                migrations.upgrade_now("exchange", owner["ingest_files_keeper_url"], OWNER)

    def programs(
        self, kafka_of: Callable[[str, Endpoints], str] | None, settings: Mapping[str, Mapping[str, str]]
    ) -> list[Program]:
        """The services as the supervisor runs them; their secrets go into folders, not into their environment."""
        made: list[Program] = []
        for service in SERVICES:
            kafka = kafka_of(service, self.endpoints) if kafka_of else self.endpoints.kafka.bootstrap
            env = self.environment(service, kafka) | dict(settings.get(service, {}))
            made.append(self._program(service, [PACKAGES[service], "serve"], env))
            if service == "gateway":
                env = env | dict(settings.get(RELAY, {}))
                made.append(self._program(RELAY, ["gateway", "relay"], env))
        return made

    def environment(self, service: str, kafka: str) -> dict[str, str]:
        """The whole environment of a service."""
        folder = self.folder / "secrets" / service
        secrets.write_folder(folder, secrets.of_service(service, self.secrets, self.addresses))
        prefix = PACKAGES[service].upper()
        found = secrets.plain_settings(service, self.secrets, self.addresses) | {
            f"{prefix}_KAFKA_SERVERS": kafka,
            f"{prefix}_HOST": HOST,
            f"{prefix}_PORT": str(self.ports.services[service]),
            f"{prefix}_REGISTRY_URL": self.ports.url("registry"),
            "SHUQIAO_SECRETS": str(folder),
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONUNBUFFERED": "1",
        }
        if service == "gateway":
            found |= {
                "GATEWAY_OPERATIONS_PORT": str(self.ports.operations),
                "GATEWAY_RELAY_PORT": str(self.ports.relay),
                "GATEWAY_CATALOG_URL": self.ports.url("catalog"),
                "GATEWAY_SHARING_URL": self.ports.url("sharing"),
                "GATEWAY_INGEST_FILES_URL": self.ports.url("ingest-files"),
            }
        return found

    def _program(self, name: str, arguments: list[str], env: dict[str, str]) -> Program:
        return Program(name=name, argv=(sys.executable, "-m", *arguments), cwd=self.folder, env=env, restart=True)

    def _bootstrap(self) -> None:
        """The first administrator, on an exchange that has none."""
        if self.held.passwords.get(ADMINISTRATOR) == self.secrets.administrator:
            return
        command = [sys.executable, "-m", "registry", "bootstrap", "--unit", PLATFORM, "--unit-name", "区大数据中心"]
        command += ["--account", ADMINISTRATOR, "--person", "示例管理员", "--phone", "021-00000000"]
        env = self.environment("registry", self.endpoints.kafka.bootstrap)
        done = subprocess.run(
            command, env=env, input=self.secrets.administrator, text=True, capture_output=True, check=False
        )
        if done.returncode != 0:
            raise NotReady(f"建立管理员失败：{done.stdout}{done.stderr}")
        self.held.passwords[ADMINISTRATOR] = self.secrets.administrator
        self.save()

    def save(self) -> None:
        accounts.save(self.held, self.folder / "demonstration.json")

    def enter_units(self) -> None:
        """The demonstration's units and accounts, where they are missing."""
        for plan in accounts.ACCOUNTS:
            self.held.passwords.setdefault(plan.name, accounts.password())
        self.save()
        accounts.enter(self.profile, self.held)

    def ready(self, service: str) -> bool:
        """Whether a service says that it is ready, its readers included."""
        try:
            answer = httpx2.get(self.ports.health(service), timeout=2.0)
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200 and not answer.json()["degraded"]

    def wait_ready(self, services: Sequence[str], within: float = READY_WITHIN) -> None:
        """Wait until these services are ready.

        Raises:
            NotReady: one is not, in time.
        """
        deadline = time.monotonic() + within
        waiting = list(services)
        while waiting:
            waiting = [service for service in waiting if not self.ready(service)]
            if waiting and time.monotonic() > deadline:
                logs = "；".join(f"{service}（日志 {self.log(service)}）" for service in waiting)
                raise NotReady(f"{within:.0f}秒内未就绪：{logs}")
            if waiting:
                time.sleep(0.1)


def _quiet(_: str) -> None:
    """Provisioning says what it makes; here it is one step of many."""
