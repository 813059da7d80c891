"""What is taken of a push is what was sent, and only if every row is right (REQ-A3)."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ingest_files.domain import pushes
from ingest_files.domain.judgement import Bad, Good
from quality.values import BadValue, read
from tests.support.annex_files import AREAS, ITEMS

ROW = {
    "street_code": "310105001",
    "street_name": "华阳路街道",
    "area_code": "310105",
    "people": 70_000,
    "area": "2.04",
    "updated": "2023/06/30",
}


def judged(sent):
    text = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    found = pushes.read(text)
    return found if isinstance(found, Bad) else pushes.judge(found, ITEMS, AREAS)


def test_a_right_row_is_its_values_in_the_items_order_numbered_from_one():
    found = judged([ROW])
    assert isinstance(found, Good)
    ((number, values),) = found.rows
    assert (number, values[0], values[3], values[4]) == (1, "310105001", 70_000, Decimal("2.04"))


def test_the_order_of_members_is_free():
    assert judged([dict(reversed(ROW.items()))]) == judged([ROW])


def test_a_cell_that_cannot_be_read_is_not_missing_beside_that():
    found = judged([{**ROW, "street_name": 7}])
    assert [(one.item, one.rule) for one in found.findings] == [("street_name", "type")]


def test_a_number_is_its_literal_digits():
    found = judged(json.dumps([ROW]).replace("70000", "9007199254740993").encode())
    assert found.rows[0][1][3] == 9007199254740993
    found = judged(json.dumps([ROW]).replace("70000", "1e3").encode())
    assert [(one.item, one.rule) for one in found.findings] == [("people", "type")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
GOOD_OR_NOT = {code: st.just(value) | JSON for code, value in ROW.items()}


@given(st.lists(st.fixed_dictionaries(GOOD_OR_NOT) | JSON, max_size=4))
def test_whatever_is_pushed_what_is_taken_was_sent_and_is_right_by_its_item(sent):
    found = judged(sent)
    if isinstance(found, Bad):
        assert found.findings
        return
    assert [number for number, _ in found.rows] == list(range(1, len(sent) + 1))
    assert len({values[0] for _, values in found.rows}) == len(sent)
    for (_, values), row in zip(found.rows, sent, strict=True):
        for item, value in zip(ITEMS, values, strict=True):
            given_value = row[item.code]
            if value is None:
                assert given_value in (None, "")
                assert item.nullable
                assert item.key_place is None
            else:
                assert read(item, str(given_value), AREAS) == value


@given(st.binary(max_size=60))
def test_whatever_bytes_come_there_is_a_judgement(sent):
    assert isinstance(judged(sent), Good | Bad)


@given(st.text(min_size=1, max_size=12), st.sampled_from(sorted(ROW)))
def test_no_finding_repeats_what_was_sent(value, code):
    sent = {**ROW, code: f"秘{value}密", f"名{value}字": value}
    found = judged([sent])
    assert isinstance(found, Bad)
    assert not [one for one in found.findings if f"秘{value}密" in one.message or f"名{value}字" in one.message]


def test_the_reading_that_the_property_trusts_refuses_what_it_should():
    for bad in ("", "x" * 10, "a\u200b"):
        try:
            read(ITEMS[0], bad, AREAS)
        except BadValue:
            continue
        raise AssertionError(bad)
