"""What the catalogue is told."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import MigrationSettings, ServiceSettings


class CatalogSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="CATALOG_")


class CatalogMigration(MigrationSettings):
    model_config = SettingsConfigDict(env_prefix="CATALOG_")


def example() -> CatalogSettings:
    """Settings that suffice to write the API documents."""
    return CatalogSettings(
        port=0,
        database_url=SecretStr("postgresql://catalog@localhost/catalog"),
        kafka_servers="localhost:9092",
        kafka_user="catalog",
        kafka_password=SecretStr("-"),
        registry_url="http://localhost",
    )
