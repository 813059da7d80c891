"""What the ingest of files is told."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import MigrationSettings, ServiceSettings
from ingest_files.domain.arrivals import BUCKET
from ingest_files.domain.limits import Limits


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
    unit_waiting: int = Field(default=Limits().waiting, ge=1)
    """Uploads of one unit that may be under way."""
    unit_files_an_hour: int = Field(default=Limits().files_an_hour, ge=1)
    unit_bytes_a_day: int = Field(default=Limits().bytes_a_day, ge=1)
    large_bytes: int = Field(default=Limits().large_bytes, ge=1)
    """Bytes of one file that comes in parts."""
    watched_bucket: str = Field(default=BUCKET, pattern="^[a-z0-9][a-z0-9.-]{2,62}$")
    hint_token: SecretStr | None = Field(default=None, min_length=20)
    """With which the object store's notifications come; without it none are taken, and the listing finds everything."""

    scanner: str | None = Field(default=None, pattern=r"^[^:/\s]+:[0-9]{1,5}$")
    """`host:port` of ClamAV's daemon; where it is named, no object is kept that it has not passed."""

    @property
    def limits(self) -> Limits:
        return Limits(
            waiting=self.unit_waiting,
            files_an_hour=self.unit_files_an_hour,
            bytes_a_day=self.unit_bytes_a_day,
            large_bytes=self.large_bytes,
        )


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
