"""What the command line says: in plain words, and without passwords."""

from datetime import UTC, datetime

import pytest

from stack.__main__ import describe, main, table
from stack.control import Condition, State
from stack.endpoints import Endpoints, KafkaEndpoint, PostgresEndpoint, Provider, S3Endpoint

ENDPOINTS = Endpoints(
    provider=Provider.LOCAL,
    postgres=PostgresEndpoint(host="127.0.0.1", port=5433, user="postgres", password="hush-1"),
    kafka=KafkaEndpoint(bootstrap="127.0.0.1:9092", user="admin", password="hush-2"),
    s3=S3Endpoint(endpoint="127.0.0.1:9000", access_key="hush-3", secret_key="hush-4"),
)


def test_up_prints_addresses_without_passwords():
    said = describe(ENDPOINTS)
    assert all(address in said for address in ("127.0.0.1:5433", "127.0.0.1:9092", "127.0.0.1:9000"))
    assert "hush" not in said


def test_status_is_one_line_for_each_program():
    since = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
    common = {"since": since, "restarts": 0}
    said = table(
        [
            Condition(name="postgres", state=State.READY, pid=11, port=5433, exit_code=None, **common),
            Condition(name="kafka", state=State.EXITED, pid=None, port=9092, exit_code=-9, **common),
        ]
    ).splitlines()
    assert said[0].split() == ["PROGRAM", "STATE", "PID", "PORT", "SINCE"]
    assert said[1].split()[:4] == ["postgres", "ready", "11", "5433"]
    assert "exited (exit -9)" in said[2]
    assert since.astimezone().isoformat(" ", "seconds") in said[1]


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert all(f"\n  {command} " in said for command in ("up", "down", "status", "env", "fetch"))
    assert "SHUQIAO_CACHE" in said


@pytest.mark.parametrize(("command", "code"), [("status", 3), ("env", 3), ("down", 0)])
def test_where_nothing_runs_the_commands_say_so(tmp_path, capsys, command, code):
    assert main([command, "--dir", str(tmp_path / "nowhere")]) == code
    said = capsys.readouterr()
    assert "没有" in said.out + said.err
