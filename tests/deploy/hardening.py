"""What every workload of ours has: probes, bounds, no privileges, a way to be disrupted, rules for its network."""

from collections.abc import Iterator, Mapping
from typing import Final

from tests.deploy.cluster import PROBES, Body, Cluster, Workload, probed_port

DRAIN_SECONDS: Final = 22
"""10 s for requests under way and 12 s for the readers, as the programs give themselves."""
STEPS: Final = ("foundation", "provision", "migrate", "run")
PAGES: Final = {"startupProbe": "/health/live", "livenessProbe": "/health/live", "readinessProbe": "/health/ready"}
HOST: Final = ("hostNetwork", "hostPID", "hostIPC")


def faults(cluster: Cluster) -> Iterator[str]:
    """What a workload lacks, or has too much of."""
    for workload in cluster.workloads():
        yield from _pod(workload)
        for body in workload.containers:
            yield from _container(workload.where, body)
            if workload.kind == "Deployment":
                yield from _probes(workload.where, body)
        if workload.kind == "Deployment":
            yield from _stopping(workload)
        elif "ttlSecondsAfterFinished" not in workload.body["spec"]:
            yield f"{workload.where}: it stays for ever (ttlSecondsAfterFinished)"
    for container in cluster.containers():
        if "GATEWAY_WORKER" in container.env:
            yield f"{container.where}: one GATEWAY_WORKER for all its pods, so that their records share their numbers"
    for secret in cluster.of("Secret"):
        if secret.get("data") or secret.get("stringData"):
            yield f"Secret {secret['metadata']['name']}: a manifest holds its values"
    for found in cluster.objects:
        if found["metadata"].get("labels", {}).get("shuqiao/step") not in STEPS:
            yield f"{found['kind']} {found['metadata']['name']}: it belongs to no step of {', '.join(STEPS)}"


def _pod(workload: Workload) -> Iterator[str]:
    where, pod = workload.where, workload.pod
    security: Body = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield f"{where}: it may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{where}: no seccomp profile"
    for name in ("automountServiceAccountToken", "enableServiceLinks"):
        if pod.get(name) is not False:
            yield f"{where}: {name} is not false"
    yield from (f"{where}: {name}" for name in HOST if pod.get(name))
    yield from (f"{where}: a folder of the machine is mounted" for v in pod.get("volumes", ()) if "hostPath" in v)


def _container(where: str, body: Body) -> Iterator[str]:
    security: Body = body.get("securityContext", {})
    if security.get("privileged"):
        yield f"{where}: privileged"
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{where}: allowPrivilegeEscalation is not false"
    if security.get("readOnlyRootFilesystem") is not True:
        yield f"{where}: its root can be written"
    capabilities: Body = security.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield f"{where}: it keeps capabilities"
    resources: Body = body.get("resources", {})
    for kind, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
        if name not in resources.get(kind, {}):
            yield f"{where}: resources.{kind}.{name} is missing"


def _probes(where: str, body: Body) -> Iterator[str]:
    for name in PROBES:
        if name not in body:
            yield f"{where}: no {name}"
        elif body[name].get("httpGet", {}).get("path") != PAGES[name]:
            yield f"{where}: {name} does not ask {PAGES[name]}"
        elif probed_port(body, name) is None:
            yield f"{where}: {name} asks a port that the container does not have"


def _stopping(workload: Workload) -> Iterator[str]:
    where = workload.where
    waits = [_seconds(body) for body in workload.containers]
    grace = workload.pod.get("terminationGracePeriodSeconds", 30)
    if grace <= DRAIN_SECONDS + max(waits):
        yield f"{where}: killed after {grace} s, before its {DRAIN_SECONDS + max(waits)} s of stopping are over"
    if "topologySpreadConstraints" not in workload.pod:
        yield f"{where}: nothing spreads it over machines"
    if "hostname" in workload.pod:
        yield f"{where}: all its pods call themselves {workload.pod['hostname']}"


def _seconds(body: Body) -> int:
    words = body.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    return int(words[-1])


def disruption_faults(cluster: Cluster) -> Iterator[str]:
    """Each Deployment is under one budget, and none of them forbids every disruption."""
    budgets = cluster.of("PodDisruptionBudget")
    deployments = cluster.workloads("Deployment")
    for workload in deployments:
        found = [b for b in budgets if _selects(b["spec"]["selector"], workload.labels)]
        if len(found) != 1:
            yield f"{workload.where}: it has {len(found)} PodDisruptionBudgets"
    for budget in budgets:
        name, spec = budget["metadata"]["name"], budget["spec"]
        if not any(_selects(spec["selector"], workload.labels) for workload in deployments):
            yield f"PodDisruptionBudget {name}: it finds no pods"
        if str(spec.get("maxUnavailable", "0")) in {"0", "0%"}:
            yield f"PodDisruptionBudget {name}: no machine could ever be emptied"


def network_faults(cluster: Cluster) -> Iterator[str]:
    """Everything is denied first, each workload has rules of its own, and no rule is for nobody."""
    policies = [p["spec"] | {"name": p["metadata"]["name"]} for p in cluster.of("NetworkPolicy")]
    denying = [p for p in policies if not p["podSelector"] and not p.get("ingress") and not p.get("egress")]
    if {"Ingress", "Egress"} - {kind for policy in denying for kind in policy["policyTypes"]}:
        yield "no NetworkPolicy denies everything first"
    own = [p for p in policies if p["podSelector"]]
    for workload in cluster.workloads():
        kinds = {kind for p in own if _selects(p["podSelector"], workload.labels) for kind in p["policyTypes"]}
        wanted = {"Ingress", "Egress"} if workload.kind == "Deployment" else {"Egress"}
        yield from (f"{workload.where}: no NetworkPolicy for {kind}" for kind in sorted(wanted - kinds))
    labels = [workload.labels for workload in cluster.workloads()]
    yield from _closed_ports(cluster, own)
    for policy in own:
        if not any(_selects(policy["podSelector"], found) for found in labels):
            yield f"NetworkPolicy {policy['name']}: it is for no pod"
        for peer in [*policy.get("ingress", ()), *policy.get("egress", ())]:
            for side in [*peer.get("from", ()), *peer.get("to", ())]:
                selector = side.get("podSelector")
                if selector and "namespaceSelector" not in side and not any(_selects(selector, f) for f in labels):
                    yield f"NetworkPolicy {policy['name']}: it lets in, or out to, no pod"
            if not peer.get("from") and not peer.get("to"):
                yield f"NetworkPolicy {policy['name']}: it is open to everybody"


def _closed_ports(cluster: Cluster, policies: list[Body]) -> Iterator[str]:
    """Ports that a policy opens and no pod of it has."""
    for policy in policies:
        for workload in cluster.workloads():
            if _selects(policy["podSelector"], workload.labels):
                ports = {p["containerPort"] for body in workload.containers for p in body.get("ports", ())}
                opened = {p["port"] for rule in policy.get("ingress", ()) for p in rule.get("ports", ())}
                for port in sorted(opened - ports):
                    yield f"NetworkPolicy {policy['name']}: {workload.where} has no port {port}"


def _selects(selector: Body, labels: Mapping[str, str]) -> bool:
    matched: Mapping[str, str] = selector.get("matchLabels", {})
    return matched.items() <= labels.items()
