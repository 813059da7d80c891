"""Kafka 4.3.1 in one process (KRaft): how it is initialised, started, known to be ready and stopped.

Clients log in by SCRAM-SHA-256, and StandardAuthorizer lets nobody but the super user `admin` do anything without an
ACL. The broker talks to its own controller on the loopback with a password of its own: an open controller port would
let every user of the machine past the ACLs.
"""

import re
import secrets as randomness
import shutil
import subprocess
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.errors import BadSettings, DataUnusable
from stack.fetch import Prepared
from stack.folder import Secrets, write_private
from stack.program import KafkaReady, Program

NAME: Final = "kafka"
ADMIN: Final = "admin"
CONTROLLER: Final = "controller"
MECHANISM: Final = "SCRAM-SHA-256"
NODE: Final = 1
LOOPBACK: Final = "127.0.0.1"
JAVA_FLAGS: Final = (
    "-Xms128m", "-Xmx384m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=64m",
    "--sun-misc-unsafe-memory-access=allow",  # silences warnings of Java 25 that nobody here can cure
)  # fmt: skip
"""Half the memory of Java's own choices, and less work at rest."""
SMALL: Final[Mapping[str, str]] = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "offsets.retention.minutes": "43200",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "8388608",
    # A killed broker is let in again only when its old session is over: 3 seconds instead of 9.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "1000",
}
"""One broker for a district's test bench, not a cluster."""
LOG4J: Final = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""
PART: Final = "kafka.new-"
FORMAT_SECONDS: Final = 120
STOP_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaListener:
    """An extra listener that the caller asks for: clients are told to come to `advertised_port` of 127.0.0.1.

    There the caller has a TCP proxy of its own, which leads to the bind port that the stack chooses and reports; so a
    test can cut one service off from the broker and leave the others alone.
    """

    advertised_port: int

    def __post_init__(self) -> None:
        if not 0 < self.advertised_port < 65536:
            port = self.advertised_port
            raise BadSettings(f"端口 {port} 不存在。", f"The port {port} does not exist.")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaPorts:
    """Where the broker binds: for clients, for its controller, and one for each extra listener."""

    client: int
    controller: int
    extra: tuple[tuple[int, KafkaListener], ...] = ()


def properties(ports: KafkaPorts, secrets: Secrets, *, bind: str = LOOPBACK, data: str = NAME) -> str:
    """The text of `server.properties`.

    `bind` is the address that clients' listeners are bound to (a container's is reached from outside); `data` is the
    data folder, relative to the broker's working folder unless it is absolute.
    """
    extra = [(f"EXTRA{n}", port, listener) for n, (port, listener) in enumerate(ports.extra)]
    names = ["CLIENT", *(name for name, _, _ in extra)]
    bound = [("CLIENT", ports.client), *((name, port) for name, port, _ in extra)]
    told = [("CLIENT", ports.client), *((name, listener.advertised_port) for name, _, listener in extra)]
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    values = {
        "process.roles": "broker,controller",
        "node.id": str(NODE),
        "log.dirs": data,
        "listeners": ",".join((_addresses(bound, bind), _addresses([("CONTROLLER", ports.controller)]))),
        "advertised.listeners": _addresses(told),
        "listener.security.protocol.map": ",".join(f"{name}:SASL_PLAINTEXT" for name in (*names, "CONTROLLER")),
        "inter.broker.listener.name": "CLIENT",
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"{NODE}@{LOOPBACK}:{ports.controller}",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": (
            f'{plain} username="{CONTROLLER}" password="{secrets.controller_password}" '
            f'user_{CONTROLLER}="{secrets.controller_password}";'
        ),
        "listener.name.client.scram-sha-256.sasl.jaas.config": (
            f'{scram} username="{ADMIN}" password="{secrets.kafka_password}";'
        ),
        **{f"listener.name.{name.lower()}.scram-sha-256.sasl.jaas.config": f"{scram};" for name, _, _ in extra},
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN};User:{CONTROLLER}",
        **SMALL,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _addresses(pairs: list[tuple[str, int]], host: str = LOOPBACK) -> str:
    return ",".join(f"{name}://{host}:{port}" for name, port in pairs)


