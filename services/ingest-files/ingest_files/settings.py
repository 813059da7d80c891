"""What the ingest of files is told."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import MigrationSettings, ServiceSettings


class IngestSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="INGEST_FILES_")

    keeper_url: SecretStr = Field(min_length=1)
    """The exchange store, as the role that makes tables."""
    loader_url: SecretStr = Field(min_length=1)
    """The exchange store, as the role that loads batches."""
    s3_endpoint: str = Field(pattern="^https?://[^/]+$")
    s3_public_endpoint: str | None = Field(default=None, pattern="^https?://[^/]+$")
    """Where providers reach the object store, if it is not where this service does."""
    s3_region: str = Field(min_length=1)
    s3_access_key: str = Field(min_length=1)
    s3_secret_key: SecretStr = Field(min_length=8)


class IngestMigration(MigrationSettings):
    model_config = SettingsConfigDict(env_prefix="INGEST_FILES_")

    keeper_url: SecretStr = Field(min_length=1)


def example() -> IngestSettings:
    """Settings that suffice to write the API documents."""
    return IngestSettings(
        port=0,
        database_url=SecretStr("postgresql://ingest_files@localhost/ingest_files"),
        kafka_servers="localhost:9092",
        kafka_user="ingest-files",
        kafka_password=SecretStr("-"),
        registry_url="http://localhost",
        keeper_url=SecretStr("postgresql://exchange_keeper@localhost/exchange"),
        loader_url=SecretStr("postgresql://loader@localhost/exchange"),
        s3_endpoint="http://localhost:9000",
        s3_region="cn-changning-1",
        s3_access_key="ingest-files",
        s3_secret_key=SecretStr("-" * 8),
    )
