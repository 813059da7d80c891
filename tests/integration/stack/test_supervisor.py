"""The supervisor, with small programs in the place of servers: order, death, commands, an end that leaves nothing."""

import dataclasses
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from stack import Program, State, TcpReady, free_ports
from stack.errors import AddressInUse, AlreadyRunning, BadProgram, NotRunning, StartFailed, UnknownProgram, WrongState
from stack.process import alive, descendants
from stack.supervisor import FIRST_PAUSE


def test_programs_start_in_order_and_stop_in_reverse(bench):
    control = bench.run(bench.server("first"), bench.server("second"), bench.server("third"))
    assert bench.lines("begins") == ["first", "second", "third"]
    assert [one.state for one in control.status()] == [State.READY] * 3
    control.shutdown()
    assert bench.lines("ends") == ["third", "second", "first"]
    with pytest.raises(NotRunning):
        control.status()


def test_each_program_is_a_session_of_its_own_below_the_one_supervisor(bench):
    control = bench.run(bench.server("a"), bench.server("b"))
    pids = [one.pid for one in control.status()]
    assert {os.getsid(pid) for pid in pids} == set(pids)  # Ctrl-C at a terminal reaches none of them
    assert set(descendants(bench.root.pid())) == set(pids)


def test_a_program_added_later_is_stopped_first(bench):
    control = bench.run(bench.server("server"))
    control.add(bench.server("service"))
    assert bench.lines("begins") == ["server", "service"]
    control.shutdown()
    assert bench.lines("ends") == ["service", "server"]


def test_a_service_that_ends_by_its_signal_has_ended_well(bench):
    # uvicorn raises the signal again after its orderly end: -15, or 143 through a shell.
    control = bench.run(
        bench.shell("by-signal", "exec sleep 600"), bench.shell("by-code", "trap 'exit 143' TERM; sleep 600 & wait")
    )
    for name, code in (("by-signal", -signal.SIGTERM), ("by-code", 143)):
        control.stop(name)
        assert bench.condition(name).state is State.STOPPED
        assert bench.condition(name).exit_code == code


def test_a_program_that_dies_unasked_is_reported(bench, wait_until):
    control = bench.run(bench.server("mortal"))
    os.kill(bench.pid("mortal"), signal.SIGKILL)
    wait_until(lambda: bench.condition("mortal").state is State.EXITED)
    assert bench.condition("mortal").exit_code == -signal.SIGKILL
    assert bench.condition("mortal").pid is None
    assert "mortal died unasked" in bench.root.log("supervisor").read_text()
    control.start("mortal")
    assert bench.condition("mortal").state is State.READY


def test_a_program_that_says_so_is_started_again_with_growing_pauses(bench, wait_until):
    control = bench.run(bench.server("phoenix", restart=True))
    for deaths in (1, 2):
        first = bench.pid("phoenix")
        os.kill(first, signal.SIGKILL)
        wait_until(
            lambda n=deaths: (
                bench.condition("phoenix").restarts == n and bench.condition("phoenix").state is State.READY
            )
        )
        assert bench.pid("phoenix") != first
    control.kill("phoenix")  # asked for: it stays away
    assert bench.condition("phoenix").state is State.STOPPED
    assert bench.condition("phoenix").restarts == 2


def test_a_program_that_was_stopped_while_it_was_dead_stays_away(bench, wait_until):
    control = bench.run(bench.server("phoenix", restart=True))
    os.kill(bench.pid("phoenix"), signal.SIGKILL)
    wait_until(lambda: bench.condition("phoenix").state is State.EXITED)  # and comes back after a pause
    control.stop("phoenix")
    assert bench.condition("phoenix").state is State.STOPPED
    stopped = time.monotonic()
    wait_until(lambda: time.monotonic() - stopped > 2 * FIRST_PAUSE)
    assert bench.condition("phoenix").state is State.STOPPED
    assert bench.condition("phoenix").restarts == 0


def test_stop_kill_and_start_keep_the_port(bench):
    program = bench.server("a")
    control = bench.run(program)
    for end in (control.stop, control.kill):
        before = bench.pid("a")
        end("a")
        assert not alive([before])
        assert bench.condition("a").state is State.STOPPED
        control.start("a")
        assert bench.condition("a").port == program.port
    assert bench.lines("begins") == ["a"] * 3
    assert bench.lines("ends") == ["a"]  # kill gave it no time


def test_kill_pause_and_resume_reach_the_programs_own_children(bench, wait_until):
    # As PostgreSQL's: children in sessions of their own, which no process group reaches.
    control = bench.run(bench.shell("tree", "setsid sleep 600 & setsid sleep 600 & wait"))
    top = bench.pid("tree")
    wait_until(lambda: len(descendants(top)) == 2)
    tree = [top, *descendants(top)]

    def states() -> set[str]:
        return {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in tree}

    control.pause("tree")
    wait_until(lambda: states() == {"T"})
    assert bench.condition("tree").state is State.PAUSED
    control.resume("tree")
    wait_until(lambda: states() == {"S"})
    control.kill("tree")
    assert not alive(tree)


