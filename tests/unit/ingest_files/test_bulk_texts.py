"""A long text in pieces has the records that the csv reader finds in the whole of it, or the same refusal (REQ-A1)."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_files.bulk import texts
from ingest_files.whole import WHOLE
from sheets.errors import Unreadable
from sheets.precheck.text import GB18030, UTF8, delimiter_of

NARROW = replace(WHOLE, cell_characters=12)


def by_the_reader(text, limits):
    csv.field_size_limit(limits.cell_characters)
    found = []
    try:
        found.extend(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True))
    except csv.Error as error:
        return found, "cell-too-long" if "field limit" in str(error) else "csv-quotes"
    return found, None


def in_pieces(text, encoding, limits, begin=b""):
    found, refused = [], None
    try:
        blocks = texts.blocks(io.BytesIO(begin + text.encode(encoding)), encoding, len(begin), limits, rows=3)
        for first, cells, by_column in blocks:
            assert first == len(found) + 1
            if by_column:
                assert first > 1, "the header is a block by itself"
            found += [list(record) for record in zip(*cells, strict=True)] if by_column else cells
            assert first > 1 or len(found) == 1
    except Unreadable as unreadable:
        refused = unreadable.reason.value
    return found, refused


LINES = st.lists(
    st.lists(st.text(alphabet="ab中０𠮷 \\\x00", max_size=5), min_size=3, max_size=3).map(",".join), max_size=12
)
EVEN = st.tuples(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans()).map(
    lambda drawn: drawn[1].join(drawn[0]) + (drawn[1] if drawn[2] else "")
)
ANY = st.text(alphabet='ab中,;\n\r"\t', max_size=60)


@pytest.fixture(autouse=True, params=[24, 1 << 16], ids=["small pieces", "usual pieces"])
def pieces(request, monkeypatch):
    monkeypatch.setattr(texts, "_PIECE", request.param)


@given(st.one_of(EVEN, ANY), st.sampled_from([UTF8, GB18030]))
@example("a,b\n1,2\n\n3,4\n", UTF8)
@example("a,b\r1,2\r3,4", UTF8)
@example("a,b\n1,2\r\n3\r,4\n", UTF8)
@example('a,b\n1,2\n"3\n4",5\n6,7', GB18030)
@example("a,b\n1,2\n3,4,5\n6\n7,8\n", UTF8)
@example("a\n\nb\n", UTF8)
@example("a,b,c\n1,2,3\n4\n5\n", UTF8)
@example("a,b\n1,2\n1234567890123,4\n", UTF8)
@example('a,b\n1,2\n"3" 4,5\n', UTF8)
def test_the_records_are_those_of_the_csv_reader(text, encoding):
    records, refused = by_the_reader(text, NARROW)
    found, reason = in_pieces(text, encoding, NARROW)
    assert reason == refused
    if refused is None:
        assert found == records


def test_a_mark_of_the_encoding_is_no_part_of_the_header():
    assert in_pieces("a,b\n1,2\n", UTF8, WHOLE, begin=b"\xef\xbb\xbf") == ([["a", "b"], ["1", "2"]], None)


def test_plain_lines_come_by_column_and_from_the_first_quote_on_by_record():
    plain = "序号,甲,乙\n" + "".join(f"{number},甲{number},乙\n" for number in range(1, 9))
    whole = io.BytesIO((plain + '9,"甲",乙\n').encode())
    turned = [by_column for _, _, by_column in texts.blocks(whole, UTF8, 0, WHOLE, rows=100)]
    assert turned == ([False] * 2 if len(plain) < texts._PIECE else [False, *[True] * (len(turned) - 2), False])


def test_a_broken_quote_is_told_with_its_record_whatever_came_before():
    text = "a,b\n" + "1,2\n" * 30 + '3,"4\n'
    with pytest.raises(Unreadable) as refused:
        list(texts.blocks(io.BytesIO(text.encode()), UTF8, 0, WHOLE, rows=100))
    assert dict(refused.value.facts)["row"] == 32
