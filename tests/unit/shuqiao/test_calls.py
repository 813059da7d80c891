"""One call by the SDK: what leaves, what is believed of what comes, what is refused before it leaves."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuqiao import Answer, BadArgument, Falsified, Gateway, Notes, Refused, Structure
from tests.support.scripted_gateway import METHOD_KEY, TRACE, UNIT_KEY, answer, failure, scripted, success

TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_keys_travel_in_headers_and_nowhere_else():
    told = scripted(success([]))
    told.gateway().call("streets", METHOD_KEY, {"street_code": "310105001"})

    (request,) = told.seen
    assert (request.method, str(request.url)) == ("POST", "http://gateway:8080/streets")
    assert (request.headers["x-unit-key"], request.headers["x-method-key"]) == (UNIT_KEY, METHOD_KEY)
    assert told.form() == {"street_code": "310105001"}


def test_options_are_sent_by_their_names_in_the_protocol():
    told = scripted(success(None))
    told.gateway().call(
        "streets", METHOD_KEY, {"a": "b"}, structure=Structure.KV, order_by="-updated", page_size=7, page=2
    )
    assert told.form() == {"a": "b", "rsStructure": "KV", "orderBy": "-updated", "pageSize": "7", "page": "2"}


def test_an_option_that_is_not_given_is_not_sent():
    told = scripted(success([]))
    told.gateway().call("streets", METHOD_KEY)
    assert told.seen[0].content == b""


def test_a_service_is_one_segment_of_the_path_whatever_it_is_called():
    told = scripted(failure("205"))
    told.gateway().call("a/b?unitKey=x", METHOD_KEY)
    assert told.seen[0].url.raw_path == b"/a%2Fb%3FunitKey%3Dx"


def test_what_the_call_says_of_itself_is_sent():
    told = scripted(success([]))
    notes = Notes(operator="S-01", using_system="zz" * 32, matter="A 1/2", traceparent=TRACEPARENT)
    told.gateway().call("streets", METHOD_KEY, notes=notes)

    headers = told.seen[0].headers
    assert (headers["x-operator"], headers["x-matter"]) == ("S-01", "A 1/2")
    assert (headers["x-using-system"], headers["traceparent"]) == ("z" * 64, TRACEPARENT)


@pytest.mark.parametrize("name", ["operator", "using_system", "matter"])
@pytest.mark.parametrize("value", ["", "x" * 65, "张三", "a\nb", "a\r\nX-Unit-Key: b", "\x7f", "a\tb"])
def test_a_note_that_could_not_be_sent_is_refused_before_anything_leaves(name, value):
    told = scripted(success([]))
    with pytest.raises(BadArgument):
        told.gateway().call("streets", METHOD_KEY, notes=Notes(**{name: value}))
    assert told.seen == []


@pytest.mark.parametrize(
    "value",
    [
        "",
        TRACE,
        TRACEPARENT.upper(),
        TRACEPARENT + "\n",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{TRACE}-00f067aa0ba902b7-01",
    ],
)
def test_a_trace_of_another_form_is_refused_before_anything_leaves(value):
    told = scripted(success([]))
    with pytest.raises(BadArgument):
        told.gateway().call("streets", METHOD_KEY, notes=Notes(traceparent=value))
    assert told.seen == []


@pytest.mark.parametrize("key", ["", "cnu_ü", "cnu_a\n", "cnu a", "x" * 201])
def test_a_key_that_could_not_be_sent_is_refused_and_not_repeated(key):
    told = scripted(success([]))
    with pytest.raises(BadArgument) as unit:
        Gateway("http://gateway", key)
    with pytest.raises(BadArgument) as method:
        told.gateway().call("streets", key)
    assert told.seen == []
    assert all(key not in str(found.value) for found in (unit, method) if key)


@pytest.mark.parametrize("name", ["unitKey", "methodKey", "format", "rsStyle"])
def test_names_that_would_change_what_can_be_read_are_no_parameters(name):
    told = scripted(success([]))
    with pytest.raises(BadArgument, match=name):
        told.gateway().call("streets", METHOD_KEY, {name: "xml"})
    assert told.seen == []


def test_what_is_given_twice_is_sent_not_at_all():
    told = scripted(success([]))
    with pytest.raises(BadArgument, match="pageSize"):
        told.gateway().call("streets", METHOD_KEY, {"pageSize": "5"}, page_size=6)
    assert told.seen == []


def test_an_answer_tells_as_of_when_how_many_and_what_comes_next():
    found = (
        scripted(success([1], X_Data_As_Of="2026-05-06T12:00:00+08:00", X_Total_Count="12", X_Next_Cursor="c"))
        .gateway()
        .call("streets", METHOD_KEY)
    )
    assert found == Answer(
        code="1",
        memo=None,
        data=[1],
        trace_id=TRACE,
        headers=found.headers,
        as_of=datetime(2026, 5, 6, 4, tzinfo=UTC),
        total=12,
        next_cursor="c",
    )


def test_numbers_keep_all_their_digits():
    body = b'{"SUCCESS":"1","DATA":[{"a":12345678901234567890.10,"b":98765432109876543210}]}'
    ((row),) = scripted(answer(body)).gateway().call("streets", METHOD_KEY).data
    assert (str(row["a"]), row["b"]) == ("12345678901234567890.10", 98765432109876543210)
    assert isinstance(row["a"], Decimal)


@pytest.mark.parametrize("code", ["101", "201", "205", "202", "208", "203", "207", "206", "301"])
def test_a_refusal_of_the_annex_is_an_answer_and_asked_once(code):
    told = scripted(failure(code, "说明"))
    found = told.gateway().call("streets", METHOD_KEY)
    assert (found.ok, found.code, found.memo, found.data, found.total) == (False, code, "说明", None, None)
    assert (len(told.seen), told.slept) == (1, [])


@pytest.mark.parametrize("status", [400, 404, 405, 408, 413, 414, 415, 429, 431, 500, 502, 505])
def test_a_refusal_of_the_transport_is_raised_with_its_status_and_asked_once(status):
    told = scripted(answer(b"", status, Retry_After="1"))
    with pytest.raises(Refused) as found:
        told.gateway().call("streets", METHOD_KEY)
    assert (found.value.code, found.value.status, len(told.seen), told.slept) == (f"http-{status}", status, 1, [])
    assert TRACE in str(found.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<RESULT/>",
        b"[]",
        b"{}",
        b'"1"',
        b'{"SUCCESS":1,"DATA":[]}',
        b'{"SUCCESS":"1"}',
        b'{"SUCCESS":["1"],"DATA":[]}',
        b'{"SUCCESS":"1","DATA":NaN}',
        b'{"SUCCESS":"0"}',
        b'{"SUCCESS":"0","ERROR":"201"}',
        b'{"SUCCESS":"0","ERROR":{"ERROR_CODE":201}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_not_the_protocols_is_not_believed(body):
    with pytest.raises(Falsified):
        scripted(answer(body)).gateway().call("streets", METHOD_KEY)


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Data_As_Of": "gestern"},
        {"X_Data_As_Of": "2026-05-06T12:00:00"},
        {"X_Total_Count": "-1"},
        {"X_Total_Count": "viele"},
        {"X_Total_Count": "9" * 5000},
    ],
)
def test_headers_that_say_nothing_are_not_believed(headers):
    with pytest.raises(Falsified):
        scripted(success([], **headers)).gateway().call("streets", METHOD_KEY)


@pytest.mark.parametrize("status", [201, 204, 301, 302, 599])
def test_a_status_that_the_protocol_does_not_know_is_not_believed(status):
    with pytest.raises(Falsified):
        scripted(answer(b"", status, Location="http://elsewhere/")).gateway().call("streets", METHOD_KEY)


@given(st.binary(min_size=1, max_size=40), st.integers(0, 10_000), st.integers(0, 7))
def test_one_bit_that_changed_on_the_way_is_found(data, place, bit):
    """REQ-R2: the digest is over the bytes that came."""
    sent = success([data.hex()])
    raw = bytearray(sent.content)
    raw[place % len(raw)] ^= 1 << bit
    changed = answer(bytes(raw), Content_Digest=sent.headers["content-digest"])
    with pytest.raises(Falsified, match="Content-Digest"):
        scripted(changed).gateway().call("streets", METHOD_KEY)


@pytest.mark.parametrize("changed", ["sha-256=:AAAA:", "", "md5=:AAAA:"])
def test_a_digest_of_something_else_is_not_believed(changed):
    with pytest.raises(Falsified, match="Content-Digest"):
        scripted(success([], Content_Digest=changed)).gateway().call("streets", METHOD_KEY)


def test_an_answer_without_a_digest_is_not_believed():
    sent = success([])
    del sent.headers["content-digest"]
    with pytest.raises(Falsified, match="Content-Digest"):
        scripted(sent).gateway().call("streets", METHOD_KEY)