def initialise(prepared: Prepared, data: Path, secrets: Secrets) -> None:
    """Format the data folder, if it is not there, with `admin` as its first user.

    Raises:
        DataUnusable: there is a folder, but Kafka did not finish it or it is another node's; or the format failed.
    """
    if data.exists():
        _check(data)
        return
    for leftover in data.parent.glob(f"{PART}*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PART, dir=data.parent) as name:
        part = Path(name)
        ports = KafkaPorts(client=1, controller=2)  # the format only reads who votes, not where
        write_private(part / "server.properties", properties(ports, secrets))
        (part / "log4j2.properties").write_text(LOG4J, encoding="ascii")
        write_private(part / "words", format_words("server.properties", secrets))
        made = subprocess.run(
            [*java(prepared, part / "log4j2.properties"), "kafka.tools.StorageTool", "@words"],
            cwd=part, env=_environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False, timeout=FORMAT_SECONDS,
        )  # fmt: skip
        if made.returncode != 0:
            raise DataUnusable(
                f"Kafka 数据目录 {data} 初始化失败:\n{made.stderr.strip()}",
                f"Kafka could not format {data} (its words are above).",
            )
        (part / NAME).rename(data)


def format_words(config: str, secrets: Secrets) -> str:
    """What `StorageTool @file` reads from the file: arguments would be seen by everybody on the machine."""
    cluster = urlsafe_b64encode(b"\0" + randomness.token_bytes(15)).rstrip(b"=").decode()  # begins with no "-"
    admin = f"{MECHANISM}=[name={ADMIN},password={secrets.kafka_password}]"
    return f"format\n--cluster-id\n{cluster}\n--config\n{config}\n--add-scram\n{admin}"


def _check(data: Path) -> None:
    try:
        known = (data / "meta.properties").read_text(encoding="ascii", errors="replace")
    except OSError:
        known = ""
    if not re.search(rf"^node\.id={NODE}$", known, re.MULTILINE) or not re.search(r"^version=1$", known, re.MULTILINE):
        raise DataUnusable(
            f"{data} 不是完整的 Kafka 数据目录(meta.properties 缺失或不符)。如不需要其中数据,请删除它再启动。",
            f"{data} is not a whole data folder of Kafka (meta.properties is missing or strange). "
            "Delete it if its data are not needed.",
        )


def configure(conf: Path, ports: KafkaPorts, secrets: Secrets) -> None:
    """Write what this start needs into the folder `conf`."""
    write_private(conf / "server.properties", properties(ports, secrets))
    (conf / "log4j2.properties").write_text(LOG4J, encoding="ascii")


def program(prepared: Prepared, data: Path, conf: Path, port: int, flags: tuple[str, ...] = ()) -> Program:
    """How the configured broker is run. SIGTERM has it hand over and close its logs."""
    command = java(prepared, conf / "log4j2.properties", flags)
    return Program(
        name=NAME,
        argv=(*command, "kafka.Kafka", str(conf / "server.properties")),
        cwd=data.parent,
        env=_environment(),
        probe=KafkaReady(port=port),
        stop_seconds=STOP_SECONDS,
    )


def java(prepared: Prepared, log4j: Path, flags: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The command up to the main class."""
    archive = () if prepared.kafka_archive is None else (f"-XX:SharedArchiveFile={prepared.kafka_archive}",)
    jars = ":".join(str(jar) for jar in prepared.kafka_jars)
    return (
        str(prepared.java), *JAVA_FLAGS, *archive, *flags, f"-Dlog4j2.configurationFile={log4j.as_uri()}", "-cp", jars,
    )  # fmt: skip


def _environment() -> dict[str, str]:
    """A locale in which Java understands paths with Chinese characters."""
    return {"LC_ALL": "C.UTF-8"}
