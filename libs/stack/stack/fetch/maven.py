"""Kafka's jars from Maven Central, resolved by jgo: no Maven and no Java needed for it.

jgo's `EnvironmentBuilder` is passed by on purpose: it fetches a JDK of its own to sort jars into modules, which nobody
here needs. The resolver alone gives the same 46 jars.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jgo.maven import Artifact, MavenContext, PythonResolver
from jgo.parse import Coordinate

TRIES: Final = 3
"""How often one file is asked for; a slow line breaks more often than a registry."""
PAUSE: Final = 2.0
"""Seconds between two tries."""
TIMEOUT: Final = 30
"""Seconds without a byte before a request counts as failed."""


class CountingResolver(PythonResolver):
    """jgo's resolver that counts the files it loads, tries again, and leaves no half file behind.

    jgo trusts whatever lies in its folder, so a half file would be taken for a whole one at the next call.
    """

    def __init__(self, on_file: Callable[[int], None]) -> None:
        super().__init__()
        self._on_file = on_file
        self._loaded = 0

    def download(self, artifact: Artifact) -> Path | None:
        for left in reversed(range(TRIES)):
            try:
                path = super().download(artifact)
            except (
                OSError,
                RuntimeError,
            ):  # requests' errors are OSErrors; a refusal of the registry is a RuntimeError
                if artifact.cached_path is not None:
                    artifact.cached_path.unlink(missing_ok=True)
                if not left:
                    raise
                time.sleep(PAUSE)
            else:
                self._loaded += 1
                self._on_file(self._loaded)
                return path
        return None  # not reached: the last try raises


def resolve(
    coordinates: tuple[str, ...], folder: Path, registry: str | None, on_file: Callable[[int], None]
) -> list[Path]:
    """The jars of `coordinates` and of all they need at run time, loaded into `folder`.

    `registry` is a Maven repository's address, None for Maven Central. A coordinate is never taken as a bill of
    materials (`raw`): log4j's would swap the Kafka clients for an older version, and Kafka would die at its start.

    Raises:
        OSError, RuntimeError: the registry cannot be reached, or does not have a file.
    """
    remotes = None if registry is None else {"central": registry.rstrip("/")}
    context = MavenContext(CountingResolver(on_file), repo_cache=folder, remote_repos=remotes, timeout=TIMEOUT)
    wanted = [context.create_dependency(Coordinate.parse(c + "!")) for c in coordinates]
    for dependency in wanted:
        dependency.scope = "compile"
    direct, further = context.resolver.resolve(wanted)
    needed = [*direct, *(d for d in further if d.scope in ("compile", "runtime"))]
    return [d.artifact.resolve() for d in needed]
