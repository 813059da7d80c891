"""What runs in a container of ours: the program by image and command, and the settings that it reads."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from common.settings import SECRETS_FOLDER, Settings

PROVISION: Final = "provision"
OTHER_VARIABLES: Final = frozenset({SECRETS_FOLDER, "PGSSLMODE", "PGSSLROOTCERT", "SSL_CERT_FILE"})
"""Variables that are no settings of ours: where the secrets are, and what the drivers take of TLS."""
OTHER_SECRETS: Final = frozenset({"installation.json"})
"""Files in a folder of secrets that a setting names by its path."""
HEALTH_PORTS: Final = {("gateway", "serve"): "operations_port", ("gateway", "relay"): "relay_port"}
"""The setting that says where health and metrics are; `port` for all others."""

CLASSES: Final[Mapping[tuple[str, str], str]] = {
    ("registry", "serve"): "RegistrySettings",
    ("registry", "bootstrap"): "RegistrySettings",
    ("registry", "migrate"): "RegistryMigration",
    ("catalog", "serve"): "CatalogSettings",
    ("catalog", "migrate"): "CatalogMigration",
    ("sharing", "serve"): "SharingSettings",
    ("sharing", "migrate"): "SharingMigration",
    ("ingest-files", "serve"): "IngestSettings",
    ("ingest-files", "migrate"): "IngestMigration",
    ("ingest-files", "watch-folder"): "IngestSettings",
    ("gateway", "serve"): "GatewaySettings",
    ("gateway", "relay"): "RelaySettings",
    ("gateway", "migrate"): "GatewayMigration",
    ("audit", "serve"): "AuditSettings",
    ("audit", "migrate"): "AuditMigration",
    (PROVISION, "databases"): "DatabaseSettings",
    (PROVISION, "topics"): "TopicSettings",
    (PROVISION, "buckets"): "BucketSettings",
}
"""The class of settings that each program reads; a test holds it against the services' own."""
WITHOUT_SETTINGS: Final = frozenset({(PROVISION, "secrets")})


@cache
def settings_of(service: str, command: str) -> tuple[type[Settings], ...]:
    """The settings that a program reads, none for one that reads none.

    Raises:
        KeyError: there is no such program.
    """
    if (service, command) in WITHOUT_SETTINGS:
        return ()
    found: type[Settings] = getattr(import_module(f"{service.replace('-', '_')}.settings"), CLASSES[service, command])
    return (found,)


@cache
def known(service: str, command: str) -> frozenset[str]:
    """The names of all variables that the program reads; for `provision`, whose commands share a ConfigMap, of all."""
    commands = [c for s, c in CLASSES if s == service] if service == PROVISION else [command]
    return frozenset(name for c in commands for kind in settings_of(service, c) for name, _ in fields(kind))


def fields(kind: type[Settings]) -> Iterator[tuple[str, FieldInfo]]:
    """The settings of a class by the name of their variable."""
    prefix = str(kind.model_config.get("env_prefix", ""))
    for name, info in kind.model_fields.items():
        yield f"{prefix}{name}".upper(), info


def is_secret(info: FieldInfo) -> bool:
    """Whether the setting may stand in a file of secrets only."""
    return "SecretStr" in str(info.annotation)


def refused(info: FieldInfo, value: str) -> str | None:
    """Why the setting would refuse this text, None if it takes it."""
    given: Any = value
    if str(info.annotation).startswith(("dict", "list")):
        try:
            given = json.loads(value)
        except ValueError:
            return "is no JSON"
    kind: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    try:
        TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        return "; ".join(found["msg"] for found in error.errors())
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of ours as it would be started."""

    where: str
    """For people, such as `Deployment registry`."""
    service: str
    """Which of our images."""
    command: str
    env: Mapping[str, str]
    """Its variables with the values that references lead to."""
    secrets: frozenset[str]
    """The names of the files in its folder of secrets."""
    folder: str | None
    """Where that folder is mounted."""
    health: frozenset[int] = field(default_factory=frozenset)
    """The ports that are asked for its health."""

    def port(self) -> str | None:
        """Where its health is, by its settings; None where they do not say."""
        name = HEALTH_PORTS.get((self.service, self.command), "port")
        prefix = self.service.replace("-", "_").upper()
        return self.env.get(f"{prefix}_{name}".upper())


def exists(container: Container) -> bool:
    """Whether the image has such a command."""
    program = (container.service, container.command)
    return program in CLASSES or program in WITHOUT_SETTINGS


def unknown_variables(container: Container) -> Iterator[str]:
    """Variables and files that nothing reads: misspelt, or left over."""
    names = known(container.service, container.command)
    for name in sorted(set(container.env) - names - OTHER_VARIABLES):
        yield f"{container.where}: {name} is no setting of {container.service} {container.command}"
    for name in sorted(container.secrets - OTHER_SECRETS):
        if name.upper() not in names:
            yield f"{container.where}: the secret {name} is no setting of {container.service} {container.command}"


def missing_settings(container: Container) -> Iterator[str]:
    """Settings without a default that are neither set nor among the secrets; secrets that are not files."""
    given = set(container.env) | {name.upper() for name in container.secrets}
    for kind in settings_of(container.service, container.command):
        for name, info in fields(kind):
            if info.is_required() and name not in given:
                yield f"{container.where}: {name} is neither set nor a secret"
            if is_secret(info) and name in container.env:
                yield f"{container.where}: {name} is a secret and stands in the environment"
    if container.secrets and container.env.get(SECRETS_FOLDER) != container.folder:
        yield f"{container.where}: {SECRETS_FOLDER} is not where the secrets are ({container.folder})"


def refused_values(container: Container) -> Iterator[str]:
    """Values that the program would refuse at its start."""
    for kind in settings_of(container.service, container.command):
        for name, info in fields(kind):
            if name in container.env and (why := refused(info, container.env[name])):
                yield f"{container.where}: {name}={container.env[name]} {why}"


def misplaced_health(container: Container) -> Iterator[str]:
    """Health that is asked elsewhere than where the program answers."""
    for asked in sorted(container.health):
        if str(asked) != container.port():
            yield f"{container.where}: health is asked at port {asked} and answered at {container.port()}"
