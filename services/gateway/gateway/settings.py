"""What the gateway is told."""

import json
import os
import socket
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import SettingsConfigDict

from common.auth import LEASE
from common.settings import MigrationSettings, ServiceSettings, Settings
from gateway.domain.signing import Signer
from gateway.provider import AT_ONCE, MAX_ANSWER


def _signs(key: SecretStr) -> SecretStr:
    """Whether answers can be signed with it; found out at the start and not by the first caller who asks."""
    Signer.of(key.get_secret_value())
    return key


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
    ingest_files_url: str = ""
    """Who takes the rows that providers push; without it no write service is answered."""
    client_secret: SecretStr = Field(min_length=20)
    """The gateway's own secret at the register, by which it gets tokens."""
    lease: float = Field(default=LEASE, ge=5, le=LEASE)
    """Seconds for which state that nobody confirms is relied on; then calls are answered 503."""
    evidence_pepper_id: str = Field(min_length=1)
    evidence_pepper: SecretStr = Field(min_length=32)
    """The secret of the keyed hashes in call records; audit holds the same, to find a subject."""
    answer_key: Annotated[SecretStr, AfterValidator(_signs)]
    """Ed25519 private key of the answers' signatures, as a JWK (JSON); registry tells callers its public half."""
    ingress: list[IPvAnyNetwork] = Field(default_factory=list)
    """JSON: networks of the proxies that end TLS; what they say of the caller is believed, and of nobody else."""
    ingress_certificates: bool = False
    """Whether the ingress verifies client certificates, and overwrites what callers write of theirs."""
    provider_networks: tuple[str, ...] = ()
    """Networks (CIDR) in which providers' own interfaces are called; none: no such service is answered."""
    provider_hosts: tuple[str, ...] = ()
    """Names of hosts that may be called, or ends of them with a dot before; they must resolve into the networks."""
    provider_special: tuple[str, ...] = ()
    """Loopback or link-local networks that are called all the same: for a demonstration only."""
    provider_credentials: Path | None = None
    """A folder of secrets with a file `{unit}.{name}` for each credential that providers want to be shown."""
    provider_authorities: str = ""
    """A file of certificates of authorities that providers' certificates are issued by, beside the system's."""
    provider_calls: int = Field(default=AT_ONCE, ge=1)
    """Calls of one provider under way in a worker; beyond, 503 at once."""
    provider_answer: int = Field(default=MAX_ANSWER, ge=1024, le=16 * 1024 * 1024)
    """Bytes of a provider's answer, as it comes and inflated."""
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
        answer_key=SecretStr(json.dumps({"kty": "OKP", "crv": "Ed25519", "d": "A" * 43})),
        worker="example",
    )
