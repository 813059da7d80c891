"""How the servers are configured: durable, closed, and only with settings that a caller may give."""

from pathlib import Path

import pytest

from stack import kafka, minio, postgres
from stack.errors import BadSettings, DataUnusable
from stack.fetch import PostgresPrograms
from stack.folder import Secrets
from stack.kafka import KafkaListener, KafkaPorts
from stack.postgres import PostgresPlan
from stack.probe import postmaster_is_ready

SECRETS = Secrets(
    postgres_password="pg-pw",
    kafka_password="kafka-pw",
    controller_password="controller-pw",
    s3_access_key="s3-key",
    s3_secret_key="s3-pw",
)
PROGRAMS = PostgresPrograms(folder=Path("/pg/bin"), user=None)


def postgres_options(**settings):
    program = postgres.program(PostgresPlan(programs=PROGRAMS, data=Path("/d"), port=5433, settings=settings))
    words = program.argv[3:]
    assert set(words[::2]) == {"-c"}
    return dict(word.split("=", 1) for word in words[1::2])


def test_postgres_is_durable_and_on_the_loopback_only():
    options = postgres_options()
    assert {options[name] for name in ("fsync", "full_page_writes", "synchronous_commit")} == {"on"}
    assert options["listen_addresses"] == "127.0.0.1"
    assert options["unix_socket_directories"] == ""
    assert options["timezone"] == "Asia/Shanghai"
    assert options["port"] == "5433"


def test_a_caller_may_replace_and_add_settings():
    options = postgres_options(max_connections="20", **{"auto_explain.log_min_duration": "0"})
    assert options["max_connections"] == "20"
    assert options["auto_explain.log_min_duration"] == "0"


@pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "port", "listen_addresses", "x y", "A", "", "a=b"])
def test_a_caller_cannot_make_postgres_forgetful_or_open(name):
    with pytest.raises(BadSettings) as refused:
        postgres_options(**{name: "off"})
    assert refused.value.code == "bad-settings"


def kafka_properties(*listeners):
    text = kafka.properties(KafkaPorts(client=9092, controller=9093, extra=listeners), SECRETS)
    return dict(line.split("=", 1) for line in text.splitlines())


def test_kafka_asks_for_a_password_on_every_listener_and_for_an_acl_in_every_case():
    values = kafka_properties((9094, KafkaListener(advertised_port=19094)))
    protocols = values["listener.security.protocol.map"].split(",")
    assert sorted(protocols) == ["CLIENT:SASL_PLAINTEXT", "CONTROLLER:SASL_PLAINTEXT", "EXTRA0:SASL_PLAINTEXT"]
    assert values["authorizer.class.name"].endswith("StandardAuthorizer")
    assert "allow.everyone.if.no.acl.found" not in values
    assert values["super.users"] == "User:admin;User:controller"  # and not User:ANONYMOUS
    assert values["auto.create.topics.enable"] == "false"


def test_an_extra_listener_is_bound_here_and_advertised_there():
    values = kafka_properties(
        (9094, KafkaListener(advertised_port=19094)), (9095, KafkaListener(advertised_port=19095))
    )
    assert values["listeners"].split(",") == [
        "CLIENT://127.0.0.1:9092",
        "EXTRA0://127.0.0.1:9094",
        "EXTRA1://127.0.0.1:9095",
        "CONTROLLER://127.0.0.1:9093",
    ]
    assert values["advertised.listeners"].split(",") == [
        "CLIENT://127.0.0.1:9092",
        "EXTRA0://127.0.0.1:19094",
        "EXTRA1://127.0.0.1:19095",
    ]


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_listener_needs_a_port_that_exists(port):
    with pytest.raises(BadSettings):
        KafkaListener(advertised_port=port)


def test_no_password_is_in_a_command_line():
    commands = [
        minio.program(Path("/m"), Path("/d/minio"), Path("/c"), 9000, SECRETS).argv,
        postgres.program(PostgresPlan(programs=PROGRAMS, data=Path("/d"), port=1, settings={})).argv,
    ]
    assert not any("-pw" in word for command in commands for word in command)


def test_a_postmaster_file_counts_only_if_it_is_this_process_and_ready():
    written = "4711\n/proc/self/cwd\n1795426098\n54999\n\n127.0.0.1\n 10168492 4\n{}\n"
    assert postmaster_is_ready(written.format("ready   "), 4711)
    assert not postmaster_is_ready(written.format("ready   "), 4712)  # left by a server that was killed
    assert not postmaster_is_ready(written.format("starting"), 4711)
    assert not postmaster_is_ready("4711\n/proc/self/cwd\n", 4711)  # half written
    assert not postmaster_is_ready("", 4711)


@pytest.mark.parametrize("version", [None, "", "17\n"])
def test_a_data_folder_that_is_not_a_whole_postgresql_18_is_refused(tmp_path, version):
    data = tmp_path / "postgres"
    data.mkdir()
    if version is not None:
        (data / "PG_VERSION").write_text(version)
    with pytest.raises(DataUnusable) as refused:
        postgres.initialise(PROGRAMS, data, "pw")
    assert refused.value.code == "data-unusable"
    assert str(data) in refused.value.zh


@pytest.mark.parametrize("known", [None, "", "version=1\nnode.id=7\n", "node.id=1\n"])
def test_a_data_folder_that_kafka_did_not_finish_is_refused(tmp_path, known):
    data = tmp_path / "kafka"
    data.mkdir()
    if known is not None:
        (data / "meta.properties").write_text(known)
    with pytest.raises(DataUnusable) as refused:
        kafka.initialise(None, data, SECRETS)
    assert str(data) in refused.value.en
