"""The compose file beyond its schema: names that lead somewhere, settings that the programs read, nothing in excess."""

import contextlib
import importlib.util
import io
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from provision import __main__ as provision
from tests.deploy import images
from tests.deploy.cluster import command_of
from tests.deploy.programs import Container

Body = Mapping[str, Any]
VARIABLE: Final = re.compile(r"\$\{([A-Z0-9_]+)(?::?-([^}]*))?\}")
ADDRESS: Final = re.compile(r"(?:https?://)?([a-z][a-z0-9-]*):([0-9]+)")
LOOPBACK: Final = "127.0.0.1"
PUBLISHED: Final = frozenset({"gateway", "registry", "catalog", "sharing", "ingest-files", "audit", "minio"})
"""What is reached from outside: calls, APIs, and the store to which files are uploaded."""
ROOTS: Final = {"postgres": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}}
"""Capabilities that a server's image needs to give up being root."""


@dataclass(frozen=True, slots=True)
class Compose:
    """The file, with the defaults of its variables filled in."""

    body: Body
    variables: frozenset[str]
    """The names of the variables that it takes from the environment."""

    @property
    def services(self) -> Mapping[str, Body]:
        found: Mapping[str, Body] = self.body["services"]
        return found

    def containers(self, secrets: Mapping[str, frozenset[str]]) -> Iterator[Container]:
        """Our containers; `secrets` are the files in each folder of the volume of secrets."""
        for name, body in self.services.items():
            if (service := images.service_of(body["image"])) is None:
                continue
            mount = next((m for m in body.get("volumes", ()) if _is_secrets(m)), None)
            folder = mount.get("volume", {}).get("subpath") if mount else None
            yield Container(
                where=f"service {name}",
                service=service,
                command=command_of(body.get("entrypoint"), body.get("command")),
                env={key: str(value) for key, value in body.get("environment", {}).items()},
                secrets=secrets.get(folder, frozenset()) if folder else frozenset(),
                folder=mount["target"] if mount and folder else None,
                health=_health(body),
            )


def _is_secrets(mount: Body) -> bool:
    return mount.get("source") == "secrets" and mount.get("target") == "/run/shuqiao"


def _health(body: Body) -> frozenset[int]:
    words = body.get("healthcheck", {}).get("test", ())
    return frozenset(int(port) for word in words for port in re.findall(r"http://127\.0\.0\.1:([0-9]+)/", word))


def load(file: Path) -> Compose:
    """Read the file as Compose does where nothing is set in the environment."""
    text = file.read_text(encoding="utf-8")
    filled = VARIABLE.sub(lambda found: found[2] or "", text)
    return Compose(yaml.safe_load(filled), frozenset(found[1] for found in VARIABLE.finditer(text)))


def made_secrets(root: Path) -> dict[str, frozenset[str]]:
    """The folders of secrets with the names of their files, as the job `secrets` makes them: it is run here."""
    file = root / "deploy" / "docker" / "administrators.py"
    spec = importlib.util.spec_from_file_location("administrators", file)
    assert spec is not None
    assert spec.loader is not None
    administrators = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(administrators)
    with tempfile.TemporaryDirectory(prefix="shuqiao-secrets-") as name:
        folder = Path(name)
        with contextlib.redirect_stdout(io.StringIO()):
            provision.main(
                ["secrets", "--file", str(folder / "provision" / "installation.json"), "--folder", str(folder)]
            )
        administrators.make(folder)
        return {f.name: frozenset(p.name for p in f.iterdir()) for f in folder.iterdir() if f.is_dir()}


