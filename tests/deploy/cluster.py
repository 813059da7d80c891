"""The rendered objects of an overlay: found by kind and name, and the containers that they would start."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.deploy import images
from tests.deploy.programs import Container

Body = Mapping[str, Any]
WORKLOADS: Final = ("Deployment", "Job")
COMMAND: Final = re.compile(r"\bservice ([a-z-]+)")
"""In a shell's words: the command of our entry point."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or Job."""

    kind: str
    name: str
    body: Body

    @property
    def where(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of its pods."""
        found: Mapping[str, str] = self.body["spec"]["template"]["metadata"].get("labels", {})
        return found

    @property
    def pod(self) -> Body:
        found: Body = self.body["spec"]["template"]["spec"]
        return found

    @property
    def containers(self) -> list[Body]:
        return [*self.pod.get("initContainers", ()), *self.pod["containers"]]


@dataclass(frozen=True, slots=True)
class Cluster:
    """All objects of one overlay."""

    objects: tuple[Body, ...]

    def of(self, *kinds: str) -> list[Body]:
        return [found for found in self.objects if found["kind"] in kinds]

    def named(self, kind: str, name: str) -> Body | None:
        return next((found for found in self.of(kind) if found["metadata"]["name"] == name), None)

    def workloads(self, *kinds: str) -> list[Workload]:
        return [Workload(o["kind"], o["metadata"]["name"], o) for o in self.of(*(kinds or WORKLOADS))]

    def config(self, name: str) -> Mapping[str, str]:
        """The data of a ConfigMap, empty for one that is not there (the check of references says so)."""
        found = self.named("ConfigMap", name)
        return dict(found.get("data", {})) if found else {}

    def containers(self) -> Iterator[Container]:
        """Our containers with their variables resolved."""
        for workload in self.workloads():
            for body in workload.containers:
                service = images.service_of(body["image"])
                if service is not None:
                    yield self._container(workload, body, service)

    def _container(self, workload: Workload, body: Body, service: str) -> Container:
        secrets = _secret_mount(workload, body)
        return Container(
            where=workload.where,
            service=service,
            command=command_of(body.get("command"), body.get("args")),
            env=self._env(body),
            secrets=frozenset(item["path"] for item in secrets[1]) if secrets else frozenset(),
            folder=secrets[0] if secrets else None,
            health=frozenset(port for name in PROBES if name in body and (port := probed_port(body, name))),
        )

    def _env(self, body: Body) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in body.get("envFrom", ()):
            found |= self.config(source.get("configMapRef", {}).get("name", ""))
        for variable in body.get("env", ()):
            reference = variable.get("valueFrom", {}).get("configMapKeyRef")
            if "value" in variable:
                found[variable["name"]] = str(variable["value"])
            elif reference is not None:
                found[variable["name"]] = self.config(reference["name"]).get(reference["key"], "")
        return found


PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")


def probed_port(body: Body, probe: str) -> int | None:
    """The number of the port that a probe asks, None if it names one that the container does not have."""
    port = body[probe].get("httpGet", {}).get("port")
    if isinstance(port, int):
        return port
    return next((p["containerPort"] for p in body.get("ports", ()) if p.get("name") == port), None)


def command_of(entry: list[str] | str | None, words: list[str] | str | None) -> str:
    """The command of our program that a container runs: the first word, or what a shell is told to run."""
    given = [
        *([entry] if isinstance(entry, str) else entry or ()),
        *([words] if isinstance(words, str) else words or ()),
    ]
    if entry:
        found = COMMAND.search("\n".join(given))
        return found[1] if found else ""
    return given[0] if given else "serve"


def _secret_mount(workload: Workload, body: Body) -> tuple[str, list[Body]] | None:
    """Where the container has its secrets, and which keys of the Secret as which files."""
    volumes = {v["name"]: v["secret"] for v in workload.pod.get("volumes", ()) if "secret" in v}
    for mount in body.get("volumeMounts", ()):
        if mount["name"] in volumes:
            return mount["mountPath"], list(volumes[mount["name"]].get("items", ()))
    return None
