"""Checks offline what the exchange is deployed with: python -m tests.deploy."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from stack.errors import StackError
from tests.deploy import compose, dependencies, hardening, images, kustomize, programs, references, schemas
from tests.deploy.cluster import Cluster
from tests.deploy.findings import Result
from tests.deploy.programs import Container

ROOT: Final = Path(__file__).resolve().parents[2]
K8S: Final = ROOT / "deploy" / "k8s"


def of_containers(subject: str, containers: list[Container]) -> Iterator[Result]:
    """Whether our programs would start with what they are given."""
    runs = [c for c in containers if programs.exists(c)]
    strange = [f"{c.where}: {c.service} has no command {c.command!r}" for c in containers if not programs.exists(c)]
    yield Result.of(f"{subject}: commands", len(containers), strange)
    checks: dict[str, Callable[[Container], Iterator[str]]] = {
        "variables are settings": programs.unknown_variables,
        "settings are complete": programs.missing_settings,
        "values are accepted": programs.refused_values,
    }
    settings = sum(len(c.env) + len(c.secrets) for c in runs)
    for name, check in checks.items():
        yield Result.of(f"{subject}: {name}", settings, (fault for c in runs for fault in check(c)))
    watched = [c for c in runs if c.health]
    faults = (fault for c in watched for fault in programs.misplaced_health(c))
    yield Result.of(f"{subject}: health is asked where it is", len(watched), faults)


def of_cluster(subject: str, cluster: Cluster, known: frozenset[str], readme: Path) -> Iterator[Result]:
    """An overlay beyond its schema."""
    bodies = [(w.where, b["image"]) for w in cluster.workloads() for b in w.containers]
    faults = (fault for where, image in bodies for fault in images.name_faults(where, image, known))
    strangers = [f"{where}: {image} is not ours" for where, image in bodies if images.service_of(image) is None]
    yield Result.of(f"{subject}: images", len(bodies), [*faults, *strangers])
    yield from of_containers(subject, list(cluster.containers()))
    yield Result.of(f"{subject}: references", len(cluster.objects), references.faults(cluster))
    yield Result.of(f"{subject}: Secrets", *_secrets(cluster, readme))
    yield Result.of(f"{subject}: hardening", len(cluster.workloads()), hardening.faults(cluster))
    yield Result.of(
        f"{subject}: disruption", len(cluster.of("PodDisruptionBudget")), hardening.disruption_faults(cluster)
    )
    yield Result.of(f"{subject}: network", len(cluster.of("NetworkPolicy")), hardening.network_faults(cluster))


def _secrets(cluster: Cluster, readme: Path) -> tuple[int, list[str]]:
    told, used = references.documented_secrets(readme), references.used_secrets(cluster)
    faults = [
        f"Secret {name}: {', '.join(sorted(keys - told.get(name, frozenset())))} is not in the README's table"
        for name, keys in used.items()
        if keys - told.get(name, frozenset())
    ]
    return sum(map(len, used.values())), faults


def unused_secrets(clusters: list[Cluster], readme: Path) -> Result:
    """Secrets that the README asks for and no overlay mounts."""
    told = {(name, key) for name, keys in references.documented_secrets(readme).items() for key in keys}
    used = {(n, k) for c in clusters for n, keys in references.used_secrets(c).items() for k in keys}
    return Result.of("README: Secrets", len(told), (f"{n}/{k} is used by no overlay" for n, k in sorted(told - used)))


def provisioned_secrets(clusters: list[Cluster], made: Mapping[str, frozenset[str]]) -> Result:
    """The Secrets of services and migrations are the very folders that `python -m provision secrets` writes."""
    used = [(n, keys) for c in clusters for n, keys in references.used_secrets(c).items() if not n.endswith("-tls")]
    faults = [
        f"{name}: provisioning makes no {key}" for name, keys in used for key in keys - made.get(name, frozenset())
    ]
    return Result.of("overlays: Secrets are what provisioning makes", len(used), faults)


def of_compose(root: Path, known: frozenset[str], secrets: Mapping[str, frozenset[str]]) -> Iterator[Result]:
    """The compose file beyond its schema."""
    found = compose.load(root / "docker-compose.yml")
    bodies = [(f"service {name}", body["image"]) for name, body in found.services.items()]
    faults = (fault for where, image in bodies for fault in images.name_faults(where, image, known))
    yield Result.of("compose: images", len(bodies), faults)
    yield from of_containers("compose", list(found.containers(secrets)))
    yield Result.of("compose: references", len(bodies), compose.reference_faults(found, secrets))
    yield Result.of("compose: hardening", len(bodies), compose.hardening_faults(found))
    yield Result.of("compose: .env.example", len(found.variables), compose.example_faults(found, root / ".env.example"))


def run(command: tuple[str, ...]) -> list[Result]:
    """Everything; `command` renders a kustomization."""
    results: list[Result] = []
    clusters: list[Cluster] = []
    overlays = sorted(path.parent for path in K8S.glob("overlays/*/kustomization.yaml"))
    made = compose.made_secrets(ROOT)
    known = images.buildable(ROOT / "deploy" / "docker" / "Dockerfile")
    with tempfile.TemporaryDirectory(prefix="shuqiao-deploy-") as name, ThreadPoolExecutor(2) as aside:
        validated: list[Future[list[Result]]] = []
        file = ROOT / "docker-compose.yml"
        shape = aside.submit(schemas.compose, "compose", file, len(compose.load(file).services))
        for overlay in overlays:
            subject, rendered = f"overlays/{overlay.name}", Path(name) / f"{overlay.name}.yaml"
            try:
                text = kustomize.render(command, overlay)
            except kustomize.NotRendered as error:
                results.append(Result.of(f"{subject}: rendered", 0, [str(error)]))
                continue
            rendered.write_text(text, encoding="utf-8")
            cluster = Cluster(tuple(kustomize.objects(text)))
            clusters.append(cluster)
            validated.append(aside.submit(schemas.manifests, subject, rendered, len(cluster.objects)))
            results += [
                Result.of(f"{subject}: rendered", len(cluster.objects), ()),
                *of_cluster(subject, cluster, known, K8S / "README.md"),
            ]
        results += [
            Result.of("overlays", len(overlays), ()),
            unused_secrets(clusters, K8S / "README.md"),
            images.dockerfile(ROOT, known),
            dependencies.check(ROOT),
            provisioned_secrets(clusters, made),
            *of_compose(ROOT, known, made),
            *(result for done in validated for result in done.result()),
            shape.result(),
        ]
    return results


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.deploy", description=__doc__)
    parser.add_argument("--own-kustomize", action="store_true", help="render with our own kustomize, kubectl or not")
    options = parser.parse_args(arguments)
    try:
        command = kustomize.renderer(os.environ, own=options.own_kustomize)
    except (kustomize.NotRendered, StackError) as error:
        sys.stdout.write(f"✗ nothing could be rendered: {error}\n")
        return 1
    sys.stdout.write(f"… rendering with {' '.join(command)}\n")
    results = run(command)
    for result in results:
        sys.stdout.write(result.line + "\n")
    wrong = sum(1 for result in results if result.faults)
    sys.stdout.write(f"{len(results)} checks, {wrong} with faults\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
