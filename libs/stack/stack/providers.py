"""Where the servers come from: named by the environment, else Docker, else local processes."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.containers import containers, engine_answers
from stack.endpoints import VARIABLES, Endpoints, from_environment
from stack.errors import BadSettings
from stack.kafka import KafkaListener
from stack.local import bring_up
from stack.wanted import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `acquire` was asked."""

    folder: Path
    environ: Mapping[str, str]
    wanted: Wanted


Source = Callable[[Request], AbstractContextManager[Endpoints] | None]
"""Gives the servers, or None: "not here, ask the next"."""


def named(request: Request) -> AbstractContextManager[Endpoints] | None:
    """The servers named by `SHUQIAO_POSTGRES_URL`, `SHUQIAO_KAFKA_URL` and `SHUQIAO_S3_URL`.

    Raises:
        BadSettings: not all three are named; or something is wanted that running servers do not give.
    """
    endpoints = from_environment(request.environ)
    if endpoints is None:
        return None
    if request.wanted.kafka_listeners or request.wanted.postgres_settings:
        names = ", ".join(VARIABLES)
        raise BadSettings(
            f"环境变量指定的服务器不能再增加 Kafka 监听或 PostgreSQL 设置;请取消 {names}。",
            f"Servers named by the environment take no extra listeners or settings; unset {names}.",
        )
    return _given(endpoints)


def docker(request: Request) -> AbstractContextManager[Endpoints] | None:
    """Containers, if an engine answers. Not exercised; see `containers`."""
    return containers(request.environ, request.wanted) if engine_answers() else None


def local(request: Request) -> AbstractContextManager[Endpoints]:
    """Local processes with their data in the folder."""
    return _processes(request)


SOURCES: Final[tuple[Source, ...]] = (named, docker, local)


@contextmanager
def acquire(
    folder: Path,
    *,
    environ: Mapping[str, str] | None = None,
    kafka_listeners: Sequence[KafkaListener] = (),
    postgres_settings: Mapping[str, str] | None = None,
    sources: Sequence[Source] = SOURCES,
) -> Iterator[Endpoints]:
    """Servers from the first source that has them, for as long as the block runs; `provider` says which it was.

    Raises:
        StackError: see `errors`.
    """
    request = Request(
        folder=folder,
        environ=os.environ if environ is None else environ,
        wanted=Wanted(kafka_listeners=tuple(kafka_listeners), postgres_settings=postgres_settings or {}),
    )
    for source in sources:
        if (servers := source(request)) is not None:
            with servers as endpoints:
                yield endpoints
            return
    raise BadSettings("没有可用的服务器来源。", "There is no source of servers.")


@contextmanager
def _given(endpoints: Endpoints) -> Iterator[Endpoints]:
    yield endpoints


@contextmanager
def _processes(request: Request) -> Iterator[Endpoints]:
    child, endpoints = bring_up(request.folder, request.environ, request.wanted)
    try:
        yield endpoints
    finally:
        child.close()
