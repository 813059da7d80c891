"""The three servers as Docker containers, by testcontainers.

NOT EXERCISED on the machine where this was written: it had no Docker engine. Only "there is no engine" is tested.
Everything is kept as near to the local processes as it can be: same versions, same Kafka properties. It takes an
engine on this very machine, since Kafka tells its clients to come to 127.0.0.1.
"""

import gc
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from stack import kafka, postgres
from stack.endpoints import (
    REGION,
    Endpoints,
    KafkaEndpoint,
    ListenerEndpoint,
    PostgresEndpoint,
    Provider,
    S3Endpoint,
)
from stack.folder import Secrets
from stack.kafka import KafkaPorts
from stack.process import free_ports
from stack.wanted import Wanted

IMAGES: Final[Mapping[str, str]] = {
    "SHUQIAO_POSTGRES_IMAGE": "postgres:18",
    "SHUQIAO_KAFKA_IMAGE": "apache/kafka:4.3.1",
    "SHUQIAO_S3_IMAGE": "minio/minio:RELEASE.2025-09-07T16-13-09Z",
}
"""Images by the variable that replaces each; the third may be any that speaks S3 and MinIO's settings."""
FOLDER: Final = "/tmp/shuqiao"  # noqa: S108 - inside the container
KAFKA_COMMAND: Final = (
    f"/opt/kafka/bin/kafka-storage.sh @{FOLDER}/words"
    f" && exec /opt/kafka/bin/kafka-server-start.sh {FOLDER}/server.properties"
)
START_SECONDS: Final = 120
POSTGRES_PORT: Final = 5432
S3_PORT: Final = 9000


def engine_answers() -> bool:
    """Whether testcontainers is installed and a Docker engine answers."""
    try:
        from docker.errors import DockerException  # type: ignore[import-untyped] # noqa: PLC0415 - for development only, untyped
        from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415 - as above
    except ImportError:
        return False
    with warnings.catch_warnings():
        # Docker's client leaves the socket open on which nobody answered; that is not our caller's concern.
        warnings.simplefilter("ignore", ResourceWarning)
        answers = True
        try:
            DockerClient().client.close()
        except DockerException:
            answers = False
        gc.collect()
    return answers


@contextmanager
def containers(environ: Mapping[str, str], wanted: Wanted) -> Iterator[Endpoints]:
    """The three servers in containers of their own, removed at the end; ports are the engine's choice."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - a package of development
    from testcontainers.core.wait_strategies import HttpWaitStrategy, LogMessageWaitStrategy  # noqa: PLC0415 - as above

    images = {name: environ.get(name) or image for name, image in IMAGES.items()}
    secrets = Secrets.random()
    client, controller, *extra = free_ports(2 + len(wanted.kafka_listeners))
    ports = KafkaPorts(
        client=client, controller=controller, extra=tuple(zip(extra, wanted.kafka_listeners, strict=True))
    )
    settings = {**postgres.DEFAULTS, **postgres.check_settings(wanted.postgres_settings)}
    with ExitStack() as running:
        database = running.enter_context(
            DockerContainer(images["SHUQIAO_POSTGRES_IMAGE"])
            .with_env("POSTGRES_PASSWORD", secrets.postgres_password)
            .with_env("POSTGRES_INITDB_ARGS", "--locale=C --locale-provider=builtin --builtin-locale=C.UTF-8")
            .with_command(["postgres", *(word for n, v in settings.items() for word in ("-c", f"{n}={v}"))])
            .with_exposed_ports(POSTGRES_PORT)
            # Said twice: once by the image's own initialisation, once by the server that stays.
            .waiting_for(
                LogMessageWaitStrategy("ready to accept connections", times=2).with_startup_timeout(START_SECONDS)
            )
        )
        store = running.enter_context(
            DockerContainer(images["SHUQIAO_S3_IMAGE"])
            .with_env("MINIO_ROOT_USER", secrets.s3_access_key)
            .with_env("MINIO_ROOT_PASSWORD", secrets.s3_secret_key)
            .with_env("MINIO_REGION", REGION)
            .with_env("MINIO_BROWSER", "off")
            .with_command(["server", "/data"])
            .with_exposed_ports(S3_PORT)
            .waiting_for(HttpWaitStrategy(S3_PORT, "/minio/health/ready").with_startup_timeout(START_SECONDS))
        )
        broker = (
            DockerContainer(images["SHUQIAO_KAFKA_IMAGE"])
            .with_copy_into_container(
                kafka.properties(ports, secrets, bind="0.0.0.0", data=f"{FOLDER}-data").encode(),
                f"{FOLDER}/server.properties",
            )
            .with_copy_into_container(
                kafka.format_words(f"{FOLDER}/server.properties", secrets).encode(), f"{FOLDER}/words"
            )
            .with_command(["bash", "-c", KAFKA_COMMAND])
            .waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(START_SECONDS))
        )
        for port in (client, *extra):  # the same inside and outside, so that the broker also finds itself
            broker.with_bind_ports(port, port)
        running.enter_context(broker)
        yield Endpoints(
            provider=Provider.DOCKER,
            postgres=PostgresEndpoint(
                host=database.get_container_host_ip(),
                port=database.get_exposed_port(POSTGRES_PORT),
                user=postgres.SUPERUSER,
                password=secrets.postgres_password,
            ),
            kafka=KafkaEndpoint(
                bootstrap=f"{kafka.LOOPBACK}:{client}",
                user=kafka.ADMIN,
                password=secrets.kafka_password,
                listeners=tuple(
                    ListenerEndpoint(bind_port=port, advertised_port=listener.advertised_port)
                    for port, listener in ports.extra
                ),
            ),
            s3=S3Endpoint(
                endpoint=f"{store.get_container_host_ip()}:{store.get_exposed_port(S3_PORT)}",
                access_key=secrets.s3_access_key,
                secret_key=secrets.s3_secret_key,
            ),
        )
