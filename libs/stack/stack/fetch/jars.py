"""Kafka 4.3.1 as a folder of jars in the cache, each checked against the checksum kept in this package."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from stack.cache import locked, require_free
from stack.errors import FetchFailed
from stack.progress import say, step

KAFKA_VERSION: Final = "4.3.1"
COORDINATES: Final = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    # Without a binding of slf4j Kafka logs nothing at all, errors included.
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
REGISTRY_VARIABLE: Final = "SHUQIAO_MAVEN_URL"
"""Names another Maven repository than Maven Central, such as a mirror inside the network."""
FILES_LOADED: Final = 127
"""Jars and project files that a cold resolution loads; the bar's length."""
SPACE_NEEDED: Final = 200 * 1024**2
LOCK_LIST: Final = "kafka-jars.sha256"


def expected() -> dict[str, str]:
    """File name to SHA-256 of every jar that Kafka is started from."""
    text = resources.files("stack.fetch").joinpath(LOCK_LIST).read_text(encoding="ascii")
    pairs = (line.split() for line in text.splitlines())
    return {name: digest for digest, name in pairs}


def kafka_jars(cache: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """All jars of Kafka, loaded on the first call and taken from the cache afterwards.

    Two first calls at once: the second waits for the first and finds its work done.

    Raises:
        FetchFailed: Maven Central (or the mirror named by `SHUQIAO_MAVEN_URL`) is out of reach, or gave other files.
        NoSpace: the cache's disk is full.
    """
    wanted = expected()
    folder = cache / f"kafka-{KAFKA_VERSION}-{_short(wanted)}"
    if not _complete(folder, wanted):
        with locked(cache / "kafka.lock", on_wait=lambda: say("… waiting for another run that loads Kafka")):
            if not _complete(folder, wanted):
                _load(cache, folder, wanted, environ.get(REGISTRY_VARIABLE) or None)
    return tuple(folder / name for name in sorted(wanted))


def verify(jars: list[Path], wanted: Mapping[str, str]) -> None:
    """Check that the jars are the expected ones, no more, no fewer, byte by byte.

    Raises:
        FetchFailed: naming the jars that differ; also when a Kafka jar carries another version than the pinned one.
    """
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}
    strange = sorted(n for n in found if n.startswith("kafka") and KAFKA_VERSION not in n)
    differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong := strange or differing:
        names = ", ".join(wrong)
        raise FetchFailed(
            f"下载的 Kafka 文件与本项目登记的校验值不符:{names}。请换一个 Maven 源({REGISTRY_VARIABLE})再试。",
            f"The files loaded for Kafka differ from the checksums kept here: {names}. "
            f"Try another Maven repository ({REGISTRY_VARIABLE}).",
        )


def _short(wanted: Mapping[str, str]) -> str:
    """Ten characters that change with any jar, so that a newer checkout never starts an older folder."""
    return hashlib.sha256(repr(sorted(wanted.items())).encode()).hexdigest()[:10]


def _complete(folder: Path, wanted: Mapping[str, str]) -> bool:
    """Whether the folder holds every jar; it is installed by one rename, so a name stands for a whole file."""
    return folder.is_dir() and wanted.keys() <= {path.name for path in folder.iterdir()}


def _load(cache: Path, folder: Path, wanted: Mapping[str, str], registry: str | None) -> None:
    from stack.fetch import maven  # noqa: PLC0415 - jgo takes 0.7 s to import, and is needed once

    for leftover in cache.glob("kafka-part-*"):  # of a run that was killed; we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    require_free(cache, SPACE_NEEDED, "Kafka")
    with tempfile.TemporaryDirectory(prefix="kafka-part-", dir=cache) as part:
        made = Path(part, "jars")
        made.mkdir()
        try:
            with step(f"Kafka {KAFKA_VERSION}", FILES_LOADED) as progress:
                jars = maven.resolve(COORDINATES, Path(part, "m2"), registry, progress.reached)
        except (OSError, RuntimeError) as error:
            raise FetchFailed(
                f"无法从 Maven 仓库下载 Kafka:{error}。"
                f"请检查网络、代理(HTTPS_PROXY)与证书(REQUESTS_CA_BUNDLE),或用 {REGISTRY_VARIABLE} 指定镜像后重试。",
                f"Kafka cannot be loaded from the Maven repository: {error}. Check the network, the proxy "
                f"(HTTPS_PROXY) and the certificates (REQUESTS_CA_BUNDLE), or name a mirror in {REGISTRY_VARIABLE}.",
            ) from error
        verify(jars, wanted)
        for jar in jars:
            jar.replace(made / jar.name)
        made.replace(folder)
