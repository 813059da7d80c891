"""A cursor is readable by the platform alone, and good for the question that it came from and no other."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.cursors import Question, Seal
from gateway.domain.decisions import MAX_CURSOR
from gateway.errors import Code, Refused

SECRET = b"s" * 32
SEAL = Seal.of(SECRET)
ASKED = Question(
    unit="edu",
    service="streets",
    resource_version="307001-000001_v1",
    filters={"area_code": "310105", "updated__ge": "2023/06/30"},
    order="-updated",
)
PLACE = ("2023-06-30", "310105001", None)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def refused(cursor, asked=ASKED, seal=SEAL):
    with pytest.raises(Refused) as found:
        seal.open(cursor, asked)
    return found.value.code == Code.VALUE


def test_what_was_sealed_is_what_is_opened():
    assert SEAL.open(SEAL.close(PLACE, ASKED), ASKED) == PLACE


def test_every_replica_with_the_same_secret_can_open_it_and_no_other():
    cursor = SEAL.close(PLACE, ASKED)
    assert Seal.of(SECRET).open(cursor, ASKED) == PLACE
    assert refused(cursor, seal=Seal.of(b"t" * 32))


def test_the_secret_itself_is_not_the_key():
    """It is the evidence's as well; one use tells nothing of the other."""
    assert refused(Seal(SECRET).close(PLACE, ASKED))


def test_it_can_stand_in_a_url_and_in_a_header_as_it_is():
    assert set(SEAL.close(PLACE, ASKED)) <= set(LETTERS)


def test_no_value_is_in_it_in_clear():
    cursor = SEAL.close(("张示例", "11010519491231002X"), ASKED)
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for value in ("张示例", "11010519491231002X", "streets", "310105"):
        for hidden in (value.encode(), json.dumps(value).encode(), base64.urlsafe_b64encode(value.encode())[:-1]):
            assert hidden not in raw
            assert hidden not in cursor.encode()


def test_the_same_place_twice_gives_two_cursors_that_tell_nothing_of_being_the_same():
    assert len({SEAL.close(PLACE, ASKED) for _ in range(100)}) == 100


@pytest.mark.parametrize("length", range(5))
def test_any_altered_character_is_206(length):
    """Also the last one, of whose bits not all count."""
    cursor = SEAL.close(("x" * length,), ASKED)
    for place, letter in enumerate(cursor):
        for other in LETTERS:
            if other != letter:
                assert refused(cursor[:place] + other + cursor[place + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:-1],
        lambda c: c[1:],
        lambda c: c + "A",
        lambda c: c + "=",
        lambda c: c + "==",
        lambda c: " " + c,
        lambda c: c + "\n",
        lambda c: c[:5] + "\n" + c[5:],
        lambda c: c[:20],
        lambda c: c + c,
        lambda c: c.replace("-", "+").replace("_", "/") + "+",
        lambda c: "",
        lambda c: "A",
        lambda c: "A" * 16,
        lambda c: "A" * 64,
        lambda c: "游标",
        lambda c: "\ud800",
        lambda c: "\x00" * 40,
    ],
)
def test_what_is_none_of_ours_is_206(change):
    assert refused(change(SEAL.close(PLACE, ASKED)))


def test_the_other_alphabet_of_base64_is_none_of_ours():
    for _ in range(200):
        cursor = SEAL.close(PLACE, ASKED)
        standard = cursor.replace("-", "+").replace("_", "/")
        assert standard == cursor or refused(standard)


@pytest.mark.parametrize(
    "changed",
    [
        {"unit": "health"},
        {"service": "other"},
        {"resource_version": "307001-000001_v2"},
        {"filters": {}},
        {"filters": {"area_code": "310105"}},
        {"filters": {"area_code": "310104", "updated__ge": "2023/06/30"}},
        {"filters": {"area_code__in": "310105", "updated__ge": "2023/06/30"}},
        {"filters": {**ASKED.filters, "street_code": "1"}},
        {"order": None},
        {"order": "updated"},
        {"order": ""},
    ],
)
def test_it_is_good_for_no_other_question(changed):
    assert refused(SEAL.close(PLACE, ASKED), replace(ASKED, **changed))


def test_the_order_in_which_filters_come_does_not_matter():
    turned = replace(ASKED, filters=dict(reversed(ASKED.filters.items())))
    assert SEAL.open(SEAL.close(PLACE, ASKED), turned) == PLACE


def test_the_longest_place_that_a_row_can_have_is_taken_back():
    """A key and an ordering hold at most what an index holds, 2500 bytes."""
    assert len(SEAL.close(("x" * 2500, "x"), ASKED)) <= MAX_CURSOR


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
questions = st.builds(
    Question,
    unit=texts,
    service=texts,
    resource_version=texts,
    filters=st.dictionaries(texts, texts, max_size=3),
    order=st.none() | texts,
)


@given(st.lists(st.none() | texts, max_size=4), questions, questions)
@settings(deadline=None)
def test_any_place_comes_back_for_its_question_alone(place, asked, other):
    cursor = SEAL.close(tuple(place), asked)
    assert SEAL.open(cursor, asked) == tuple(place)
    assert asked == other or refused(cursor, other)


@given(texts)
def test_any_text_is_206(text):
    assert refused(text)
