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
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from provision import secrets as made
from stack import kafka as stack_kafka
from stack import postgres as stack_postgres
from stack.folder import Secrets as StackSecrets
from stack.kafka import KafkaPorts
from tests.deploy import __main__ as deploy
from tests.deploy import compose, dependencies, images, kustomize, programs, references, schemas
from tests.deploy.cluster import Cluster
from tests.deploy.compose import Compose
from tests.deploy.findings import Result

ROOT = deploy.ROOT
README = deploy.K8S / "README.md"
DOCKER = ROOT / "deploy" / "docker"
SERVICES = ("registry", "catalog", "sharing", "ingest-files", "gateway", "audit")
Objects = list[dict[str, Any]]


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


def find(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    """An object by kind and name; of a generated ConfigMap the name before its hash."""
    return next(
        o for o in objects if o["kind"] == kind and re.fullmatch(rf"{name}(-[a-z0-9]{{10}})?", o["metadata"]["name"])
    )


def pod(objects: Objects, name: str = "registry", kind: str = "Deployment") -> dict[str, Any]:
    return find(objects, kind, name)["spec"]["template"]["spec"]


def main(objects: Objects, name: str = "registry") -> dict[str, Any]:
    return pod(objects, name)["containers"][0]


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

    main(objects)["livenessprobe"] = main(objects).pop("livenessProbe")
    (tmp_path / "out.yaml").write_text(yaml.safe_dump_all(objects))
    results = schemas.manifests("x", tmp_path / "out.yaml", len(objects))
    assert len(results) == len(schemas.KUBERNETES)
    assert all("livenessprobe" in "".join(result.faults) for result in results)


def test_a_misspelt_field_of_the_compose_file_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    (tmp_path / "docker-compose.yml").write_text(text.replace("  healthcheck:", "  healthchek:", 1))
    assert "healthchek" in "".join(schemas.compose("x", tmp_path / "docker-compose.yml", 1).faults)


Spoil = Callable[[Objects], object]
SPOILT: dict[str, tuple[Spoil, str]] = {
    # settings
    "unknown variable": (
        lambda o: find(o, "ConfigMap", "registry")["data"].update(REGISTRY_PEPER_ID="p1"),
        "REGISTRY_PEPER_ID is no setting",
    ),
    "another service's variable": (
        lambda o: find(o, "ConfigMap", "gateway-relay")["data"].update(GATEWAY_OPERATIONS_PORT="8000"),
        "GATEWAY_OPERATIONS_PORT is no setting of gateway relay",
    ),
    "missing setting": (
        lambda o: find(o, "ConfigMap", "registry")["data"].pop("REGISTRY_PEPPER_ID"),
        "REGISTRY_PEPPER_ID is neither set nor a secret",
    ),
    "missing secret": (
        lambda o: pod(o, "gateway")["volumes"][1]["secret"]["items"].pop(),
        "is neither set nor a secret",
    ),
    "unknown secret": (
        lambda o: pod(o)["volumes"][1]["secret"]["items"].append({"key": "registry_peper", "path": "registry_peper"}),
        "the secret registry_peper is no setting",
    ),
    "secret as a variable": (
        lambda o: main(o)["env"].append({"name": "REGISTRY_PEPPER", "value": "x" * 32}),
        "REGISTRY_PEPPER is a secret and stands in the environment",
    ),
    "secret brought into the environment": (
        lambda o: main(o)["env"].append({"name": "X", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}),
        "brings a Secret into the environment",
    ),
    "refused value": (
        lambda o: find(o, "ConfigMap", "catalog")["data"].update(CATALOG_LOG_LEVEL="LOUD"),
        "CATALOG_LOG_LEVEL=LOUD",
    ),
    "folder of secrets elsewhere": (
        lambda o: main(o)["volumeMounts"][0].update(mountPath="/elsewhere"),
        "SHUQIAO_SECRETS is not where the secrets are",
    ),
    "health asked elsewhere": (
        lambda o: find(o, "ConfigMap", "gateway")["data"].update(GATEWAY_OPERATIONS_PORT="9000"),
        "health is asked at port 8000 and answered at 9000",
    ),
    "unknown command": (lambda o: main(o).update(args=["server"]), "registry has no command 'server'"),
    "one worker for all": (
        lambda o: find(o, "ConfigMap", "gateway")["data"].update(GATEWAY_WORKER="w1"),
        "one GATEWAY_WORKER for all its pods",
    ),
    # references
    "no ConfigMap": (lambda o: o.remove(find(o, "ConfigMap", "servers")), "no ConfigMap servers"),
    "no key": (lambda o: find(o, "ConfigMap", "servers")["data"].pop("s3-region"), "has no s3-region"),
    "no account": (lambda o: o.remove(find(o, "ServiceAccount", "shuqiao")), "no ServiceAccount shuqiao"),
    "no volume": (lambda o: pod(o)["volumes"].pop(0), "no volume"),
    "no port": (
        lambda o: find(o, "Service", "catalog")["spec"]["ports"][0].update(targetPort="web"),
        "has no port web",
    ),
    "no Service behind the ingress": (
        lambda o: o.remove(find(o, "Service", "audit")),
        "Ingress apis: no Service audit",
    ),
    "no address of the registry": (
        lambda o: find(o, "ConfigMap", "audit")["data"].update(AUDIT_REGISTRY_URL="http://registery:8000"),
        "no Service at http://registery:8000",
    ),
    "nothing to scale": (
        lambda o: find(o, "HorizontalPodAutoscaler", "gateway")["spec"]["scaleTargetRef"].update(name="gatway"),
        "no Deployment gatway",
    ),
    "selector of another": (
        lambda o: find(o, "Service", "gateway")["spec"].update(selector={"app.kubernetes.io/name": "nobody"}),
        "it finds the pods of 0 Deployments",
    ),
    "undocumented Secret": (
        lambda o: pod(o)["volumes"][1]["secret"].update(secretName="registry2"),
        "Secret registry2: ",
    ),
    # images
    "latest": (lambda o: main(o).update(image="x/shuqiao/registry:latest"), "whatever is the latest"),
    "no tag": (lambda o: main(o).update(image="x:5000/shuqiao/registry"), "has no tag"),
    "cannot be built": (lambda o: main(o).update(image="shuqiao/stack:1"), "the Dockerfile builds no stack"),
    "a stranger's image": (lambda o: main(o).update(image="nginx:1"), "nginx:1 is not ours"),
    # hardening
    "no probe": (lambda o: main(o).pop("startupProbe"), "no startupProbe"),
    "probe of another page": (
        lambda o: main(o)["livenessProbe"]["httpGet"].update(path="/health/ready"),
        "livenessProbe does not ask /health/live",
    ),
    "no bound": (lambda o: main(o)["resources"].pop("limits"), "resources.limits.memory is missing"),
    "privileged": (lambda o: main(o)["securityContext"].update(privileged=True), "privileged"),
    "writable root": (
        lambda o: main(o)["securityContext"].pop("readOnlyRootFilesystem"),
        "its root can be written",
    ),
    "capability": (
        lambda o: main(o)["securityContext"]["capabilities"].update(add=["NET_RAW"]),
        "it keeps capabilities",
    ),
    "root": (lambda o: pod(o, "migrate-audit", "Job").pop("securityContext"), "it may run as root"),
    "token": (lambda o: pod(o).pop("automountServiceAccountToken"), "automountServiceAccountToken is not false"),
    "service links": (lambda o: pod(o).pop("enableServiceLinks"), "enableServiceLinks is not false"),
    "the machine's network": (lambda o: pod(o).update(hostNetwork=True), "hostNetwork"),
    "killed too early": (lambda o: pod(o).update(terminationGracePeriodSeconds=20), "killed after 20 s"),
    "values in a manifest": (
        lambda o: o.append({"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}),
        "Secret s: a manifest holds its values",
    ),
    "no step": (lambda o: find(o, "Service", "audit")["metadata"].pop("labels"), "it belongs to no step"),
    # disruption and network
    "no budget": (lambda o: o.remove(find(o, "PodDisruptionBudget", "audit")), "it has 0 PodDisruptionBudgets"),
    "budget of nothing": (
        lambda o: find(o, "PodDisruptionBudget", "audit")["spec"].update(maxUnavailable=0),
        "no machine could ever be emptied",
    ),
    "nothing denied": (lambda o: o.remove(find(o, "NetworkPolicy", "default-deny")), "denies everything first"),
    "no rule for a workload": (
        lambda o: o.remove(find(o, "NetworkPolicy", "from-monitoring")),
        "Deployment gateway-relay: no NetworkPolicy for Ingress",
    ),
    "rule for nobody": (
        lambda o: find(o, "NetworkPolicy", "to-s3")["spec"].update(podSelector={"matchLabels": {"a": "b"}}),
        "NetworkPolicy to-s3: it is for no pod",
    ),
    "open to everybody": (
        lambda o: find(o, "NetworkPolicy", "from-callers")["spec"]["ingress"][0].pop("from"),
        "it is open to everybody",
    ),
    "rule for a port that is not there": (
        lambda o: find(o, "NetworkPolicy", "from-callers")["spec"]["ingress"][0]["ports"][0].update(port=80),
        "Deployment gateway has no port 80",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_manifest_is_named(name: str, objects: Objects, known: frozenset[str]) -> None:
    spoil, text = SPOILT[name]
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


SpoilService = Callable[[dict[str, Any]], object]
SPOILT_SERVICES: dict[str, tuple[SpoilService, str]] = {
    "waits for nobody": (lambda s: s["audit"]["depends_on"].update(x={"condition": "service_started"}), "it waits for x"),
    "waits for the end of a server": (
        lambda s: s["audit"]["depends_on"].update(kafka={"condition": "service_completed_successfully"}),
        "kafka, which does not end",
    ),
    "waits for a health that nobody asks": (
        lambda s: s["audit"]["depends_on"].update({"migrate-audit": {"condition": "service_healthy"}}),
        "the health of migrate-audit, which nobody asks",
    ),
    "no such folder of secrets": (
        lambda s: s["audit"]["volumes"][0]["volume"].update(subpath="audits"),
        "makes no folder audits",
    ),
    "all secrets": (lambda s: s["audit"]["volumes"][0].pop("volume"), "it sees secrets that are not its own"),
    "no such host": (lambda s: s["audit"]["environment"].update(AUDIT_KAFKA_SERVERS="kafka2:9092"), "names kafka2"),
    "no way to a host": (lambda s: s["audit"].update(networks=["staff"]), "with which it shares no network"),
    "another image": (lambda s: s["audit"]["build"]["args"].update(SERVICE="catalog"), "not built with SERVICE=audit"),
    "unknown variable": (lambda s: s["audit"]["environment"].update(AUDIT_HOTS="x"), "AUDIT_HOTS is no setting"),
    "missing setting": (lambda s: s["audit"]["environment"].pop("AUDIT_PORT"), "AUDIT_PORT is neither set"),
    "published to the world": (lambda s: s["audit"].update(ports=["8005:8000"]), "not published on 127.0.0.1"),
    "published in excess": (lambda s: s["postgres"].update(ports=["127.0.0.1:1:5432"]), "service postgres: it is published"),
    "writable root": (lambda s: s["kafka"].pop("read_only"), "service kafka: its root can be written"),
    "capabilities": (lambda s: s["kafka"].update(cap_add=["SYS_ADMIN"]), "service kafka: it keeps capabilities"),
    "no bound": (lambda s: s["minio"].pop("mem_limit"), "service minio: its memory has no limit"),
    "a password": (
        lambda s: s["minio"]["environment"].update(MINIO_ROOT_PASSWORD="x"),
        "MINIO_ROOT_PASSWORD holds a secret",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT_SERVICES)
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
    spoil, text = SPOILT_SERVICES[name]
    assert judge() == []
    spoil(services)
    assert any(text in fault for fault in judge()), judge()


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
    with pytest.raises(kustomize.NotRendered, match="nowhere.yaml"):
        kustomize.render(kustomize.renderer(os.environ), tmp_path)
