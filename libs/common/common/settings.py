"""Configuration: one frozen class per service, read once from the environment and a folder of secrets.

A secret is a file named like its variable (`registry_database_url`) in the folder that `SHUQIAO_SECRETS` names, or an
environment variable; it has no default. What is missing or malformed stops the start and is named, its value is not.
"""

import os
import sys
from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS_FOLDER = "SHUQIAO_SECRETS"

S = TypeVar("S", bound="Settings")


class SettingsError(Exception):
    """The configuration cannot be used; the text names each setting and what is wrong with it."""


class Settings(BaseSettings):
    """The root of every service's settings."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def read(cls) -> Self:
        """The settings of this process.

        Raises:
            SettingsError: one or more settings are missing or malformed, all of them named.
        """
        folder = os.environ.get(SECRETS_FOLDER)
        if folder is not None and not Path(folder).is_dir():
            raise SettingsError(f"{SECRETS_FOLDER}: the folder of secrets {folder} is not there")
        try:
            return cls(_secrets_dir=folder)
        except ValidationError as error:
            prefix = str(cls.model_config.get("env_prefix", ""))
            lines = [f"{prefix}{'__'.join(map(str, e['loc']))}".upper() + f": {e['msg']}" for e in error.errors()]
            raise SettingsError("; ".join(sorted(lines))) from None


class ServiceSettings(Settings):
    """What every service is told: where it listens, its database, the broker, the registry."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    database_url: SecretStr = Field(min_length=1)
    kafka_servers: str = Field(min_length=1)
    kafka_user: str = Field(min_length=1)
    kafka_password: SecretStr = Field(min_length=1)
    # TLS towards the broker where it is not on the same machine: SASL_SSL; the trust store is the system's.
    kafka_tls: bool = False
    registry_url: str = Field(min_length=1)
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


class MigrationSettings(Settings):
    """What `migrate` is told: the address of the role that owns the tables."""

    owner_url: SecretStr = Field(min_length=1)


def read_or_exit(kind: type[S]) -> S:
    """The settings, or the end of the process with status 2 and one line that says what to set."""
    try:
        return kind.read()
    except SettingsError as error:
        sys.exit(f"settings: {error}")
