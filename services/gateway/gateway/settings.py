"""What the gateway is told."""

import os
import socket

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.auth import LEASE
from common.settings import MigrationSettings, ServiceSettings, Settings


def _worker() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"[:64]


class GatewaySettings(ServiceSettings):
    """`port` is where calls come in; `operations_port` has health and metrics."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    operations_port: int = Field(ge=0, le=65535)
    store_url: SecretStr = Field(min_length=1)
    """The exchange store, as `gateway_reader`."""
    store_connections: int = Field(default=8, ge=1, le=100)
    peppers: dict[str, SecretStr] = Field(min_length=1)
    """Secrets of the keyed hashes of keys by id, as registry and sharing have them."""
    catalog_url: str = Field(min_length=1)
    sharing_url: str = Field(min_length=1)
    """Who is asked for changes of state beside the register."""
    client_secret: SecretStr = Field(min_length=20)
    """The gateway's own secret at the register, by which it gets tokens."""
    lease: float = Field(default=LEASE, ge=5, le=LEASE)
    """Seconds for which state that nobody confirms is relied on; then calls are answered 503."""
    evidence_pepper_id: str = Field(min_length=1)
    evidence_pepper: SecretStr = Field(min_length=32)
    """The secret of the keyed hashes in call records; audit holds the same, to find a subject."""
    quota_warning: float = Field(default=0.8, gt=0, le=1)
    """The part of a quota from which a grant counts as near it: seen in the metrics and the log, and not refused."""
    max_calls: int = Field(default=512, ge=1)
    """Calls in work at once in a worker; beyond, 503 at once."""
    max_connections: int = Field(default=2000, ge=1)
    """Connections of callers that a worker holds; on those beyond, 503."""
    drain_within: float = Field(default=15.0, ge=0)
    """Seconds in which calls in work are answered after SIGTERM and the grace."""
    grace: float = Field(default=0.0, ge=0)
    """Seconds between SIGTERM, when readiness turns false, and taking no more connections: 5 where balancers look."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that share the port; each has its own connections and memory."""
    operations_path: str = ""
    """Set by the process above several workers: where this one answers health and metrics; it then shares the port."""
    worker: str = Field(default_factory=_worker, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """This process among all replicas, ever: its records are numbered per worker and start."""


class RelaySettings(Settings):
    """What the relay of access records is told: no key of anybody."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    host: str = "127.0.0.1"
    relay_port: int = Field(ge=0, le=65535)
    database_url: SecretStr = Field(min_length=1)
    kafka_servers: str = Field(min_length=1)
    kafka_user: str = Field(min_length=1)
    kafka_password: SecretStr = Field(min_length=1)
    kafka_tls: bool = False
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


class GatewayMigration(MigrationSettings):
    model_config = SettingsConfigDict(env_prefix="GATEWAY_")


def example() -> GatewaySettings:
    """Settings that suffice to write the API documents."""
    return GatewaySettings(
        port=0,
        operations_port=0,
        database_url=SecretStr("postgresql://gateway@localhost/gateway"),
        store_url=SecretStr("postgresql://gateway_reader@localhost/exchange"),
        kafka_servers="localhost:9092",
        kafka_user="gateway",
        kafka_password=SecretStr("-"),
        registry_url="http://localhost",
        catalog_url="http://localhost",
        sharing_url="http://localhost",
        client_secret=SecretStr("-" * 32),
        peppers={"example": SecretStr("-" * 32)},
        evidence_pepper_id="example",
        evidence_pepper=SecretStr("-" * 32),
        worker="example",
    )
