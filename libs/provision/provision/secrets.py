"""The secrets of an installation: made once, kept in one file of mode 0600, handed to each service as its own files.

A service's folder holds one file per setting that is secret, named like the setting, mode 0400 (`SHUQIAO_SECRETS`).
"""

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from joserfc.jwk import OKPKey

from provision.plan import SERVICES, database

EXCHANGE: Final = "exchange"
KEEPER, LOADER, READER = "exchange_keeper", "loader", "gateway_reader"
"""Logins of the exchange store: makes tables, loads batches, reads views."""
CLIENTS: Final = ("gateway",)
"""Services that ask other services for something in their own name."""
_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Every secret of an installation."""

    database: dict[str, str]
    """Passwords of database roles, by role."""
    kafka: dict[str, str]
    """Passwords of Kafka principals, by principal."""
    s3: dict[str, str]
    """Secret keys of the object store's users, by access key."""
    signing_key: str
    """Ed25519 private key of the tokens, as a JWK."""
    pepper_id: str
    pepper: str
    evidence_pepper_id: str
    evidence_pepper: str
    clients: dict[str, str]
    """Secrets by which services get tokens of their own, by service."""
    answer_keys: list[str]
    """Ed25519 private keys of the gateway's answers, as JWK, the newest first, which signs."""
    administrator: str
    """Password of the first administrator; to be changed by whoever runs the exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the servers are."""

    postgres_host: str
    postgres_port: int
    kafka: str
    s3_endpoint: str
    """URL of the object store as the services reach it."""
    s3_region: str


def generate() -> Secrets:
    """New secrets for a new installation."""
    roles = [f"{database(service)}{suffix}" for service in SERVICES for suffix in ("_owner", "_app")]
    return Secrets(
        database={role: secrets.token_urlsafe(_BYTES) for role in (*roles, KEEPER, LOADER, READER)},
        kafka={service: secrets.token_urlsafe(_BYTES) for service in SERVICES},
        s3={"ingest-files": secrets.token_urlsafe(_BYTES)},
        signing_key=json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)),
        pepper_id="p1",
        pepper=secrets.token_urlsafe(32),
        evidence_pepper_id="e1",
        evidence_pepper=secrets.token_urlsafe(32),
        clients=_clients(),
        answer_keys=[_answer_key()],
        administrator=f"{secrets.token_urlsafe(12)}-Aa1",
    )


def _clients() -> dict[str, str]:
    return {client: secrets.token_urlsafe(_BYTES) for client in CLIENTS}


def _answer_key() -> str:
    return json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True))


def _told(answer_keys: list[str]) -> list[dict[str, Any]]:
    """The public halves, as the register tells them; each is known by its thumbprint."""
    keys = [OKPKey.import_key(json.loads(key)) for key in answer_keys]
    return [{**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "Ed25519"} for key in keys]


def load_or_make(path: Path) -> Secrets:
    """The secrets in this file, made now if there is none; what an older version did not make is added to it."""
    held = load(path) if path.exists() else generate()
    made = replace(held, clients=_clients() | held.clients, answer_keys=held.answer_keys or [_answer_key()])
    if made != held or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, json.dumps(asdict(made), indent=1), 0o600)
    return made


def load(path: Path) -> Secrets:
    """The secrets in this file, as they stand; an older version made not all of them."""
    return Secrets(**{"clients": {}, "answer_keys": [], **json.loads(path.read_text())})


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file that nobody else can read at any moment."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    new.replace(path)


def postgres_url(made: Secrets, at: Addresses, role: str, name: str) -> str:
    """The address of a database for a role."""
    return f"postgresql://{role}:{quote(made.database[role], safe='')}@{at.postgres_host}:{at.postgres_port}/{name}"


def of_service(service: str, made: Secrets, at: Addresses) -> dict[str, str]:
    """The secret settings of a service by name."""
    name = database(service)
    prefix = name
    found: dict[str, str] = {
        f"{prefix}_database_url": postgres_url(made, at, f"{name}_app", name),
        f"{prefix}_kafka_password": made.kafka[service],
    }
    match service:
        case "registry":
            digests = {client: hashlib.sha256(secret.encode()).hexdigest() for client, secret in made.clients.items()}
            found |= {
                "registry_signing_key": made.signing_key,
                "registry_pepper": made.pepper,
                "registry_clients": json.dumps(digests),
                "registry_answer_keys": json.dumps(_told(made.answer_keys)),
            }
        case "sharing":
            found |= {"sharing_pepper": made.pepper}
        case "gateway":
            found |= {
                "gateway_store_url": postgres_url(made, at, READER, EXCHANGE),
                "gateway_peppers": json.dumps({made.pepper_id: made.pepper}),
                "gateway_evidence_pepper": made.evidence_pepper,
                "gateway_client_secret": made.clients["gateway"],
                "gateway_answer_key": made.answer_keys[0],
            }
        case "ingest-files":
            found |= {
                "ingest_files_loader_url": postgres_url(made, at, LOADER, EXCHANGE),
                "ingest_files_keeper_url": postgres_url(made, at, KEEPER, EXCHANGE),
                "ingest_files_s3_secret_key": made.s3["ingest-files"],
            }
        case _:
            pass
    return found


def of_migration(service: str, made: Secrets, at: Addresses) -> dict[str, str]:
    """The secret settings of a service's migration, which the running service does not have."""
    name = database(service)
    found = {f"{name}_owner_url": postgres_url(made, at, f"{name}_owner", name)}
    if service == "ingest-files":
        found["ingest_files_keeper_url"] = postgres_url(made, at, KEEPER, EXCHANGE)
    return found


def plain_settings(service: str, made: Secrets, at: Addresses) -> dict[str, str]:
    """Settings of a service that are no secrets, as environment variables, but for ports and services' addresses."""
    prefix = database(service).upper()
    found: dict[str, Any] = {f"{prefix}_KAFKA_SERVERS": at.kafka, f"{prefix}_KAFKA_USER": service}
    match service:
        case "registry" | "sharing":
            found[f"{prefix}_PEPPER_ID"] = made.pepper_id
        case "gateway":
            found["GATEWAY_EVIDENCE_PEPPER_ID"] = made.evidence_pepper_id
        case "ingest-files":
            found |= {
                "INGEST_FILES_S3_ENDPOINT": at.s3_endpoint,
                "INGEST_FILES_S3_REGION": at.s3_region,
                "INGEST_FILES_S3_ACCESS_KEY": "ingest-files",
            }
        case _:
            pass
    return found


def write_folder(folder: Path, settings: dict[str, str]) -> None:
    """A folder of secret files, each readable by its owner alone; what it held before is gone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    for old in folder.iterdir():
        if old.name not in settings:
            old.unlink()
    for name, value in settings.items():
        _write(folder / name, value, 0o400)
