"""Several workers on one port: processes that share it by SO_REUSEPORT, and one above them that keeps them running.

The one above answers health and metrics for all of them. It is not Prometheus's own way for several processes (files
shared in a folder), because that knows no gauges that are asked when they are read, and would count the numbers of a
worker that died for ever; here each worker is asked on a path of its own and its numbers carry a label `worker`. For a
probe the pod is ready while one worker is: the port belongs to all, and a worker takes it only when it is ready itself.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from common import log
from gateway.jobs.serving import Server, Stop, serve

STARTED_WITHIN: Final = 5.0
"""Seconds after which a worker counts as having started well, and the next pause is short again."""
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 15.0)
_ASK_WITHIN: Final = 2.0
ASK_EVERY: Final = 5.0
_SILENT_AFTER: Final = 6
"""Times in a row that a worker may leave unanswered whether it lives; then it is ended, and started anew."""
_FIRST_WITHIN: Final = 60.0
"""Seconds that a worker may take to answer for the first time."""
_KILL_AFTER: Final = 5.0
"""Seconds beyond the workers' own bound until one that does not end is ended."""
_MAX_PAGE: Final = 8 * 1024 * 1024
_log = log.get(__name__)


@dataclass(slots=True)
class Worker:
    """One process among several, whichever has its place now."""

    index: int
    name: str
    path: Path
    """Where it answers health and metrics."""
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    failures: int = 0
    heard: bool = False
    """It has answered since it was started."""

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None


@dataclass(slots=True)
class Group:
    """The workers of one pod."""

    command: Sequence[str]
    environment: Callable[[Worker], dict[str, str]]
    """What each worker is told, beside what this process was told."""
    stop_within: float
    workers: list[Worker] = field(default_factory=list)
    ask_every: float = ASK_EVERY
    """Seconds between two questions whether a worker lives."""
    stopping: bool = False

    async def keep(self, worker: Worker) -> None:
        """Run a worker, and another in its place whenever it ends, until the group is stopped."""
        loop = asyncio.get_running_loop()
        while not self.stopping:
            began = loop.time()
            process = await self._start(worker)
            watching = asyncio.create_task(self._watch(worker, process))
            status = await process.wait()
            watching.cancel()
            if self.told_to_stop:
                return
            worker.failures = 0 if loop.time() - began > STARTED_WITHIN else worker.failures + 1
            pause = _PAUSES[min(worker.failures, len(_PAUSES) - 1)]
            _log.error("gateway.worker_ended", worker=worker.name, status=status, again_in=pause)
            await asyncio.sleep(pause)

    async def _start(self, worker: Worker) -> asyncio.subprocess.Process:
        worker.path.unlink(missing_ok=True)
        worker.starts += 1
        worker.heard = False
        # A worker ends when its standard input does: none is left behind, however this process ends.
        process = await asyncio.create_subprocess_exec(
            *self.command, stdin=asyncio.subprocess.PIPE, env={**os.environ, **self.environment(worker)}
        )
        worker.process = process
        _log.info("gateway.worker_started", worker=worker.name, process=process.pid)
        if self.stopping:
            process.terminate()
        return process

    async def _watch(self, worker: Worker, process: asyncio.subprocess.Process) -> None:
        """End a worker that is there and does not answer."""
        loop = asyncio.get_running_loop()
        must_answer = loop.time() + _FIRST_WITHIN
        silent = 0
        while silent < _SILENT_AFTER:
            await asyncio.sleep(self.ask_every)
            if (await self._ask(worker, "/health/live"))[0] == 200:
                silent = 0
            elif worker.heard or loop.time() > must_answer:
                silent += 1
            if self.stopping:
                return
        _log.error("gateway.worker_silent", worker=worker.name, process=process.pid)
        process.kill()

    async def stop(self) -> None:
        """Tell all to stop, and wait until they have; one that does not in time is ended."""
        self.stopping = True
        running = [worker.process for worker in self.workers if worker.process is not None and worker.running]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        if not running:
            return
        waiting = [asyncio.ensure_future(process.wait()) for process in running]
        _, late = await asyncio.wait(waiting, timeout=self.stop_within + _KILL_AFTER)
        for process in running if late else []:
            if process.returncode is None:
                _log.error("gateway.worker_cut", process=process.pid)
                process.kill()
        await asyncio.wait(waiting)

    @property
    def told_to_stop(self) -> bool:
        return self.stopping

    # --- Health and metrics of all ------------------------------------------------------------------------------

    async def _ask(self, worker: Worker, page: str) -> tuple[int, bytes]:
        status, body = await ask(worker.path, page)
        worker.heard |= status != 0
        return status, body

    async def report(self) -> tuple[bool, dict[str, str]]:
        """Whether calls are answered here, and what each worker says of itself."""
        answers = await asyncio.gather(*(self._ask(worker, "/health/ready") for worker in self.workers))
        states = {
            worker.name: "ok" if status == 200 else "away" if status == 0 else "not ready"
            for worker, (status, _) in zip(self.workers, answers, strict=True)
        }
        return not self.stopping and "ok" in states.values(), states

    async def metrics(self) -> CollectorRegistry:
        """The numbers of all workers, each with its worker's place as a label; with those of the group itself."""
        pages = await asyncio.gather(*(self._ask(worker, "/metrics") for worker in self.workers))
        merged: dict[str, Metric] = {}
        for worker, (status, page) in zip(self.workers, pages, strict=True):
            up = _metric(merged, "gateway_worker_up", "1 if the worker answers", "gauge")
            up.add_sample("gateway_worker_up", {"worker": str(worker.index)}, float(status == 200))
            starts = _metric(merged, "gateway_worker_starts", "How often the worker was started", "counter")
            starts.add_sample("gateway_worker_starts_total", {"worker": str(worker.index)}, float(worker.starts))
            for family in text_string_to_metric_families(page.decode() if status == 200 else ""):
                held = _metric(merged, family.name, family.documentation, family.type)
                for sample in family.samples:
                    held.add_sample(sample.name, {**sample.labels, "worker": str(worker.index)}, sample.value)
        registry = CollectorRegistry()
        registry.register(_Merged(list(merged.values())))
        return registry


