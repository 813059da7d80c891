"""One set of parameters out of query, body and headers, or 101 (`gateway-protocol`, Request; IN-G1 to G4, G20, G23)."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.requests import (
    FORM,
    JSON,
    MAX_BODY,
    MAX_PARAMETERS,
    Notes,
    body_kind,
    headers_of,
    note_fits,
    notes_of,
    parameters,
    service_of,
)
from gateway.errors import Code, Refused, Transport

KEY = "cnu_" + "a" * 49


def refused(query=b"", kind=None, body=b"", headers=()):
    with pytest.raises(Refused) as found:
        parameters(query, kind, body, headers_of(headers))
    return found.value.code


def from_json(text):
    return parameters(b"", JSON, text if isinstance(text, bytes) else text.encode(), {})


class TestPath:
    @pytest.mark.parametrize("path", [b"/streets", b"/a", b"/-", b"/0-9", b"/" + b"a" * 64])
    def test_a_plain_segment_names_a_service(self, path):
        assert service_of(path) == path[1:].decode()

    @pytest.mark.parametrize(
        "path",
        [
            *(b"", b"/", b"//streets", b"/streets/", b"/streets/x", b"streets", b"/./streets", b"/../streets"),
            *(b"/svc/../admin", b"/%2e%2e", b"/%73treets", b"/streets%00", b"/streets\n", b"/streets;x", b"/Streets"),
            *(b"/stre_ets", b"/" + b"a" * 65, b"/streets?x=1", b"/\xe8\xa1\x97", "/街道".encode(), b"*", b"http://h/s"),
        ],
    )
    def test_any_other_path_names_none(self, path):
        """IN-G9."""
        assert service_of(path) is None


class TestQueryAndForm:
    def test_parameters_come_from_query_and_form(self):
        found = parameters(b"unitKey=u&a=1", FORM, b"methodKey=m&b=2", {})
        assert found == {"unitKey": "u", "a": "1", "methodKey": "m", "b": "2"}

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            (b"n=%E8%A1%97%E9%81%93", "街道"),
            (b"n=%F0%A0%AE%B7", "𠮷"),
            (b"n=a+b%2Bc", "a b+c"),
            (b"n=+a+", " a "),  # nothing is trimmed
            (b"n=%e8%a1%97", "街"),
            (b"n=a=b", "a=b"),
            (b"n=e%CC%81", "e\u0301"),  # nor normalised
            (b"n=%00", "\x00"),  # a matter of the value, 206
            (b"n=", ""),
            (b"n", ""),
            (b"n=%zz", "%zz"),
            (b"n=1;m=2", "1;m=2"),
        ],
    )
    def test_values_are_decoded_as_utf_8_and_otherwise_left_alone(self, text, value):
        assert parameters(text, None, b"", {}) == {"n": value}
        assert parameters(b"", FORM, text, {}) == {"n": value}

    @pytest.mark.parametrize("text", [b"n=%ff", b"n=%E8%A1", b"n=%ED%A0%80", b"%ff=1", b"n=\xe8\xa1\x97", b"n=%C0%80"])
    def test_what_is_no_utf_8_is_unreadable(self, text):
        """IN-G2: invalid encodings, lone surrogates and over-long forms among them."""
        assert refused(text) == refused(b"", FORM, text) == Code.PARAMETERS

    def test_names_are_case_sensitive(self):
        """IN-G4."""
        names = {"unitKey": "1", "unitkey": "2", "UNITKEY": "3", "ｕｎｉｔＫｅｙ": "4"}
        assert parameters(urlencode(names).encode(), None, b"", {}) == names

    def test_a_body_that_is_not_read_says_nothing(self):
        assert parameters(b"a=1", None, b"b=2", {}) == {"a": "1"}


class TestRepeatedNames:
    """IN-G3: equal values are one, different ones are 101, wherever they stand."""

    def test_equal_values_are_one(self):
        headers = headers_of([(b"x-unit-key", b"u"), (b"x-unit-key", b"u")])
        assert parameters(b"unitKey=u&unitKey=u&a=1", FORM, b"unitKey=u&a=1", headers) == {"unitKey": "u", "a": "1"}

    @pytest.mark.parametrize(
        ("query", "kind", "body", "headers"),
        [
            (b"a=1&a=2", None, b"", []),
            (b"a=1&a=1&a=2", None, b"", []),
            (b"", FORM, b"a=1&a=2", []),
            (b"a=1", FORM, b"a=2", []),
            (b"a=1", JSON, b'{"a":"2"}', []),
            (b"a=", FORM, b"a=1", []),
            (b"a=1", FORM, b"a=+1", []),
            (b"unitKey=u", None, b"", [(b"x-unit-key", b"v")]),
            (b"", FORM, b"methodKey=u", [(b"x-method-key", b"v")]),
            (b"", None, b"", [(b"x-unit-key", b"u"), (b"x-unit-key", b"v")]),
            (b"unitKey=u", None, b"", [(b"x-unit-key", b"u"), (b"x-unit-key", b"v")]),
            (b"unitKey=v", None, b"", [(b"x-unit-key", b"u"), (b"x-unit-key", b"v")]),
        ],
    )
    def test_different_values_are_101(self, query, kind, body, headers):
        assert refused(query, kind, body, headers) == Code.PARAMETERS

    @pytest.mark.parametrize("body", [b'{"a":"1","a":"1"}', b'{"a":"1","a":"2"}', b'{"a":"1","b":1,"a":1}'])
    def test_a_name_repeated_within_json_is_101_even_with_equal_values(self, body):
        """IN-G23."""
        assert refused(b"", JSON, body) == Code.PARAMETERS


class TestKeysInHeaders:
    def test_both_keys_may_stand_in_headers(self):
        headers = headers_of([(b"x-unit-key", b"u"), (b"x-method-key", b"m"), (b"host", b"h")])
        assert parameters(b"a=1", None, b"", headers) == {"a": "1", "unitKey": "u", "methodKey": "m"}

    def test_bytes_beyond_ascii_are_a_wrong_key_not_an_error(self):
        assert parameters(b"", None, b"", {b"x-unit-key": b"\xff\xfe"}) == {"unitKey": "ÿþ"}

    def test_other_parameters_are_not_read_from_headers(self):
        assert parameters(b"", None, b"", {b"street_code": b"1", b"x-format": b"xml"}) == {}


class TestJson:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{}", {}),
            (' \r\n\t{ "a" : "1" }\n', {"a": "1"}),
            ('{"a":1,"b":-0.50,"c":1E5,"d":-0}', {"a": "1", "b": "-0.50", "c": "1E5", "d": "-0"}),
            ('{"n":123456789012345678901234567890.123456789}', {"n": "123456789012345678901234567890.123456789"}),
            ('{"n":"\\u8857\\ud842\\udfb7"}', {"n": "街𠮷"}),
            ('{"":"x"}', {"": "x"}),
            ('{"n":"\\u0000"}', {"n": "\x00"}),
        ],
    )
    def test_a_flat_object_of_strings_and_numbers_is_read_a_number_as_its_literal(self, text, expected):
        found = from_json(text)
        assert found == expected

    @pytest.mark.parametrize(
        "text",
        [
            *("[]", '[["a","1"]]', '"a"', "1", "null", "true", "", " "),
            *('{"a":null}', '{"a":true}', '{"a":["1"]}', '{"a":{}}', '{"a":{"b":"c"}}', '{"a":[["b","c"]]}'),
            *('{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":01}', '{"a":.5}', '{"a":1.}', '{"a":0x1}'),
            *("{bad}", "{'a':'1'}", '{"a":"1",}', '{"a":"1"}{"b":"2"}', '{"a":"1"} x', '{"a":"1"', "{a:1}", "/**/{}"),
            *('{"a":"\n"}', '{"a":"\\x"}'),
            # Lone surrogates are no text.
            *('{"a":"\\ud800"}', '{"\\udfff":"a"}', '{"a":"\\udc00\\ud800"}'),
        ],
    )
    def test_anything_else_is_unreadable(self, text):
        assert refused(b"", JSON, text.encode() or b" ") == Code.PARAMETERS

    @pytest.mark.parametrize(
        "body",
        [
            b"\xef\xbb\xbf{}",
            '{"a":"1"}'.encode("utf-16"),
            '{"a":"1"}'.encode("utf-16-le"),
            '{"a":"1"}'.encode("utf-32"),
            b'{"a":"\xff"}',
            b'{"a":"\xed\xa0\x80"}',
            '{"a":"街"}'.encode("gbk"),
        ],
    )
    def test_other_encodings_are_unreadable(self, body):
        """IN-G23: a byte order mark and UTF-16 among them."""
        assert refused(b"", JSON, body) == Code.PARAMETERS

    @pytest.mark.parametrize(
        "deep", [b'{"a":' * 100_000, b"[" * 500_000, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"]
    )
    def test_depth_is_unreadable_not_a_crash(self, deep):
        assert refused(b"", JSON, deep) == Code.PARAMETERS

    def test_a_huge_number_is_a_text_and_costs_nothing(self):
        digits = "9" * 500_000
        assert from_json(f'{{"a":{digits}}}') == {"a": digits}


class TestSizes:
    def test_so_many_parameters_and_no_more(self):
        """IN-G20."""
        most = b"&".join(b"p%d=1" % n for n in range(MAX_PARAMETERS))
        assert len(parameters(most, None, b"", {})) == MAX_PARAMETERS
        assert refused(most + b"&q=1") == Code.PARAMETERS
        assert refused(most, FORM, b"q=1") == Code.PARAMETERS
        assert refused(b"", JSON, json.dumps({f"p{n}": "1" for n in range(MAX_PARAMETERS + 1)}).encode()) == "101"

    def test_a_name_repeated_without_end_is_refused_too(self):
        assert refused(b"&".join([b"a=1"] * (MAX_PARAMETERS + 1))) == Code.PARAMETERS


class TestBodyKind:
    @pytest.mark.parametrize(
        ("media", "kind"),
        [
            (b"application/json", JSON),
            (b"application/json; charset=utf-8", JSON),
            (b"Application/JSON;charset=UTF-8", JSON),
            (b'application/json; charset="utf-8"', JSON),
            (b"application/x-www-form-urlencoded", FORM),
            (b" application/x-www-form-urlencoded ; charset=utf-8", FORM),
        ],
    )
    def test_the_two_media_types_that_are_spoken(self, media, kind):
        assert body_kind({b"content-length": b"5", b"content-type": media}) == kind
        assert body_kind({b"transfer-encoding": b"chunked", b"content-type": media}) == kind

    @pytest.mark.parametrize(
        "media",
        [
            *(b"", b"text/plain", b"text/json", b"application/xml", b"multipart/form-data; boundary=x", b"*/*"),
            *(b"application/json; charset=gbk", b"application/json; charset=utf-16", b"application/json5"),
            *(b"application/x-www-form-urlencoded; charset=latin-1", b"application/json, text/plain"),
        ],
    )
    def test_other_media_types_and_charsets_are_415(self, media):
        with pytest.raises(Transport) as found:
            body_kind({b"content-length": b"5", b"content-type": media})
        assert found.value.status == 415

    @pytest.mark.parametrize("coding", [b"gzip", b"br", b"deflate", b"identity, gzip", b"x"])
    def test_a_compressed_body_is_415(self, coding):
        """IN-G22."""
        headers = {b"content-length": b"5", b"content-type": JSON, b"content-encoding": coding}
        with pytest.raises(Transport) as found:
            body_kind(headers)
        assert found.value.status == 415
        assert body_kind({**headers, b"content-encoding": b"identity"}) == JSON

    def test_a_content_type_that_comes_twice_is_none_of_them(self):
        headers = headers_of([(b"content-length", b"5"), (b"content-type", JSON), (b"content-type", FORM)])
        with pytest.raises(Transport):
            body_kind(headers)

    def test_without_a_body_its_type_does_not_matter(self):
        assert body_kind({}) is None
        assert body_kind({b"content-length": b"0", b"content-type": b"text/plain"}) is None

    @pytest.mark.parametrize("length", [str(MAX_BODY + 1).encode(), b"99999999999", b"-1", b"1e3", b"x"])
    def test_a_body_over_the_limit_is_413(self, length):
        with pytest.raises(Transport) as found:
            body_kind({b"content-length": length, b"content-type": JSON})
        assert found.value.status == 413

    def test_a_body_of_exactly_the_limit_is_read(self):
        assert body_kind({b"content-length": str(MAX_BODY).encode(), b"content-type": JSON}) == JSON


class TestNotes:
    def test_the_three_optional_headers_are_kept_as_they_came(self):
        headers = headers_of(
            [(b"x-operator", b"staff 7"), (b"x-using-system", b"one-net"), (b"x-matter", b"2026-0001")]
        )
        assert notes_of(headers) == Notes("staff 7", "one-net", "2026-0001")
        assert notes_of({}) == Notes(None, None, None)

    @pytest.mark.parametrize("value", [b"", b" ", b"~", b"a" * 64, b"\"'<>&\\"])
    def test_what_fits(self, value):
        assert note_fits(value)

    @pytest.mark.parametrize(
        "value", [b"a" * 65, b"a\tb", b"a\x00b", b"a\x7f", b"a\nb", b"\x1b[31m", "张".encode(), b"\xff"]
    )
    def test_what_does_not_fit_is_not_kept(self, value):
        """IN-G32: nothing of it reaches a record."""
        assert not note_fits(value)
        assert notes_of({b"x-operator": value}).operator is None

    def test_two_values_do_not_fit(self):
        assert not note_fits(headers_of([(b"x-matter", b"1"), (b"x-matter", b"2")])[b"x-matter"])

    @pytest.mark.parametrize("value", [KEY, f"my key {KEY[:24]}", KEY.replace("cnu_", "cnm_")])
    def test_a_key_put_there_by_mistake_is_kept_nowhere(self, value):
        """IN-G33."""
        kept = notes_of({b"x-operator": value.encode()}).operator
        assert "[key]" in kept
        assert "aaaaaaaa" not in kept


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.dictionaries(NAMES, NAMES, max_size=6)


@given(VALUES)
def test_any_parameters_come_through_query_form_and_json_alike(values):
    encoded = urlencode(values).encode()
    assert parameters(encoded, None, b"", {}) == values
    assert parameters(b"", FORM, encoded, {}) == values
    assert from_json(json.dumps(values)) == values
    assert from_json(json.dumps(values, ensure_ascii=False)) == values
    assert parameters(encoded, JSON, json.dumps(values).encode(), {}) == values


def outcome(query, kind, body):
    try:
        return parameters(query, kind, body, {})
    except Refused as refused:
        return refused.code


@given(st.binary(max_size=200))
def test_any_bytes_are_parameters_or_101(noise):
    for found in (outcome(noise, None, b""), outcome(b"", FORM, noise), outcome(b"", JSON, b"{" + noise)):
        assert found == Code.PARAMETERS or "".join([*found, *found.values()]).encode().decode() is not None
