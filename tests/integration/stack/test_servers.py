"""The three servers: closed to strangers, durable, and the same after every kind of interruption."""

import asyncio
import contextlib
import io
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from minio.error import S3Error

from stack import Provider, Stack, State, TcpReady, acquire, free_ports, local
from stack.errors import AlreadyRunning, DataUnusable, StartFailed
from stack.process import alive, descendants
from stack.program import Program


def make_topic(admin: AdminClient, topic: str) -> None:
    (made,) = admin.create_topics([NewTopic(topic, 1, 1)]).values()
    made.result(20)


async def test_postgres_is_durable_in_beijing_time_and_takes_the_callers_settings(clients):
    async with clients.postgres() as connection:
        shown = {
            name: await connection.fetchval(f"show {name}")
            for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "timezone", "work_mem",
                         "max_connections", "password_encryption", "listen_addresses", "server_version")
        }  # fmt: skip
        lines = await connection.fetch("select type, auth_method from pg_hba_file_rules")
        chinese = await connection.fetchval(r"select '长宁区' ~ '^\w+$'")
    assert shown.pop("server_version").startswith("18.")
    assert shown == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "timezone": "Asia/Shanghai",
        "work_mem": "5MB",
        "max_connections": "200",
        "password_encryption": "scram-sha-256",
        "listen_addresses": "127.0.0.1",
    }
    assert {line["auth_method"] for line in lines} == {"scram-sha-256"}
    assert chinese


async def test_a_wrong_password_is_refused_by_each_server(clients):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await clients.postgres(password="guess").__aenter__()
    with pytest.raises(KafkaConnectionError):
        await clients.send("any", b"x", password="guess")
    with clients.s3(secret_key="guessguess") as store, pytest.raises(S3Error) as refused:
        store.list_buckets()
    assert refused.value.code == "SignatureDoesNotMatch"


async def test_without_a_password_postgres_and_kafka_refuse(clients, stack):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await clients.postgres(password="").__aenter__()
    anonymous = AdminClient({"bootstrap.servers": stack.endpoints.kafka.bootstrap, "log_level": 0})
    with pytest.raises(Exception, match=r"_TRANSPORT|_TIMED_OUT"):
        await asyncio.to_thread(anonymous.list_topics, timeout=2)


async def test_an_unknown_principal_cannot_write_to_a_topic_until_an_acl_lets_it(clients):
    # IN-E7: only a topic's owner writes to it.
    admin, topic = clients.admin(), "unit-changed"
    make_topic(admin, topic)
    password = UserScramCredentialUpsertion("stranger", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"pw")
    for made in admin.alter_user_scram_credentials([password]).values():
        made.result(20)
    stranger = {"user": "stranger", "password": "pw"}
    await clients.until_known(**stranger)
    with pytest.raises(TopicAuthorizationFailedError):
        await clients.send(topic, b"forged", **stranger)

    rights = [
        AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:stranger", "*", operation,
                   AclPermissionType.ALLOW)
        for operation in (AclOperation.WRITE, AclOperation.DESCRIBE, AclOperation.READ)
    ]  # fmt: skip
    for made in admin.create_acls(rights).values():
        made.result(20)
    await clients.until_allowed(topic, b"allowed", **stranger)
    assert await clients.read_one(topic, **stranger) == b"allowed"


