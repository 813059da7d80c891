"""A program's description is checked when it is made, and reaches the supervisor unchanged."""

import dataclasses
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import BadProgram
from stack.program import HttpReady, KafkaReady, PostgresReady, Program, TcpReady, decode, encode

GOOD = Program(name="gateway-1", argv=("/usr/bin/env", "true"), cwd=Path("/tmp"), env={"KEY": "geheim"})

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
PORT = st.integers(1, 65535)
PROBE = (
    st.none()
    | st.builds(TcpReady, port=PORT)
    | st.builds(HttpReady, port=PORT, path=TEXT)
    | st.builds(PostgresReady, port=PORT)
    | st.builds(KafkaReady, port=PORT)
)
PROGRAM = st.builds(
    Program,
    name=st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True),
    argv=st.lists(TEXT, max_size=3).map(lambda words: ("/bin/数", *words)),
    cwd=TEXT.map(lambda part: Path("/", part)),
    env=st.dictionaries(TEXT.filter(lambda name: name and "=" not in name), TEXT, max_size=3),
    probe=PROBE,
    user=st.none() | TEXT,
    stop_signal=st.sampled_from([signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]),
    stop_seconds=st.floats(0.1, 100),
    start_seconds=st.floats(0.1, 100),
    start_tries=st.integers(1, 9),
    restart=st.booleans(),
)


@given(PROGRAM)
def test_every_program_survives_the_way_to_the_supervisor(program):
    line = encode(program)
    assert "\n" not in line
    assert decode(line) == program


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "Kafka"},
        {"name": "../x"},
        {"name": "a" * 32},
        {"argv": ()},
        {"argv": ("relative",)},
        {"argv": ("/bin/x", "a\0b")},
        {"cwd": Path("relative")},
        {"env": {"": "x"}},
        {"env": {"A=B": "x"}},
        {"env": {"A": "x\0"}},
        {"probe": TcpReady(port=0)},
        {"probe": HttpReady(port=65536)},
        {"stop_seconds": 0},
        {"start_seconds": -1},
        {"start_tries": 0},
        {"stop_signal": signal.SIGKILL},
        {"stop_signal": signal.SIGSTOP},
    ],
)
def test_a_program_that_cannot_work_is_refused_when_it_is_made(wrong):
    with pytest.raises(BadProgram) as refused:
        dataclasses.replace(GOOD, **wrong)
    assert refused.value.code == "bad-program"


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"probe": {"kind": "magic"}}', '{"probe": null, "name": 1}'])
def test_what_is_no_description_is_refused(text):
    with pytest.raises(BadProgram):
        decode(text)


def test_a_programs_environment_is_not_shown():
    assert "geheim" not in repr(GOOD)


def test_the_port_of_a_program_is_the_one_its_probe_asks():
    assert GOOD.port is None
    assert dataclasses.replace(GOOD, probe=TcpReady(port=81)).port == 81
