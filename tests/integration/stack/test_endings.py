"""How a supervisor ends: in whatever way it or its starter goes, nothing is left over."""

import os
import signal
import subprocess
import sys

import pytest

from stack import Control, Orders, State, TcpReady, free_ports
from stack.__main__ import main
from stack.process import alive, descendants


def test_a_killed_supervisor_takes_its_programs_along(bench, wait_until):
    control = bench.run(bench.server("a"), bench.shell("b", "exec sleep 600"))
    pids = [one.pid for one in control.status()]
    os.kill(bench.root.pid(), signal.SIGKILL)
    wait_until(lambda: not alive(pids))
    assert bench.lines("ends") == ["a"]  # by its own stop signal, so in order
    wait_until(lambda: not bench.root.held())
    bench.run(bench.server("c"))  # and the folder is free again


CALLER = """
import os, sys
from pathlib import Path
from stack import Child, Orders, Program
sleeper = Program(name="sleeper", argv=("/bin/sleep", "600"), cwd=Path(sys.argv[1]))
child = Child.start(Orders(folder=Path(sys.argv[1]), programs=(sleeper,)))
if sys.argv[2] == "detach": child.detach()
print("up", flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_when_the_caller_is_gone_nothing_is_left(bench, end, wait_until):
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, str(bench.root.root), "stay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as caller:
        assert caller.stdout.readline() == b"up\n"
        pids = [bench.root.pid(), *descendants(bench.root.pid())]
        assert len(pids) == 2
        if end == "kill":
            caller.kill()
        else:
            caller.stdin.close()
        wait_until(lambda: not alive(pids))


def test_down_ends_a_supervisor_that_hangs_and_its_programs(bench, monkeypatch, capsys):
    bench.run(bench.server("a"))
    pids = [bench.root.pid(), bench.pid("a")]
    os.kill(bench.root.pid(), signal.SIGSTOP)
    monkeypatch.setattr("stack.control.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("stack.__main__.TERM_SECONDS", 0.2)
    assert main(["down", "--dir", str(bench.root.root)]) == 0
    assert "已停止" in capsys.readouterr().out
    assert not alive(pids)
    assert bench.lines("ends") == ["a"]


def test_a_detached_supervisor_outlives_its_starter(bench):
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, str(bench.root.root), "detach"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as caller:
        assert caller.stdout.readline() == b"up\n"
    control = Control(bench.root)
    assert bench.condition("sleeper").state is State.READY
    control.shutdown()
    assert not bench.root.held()


def test_leaving_does_not_wait_for_a_program_that_is_still_starting(bench, wait_until):
    slow = bench.shell("slow", "exec sleep 600", probe=TcpReady(port=free_ports(1)[0]), start_seconds=120)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", "from stack.supervisor import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as supervisor:
        supervisor.stdin.write(Orders(folder=bench.root.root, programs=(slow,)).line())
        supervisor.stdin.flush()
        wait_until(lambda: bench.root.held() and len(descendants(supervisor.pid)) == 1)
        pids = descendants(supervisor.pid)
        supervisor.stdin.close()  # the caller is gone
        supervisor.wait(20)
    assert not alive(pids)
