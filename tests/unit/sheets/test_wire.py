"""The messages between parent and child: what fits comes back as it was, what does not is no answer."""

import contextlib
from dataclasses import fields
from datetime import datetime, time, timedelta

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets import wire
from sheets.cells import CellRange, ErrorCell, Network, Row, SheetTitle, Visibility
from sheets.errors import Reason, Unreadable
from sheets.kinds import Kind
from sheets.limits import STRICT, Feature, Limits, Scope
from sheets.parsing import ParsedSheet
from sheets.precheck.surveys import SheetSurvey, Survey

values = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
    st.sampled_from([ErrorCell("#REF!"), ErrorCell("#NOT-COMPUTED")]),
)
TITLE = SheetTitle("表", Visibility.VISIBLE, has_cells=True)
SURVEY = Survey(kind=Kind.XLS, clean=b"", sheets=(SheetSurvey(title=TITLE),), chosen=(0,), holds_only_chosen=False)


def answer(rows: list[Row], merged: tuple[CellRange, ...] = ()) -> bytes:
    made = wire.Answer(STRICT)
    made.head(SURVEY, Network.NAMESPACE)
    made.sheet(ParsedSheet("表", merged, iter(rows)))
    return b"".join(made.end())


@given(st.lists(st.lists(values, max_size=6).map(tuple), max_size=8))
def test_every_value_comes_back_as_it_was(lines):
    rows = [Row(number, line) for number, line in enumerate(lines, 1)]
    workbook = wire.decode_answer(answer(rows, (CellRange(1, 1, 2, 2),)), STRICT)
    assert list(workbook.sheets[0].rows) == rows
    assert [list(map(type, row.values)) for row in workbook.sheets[0].rows] == [list(map(type, line)) for line in lines]
    assert (workbook.sheets[0].name, workbook.titles, workbook.network) == ("表", (TITLE,), Network.NAMESPACE)
    assert workbook.sheets[0].merged == (CellRange(1, 1, 2, 2),)


def test_many_rows_travel_in_blocks():
    rows = [Row(number, (number,)) for number in range(1, 2_002)]
    assert wire.decode_answer(answer(rows), STRICT).sheets[0].rows == tuple(rows)


@given(st.integers(0, 400), st.binary(max_size=3))
def test_an_answer_that_is_cut_or_changed_is_an_answer_or_none_at_all(at, change):
    moment = datetime.fromisoformat("2020-01-02T03:04:05")
    whole = answer([Row(1, ("a", 1.5, moment.date(), moment, time.min, timedelta(1), ErrorCell("#N/A")))])
    with contextlib.suppress(wire.MalformedAnswer, Unreadable):
        decoded = wire.decode_answer(whole[:at] + change + whole[at + len(change) + 1 :], STRICT)
        assert len(decoded.sheets) == 1


@given(st.binary(max_size=60))
def test_noise_is_no_answer(noise):
    with pytest.raises((wire.MalformedAnswer, Unreadable)):
        wire.decode_answer(noise, STRICT)


HEAD = (1, "xls", "none", [], None, None, [])
SHEET = (2, "表", [])


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [HEAD],
        [HEAD, SHEET],
        [SHEET, (4,)],
        [(1, "html", "none", [], None, None, []), (4,)],
        [(1, "xls", "everywhere", [], None, None, []), (4,)],
        [(1, "xls", "none", ["unknown"], None, None, []), (4,)],
        [(1, "xls", "none", [], None, None, [("表", "visible", 1)]), (4,)],
        [(1, "xls", "none", [], None, None), (4,)],
        [HEAD, SHEET, (3, [(2, ("a",)), (1, ("b",))]), (4,)],
        [HEAD, SHEET, (3, [(1, ("a",))]), (3, [(1, ("b",))]), (4,)],
        [HEAD, SHEET, (3, [(0, ("a",))]), (4,)],
        [HEAD, SHEET, (3, [(10_001, ("a",))]), (4,)],
        [HEAD, SHEET, (3, [(1, ("a",) * 257)]), (4,)],
        [HEAD, SHEET, (3, [(1, (["list"],))]), (4,)],
        [HEAD, SHEET, (3, [(1, ({"a": 1},))]), (4,)],
        [HEAD, SHEET, (3, [(1, (b"bytes",))]), (4,)],
        [HEAD, SHEET, (3, [(True, ("a",))]), (4,)],
        [HEAD, SHEET, (3, [(1, (msgpack.ExtType(1, b"\0\0\0\0"),))]), (4,)],
        [HEAD, SHEET, (3, [(1, (msgpack.ExtType(5, b"\n"),))]), (4,)],
        [HEAD, SHEET, (3, [(1, (msgpack.ExtType(99, b""),))]), (4,)],
        [HEAD, SHEET, (3, [(1, (msgpack.Timestamp(1),))]), (4,)],
        [HEAD, (2, "表", [(1, 2, 3)]), (4,)],
        [HEAD, (4,), (4,)],
        [HEAD, (4, "more")],
        [(0, "no-such-reason", {})],
        [(0, "too-many-rows", {"rows": 1})],
        [(0, "too-many-rows", {"rows": "<script>", "limit": 1})],
        [(0, "damaged", {"part": "任意文字"})],
        [(0, "not-a-spreadsheet", {"kind": "任意"})],
        [(0, "not-a-spreadsheet", {"kind": "xls"})],
        [(0, "macros", {}), (4,)],
    ],
    ids=range(32),
)
def test_an_answer_that_does_not_fit_is_none(frames):
    with pytest.raises(wire.MalformedAnswer):
        wire.decode_answer(b"".join(map(msgpack.packb, frames)), STRICT)


@pytest.mark.parametrize("more", [b"\xc1", b"\x00", msgpack.packb((4,))])
def test_more_behind_the_answer_makes_it_none(more):
    whole = answer([Row(1, ("a",))])
    assert wire.decode_answer(whole, STRICT)
    with pytest.raises(wire.MalformedAnswer):
        wire.decode_answer(whole + more, STRICT)


@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_comes_back_as_it_was_and_has_a_sentence(reason):
    from sheets.errors import _FIELDS

    facts = {name: {"kind": "html", "part": "zip-end"}.get(name, 7) for name in _FIELDS[reason]}
    refusal = Unreadable(reason, **facts)
    with pytest.raises(Unreadable) as back:
        wire.decode_answer(wire.encode_refusal(refusal), STRICT)
    assert (back.value.reason, back.value.facts, str(back.value)) == (reason, refusal.facts, str(refusal))
    assert any("\u4e00" <= character <= "\u9fff" for character in str(refusal))


def test_limits_travel_whole():
    limits = Limits(
        wall_seconds=1.25, scope=Scope.ALL_VISIBLE, allowed=frozenset({Feature.DDE}), data_rows=7, lenient=True
    )
    assert wire.decode_limits(wire.encode_limits(limits)) == limits
    assert len(fields(Limits)) == 19
