"""Errors to be planted in the manifests and in the compose file, each with what the checks must say of it."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Objects = list[dict[str, Any]]


def find(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    """An object by kind and name; of a generated ConfigMap the name before its hash."""
    named = re.compile(rf"{name}(-[a-z0-9]{{10}})?")
    return next(o for o in objects if o["kind"] == kind and named.fullmatch(o["metadata"]["name"]))


def pod(objects: Objects, name: str = "registry", kind: str = "Deployment") -> dict[str, Any]:
    found: dict[str, Any] = find(objects, kind, name)["spec"]["template"]["spec"]
    return found


def main(objects: Objects, name: str = "registry") -> dict[str, Any]:
    found: dict[str, Any] = pod(objects, name)["containers"][0]
    return found


def secret(objects: Objects, name: str = "registry") -> dict[str, Any]:
    """The Secret that a Deployment mounts."""
    found: dict[str, Any] = next(v["secret"] for v in pod(objects, name)["volumes"] if "secret" in v)
    return found


Spoil = Callable[[Objects], object]
OBJECTS: Final[Mapping[str, tuple[Spoil, str]]] = {
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
        lambda o: secret(o, "gateway")["items"].pop(),
        "is neither set nor a secret",
    ),
    "unknown secret": (
        lambda o: secret(o)["items"].append({"key": "registry_peper", "path": "registry_peper"}),
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
        lambda o: next(m for m in main(o)["volumeMounts"] if m["name"] == "secrets").update(mountPath="/elsewhere"),
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
        lambda o: secret(o).update(secretName="registry2"),
        "Secret registry2: ",
    ),
    "no ConfigMap of variables": (lambda o: o.remove(find(o, "ConfigMap", "registry")), "no ConfigMap registry"),
    "no ConfigMap to mount": (
        lambda o: next(v for v in pod(o)["volumes"] if "configMap" in v)["configMap"].update(name="public-ca"),
        "no ConfigMap public-ca",
    ),
    "a Secret without a list of keys": (
        lambda o: secret(o).pop("items"),
        "the keys of the Secret registry are not listed",
    ),
    "variables from a Secret": (
        lambda o: main(o)["envFrom"].append({"secretRef": {"name": "registry"}}),
        "variables are taken from something else than a ConfigMap",
    ),
    "pods of nobody": (
        lambda o: find(o, "Deployment", "audit")["spec"]["selector"].update(matchLabels={"a": "b"}),
        "Deployment audit: its selector does not find its own pods",
    ),
    "spread like another": (
        lambda o: pod(o)["topologySpreadConstraints"][0]["labelSelector"].update(matchLabels={"a": "b"}),
        "it is spread by the labels of other pods",
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


SpoilService = Callable[[dict[str, Any]], object]
SERVICES: Final[Mapping[str, tuple[SpoilService, str]]] = {
    "waits for nobody": (
        lambda s: s["audit"]["depends_on"].update(x={"condition": "service_started"}),
        "it waits for x",
    ),
    "waits for the end of a server": (
        lambda s: s["audit"]["depends_on"].update(kafka={"condition": "service_completed_successfully"}),
        "kafka, which does not end",
    ),
    "waits for a health that nobody asks": (
        lambda s: s["audit"]["depends_on"].update({"migrate-audit": {"condition": "service_healthy"}}),
        "the health of migrate-audit, which nobody asks",
    ),
    "a job for which nobody waits": (
        lambda s: s["registry"]["depends_on"].pop("bootstrap"),
        "service bootstrap: nobody waits for its end",
    ),
    "a network of nobody": (lambda s: s["gateway"].update(networks=["data"]), "network callers: nobody uses it"),
    "no such network": (lambda s: s["gateway"].update(networks=["data", "world"]), "no network world"),
    "no such volume": (lambda s: s["minio"]["volumes"][0].update(source="store"), "no volume store"),
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
    "published in excess": (
        lambda s: s["postgres"].update(ports=["127.0.0.1:1:5432"]),
        "service postgres: it is published",
    ),
    "writable root": (lambda s: s["kafka"].pop("read_only"), "service kafka: its root can be written"),
    "capabilities": (lambda s: s["kafka"].update(cap_add=["SYS_ADMIN"]), "service kafka: it keeps capabilities"),
    "no bound": (lambda s: s["minio"].pop("mem_limit"), "service minio: its memory has no limit"),
    "a password": (
        lambda s: s["minio"]["environment"].update(MINIO_ROOT_PASSWORD="x"),
        "MINIO_ROOT_PASSWORD holds a secret",
    ),
}  # fmt: skip
