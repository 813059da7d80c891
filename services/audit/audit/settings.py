"""What the trail is told."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import MigrationSettings, ServiceSettings


class AuditSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="AUDIT_")


class AuditMigration(MigrationSettings):
    model_config = SettingsConfigDict(env_prefix="AUDIT_")


def example() -> AuditSettings:
    """Settings that suffice to write the API documents."""
    return AuditSettings(
        port=0,
        database_url=SecretStr("postgresql://audit@localhost/audit"),
        kafka_servers="localhost:9092",
        kafka_user="audit",
        kafka_password=SecretStr("-"),
        registry_url="http://localhost",
    )
