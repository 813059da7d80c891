"""The published schemas: Kubernetes' own for the manifests, the Compose specification's for the compose file."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.deploy.findings import Result

KUBERNETES: Final = ("1.30", "1.37")
"""The oldest version that the manifests are written for, and the newest whose schema we have."""
SECONDS: Final = 60


def manifests(subject: str, rendered: Path, objects: int) -> list[Result]:
    """The rendered file against the schemas of both versions; an unknown field is a fault."""
    return [
        _ran(
            f"{subject}: schema of Kubernetes {version}",
            objects,
            "kubernetes-validate", "--strict", "--kubernetes-version", version, str(rendered),
        )
        for version in KUBERNETES
    ]  # fmt: skip


def compose(subject: str, file: Path, services: int) -> Result:
    """The compose file against the specification's schema."""
    return _ran(
        f"{subject}: schema of Compose",
        services,
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(file),
    )  # fmt: skip


def _ran(name: str, seen: int, program: str, *words: str) -> Result:
    # Beside this Python, and never through a pipe: its status is the answer.
    command = [str(Path(sys.executable).with_name(program)), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode == 0:
        return Result.of(name, seen, ())
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not line.startswith("INFO")]
    return Result.of(name, seen, said or [f"{program} ended with status {done.returncode}"])
