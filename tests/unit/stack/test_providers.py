"""Servers come from the environment, else from Docker, else from local processes; the first that has them."""

from contextlib import contextmanager

import pytest

from stack import containers, providers
from stack.endpoints import Endpoints, KafkaEndpoint, PostgresEndpoint, Provider, S3Endpoint
from stack.errors import BadSettings
from stack.kafka import KafkaListener
from stack.providers import SOURCES, acquire, docker, local, named

NAMED = {
    "SHUQIAO_POSTGRES_URL": "postgresql://u:p@h:1",
    "SHUQIAO_KAFKA_URL": "kafka://u:p@h:2",
    "SHUQIAO_S3_URL": "http://u:p@h:3",
}


def endpoints(provider):
    return Endpoints(
        provider=provider,
        postgres=PostgresEndpoint(host="h", port=1, user="u", password="p"),
        kafka=KafkaEndpoint(bootstrap="h:2", user="u", password="p"),
        s3=S3Endpoint(endpoint="h:3", access_key="u", secret_key="p"),
    )


class Source:
    """A source that has servers and remembers what happened to them."""

    def __init__(self, provider):
        self.provider = provider
        self.asked = []
        self.given_back = 0

    def __call__(self, request):
        self.asked.append(request)

        @contextmanager
        def servers():
            try:
                yield endpoints(self.provider)
            finally:
                self.given_back += 1

        return servers()


@pytest.fixture
def no_engine(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


def test_the_order_is_environment_docker_local():
    assert list(SOURCES) == [named, docker, local]


def test_named_servers_are_taken_first(tmp_path):
    later = Source(Provider.DOCKER)
    with acquire(tmp_path, environ=NAMED, sources=(named, later)) as servers:
        assert servers.provider is Provider.ENVIRONMENT
    assert later.asked == []


def test_without_an_engine_docker_is_passed_over(tmp_path, no_engine):
    last = Source(Provider.LOCAL)
    with acquire(tmp_path, environ={}, sources=(named, docker, last)) as servers:
        assert servers.provider is Provider.LOCAL
        assert last.given_back == 0
    assert last.given_back == 1
    assert last.asked[0].folder == tmp_path


def test_without_testcontainers_there_is_no_docker(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "testcontainers.core.docker_client", None)
    assert not containers.engine_answers()


def test_with_an_engine_docker_comes_before_local_processes(tmp_path, monkeypatch):
    last = Source(Provider.LOCAL)
    monkeypatch.setattr(providers, "engine_answers", lambda: True)
    monkeypatch.setattr(providers, "containers", lambda environ, wanted: Source(Provider.DOCKER)(None))
    with acquire(tmp_path, environ={}, sources=(named, docker, last)) as servers:
        assert servers.provider is Provider.DOCKER
    assert last.asked == []


def test_half_named_servers_are_an_error_and_not_a_fall_through(tmp_path):
    last = Source(Provider.LOCAL)
    half = {name: url for name, url in NAMED.items() if "KAFKA" not in name}
    with pytest.raises(BadSettings, match="SHUQIAO_KAFKA_URL"), acquire(tmp_path, environ=half, sources=(named, last)):
        pass
    assert last.asked == []


@pytest.mark.parametrize(
    "wish", [{"kafka_listeners": [KafkaListener(advertised_port=9)]}, {"postgres_settings": {"work_mem": "8MB"}}]
)
def test_named_servers_take_no_wishes(tmp_path, wish):
    with pytest.raises(BadSettings), acquire(tmp_path, environ=NAMED, **wish):
        pass


def test_servers_are_given_back_when_the_caller_fails(tmp_path):
    source = Source(Provider.LOCAL)
    with pytest.raises(ZeroDivisionError), acquire(tmp_path, environ={}, sources=(source,)):
        _ = 1 / 0
    assert source.given_back == 1
