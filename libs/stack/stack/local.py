"""The three servers as local processes: prepared, initialised, configured, and handed to a supervisor."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stack import kafka, minio, postgres
from stack.archive import prepare_all
from stack.cache import locked
from stack.control import Condition, Control
from stack.endpoints import (
    Endpoints,
    KafkaEndpoint,
    ListenerEndpoint,
    PostgresEndpoint,
    Provider,
    S3Endpoint,
)
from stack.errors import AddressInUse, AlreadyRunning
from stack.fetch import Prepared
from stack.folder import RunFolder, Secrets, write_private
from stack.kafka import KafkaListener, KafkaPorts
from stack.launch import Child
from stack.postgres import PostgresPlan
from stack.process import free_ports
from stack.program import Program
from stack.progress import say
from stack.supervisor import Orders
from stack.wanted import MorePrograms, Wanted, nothing_more

START_TRIES: Final = 4
"""How often new ports are taken when someone was quicker."""
HOST: Final = "127.0.0.1"


class Stack:
    """The running servers of one folder, for a test or a command that stays.

    They live as long as this process: when it ends, even by SIGKILL, they are stopped. Data and passwords stay in the
    folder. Names of programs: `postgres`, `minio`, `kafka`, and those of the caller.
    """

    def __init__(self, child: Child, endpoints: Endpoints) -> None:
        self._child = child
        self._control = Control(child.folder)
        self.endpoints = endpoints

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        environ: Mapping[str, str] | None = None,
        kafka_listeners: Sequence[KafkaListener] = (),
        postgres_settings: Mapping[str, str] | None = None,
        programs: MorePrograms = nothing_more,
    ) -> Self:
        """Start the servers in `folder`; returns when all of them, and then `programs(endpoints)`, are ready.

        `environ` says where the cache is (default: the process's own). The first call on a machine takes some minutes
        (see `fetch`).

        Raises:
            StackError: see `errors`; nothing is left running then.
        """
        wanted = Wanted(
            kafka_listeners=tuple(kafka_listeners), postgres_settings=postgres_settings or {}, programs=programs
        )
        child, endpoints = bring_up(folder, os.environ if environ is None else environ, wanted)
        return cls(child, endpoints)

    def add(self, *programs: Program) -> None:
        """Start more programs, one after another, each ready before the next; they are stopped before the servers."""
        for one in programs:
            self._control.add(one)

    def status(self) -> tuple[Condition, ...]:
        return self._control.status()

    def start(self, name: str) -> None:
        """Start a stopped, killed or dead program again, with the same ports and data."""
        self._control.start(name)

    def stop(self, name: str) -> None:
        """Stop it in order."""
        self._control.stop(name)

    def kill(self, name: str) -> None:
        """SIGKILL to it and all its children."""
        self._control.kill(name)

    def pause(self, name: str) -> None:
        """SIGSTOP to it and all its children: it is there and does not answer."""
        self._control.pause(name)

    def resume(self, name: str) -> None:
        """SIGCONT after `pause`."""
        self._control.resume(name)

    def close(self) -> None:
        """Stop everything in order; returns when it is gone. Harmless when called again."""
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def bring_up(folder: Path, environ: Mapping[str, str], wanted: Wanted) -> tuple[Child, Endpoints]:
    """Everything up to the running servers; the caller decides whether the child is kept or detached.

    Two calls for one folder at once: the second waits for the first, and then finds it running.

    Raises:
        AlreadyRunning: the folder's servers run.
        StackError: see `errors`; nothing is left running then.
    """
    postgres.check_settings(wanted.postgres_settings)
    run = RunFolder(folder.absolute())
    run.make()
    with locked(run.root / "start.lock", on_wait=lambda: say("… waiting for another start in the same folder")):
        if run.held():
            raise AlreadyRunning(f"{run.root} 中的服务器已在运行。", f"The servers in {run.root} are running already.")
        prepared = prepare_all(environ)
        secrets = run.secrets()
        _initialise(prepared, run, secrets)
        for left in reversed(range(START_TRIES)):
            orders, endpoints = _orders(prepared, run, secrets, wanted)
            try:
                child = Child.start(orders)
            except AddressInUse:
                if not left:
                    raise
                continue
            write_private(run.endpoints_file, endpoints.dump())
            return child, endpoints
    raise AssertionError


def _initialise(prepared: Prepared, run: RunFolder, secrets: Secrets) -> None:
    """Both at once, since each mostly waits for its disk or its own interpreter."""
    (run.data / minio.NAME).mkdir(exist_ok=True, mode=0o700)
    (run.conf / "certificates").mkdir(exist_ok=True)
    with ThreadPoolExecutor(2) as both:
        first = both.submit(kafka.initialise, prepared, run.data / kafka.NAME, secrets)
        second = both.submit(
            postgres.initialise, prepared.postgres, run.data / postgres.NAME, secrets.postgres_password
        )
        second.result()
        first.result()


def _orders(prepared: Prepared, run: RunFolder, secrets: Secrets, wanted: Wanted) -> tuple[Orders, Endpoints]:
    """One choice of ports and all that follows from it."""
    for_postgres, for_minio, client, controller, *extra = free_ports(4 + len(wanted.kafka_listeners))
    ports = KafkaPorts(
        client=client, controller=controller, extra=tuple(zip(extra, wanted.kafka_listeners, strict=True))
    )
    kafka.configure(run.conf, ports, secrets)
    endpoints = _endpoints(secrets, for_postgres, for_minio, ports)
    plan = PostgresPlan(
        programs=prepared.postgres,
        data=run.data / postgres.NAME,
        port=for_postgres,
        settings=wanted.postgres_settings,
    )
    servers = (
        postgres.program(plan),
        minio.program(prepared.minio, run.data / minio.NAME, run.conf / "certificates", for_minio, secrets),
        kafka.program(prepared, run.data / kafka.NAME, run.conf, client),
    )
    return Orders(folder=run.root, programs=(*servers, *wanted.programs(endpoints))), endpoints


def _endpoints(secrets: Secrets, for_postgres: int, for_minio: int, ports: KafkaPorts) -> Endpoints:
    return Endpoints(
        provider=Provider.LOCAL,
        postgres=PostgresEndpoint(
            host=HOST, port=for_postgres, user=postgres.SUPERUSER, password=secrets.postgres_password
        ),
        kafka=KafkaEndpoint(
            bootstrap=f"{HOST}:{ports.client}",
            user=kafka.ADMIN,
            password=secrets.kafka_password,
            listeners=tuple(
                ListenerEndpoint(bind_port=port, advertised_port=listener.advertised_port)
                for port, listener in ports.extra
            ),
        ),
        s3=S3Endpoint(
            endpoint=f"{HOST}:{for_minio}", access_key=secrets.s3_access_key, secret_key=secrets.s3_secret_key
        ),
    )
