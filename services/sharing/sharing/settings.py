"""What sharing is told."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import MigrationSettings, ServiceSettings


class SharingSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="SHARING_")

    pepper_id: str = Field(min_length=1)
    pepper: SecretStr = Field(min_length=32)
    """The secret of the keyed hashes of method keys; the gateway holds the same."""
    calendar_file: Path | None = None
    """An administrator's table of days of rest and work (TOML), beside what is shipped."""


class SharingMigration(MigrationSettings):
    model_config = SettingsConfigDict(env_prefix="SHARING_")


def example() -> SharingSettings:
    """Settings that suffice to write the API documents."""
    return SharingSettings(
        port=0,
        database_url=SecretStr("postgresql://sharing@localhost/sharing"),
        kafka_servers="localhost:9092",
        kafka_user="sharing",
        kafka_password=SecretStr("-"),
        registry_url="http://localhost",
        pepper_id="example",
        pepper=SecretStr("-" * 32),
    )
