"""What the catalogue is told."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import MigrationSettings, ServiceSettings


class CatalogSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="CATALOG_")

    provider_networks: tuple[str, ...] = ()
    """Networks (CIDR) in which interfaces of providers may be registered; the gateway checks by its own."""
    provider_hosts: tuple[str, ...] = ()
    """Names of hosts that may be registered, or ends of them with a dot before."""
    provider_special: tuple[str, ...] = ()
    """Loopback or link-local networks that are let in all the same: for a demonstration only."""


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
