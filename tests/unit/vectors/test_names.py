"""Keys in the place of placeholders, and the run's suffix on service codes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import calling, literal, names
from tests.vectors.cases import Body
from tests.vectors.names import Names

HELD = Names(
    suffix="-r1",
    services={"s": "s-r1"},
    unit_keys={"A": "cnu_a", "区 一": "cnu_b"},
    method_keys={("A", "s"): "cnm_s"},
)


def test_placeholders_are_filled_wherever_they_stand():
    assert HELD.filled("{unitKey:A}") == "cnu_a"
    assert HELD.filled("x{unitKey:区 一}{methodKey:A/s}y") == "xcnu_bcnm_sy"
    assert HELD.filled("{unitkey:A} {other}") == "{unitkey:A} {other}"


def test_bodies_are_filled_and_numbers_keep_their_digits():
    form = Body(kind="form", media_type="", form=(("unitKey", "{unitKey:A}"), ("值", "a b&+")))
    document = Body(kind="json", media_type="", json=literal.load('{"k": ["{unitKey:A}", 1.500, true, null]}'))
    raw = Body(kind="raw", media_type="", raw=b"{unitKey:A}\xff")

    assert calling.content(form, HELD) == b"unitKey=cnu_a&%E5%80%BC=a%20b%26%2B"
    assert calling.content(document, HELD) == b'{"k": ["cnu_a", 1.500, true, null]}'
    assert calling.content(raw, HELD) == b"cnu_a\xff"


def test_what_is_shown_of_an_answer_holds_no_key():
    assert HELD.hidden("cnu_a/cnm_s/cnu_b") == "{unitKey:A}/{methodKey:A/s}/{unitKey:区 一}"


class TestServices:
    def test_a_service_of_the_file_and_one_made_up_have_the_suffix(self):
        assert HELD.service("s") == "s-r1"
        # The running exchange may have one of that code.
        assert HELD.service("no-such-service") == "no-such-service-r1"

    def test_a_path_that_is_no_service_code_stays_as_it_is(self):
        for path in ("S", "a/b", "a" * 64, "", "街道"):
            assert HELD.service(path) == path

    def test_codes_that_are_too_long_are_cut_and_differ_from_those_that_are_not(self):
        long = "a" * 64
        codes = [long, long[:-1] + "b", names.services([long], "-r1")[long].removesuffix("-r1")]
        made = names.services(codes, "-r1")

        assert len(set(made.values())) == 3
        assert all(len(code) <= 64 for code in made.values())

    @given(st.lists(st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True), unique=True, max_size=30))
    def test_codes_with_their_suffix_are_codes_and_differ(self, codes):
        made = names.services(codes, "-r0a1b2c")

        assert len(set(made.values())) == len(codes)
        assert all(len(code) <= 64 and code.endswith("-r0a1b2c") for code in made.values())


@pytest.mark.parametrize("text", ["[NaN]", "[Infinity]", '{"a": 1, "a": 1}'])
def test_what_readers_would_not_agree_on_is_no_document(text):
    with pytest.raises(ValueError):
        literal.load(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_document_is_written_as_it_was_read(document):
    text = json.dumps(document, ensure_ascii=False)

    assert literal.dump(literal.load(text)) == text
    assert literal.plain(literal.load(text)) == document
