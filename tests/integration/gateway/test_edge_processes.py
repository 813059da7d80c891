"""Processes of the gateway's server as Kubernetes and its callers see them: stopped under load, killed, several on one
port (FAULT-5, FAULT-40; issue: SIGTERM drains without a reset, several workers per pod)."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from gateway.jobs import serving
from tests.support.edge_server import Caller, post
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


@dataclass
class Process:
    kind: str
    told: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    operations: int = field(default_factory=free_port)
    callers: list[Caller] = field(default_factory=list)

    def __enter__(self):
        told = {"PORT": self.port, "OPERATIONS_PORT": self.operations, **self.told}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tests.support.edge_process", self.kind],
            cwd=ROOT,
            env={**os.environ, **{f"EDGE_{name}": str(value) for name, value in told.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        until(lambda: self.page("/health/ready")[0] == 200, what="ready")
        until(self.listens, what="calls are taken")
        return self

    def __exit__(self, *_):
        for caller in self.callers:
            caller.writer.close()
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.log = self.popen.communicate(timeout=25)[0].decode()
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise
        until(lambda: not self.workers_left(), what="no worker outlives its test")

    def workers_left(self):
        ours = ["pgrep", "-f", f"edge_process worker {self.port}"]
        return subprocess.run(ours, capture_output=True, text=True, check=False).stdout

    def page(self, path):
        with contextlib.suppress(httpx2.HTTPError):
            answer = httpx2.get(f"http://127.0.0.1:{self.operations}{path}", timeout=5)
            return answer.status_code, answer.text
        return 0, ""

    def listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def terminate(self):
        self.popen.send_signal(signal.SIGTERM)

    def ended(self, within=60):
        return self.popen.wait(timeout=within)

    async def caller(self):
        made = Caller(*await asyncio.open_connection("127.0.0.1", self.port))
        self.callers.append(made)
        return made


@dataclass
class Load:
    """Callers that go on until nobody listens. Whatever is no whole answer and no refused connection is broken."""

    process: Process
    answered: int = 0
    closed: int = 0
    workers: set[bytes] = field(default_factory=set)
    broken: list[BaseException] = field(default_factory=list)
    stop: bool = False

    async def run(self, keeping=24, churning=8):
        await asyncio.gather(*(self._call(keep=n < keeping) for n in range(keeping + churning)))

    async def _call(self, *, keep):
        caller = None
        while not self.stop:
            if caller is None:
                try:
                    caller = await self.process.caller()
                except ConnectionRefusedError:
                    return
                except OSError as error:
                    self.broken.append(error)
                    return
            try:
                answer = await caller.ask(post("/x?seconds=0.002"))
            except (OSError, asyncio.IncompleteReadError) as error:
                self.broken.append(error)
                await caller.close()
                caller = None
                continue
            assert answer.status == 200
            self.answered += 1
            self.workers.add(answer.body)
            if answer.closes or not keep:
                self.closed += answer.closes
                await caller.close()
                caller = None
        if caller is not None:
            await caller.close()


class TestOneProcess:
    async def test_told_to_stop_under_load_it_answers_what_it_took_and_resets_nothing(self):
        """FAULT-5: callers with kept connections and callers with a new one for each call."""
        for _ in range(3):
            with Process("one") as process:
                load = Load(process)
                running = asyncio.create_task(load.run(keeping=8, churning=56))
                await asyncio.to_thread(until, lambda load=load: load.answered > 1500)
                before = load.answered
                began = time.monotonic()
                process.terminate()
                assert await asyncio.to_thread(process.ended) == 0
                assert time.monotonic() - began < 5
                await running
                assert load.broken == []
                assert load.closed > 0, "kept connections are told that this was their last answer"
                assert load.answered > before

    async def test_a_call_in_work_is_answered_and_an_idle_connection_ended(self):
        with Process("one") as process:
            busy, idle = await process.caller(), await process.caller()
            await idle.ask(post())
            await busy.send(post("/x?seconds=2"))
            process.terminate()
            answer = await busy.answer()
            assert (answer.status, answer.closes) == (200, True)
            assert await busy.rest() == b""
            assert await idle.rest() == b""
            assert await asyncio.to_thread(process.ended) == 0

    async def test_a_kept_connection_gets_one_more_answer_after_the_signal(self):
        with Process("one") as process:
            caller, busy = await process.caller(), await process.caller()
            await caller.ask(post())
            await busy.send(post("/x?seconds=1.5"))
            process.terminate()
            while not (await caller.ask(post())).closes:
                pass
            assert await caller.rest() == b""
            with pytest.raises(OSError):
                await asyncio.wait_for(process.caller(), 30)
            assert (await busy.answer()).status == 200

    async def test_what_takes_longer_than_the_bound_is_cut_and_the_process_still_ends_well(self):
        with Process("one", {"DRAIN": "1"}) as process:
            caller = await process.caller()
            await caller.send(post("/x?seconds=60"))
            process.terminate()
            assert await asyncio.to_thread(process.ended, 8) == 0
            with contextlib.suppress(ConnectionResetError):
                assert await caller.rest() == b""

    async def test_readiness_turns_at_once_while_calls_are_answered_for_the_grace(self):
        """What balancers need to learn of it before the port is closed."""
        with Process("one", {"GRACE": "2"}) as process:
            began = time.monotonic()
            process.terminate()
            await asyncio.to_thread(until, lambda: process.page("/health/ready")[0] == 503)
            assert process.page("/health/live")[0] == 200
            caller = await process.caller()
            answer = await caller.ask(post())
            assert (answer.status, answer.closes) == (200, False)
            assert await asyncio.to_thread(process.ended) == 0
            assert time.monotonic() - began >= 2

    def test_a_port_that_is_taken_ends_the_process_with_a_line(self):
        with Process("one") as process:
            other = Process("one", port=process.port)
            told = {"EDGE_PORT": str(other.port), "EDGE_OPERATIONS_PORT": str(other.operations)}
            ended = subprocess.run(
                [sys.executable, "-m", "tests.support.edge_process", "one"],
                cwd=ROOT,
                env={**os.environ, **told},
                capture_output=True,
                timeout=20,
                text=True,
                check=False,
            )
            assert ended.returncode == 3
            assert "gateway.cannot_listen" in ended.stdout + ended.stderr


def test_before_a_port_is_closed_who_waits_can_be_taken_and_nobody_comes_after():
    """Else those that the kernel has taken and we have not would be reset with the port."""
    with serving.listening("127.0.0.1", 0) as listening, socket.socket() as first, socket.socket() as late:
        listening.listen(8)
        first.connect(listening.getsockname())
        serving.let_nobody_come(listening)
        late.settimeout(0.3)
        with pytest.raises(TimeoutError):
            late.connect(listening.getsockname())
        taken, _ = listening.accept()
        with taken:
            listening.close()
            first.sendall(b"x")
            taken.settimeout(30)
            assert taken.recv(1) == b"x"


def started_workers(process):
    """The numbers that the group tells of its workers, by worker."""
    lines = process.page("/metrics")[1].splitlines()
    found = [line for line in lines if line.startswith("gateway_worker_starts_total")]
    return [float(line.rsplit(" ", 1)[1]) for line in sorted(found)]


def up(process):
    return process.page("/metrics")[1].count('gateway_worker_up{worker="0"} 1.0') + process.page("/metrics")[1].count(
        'gateway_worker_up{worker="1"} 1.0'
    )


def children(process):
    found = subprocess.run(["pgrep", "-P", str(process.popen.pid)], capture_output=True, text=True, check=True)
    return [int(line) for line in found.stdout.split()]


class TestSeveralWorkers:
    async def test_they_share_the_port_and_one_that_is_killed_is_started_again(self):
        with Process("group", {"WORKERS": "2"}) as process:
            await asyncio.to_thread(until, lambda: up(process) == 2)
            load = Load(process)
            running = asyncio.create_task(load.run())
            await asyncio.to_thread(until, lambda: load.answered > 1000 and len(load.workers) == 2)
            assert load.broken == []
            os.kill(children(process)[0], signal.SIGKILL)
            await asyncio.to_thread(until, lambda: sorted(started_workers(process)) == [1, 2])
            assert process.page("/health/ready")[0] == 200, "the other answers meanwhile"
            await asyncio.to_thread(until, lambda: up(process) == 2)
            # Only what the killed one held is lost: at most one call of each connection.
            lost = len(load.broken)
            assert lost <= 32
            before = load.answered
            await asyncio.to_thread(until, lambda: load.answered > before + 1000)
            assert len(load.broken) == lost
            process.terminate()
            assert await asyncio.to_thread(process.ended) == 0
            await running
            assert len(load.broken) == lost, "stopping resets nothing"

    async def test_their_numbers_stand_side_by_side(self):
        with Process("group", {"WORKERS": "2"}) as process:
            await asyncio.to_thread(until, lambda: up(process) == 2)
            page = process.page("/metrics")[1]
            for worker in "01":
                assert f'gateway_calls_total{{code="1",status="200",worker="{worker}"}} 1.0' in page
                labels = f'{{le="0.5",service="unknown",worker="{worker}"}}'
                assert f"gateway_call_seconds_bucket{labels} 1.0" in page
            assert page.count("# TYPE gateway_calls_total counter") == 1

    async def test_told_to_stop_the_pod_is_not_ready_at_once(self):
        with Process("group", {"WORKERS": "2", "GRACE": "2"}) as process:
            process.terminate()
            await asyncio.to_thread(until, lambda: process.page("/health/ready")[0] == 503)
            assert (await (await process.caller()).ask(post())).status == 200
            assert await asyncio.to_thread(process.ended) == 0

    async def test_a_worker_that_is_there_and_does_not_answer_is_ended_and_another_started(self):
        with Process("group", {"WORKERS": "1", "ASK_EVERY": "0.5"}) as process:
            caller = await process.caller()
            await caller.ask(post())
            await caller.send(post("/x?hang=1"))
            await asyncio.to_thread(until, lambda: started_workers(process) == [2] and up(process) == 1, within=60)
            assert (await (await process.caller()).ask(post())).status == 200

    async def test_no_worker_outlives_the_one_above_it(self):
        with Process("group", {"WORKERS": "2"}) as process:
            await asyncio.to_thread(until, lambda: up(process) == 2)
            process.popen.kill()
            await asyncio.to_thread(until, lambda: not process.listens())

    async def test_a_worker_that_cannot_start_is_tried_again_with_pauses(self):
        with Process("group", {"WORKERS": "1"}) as process:
            for starts in (2, 3):
                os.kill(children(process)[0], signal.SIGKILL)
                await asyncio.to_thread(until, lambda starts=starts: started_workers(process) == [starts])
                await asyncio.to_thread(until, lambda: up(process) == 1)
            process.terminate()
            process.ended()
        assert "again_in" in process.log
