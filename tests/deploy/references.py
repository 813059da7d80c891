"""What the manifests name must be there: ConfigMaps and their keys, Secrets, accounts, Services, ports, volumes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.deploy.cluster import Body, Cluster, Workload

EXTERNAL_CONFIG: Final = {"private-ca": frozenset({"ca-certificates.crt"})}
"""ConfigMaps that an administrator makes, by name with their keys; the README lists them."""
_SECRET_ROW: Final = re.compile(r"^\| `([a-z-]+)` \| (.+?) \|", re.MULTILINE)
_KEY: Final = re.compile(r"`([a-z0-9_.-]+)`")
_SCALED: Final = ("Deployment",)


def documented_secrets(readme: Path) -> dict[str, frozenset[str]]:
    """The Secrets that the README asks for, by name with their keys: the rows of its table."""
    text = readme.read_text(encoding="utf-8")
    table = text.partition("<!-- secrets -->")[2].partition("<!-- /secrets -->")[0]
    return {name: frozenset(_KEY.findall(keys)) for name, keys in _SECRET_ROW.findall(table)}


def used_secrets(cluster: Cluster) -> dict[str, frozenset[str]]:
    """The Secrets that the manifests mount, by name with their keys; that of an ingress has those of TLS."""
    found: dict[str, frozenset[str]] = {}
    for workload in cluster.workloads():
        for volume in workload.pod.get("volumes", ()):
            if (secret := volume.get("secret")) is not None:
                keys = frozenset(item["key"] for item in secret.get("items", ()))
                found[secret["secretName"]] = found.get(secret["secretName"], frozenset()) | keys
    for ingress in cluster.of("Ingress"):
        for tls in ingress["spec"].get("tls", ()):
            found[tls["secretName"]] = frozenset({"tls.crt", "tls.key"})
    return found


def faults(cluster: Cluster) -> Iterator[str]:
    """Every reference that leads nowhere."""
    for workload in cluster.workloads():
        yield from _of_workload(cluster, workload)
    for service in cluster.of("Service"):
        yield from _of_service(cluster, service)
    for ingress in cluster.of("Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                yield from _of_backend(cluster, ingress["metadata"]["name"], path["backend"]["service"])
    for scaler in cluster.of("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if target["kind"] not in _SCALED or cluster.named(target["kind"], target["name"]) is None:
            yield f"HorizontalPodAutoscaler {scaler['metadata']['name']}: no {target['kind']} {target['name']}"
    for container in cluster.containers():
        for name, value in container.env.items():
            if name.endswith(("_REGISTRY_URL", "_CATALOG_URL", "_SHARING_URL", "_INGEST_FILES_URL")):
                yield from _of_address(cluster, f"{container.where}: {name}", value)


def _of_workload(cluster: Cluster, workload: Workload) -> Iterator[str]:
    where, pod = workload.where, workload.pod
    if cluster.named("ServiceAccount", pod.get("serviceAccountName", "default")) is None:
        yield f"{where}: no ServiceAccount {pod.get('serviceAccountName', 'default')}"
    volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
    for volume in volumes.values():
        if "configMap" in volume:
            yield from _of_config(cluster, where, volume["configMap"]["name"], None)
        if "secret" in volume and not volume["secret"].get("items"):
            yield f"{where}: the keys of the Secret {volume['secret']['secretName']} are not listed"
    for body in workload.containers:
        for source in body.get("envFrom", ()):
            if "configMapRef" not in source:
                yield f"{where}: variables are taken from something else than a ConfigMap"
            else:
                yield from _of_config(cluster, where, source["configMapRef"]["name"], None)
        for variable in body.get("env", ()):
            yield from _of_variable(cluster, where, variable)
        yield from (
            f"{where}: no volume {mount['name']}"
            for mount in body.get("volumeMounts", ())
            if mount["name"] not in volumes
        )
    selector = workload.body["spec"].get("selector", {}).get("matchLabels", {})
    if not selector.items() <= workload.labels.items():
        yield f"{where}: its selector does not find its own pods"
    for spread in pod.get("topologySpreadConstraints", ()):
        if not spread["labelSelector"]["matchLabels"].items() <= workload.labels.items():
            yield f"{where}: it is spread by the labels of other pods"


def _of_variable(cluster: Cluster, where: str, variable: Body) -> Iterator[str]:
    source: Body = variable.get("valueFrom", {})
    if "secretKeyRef" in source:
        yield f"{where}: {variable['name']} brings a Secret into the environment; secrets are files"
    if (reference := source.get("configMapKeyRef")) is not None:
        yield from _of_config(cluster, where, reference["name"], reference["key"])


def _of_config(cluster: Cluster, where: str, name: str, key: str | None) -> Iterator[str]:
    found = cluster.named("ConfigMap", name)
    if found is None and name not in EXTERNAL_CONFIG:
        yield f"{where}: no ConfigMap {name}"
    elif key is not None and key not in (EXTERNAL_CONFIG[name] if found is None else found.get("data", {})):
        yield f"{where}: the ConfigMap {name} has no {key}"


def _of_service(cluster: Cluster, service: Body) -> Iterator[str]:
    name, spec = service["metadata"]["name"], service["spec"]
    found = [w for w in cluster.workloads("Deployment") if spec["selector"].items() <= w.labels.items()]
    if len(found) != 1:
        yield f"Service {name}: it finds the pods of {len(found)} Deployments instead of one"
    for workload in found:
        ports = {
            p for body in workload.containers for o in body.get("ports", ()) for p in (o["name"], o["containerPort"])
        }
        for port in spec["ports"]:
            if port.get("targetPort", port["port"]) not in ports:
                yield f"Service {name}: {workload.where} has no port {port.get('targetPort')}"


def _of_backend(cluster: Cluster, ingress: str, backend: Body) -> Iterator[str]:
    service = cluster.named("Service", backend["name"])
    port: Any = backend["port"].get("name", backend["port"].get("number"))
    if service is None:
        yield f"Ingress {ingress}: no Service {backend['name']}"
    elif port not in {p for o in service["spec"]["ports"] for p in (o.get("name"), o["port"])}:
        yield f"Ingress {ingress}: the Service {backend['name']} has no port {port}"


def _of_address(cluster: Cluster, where: str, url: str) -> Iterator[str]:
    parts = urlsplit(url)
    service = cluster.named("Service", parts.hostname or "")
    if service is None or parts.port not in {port["port"] for port in service["spec"]["ports"]}:
        yield f"{where}: no Service at {url}"