async def test_the_controllers_port_is_no_way_past_the_passwords(stack):
    # DescribeCluster 1, which a PLAINTEXT controller answers: whoever came in there would be its super user.
    config = (stack._child.folder.conf / "server.properties").read_text()
    port = int(re.search(r"^controller\.quorum\.voters=.*:(\d+)$", config, re.MULTILINE)[1])
    question = struct.pack(">hhihcB", 60, 1, 7, 1, b"x", 0) + bytes([0, 2, 0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(struct.pack(">i", len(question)) + question)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    await writer.wait_closed()


def test_passwords_are_in_no_command_line_and_no_log(stack):
    kafka, postgres, s3 = stack.endpoints.kafka, stack.endpoints.postgres, stack.endpoints.s3
    hidden = (kafka.password, postgres.password, s3.secret_key)
    root = stack._child.folder
    pids = [root.pid(), *descendants(root.pid())]
    said = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    said += [path.read_text(errors="replace") for path in root.logs.iterdir()]
    assert len(pids) > 5
    assert not any(password in text for password in hidden for text in said)


class Proxy:
    """A TCP proxy of a test: counts its connections, and can be cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.taken = 0
        self._tasks: set[asyncio.Task] = set()

    @contextlib.asynccontextmanager
    async def on(self, port: int):
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer) -> None:
        self.taken += 1
        self._tasks.add(asyncio.current_task())
        back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        pumps = [asyncio.create_task(self._pump(reader, forth)), asyncio.create_task(self._pump(back, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (writer, forth):
                end.close()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await end.wait_closed()
            self._tasks.discard(asyncio.current_task())

    async def _pump(self, reader, writer) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def test_an_extra_listener_is_reached_through_the_callers_proxy_only(clients, stack, proxied_port):
    # One service can be cut off from the broker while the others go on (FAULT-26).
    make_topic(clients.admin(), "proxied")
    (listener,) = stack.endpoints.kafka.listeners
    assert listener.advertised_port == proxied_port
    async with Proxy(listener.bind_port).on(proxied_port) as proxy:
        await clients.send("proxied", b"through", port=proxied_port)
        assert proxy.taken >= 2  # the first contact, and the address that the broker told
    with pytest.raises(KafkaConnectionError):
        await clients.send("proxied", b"cut", port=proxied_port)
    assert await clients.read_one("proxied") == b"through"


async def put_everywhere(clients) -> None:
    """One fact in each server."""
    async with clients.postgres() as connection:
        await connection.execute("create table kept (what text)")
        await connection.execute("insert into kept values ('一行')")
    make_topic(clients.admin(), "kept")
    await clients.send("kept", "一条".encode())
    with clients.s3() as store:
        store.make_bucket("kept")
        content = "一个对象".encode()
        store.put_object("kept", "object", io.BytesIO(content), len(content))


async def read_everywhere(clients) -> tuple[str, str, str]:
    async with clients.postgres() as connection:
        row = await connection.fetchval("select what from kept")
    record = (await clients.read_one("kept")).decode()
    with clients.s3() as store:
        answer = store.get_object("kept", "object")
        content = answer.data.decode()
        answer.release_conn()
    return row, record, content


async def test_ports_and_data_outlive_a_kill_of_each_server(clients, stack):
    # FAULT-7, FAULT-16, FAULT-33
    await put_everywhere(clients)
    before = {one.name: one for one in stack.status()}
    for name, one in before.items():
        tree = [one.pid, *descendants(one.pid)]
        stack.kill(name)
        assert not alive(tree)
    for name in before:
        stack.start(name)
    after = {one.name: one for one in stack.status()}
    assert {name: one.port for name, one in after.items()} == {name: one.port for name, one in before.items()}
    assert all(after[name].pid != before[name].pid for name in before)
    assert await read_everywhere(clients) == ("一行", "一条", "一个对象")


async def test_a_paused_postgres_answers_nobody_and_goes_on_where_it_was(clients, stack):
    # FAULT-6: its old sessions stand still as well, not only its door.
    async with clients.postgres() as old:
        stack.pause("postgres")
        try:
            with pytest.raises(TimeoutError):
                await old.fetchval("select 1", timeout=0.3)
        finally:
            stack.resume("postgres")
    async with clients.postgres() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_data_and_passwords_outlive_a_restart_and_a_lost_port_is_replaced(folder, monkeypatch, request):
    from stack.process import free_ports as really_free

    clients_of = type(request.getfixturevalue("clients"))
    with Stack.open(folder) as first:
        await put_everywhere(clients_of(first.endpoints))
        taken = first.endpoints
        with pytest.raises(AlreadyRunning):
            Stack.open(folder)
        # Another stack beside it, whose first choice of ports is taken: it comes back for others.
        choices = [
            (taken.postgres.port, *really_free(3)),
            (*really_free(1), int(taken.s3.endpoint.partition(":")[2]), *really_free(2)),
            (*really_free(2), int(taken.kafka.bootstrap.partition(":")[2]), *really_free(1)),
        ]
        monkeypatch.setattr(local, "free_ports", lambda count: choices.pop(0) if choices else really_free(count))
        with Stack.open(folder.parent / "beside") as second:
            assert choices == []
            assert second.endpoints.postgres.password != taken.postgres.password
            assert [one.state for one in second.status()] == [State.READY] * 3
            with pytest.raises(asyncpg.UndefinedTableError):
                await read_everywhere(clients_of(second.endpoints))
        assert [one.state for one in first.status()] == [State.READY] * 3
    with acquire(folder, environ={**os.environ, "DOCKER_HOST": "unix:///nowhere"}) as again:
        assert again.provider is Provider.LOCAL
        assert again.postgres.password == taken.postgres.password
        assert await read_everywhere(clients_of(again)) == ("一行", "一条", "一个对象")


def test_programs_of_the_caller_run_after_the_servers_and_damaged_data_are_refused(folder):
    told = []

    def services(endpoints):
        told.append(endpoints)
        (port,) = free_ports(1)
        command = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
        return [Program(name="service", argv=command, cwd=folder, probe=TcpReady(port=port))]

    with Stack.open(folder, programs=services) as running:
        assert [one.name for one in running.status()] == ["postgres", "minio", "kafka", "service"]
        assert told[-1] == running.endpoints

    control_file = folder / "data" / "postgres" / "global" / "pg_control"
    whole = control_file.read_bytes()
    control_file.write_bytes(b"\0" * len(whole))
    with pytest.raises(StartFailed, match="postgres") as refused:
        Stack.open(folder)
    assert str(folder / "logs" / "postgres.log") in refused.value.zh
    control_file.write_bytes(whole)

    (folder / "data" / "kafka" / "meta.properties").unlink()
    with pytest.raises(DataUnusable, match=r"meta\.properties"):
        Stack.open(folder)


CALLER = """
import sys
from pathlib import Path
from stack import Stack
with Stack.open(Path(sys.argv[1])) as stack:
    print("up", flush=True)
    sys.stdin.read()
"""


def test_a_caller_that_is_killed_leaves_no_process(folder, wait_until):
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as caller:
        assert caller.stdout.readline() == b"up\n"
        pids = descendants(caller.pid)
        names = {Path(f"/proc/{pid}/exe").readlink().name for pid in pids}
        assert {"postgres", "java", "minio"} <= names
        caller.kill()
        wait_until(lambda: not alive(pids))
    assert not (folder / "endpoints.json").exists()  # it left in order, not in panic
    assert "database system is shut down" in (folder / "logs" / "postgres.log").read_text()
