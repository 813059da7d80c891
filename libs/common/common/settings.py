"""Configuration: one frozen class per service, read once from the environment and a folder of secrets.

A secret is a file named like its variable (`registry_database_url`) in the folder that `SHUQIAO_SECRETS` names, or an
environment variable; it has no default. What is missing or malformed stops the start and is named, its value is not.
"""

import os
import sys
from pathlib import Path
from typing import Any, Self, TypeVar

import pydantic_settings
from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

SECRETS_FOLDER = "SHUQIAO_SECRETS"

S = TypeVar("S", bound="Settings")


class SettingsError(Exception):
    """The configuration cannot be used; the text names each setting and what is wrong with it."""


class _Lenient(PydanticBaseSettingsSource):
    """What should be JSON and is not is left as it is, so that validation names it together with all the others."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class _Environment(_Lenient, EnvSettingsSource):
    """Settings from environment variables."""


class _SecretFiles(_Lenient, SecretsSettingsSource):
    """Settings from the folder of secrets."""


class Settings(BaseSettings):
    """The root of every service's settings."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  replaced
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  no file in the working directory is a source
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in the code, then the environment, then the folder of secrets."""
        assert isinstance(file_secret_settings, SecretsSettingsSource)
        files = _SecretFiles(settings_cls, secrets_dir=file_secret_settings.secrets_dir)
        return init_settings, _Environment(settings_cls), files

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
        except pydantic_settings.SettingsError as error:
            # A secret's file that cannot be read, or is no text; the error names the setting and not what it holds.
            raise SettingsError(str(error)) from None


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
        sys.stderr.write(f"settings: {error}\n")
        sys.exit(2)
