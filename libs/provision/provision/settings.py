"""What the provisioning is told: the administrators' credentials of the three servers, and where the secrets lie."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import Settings


class SecretsFile(Settings):
    model_config = SettingsConfigDict(env_prefix="PROVISION_")

    secrets_file: Path
    """JSON with every secret of the installation; made by `python -m provision secrets`."""


class DatabaseSettings(SecretsFile):
    postgres_url: SecretStr = Field(min_length=1)


class TopicSettings(SecretsFile):
    kafka_servers: str = Field(min_length=1)
    kafka_user: str = Field(min_length=1)
    kafka_password: SecretStr = Field(min_length=1)
    kafka_tls: bool = False
    kafka_replicas: int = Field(default=1, ge=1, le=9)


class BucketSettings(SecretsFile):
    s3_endpoint: str = Field(pattern="^https?://[^/]+$")
    s3_access_key: str = Field(min_length=1)
    s3_secret_key: SecretStr = Field(min_length=1)
    s3_region: str = Field(min_length=1)
    s3_users: bool = True
    """Whether users and policies are made too, by MinIO's admin API; elsewhere an administrator makes them."""
