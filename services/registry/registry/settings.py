"""What the register is told."""

import json
from typing import Annotated, Literal

from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, Field, Json, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import MigrationSettings, ServiceSettings


class AnswerKey(BaseModel):
    """A public key by which callers check answers, as a JWK; with a private half it is refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"] = "sig"
    alg: Literal["Ed25519"] = "Ed25519"


class RegistrySettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="REGISTRY_")

    signing_key: SecretStr = Field(min_length=40)
    """Ed25519 private key of the tokens, as a JWK (JSON)."""
    pepper_id: str = Field(min_length=1)
    pepper: SecretStr = Field(min_length=32)
    """The secret of the keyed hashes of unit keys; the gateway holds the same."""
    clients: Json[dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]]
    """JSON: the services that may have tokens of their own, each with the SHA-256 of its secret in hexadecimal."""
    answer_keys: Json[list[AnswerKey]]
    """JSON: the public keys (JWK) by which callers check the gateway's answers, the newest first; told to everybody."""


class RegistryMigration(MigrationSettings):
    model_config = SettingsConfigDict(env_prefix="REGISTRY_")


def example() -> RegistrySettings:
    """Settings that suffice to write the API documents."""
    return RegistrySettings(
        port=0,
        database_url=SecretStr("postgresql://registry@localhost/registry"),
        kafka_servers="localhost:9092",
        kafka_user="registry",
        kafka_password=SecretStr("-"),
        registry_url="http://localhost",
        signing_key=SecretStr(json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True))),
        pepper_id="example",
        pepper=SecretStr("-" * 32),
        clients="{}",  # type: ignore[arg-type]  # the plugin asks for what the JSON holds
        answer_keys="[]",  # type: ignore[arg-type]  # as above
    )
