"""The gateway's server of calls as a process, or as several on one port, before an application that needs no database.

python -m tests.support.edge_process one|worker|group [PORT]    what it is told stands in EDGE_… of the environment
"""

import asyncio
import os
import sys
from urllib.parse import parse_qs

import uvloop
from starlette.types import Receive, Scope, Send

from common import log
from common.health import Health
from gateway import api, jobs
from gateway.domain import edge


def told(name: str, otherwise: str = "0") -> str:
    return os.environ.get(f"EDGE_{name}", otherwise)


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers with the worker's name after the seconds that it is asked for; `hang` blocks the whole process."""
    wanted = parse_qs(scope["query_string"].decode())
    if "hang" in wanted:
        os.kill(os.getpid(), 19)
    await asyncio.sleep(float(wanted.get("seconds", ["0"])[0]))
    body = told("WORKER").encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": scope.get(edge.REFUSED, 200), "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def one(*, above: bool) -> None:
    stop = jobs.Stop()
    stop.listen(above=above)
    measures = jobs.Measures()
    measures.counted(200, "1")
    measures.timed(None, 0.5)
    pages = api.operations(api.readiness(Health()), api.registry(measures.registry), lambda: stop.told)
    operations = jobs.operations(pages, "127.0.0.1", int(told("OPERATIONS_PORT")), path=told("PATH", ""))
    limits = jobs.Limits(drain_within=float(told("DRAIN", "15")), grace=float(told("GRACE")))
    await jobs.serve(stop, lambda: jobs.door(app, "127.0.0.1", int(told("PORT")), limits, shared=above), operations)


async def group() -> None:
    stop = jobs.Stop()
    stop.listen()
    with jobs.group(int(told("WORKERS")), "pod", _environment, float(told("DRAIN", "15"))) as made:
        made.command = [sys.executable, "-m", "tests.support.edge_process", "worker", told("PORT")]
        made.ask_every = float(told("ASK_EVERY", "5"))
        pages = api.operations(made.report, made.metrics, lambda: stop.told)
        await jobs.run_group(stop, made, jobs.operations(pages, "127.0.0.1", int(told("OPERATIONS_PORT"))))


def _environment(worker: jobs.Worker) -> dict[str, str]:
    return {"EDGE_WORKER": worker.name, "EDGE_PATH": str(worker.path)}


def main(kind: str) -> None:
    log.configure("edge", "INFO")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(group() if kind == "group" else one(above=kind == "worker"))


if __name__ == "__main__":
    main(sys.argv[1])
