"""Progress on standard error: a few lines where nobody watches, and every tenth once."""

import io
import os
import pty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.progress import Tenths, step


@given(total=st.integers(0, 3000), steps=st.lists(st.integers(0, 400), max_size=60))
def test_lines_are_few_and_rise(total, steps):
    out = io.StringIO()
    tenths = Tenths("MinIO", total, out)
    done = 0
    for more in steps:
        done += more
        tenths.reached(done)
    shown = [int(line.rpartition(":")[2].strip(" %")) for line in out.getvalue().splitlines()]
    assert shown == sorted(set(shown))
    assert all(percent in range(10, 100, 10) and percent <= done * 100 / max(total, 1) for percent in shown)


def test_a_step_says_its_beginning_each_tenth_and_its_end():
    out = io.StringIO()
    with step("Kafka 4.3.1", 127, out) as progress:
        for done in range(1, 128):
            progress.reached(done)
    lines = out.getvalue().splitlines()
    assert lines[0] == "… Kafka 4.3.1"
    assert lines[1:-1] == [f"… Kafka 4.3.1: {percent} %" for percent in range(10, 100, 10)]
    assert lines[-1].startswith("✓ Kafka 4.3.1 (")


def test_a_failed_step_is_not_called_done():
    out = io.StringIO()
    with pytest.raises(OSError), step("Kafka", 10, out):
        raise OSError
    assert "✓" not in out.getvalue()


def test_on_a_terminal_a_bar_is_drawn():
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, step("Kafka", 4, terminal) as progress:
        progress.reached(2)
        progress.reached(9)
    seen = b""
    while "✓ Kafka".encode() not in seen:
        seen += os.read(ours, 65536)
    os.close(ours)
    assert b"%" in seen
    assert b"\x1b[" in seen