class _Merged(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _metric(held: dict[str, Metric], name: str, about: str, kind: str) -> Metric:
    return held.setdefault(name, Metric(name, about, kind))


async def ask(path: Path, page: str) -> tuple[int, bytes]:
    """Status and body of a worker's page; status 0 if it does not answer."""
    try:
        async with asyncio.timeout(_ASK_WITHIN):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(b"GET %b HTTP/1.0\r\n\r\n" % page.encode())
                answer = await reader.read(_MAX_PAGE)
                while part := await reader.read(_MAX_PAGE - len(answer)):
                    answer += part
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return 0, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    return (int(status[0]), body) if status and status[0].isdigit() else (0, b"")


@contextlib.contextmanager
def group(
    count: int, name: str, environment: Callable[[Worker], dict[str, str]], stop_within: float
) -> Iterator[Group]:
    """A group of workers named after their pod, each with a number; nothing runs yet."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        made = Group([sys.executable, "-m", "gateway", "serve"], environment, stop_within)
        made.workers = [Worker(n, f"{name[:60]}-{n}", Path(folder) / f"{n}.sock") for n in range(count)]
        yield made


async def run_group(stop: Stop, made: Group, operations: Server) -> None:
    """Keep the workers running, and answer for them, until told to stop and all have ended."""
    over = Stop()
    answering = asyncio.create_task(serve(over, None, operations))
    told = asyncio.create_task(stop.event.wait())
    keeping = [asyncio.create_task(made.keep(worker), name=worker.name) for worker in made.workers]
    try:
        await asyncio.wait([answering, told, *keeping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.tell()
        await made.stop()
        for task in keeping:
            task.cancel()
        await asyncio.gather(told, *keeping, return_exceptions=True)
        over.tell()
    await answering
