"""`python -m stack`: up, status, env, down, in a folder of its own, as a developer uses it."""

import os
import signal
import subprocess
import sys

from stack import RunFolder, from_environment
from stack.process import alive, descendants


def stack(folder, command, **more):
    return subprocess.run(
        [sys.executable, "-m", "stack", command, "--dir", str(folder)],
        capture_output=True, text=True, timeout=120, check=False, **more,
    )  # fmt: skip


def test_up_status_env_and_down(folder, wait_until):
    run = RunFolder(folder)
    try:
        first = [
            subprocess.Popen(
                [sys.executable, "-m", "stack", "up", "--dir", str(folder)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _ in range(2)
        ]  # fmt: skip
        said = [up.communicate(timeout=120) for up in first]  # two at once: one starts, the other finds it running
        assert [up.returncode for up in first] == [0, 0], said
        assert sorted("already running" in out for out, _ in said) == [False, True]

        status = stack(folder, "status")
        assert status.returncode == 0
        rows = [line.split() for line in status.stdout.splitlines()[2:]]
        assert [row[:2] for row in rows] == [["postgres", "ready"], ["minio", "ready"], ["kafka", "ready"]]
        pids = [int(row[2]) for row in rows]
        assert all(row[3] in said[0][0] for row in rows)  # the ports that `up` printed

        printed = subprocess.run(
            ["/bin/sh", "-c", 'eval "$1"; env', "sh", stack(folder, "env").stdout],
            capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        endpoints = from_environment(dict(line.split("=", 1) for line in printed.stdout.splitlines()))
        passwords = (endpoints.postgres.password, endpoints.kafka.password, endpoints.s3.secret_key)
        assert not any(word in text for word in passwords for text in (status.stdout, said[0][0], said[1][0]))
        assert f":{endpoints.postgres.port} " in said[0][0]

        down = stack(folder, "down")
        assert down.returncode == 0
        assert not alive(pids)
        assert not run.held()
        assert stack(folder, "status").returncode == 3
        assert stack(folder, "env").returncode == 3
    finally:
        stack(folder, "down")


def test_down_and_up_after_the_supervisor_was_killed(folder, wait_until):
    run = RunFolder(folder)
    try:
        assert stack(folder, "up").returncode == 0
        supervisor = run.pid()
        pids = [supervisor, *descendants(supervisor)]
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: not alive(pids))
        assert run.pid_file.exists()  # stale
        assert [stack(folder, command).returncode for command in ("status", "env")] == [3, 3]
        down = stack(folder, "down")
        assert (down.returncode, run.pid_file.exists()) == (0, False)

        assert stack(folder, "up").returncode == 0  # after the crash, with the same data
    finally:
        assert stack(folder, "down").returncode == 0
    assert not run.held()