@pytest.mark.parametrize("end", ["stop", "death"])
def test_what_a_program_leaves_behind_is_killed(bench, wait_until, end):
    # A service's parser child is in a session of its own, and may outlive its service.
    control = bench.run(bench.shell("parent", "trap exit TERM; setsid sleep 600 & wait"), bench.server("other"))
    parent = bench.pid("parent")
    wait_until(lambda: len(descendants(parent)) == 1)
    (child,) = descendants(parent)
    if end == "stop":
        control.stop("parent")
    else:
        os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not alive([child]))
    assert bench.condition("other").state is State.READY


def test_a_paused_program_can_still_be_stopped_in_order(bench):
    control = bench.run(bench.server("sleeper"))
    control.pause("sleeper")
    control.shutdown()
    assert bench.lines("ends") == ["sleeper"]


def test_a_program_that_does_not_leave_is_killed_after_its_time(bench, wait_until):
    stubborn = bench.shell("stubborn", "trap '' TERM; echo on; while :; do sleep 1; done", stop_seconds=0.3)
    control = bench.run(stubborn)
    wait_until(lambda: "on" in bench.root.log("stubborn").read_text())
    tree = [bench.pid("stubborn"), *descendants(bench.pid("stubborn"))]
    control.stop("stubborn")
    assert not alive(tree)
    assert bench.condition("stubborn").exit_code == -signal.SIGKILL


def test_a_failed_start_shows_the_programs_words_and_stops_the_others(bench):
    with pytest.raises(StartFailed, match="没有配置文件") as refused:
        bench.run(bench.server("good"), bench.shell("bad", "echo 没有配置文件; exit 3", probe=TcpReady(port=1)))
    assert refused.value.code == "start-failed"
    assert bench.lines("ends") == ["good"]
    assert not bench.root.held()


def test_a_taken_port_is_told_apart_from_other_failures(bench):
    program = bench.server("first")
    with pytest.raises(AddressInUse):
        bench.run(program, dataclasses.replace(program, name="second"))


def test_a_stranger_on_the_port_does_not_make_a_program_ready(bench):
    program = bench.server("owner")
    silent = bench.shell("pretender", "exec sleep 600", probe=program.probe, start_seconds=1)
    with pytest.raises(StartFailed, match="not ready after 1 s"):
        bench.run(program, silent)


def test_a_program_that_cannot_be_run_is_a_failed_start(bench):
    with pytest.raises(StartFailed, match="No such file"):
        bench.run(Program(name="missing", argv=("/nowhere/at/all",), cwd=bench.root.root))


def test_a_program_that_needs_a_second_try_gets_it(bench):
    script = "test -e tried || { touch tried; exit 1; }; exec sleep 600"
    (port,) = free_ports(1)
    with pytest.raises(StartFailed):
        bench.run(bench.shell("clumsy", script, probe=TcpReady(port=port)))
    (bench.root.root / "tried").unlink()
    script = f'test -e tried || {{ touch tried; exit 1; }}; exec "$PYTHON" -c "$LISTEN" clumsy {port}'
    bench.run(bench.shell("clumsy", script, probe=TcpReady(port=port), start_tries=2))


def test_wrong_commands_are_refused_with_a_reason(bench):
    control = bench.run(bench.server("a"))
    with pytest.raises(UnknownProgram):
        control.stop("b")
    with pytest.raises(WrongState):
        control.start("a")
    with pytest.raises(WrongState):
        control.resume("a")
    with pytest.raises(BadProgram):
        control.add(bench.server("a"))
    control.stop("a")
    for command in (control.kill, control.pause):
        with pytest.raises(WrongState):
            command("a")


def test_a_second_supervisor_in_the_folder_is_refused_and_the_first_lives_on(bench):
    control = bench.run(bench.server("a"))
    with pytest.raises(AlreadyRunning):
        bench.run(bench.server("b"))
    assert [one.name for one in control.status()] == ["a"]


def test_control_is_for_the_owner_only(bench):
    bench.run()
    assert stat.S_IMODE((bench.root.root / "control.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE(bench.root.pid_file.stat().st_mode) == 0o600


def test_nonsense_on_the_control_socket_harms_nobody(bench):
    import socket

    bench.run(bench.server("a"))
    for said in (b"", b"\n", b"[]\n", b'{"verb": "dance"}\n', b'{"verb": "stop"}\n', b"\xff" * 100 + b"\n"):
        with socket.socket(socket.AF_UNIX) as line, bench.root.socket_address() as address:
            line.connect(address)
            line.sendall(said)
            line.shutdown(socket.SHUT_WR)
            assert line.recv(100) == b""
    assert bench.condition("a").state is State.READY


def test_a_flood_of_output_does_not_grow_the_log_without_bound(bench, monkeypatch, wait_until):
    flood = (
        "i=0; while [ $i -lt 40 ]; do head -c 1000000 /dev/zero; i=$((i+1)); done; echo; echo the end; exec sleep 600"
    )
    bench.run(bench.shell("loud", flood))
    path = bench.root.log("loud")
    wait_until(lambda: path.exists() and path.stat().st_size < 8 * 1024**2 and b"the end" in all_bytes(path))
    assert path.with_name("loud.log.1").stat().st_size <= 8 * 1024**2


def all_bytes(path: Path) -> bytes:
    older = path.with_name(path.name + ".1")
    return (older.read_bytes() if older.exists() else b"") + path.read_bytes()
