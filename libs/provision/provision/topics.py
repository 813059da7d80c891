"""Makes the topics, the principals and their rights in Kafka.

Idempotent; a topic of another shape is an error, it is not mended. Runs as an administrator of the broker and nowhere
else: the services can make no topic and give no right.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from provision.plan import Right, TopicPlan, rights, topics
from provision.secrets import Secrets

_TIMEOUT: Final = 30.0
_ITERATIONS: Final = 4096
_ANY_HOST: Final = "*"
_CLUSTER: Final = "kafka-cluster"


class WrongShape(Exception):  # noqa: N818  the broker holds something else
    """A topic exists with other partitions; changing them would break the order of its keys."""


def client(servers: str, user: str, password: str, *, tls: bool = False) -> AdminClient:
    """An administrator's client."""
    return AdminClient(
        {
            "bootstrap.servers": servers,
            "security.protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": user,
            "sasl.password": password,
            "socket.timeout.ms": 10_000,
        }
    )


def make(admin: AdminClient, secrets: Secrets, *, replicas: int, say: Callable[[str], None]) -> None:
    """Make what is missing: principals, topics, rights.

    Raises:
        WrongShape: a topic exists with another number of partitions.
    """
    _principals(admin, secrets)
    say(f"principals: {', '.join(sorted(secrets.kafka))}")
    made = _topics(admin, list(topics()), replicas)
    say(f"topics: {len(list(topics()))} ({made} new)")
    _rights(admin, list(rights()))
    say(f"rights: {len(list(rights()))}")


def _each(futures: dict[Any, "Future[Any]"], harmless: int | None = None) -> int:
    """Wait for every answer; the number of those that were done now, not before."""
    done = 0
    for future in futures.values():
        try:
            future.result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != harmless:
                raise
        else:
            done += 1
    return done


def _principals(admin: AdminClient, secrets: Secrets) -> None:
    wanted: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(
            user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, _ITERATIONS), password.encode()
        )
        for user, password in secrets.kafka.items()
    ]
    _each(admin.alter_user_scram_credentials(wanted, request_timeout=_TIMEOUT))


def _topics(admin: AdminClient, wanted: list[TopicPlan], replicas: int) -> int:
    safe = {"min.insync.replicas": str(max(1, replicas - 1))}
    new = [
        NewTopic(plan.name, num_partitions=plan.partitions, replication_factor=replicas, config={**plan.config, **safe})
        for plan in wanted
    ]
    made = _each(admin.create_topics(new, request_timeout=_TIMEOUT), harmless=KafkaError.TOPIC_ALREADY_EXISTS)
    held = admin.list_topics(timeout=_TIMEOUT).topics
    wrong = [
        f"{plan.name}: {len(held[plan.name].partitions)} instead of {plan.partitions} partitions"
        for plan in wanted
        if plan.name in held and len(held[plan.name].partitions) != plan.partitions
    ]
    if wrong:
        raise WrongShape("; ".join(wrong))
    changes = [
        ConfigResource(
            ConfigResource.Type.TOPIC,
            plan.name,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in {**plan.config, **safe}.items()
            ],
        )
        for plan in wanted
    ]
    _each(admin.incremental_alter_configs(changes, request_timeout=_TIMEOUT))
    return made


def _rights(admin: AdminClient, wanted: list[Right]) -> None:
    bindings: list[AclBinding] = []
    for right in wanted:
        who = f"User:{right.principal}"
        if right.topic is not None:
            operations = [AclOperation.WRITE if right.write else AclOperation.READ, AclOperation.DESCRIBE]
            bindings += [_allow(ResourceType.TOPIC, right.topic, who, operation) for operation in operations]
        elif right.group_prefix is not None:
            bindings.append(
                _allow(ResourceType.GROUP, right.group_prefix, who, AclOperation.READ, ResourcePatternType.PREFIXED)
            )
    writers = sorted({right.principal for right in wanted if right.write})
    bindings += [
        _allow(ResourceType.BROKER, _CLUSTER, f"User:{writer}", AclOperation.IDEMPOTENT_WRITE) for writer in writers
    ]
    _each(admin.create_acls(list(dict.fromkeys(bindings)), request_timeout=_TIMEOUT))


def _allow(
    kind: ResourceType,
    name: str,
    who: str,
    operation: AclOperation,
    pattern: ResourcePatternType = ResourcePatternType.LITERAL,
) -> AclBinding:
    return AclBinding(kind, name, pattern, who, _ANY_HOST, operation, AclPermissionType.ALLOW)