def reference_faults(compose: Compose, secrets: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Names that lead nowhere: services, networks, volumes, folders of secrets, hosts in addresses."""
    for name, body in compose.services.items():
        where = f"service {name}"
        for needed, how in body.get("depends_on", {}).items():
            yield from _of_dependency(compose, where, needed, how["condition"])
        for network in body.get("networks", ()):
            if network not in compose.body.get("networks", {}):
                yield f"{where}: no network {network}"
        for mount in body.get("volumes", ()):
            yield from _of_mount(compose, secrets, where, mount)
        yield from _of_addresses(compose, name, body)
        service = images.service_of(body["image"])
        if service and body.get("build", {}).get("args", {}).get("SERVICE") != service:
            yield f"{where}: the image {body['image']} is not built with SERVICE={service}"
    awaited = {
        needed
        for body in compose.services.values()
        for needed, how in body.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    jobs = {name for name, body in compose.services.items() if body.get("restart") == "no"}
    yield from (f"service {n}: nobody waits for its end, so `up --wait` would fail" for n in sorted(jobs - awaited))
    used = {n for body in compose.services.values() for n in body.get("networks", ())}
    yield from (f"network {n}: nobody uses it" for n in sorted(set(compose.body.get("networks", {})) - used))


def _of_dependency(compose: Compose, where: str, needed: str, condition: str) -> Iterator[str]:
    body = compose.services.get(needed)
    if body is None:
        yield f"{where}: it waits for {needed}, which is not there"
    elif condition == "service_healthy" and not body.get("healthcheck", {}).get("test"):
        yield f"{where}: it waits for the health of {needed}, which nobody asks"
    elif condition == "service_completed_successfully" and body.get("restart") != "no":
        yield f"{where}: it waits for the end of {needed}, which does not end"


def _of_mount(compose: Compose, secrets: Mapping[str, frozenset[str]], where: str, mount: Body) -> Iterator[str]:
    source = mount["source"]
    if mount["type"] == "volume" and source not in compose.body.get("volumes", {}):
        yield f"{where}: no volume {source}"
    folder = mount.get("volume", {}).get("subpath")
    if source == "secrets" and folder is not None and folder not in secrets:
        yield f"{where}: the job of secrets makes no folder {folder}"
    if source == "secrets" and where != "service secrets" and (folder is None or not mount.get("read_only")):
        yield f"{where}: it sees secrets that are not its own, or may change them"


def _of_addresses(compose: Compose, name: str, body: Body) -> Iterator[str]:
    for key, value in body.get("environment", {}).items():
        found = ADDRESS.fullmatch(str(value))
        if found is None:
            continue
        other = compose.services.get(found[1])
        if other is None:
            yield f"service {name}: {key} names {found[1]}, which is not there"
        elif not set(body["networks"]) & set(other["networks"]):
            yield f"service {name}: {key} names {found[1]}, with which it shares no network"


def hardening_faults(compose: Compose) -> Iterator[str]:
    """What a container is allowed and should not be, or lacks."""
    for name, body in compose.services.items():
        where = f"service {name}"
        if body.get("read_only") is not True:
            yield f"{where}: its root can be written"
        if body.get("cap_drop") != ["ALL"] or set(body.get("cap_add", ())) - ROOTS.get(name, set()):
            yield f"{where}: it keeps capabilities"
        if "no-new-privileges:true" not in body.get("security_opt", ()):
            yield f"{where}: it can gain privileges"
        if body.get("privileged") or body.get("pid") or body.get("network_mode", "none") != "none":
            yield f"{where}: it is not kept apart from the machine"
        if "mem_limit" not in body:
            yield f"{where}: its memory has no limit"
        if "restart" not in body:
            yield f"{where}: nothing says whether it is started again"
        if body.get("restart") != "no" and not body.get("healthcheck", {}).get("test"):
            yield f"{where}: nobody asks for its health"
        for port in body.get("ports", ()):
            if name not in PUBLISHED:
                yield f"{where}: it is published"
            if not str(port).startswith(f"{LOOPBACK}:"):
                yield f"{where}: {port} is not published on {LOOPBACK} by default"
        yield from (
            f"{where}: {key} holds a secret"
            for key in body.get("environment", {})
            if re.search(r"PASSWORD$|SECRET$|TOKEN$|_KEY$", key) and not key.endswith("ACCESS_KEY")
        )


def example_faults(compose: Compose, example: Path) -> Iterator[str]:
    """Variables that `.env.example` does not explain, or explains in vain."""
    told = set(re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", example.read_text(encoding="utf-8"), re.MULTILINE))
    yield from (f"{name} is not in {example.name}" for name in sorted(compose.variables - told))
    yield from (f"{name} in {example.name} is read by nothing" for name in sorted(told - compose.variables))
