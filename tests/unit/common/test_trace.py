"""The trace that goes from a request through its events to what they cause."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_header_is_gone_on_with_in_a_span_of_its_own():
    current, token = trace.enter(f"00-{TRACE}-{SPAN}-01")
    try:
        assert current.trace_id == TRACE
        assert current.span_id != SPAN
        assert trace.current() == current
        assert trace.parse(current.traceparent) == current
    finally:
        trace.leave(token)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        f"00-{TRACE}-{SPAN}",
        f"01-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-0१",  # a digit of another script
    ],
)
def test_a_malformed_header_begins_a_new_trace(header):
    # IN-E8: garbage in `traceparent` is a new trace, never an error and never carried on.
    assert trace.parse(header) is None
    first, token = trace.enter(header)
    trace.leave(token)
    second, token = trace.enter(header)
    trace.leave(token)
    assert len({first.trace_id, second.trace_id, TRACE, "0" * 32}) == 4


@given(st.text(max_size=80))
def test_no_text_makes_it_fail(text):
    found = trace.parse(text)
    assert found is None or trace.parse(found.traceparent) == found


def test_outside_of_any_trace_each_asking_has_a_new_one():
    assert trace.current() != trace.current()


async def test_work_side_by_side_keeps_its_own_trace():
    met = asyncio.Barrier(2)

    async def work(number: int) -> bool:
        mine, token = trace.enter(f"00-{number:032x}-{SPAN}-01")
        await met.wait()
        same = trace.current() == mine and mine.trace_id == f"{number:032x}"
        trace.leave(token)
        return same

    assert await asyncio.gather(work(1), work(2)) == [True, True]
