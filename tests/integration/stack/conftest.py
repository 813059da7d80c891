"""The servers under test, and how their clients log in."""

import asyncio
import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from confluent_kafka.admin import AdminClient
from minio import Minio
from urllib3 import PoolManager

from stack import (
    Child,
    Condition,
    Control,
    Endpoints,
    KafkaListener,
    Orders,
    Program,
    RunFolder,
    Stack,
    TcpReady,
    free_ports,
)

DEADLINE = 20.0


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """Waits with a deadline: the condition becomes true, or the test fails."""

    def wait(holds: Callable[[], bool], seconds: float = DEADLINE) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "the deadline has passed"
            time.sleep(0.02)

    return wait


class Clients:
    """One client of each kind, by default as the super user."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints

    def sasl(self, user: str | None = None, password: str | None = None, port: int | None = None) -> dict:
        kafka = self.endpoints.kafka
        return {
            "bootstrap_servers": kafka.bootstrap if port is None else f"127.0.0.1:{port}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_plain_username": user or kafka.user,
            "sasl_plain_password": password or kafka.password,
        }

    def admin(self) -> AdminClient:
        kafka = self.endpoints.kafka
        return AdminClient(
            {
                "bootstrap.servers": kafka.bootstrap,
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "SCRAM-SHA-256",
                "sasl.username": kafka.user,
                "sasl.password": kafka.password,
                "log_level": 0,
            }
        )

    async def send(self, topic: str, value: bytes, **login) -> None:
        producer = AIOKafkaProducer(**self.sasl(**login), acks="all", request_timeout_ms=10_000)
        try:
            await producer.start()
            await producer.send_and_wait(topic, value)
        finally:
            await producer.stop()

    async def until_known(self, **login) -> None:
        """A new user is acknowledged by the controller a moment before the broker knows it: log in until it does."""
        async with asyncio.timeout(DEADLINE):
            while True:
                producer = AIOKafkaProducer(**self.sasl(**login))
                try:
                    await producer.start()
                except KafkaConnectionError:
                    continue
                else:
                    return
                finally:
                    await producer.stop()

    async def until_allowed(self, topic: str, value: bytes, **login) -> None:
        """The same of a new right: send until it is taken."""
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(TopicAuthorizationFailedError):
                    return await self.send(topic, value, **login)

    async def read_one(self, topic: str, **login) -> bytes:
        consumer = AIOKafkaConsumer(topic, **self.sasl(**login), auto_offset_reset="earliest", group_id=None)
        try:
            await consumer.start()
            record = await asyncio.wait_for(consumer.getone(), DEADLINE)
            return record.value
        finally:
            await consumer.stop()

    @contextlib.asynccontextmanager
    async def postgres(self, password: str | None = None):
        where = self.endpoints.postgres
        connection = await asyncpg.connect(
            host=where.host,
            port=where.port,
            user=where.user,
            password=where.password if password is None else password,
            database="postgres",
        )
        try:
            yield connection
        finally:
            await connection.close(timeout=DEADLINE)

    @contextlib.contextmanager
    def s3(self, secret_key: str | None = None):
        where = self.endpoints.s3
        pool = PoolManager(retries=False, timeout=10)
        try:
            yield Minio(
                where.endpoint,
                access_key=where.access_key,
                secret_key=secret_key or where.secret_key,
                region=where.region,
                secure=where.secure,
                http_client=pool,
            )
        finally:
            pool.clear()


@pytest.fixture(scope="session")
def proxied_port() -> int:
    """Where the test's proxy will listen; the broker's extra listener sends its clients there."""
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def stack(tmp_path_factory, proxied_port):
    """All three servers, in a folder whose name has a space and Chinese characters (and, as root, a closed parent)."""
    folder = tmp_path_factory.mktemp("数桥 stack")
    listeners = [KafkaListener(advertised_port=proxied_port)]
    with Stack.open(folder, kafka_listeners=listeners, postgres_settings={"work_mem": "5MB"}) as running:
        yield running


@pytest.fixture(scope="session")
def clients(stack) -> Clients:
    return Clients(stack.endpoints)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "run"


LISTEN = """
import signal, socket, sys, time
def leave(*_):
    open("ends", "a").write(sys.argv[1] + "\\n"); sys.exit(0)
signal.signal(signal.SIGTERM, leave)
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[2]))); s.listen()
open("begins", "a").write(sys.argv[1] + "\\n")
while True: time.sleep(60)
"""


class Bench:
    """A run folder for supervisors with small programs in the place of servers."""

    def __init__(self, root: RunFolder) -> None:
        self.root = root
        self.children: list[Child] = []

    def server(self, name: str, **more) -> Program:
        """A program that listens, and writes down its begin and its end."""
        (port,) = free_ports(1)
        program = Program(
            name=name,
            argv=(sys.executable, "-c", LISTEN, name, str(port)),
            cwd=self.root.root,
            probe=TcpReady(port=port),
            start_seconds=20,
            stop_seconds=5,
        )
        return dataclasses.replace(program, **more)

    def shell(self, name: str, script: str, **more) -> Program:
        env = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "LISTEN": LISTEN}
        program = Program(name=name, argv=("/bin/sh", "-c", script), cwd=self.root.root, env=env)
        return dataclasses.replace(program, **more)

    def run(self, *programs: Program) -> Control:
        """Starts a supervisor; whatever the test does, it does not outlive it."""
        self.children.append(Child.start(Orders(folder=self.root.root, programs=programs)))
        return Control(self.root)

    def condition(self, name: str) -> Condition:
        return next(one for one in Control(self.root).status() if one.name == name)

    def pid(self, name: str) -> int:
        pid = self.condition(name).pid
        assert pid is not None
        return pid

    def lines(self, name: str) -> list[str]:
        """What the programs wrote into their file of that name."""
        path = self.root.root / name
        return path.read_text().split() if path.exists() else []


@pytest.fixture
def bench(folder):
    """In a folder too deep for the 108 bytes of a socket's address."""
    run = RunFolder(folder / ("d" * 60) / ("e" * 60))
    run.make()
    made = Bench(run)
    yield made
    for child in made.children:
        child.close()
