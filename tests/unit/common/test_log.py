"""One JSON line per fact, and no secret or personal value in any of them."""

import json
import logging
from dataclasses import dataclass

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from common import keys, log, trace
from common.keys import KeyKind
from tests.support.service_log import service_log

UNIT_KEY = keys.compose(KeyKind.UNIT, bytes(range(32)))
METHOD_KEY = keys.compose(KeyKind.METHOD, bytes(range(32, 64)))
TOKEN = "eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLW9mLXRoaXM"
IDENTITY, IDENTITY_X, PHONE = "310105199001010018", "31010519491231002X", "13800138000"
PASSWORD = "Pa55-w0rd"
CANARIES = {
    "unit key": UNIT_KEY,
    "method key": METHOD_KEY,
    "token": TOKEN,
    "identity number": IDENTITY,
    "identity number with x": IDENTITY_X,
    "identity number with small x": IDENTITY_X.lower(),
    "phone": PHONE,
}


@pytest.fixture
def out():
    """The text of a service's log, written since."""
    with service_log() as caught:
        yield lambda: caught.text


@pytest.fixture
def lines(out):
    """The lines of the log, read back."""
    return lambda: [json.loads(line) for line in out().split("\n")[:-1]]


def logger():
    # Not kept at module level: a logger is bound to the configuration at its first use.
    return structlog.stdlib.get_logger("probe")


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES.keys())
class TestACanary:
    """A value that stands for all of its kind."""

    def test_is_scrubbed_wherever_it_stands_in_a_text(self, canary):
        for text in (canary, f"标识{canary}。", f"?unitKey={canary}&x=1", f'{{"a":"{canary}"}}', f"{canary},{canary}"):
            assert canary not in log.scrub(text)
            assert log.scrub(text).replace(log.REDACTED, canary) == text

    def test_is_in_no_line_however_it_was_handed_over(self, canary, lines):
        @dataclass
        class Holder:
            held: str

        logger().info("probe.happened", plain=canary, list=["a", canary], map={"a": {"b": (canary,)}}, set={canary})
        logger().info("probe.happened", object=Holder(canary), map={canary: 1}, error=ValueError(canary))
        logger().info(f"probe.{canary}")
        logging.getLogger("some.library").warning("took %s", canary)
        logging.getLogger("some.library").warning("took %(a)s", {"a": canary})
        written = json.dumps(lines(), ensure_ascii=False)
        assert written.count(log.REDACTED) >= 9
        assert canary not in written

    def test_is_in_no_traceback(self, canary, lines):
        def fail():
            raise RuntimeError(f"could not take {canary}")

        for happened in (logger().exception, logging.getLogger("some.library").exception):
            try:
                fail()
            except RuntimeError as error:
                error.add_note(f"noted {canary}")
                try:
                    raise KeyError(canary) from error
                except KeyError:
                    happened("probe.failed")
        written = lines()
        assert [("fail" in line["exception"], "KeyError" in line["exception"]) for line in written] == [(True,) * 2] * 2
        assert canary not in json.dumps(written, ensure_ascii=False)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "PASSWORD",
        "secret",
        "client_secret",
        "token",
        "authorization",
        "Proxy-Authorization",
        "cookie",
        "Set-Cookie",
        "pepper",
        "unitKey",
        "unit_key",
        "unit-key",
        "methodKey",
        "method_key",
        "X-Api-Key",
        "api_key",
        "signing_key",
        "credential",
        "session",
    ],
)
def test_what_has_a_secret_name_is_not_shown_whatever_it_is(name, lines):
    logger().info("probe.happened", **{name: PASSWORD}, nested={"deep": [{name: {"even": PASSWORD}}]})
    assert PASSWORD not in json.dumps(lines())


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://app:{PASSWORD}@db:5432/registry",
        f"postgresql+asyncpg://app:{PASSWORD}@db",
        f"redis://:{PASSWORD}@cache",
        f"amqp://app:half@{PASSWORD}@mq/x",
        f"connecting to https://app:{PASSWORD}@host/path?x=1 failed",
    ],
)
def test_the_credentials_in_an_address_are_not_shown_its_host_is(text):
    scrubbed = log.scrub(text)
    assert PASSWORD not in scrubbed
    assert scrubbed.rpartition("@")[2] == text.rpartition("@")[2]


@pytest.mark.parametrize(
    "text",
    [
        'duplicate key value violates unique constraint "person_name_key"\nDETAIL:  Key (name)=(张三) already exists.',
        'null value in column "post" violates not-null constraint\nDETAIL:  Failing row contains (1, 张三, null).',
        "invalid input for query argument $2: '张三' (expected int)",
        'invalid input syntax for type integer: "张三"',
    ],
)
def test_what_a_database_repeats_of_a_row_is_not_shown_its_complaint_is(text):
    # No pattern knows a name: PostgreSQL's DETAIL lines and the driver's texts hold whole rows.
    assert "张三" not in log.scrub(text)
    assert log.scrub(text).startswith(text[:20])


HARMLESS = [
    "gateway.call_refused",
    "0190b3f2-7c1a-7d4e-9a3b-3f0a5e6b7c8d",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "1700000000000",  # milliseconds
    "1700000000000000000",  # nanoseconds
    "2026-11-23T09:12:00.123+08:00",
    "1398.25 ms, 138001380001 bytes, 12800138000",  # 12 digits; 11 digits that begin as no phone does
    "CNZYSQ2600000017",
    "3070010000000001-000123_v3",
    "13900000000-000123",  # an entry's code, though its class reads like a phone
    "91310105MA1FL0XX5A",  # a unit's 统一社会信用代码 is public
    "0" * 18,
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "http://127.0.0.1:8080/health/ready",
    "https://host/path?mail=a:b",
    "cnu_ is the prefix, cnm_ the other",
    "eyJ is how a token begins",
    "区民政局《长宁区街道镇名录》已发布",
    "a@b.example: see http://host/x",
    "Key (name) has no index",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_nothing_else_is_harmed(text, lines):
    assert log.scrub(text) == text
    logger().info("probe.happened", value=text, nested=[{"value": text}])
    assert lines()[0]["value"] == text


@pytest.mark.parametrize(
    "name", ["key_id", "token_id", "keys", "sessions_open", "topic", "unit", "pepper_id", "secrets_at"]
)
def test_names_that_only_sound_alike_are_shown(name, lines):
    logger().info("probe.happened", **{name: "shown"})
    assert lines()[0][name] == "shown"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(HARMLESS),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "ok", "值"]), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_plain_values_pass_as_they_are(value):
    assert log.redact(None, "info", {"value": value}) == {"value": value}


def test_numbers_truth_and_nothing_stay_what_they_are(lines):
    logger().info("probe.happened", count=3, ms=1.5, ready=True, missing=None, within={"deep": [1, False]})
    line = lines()[0]
    assert (line["count"], line["ms"], line["ready"], line["missing"]) == (3, 1.5, True, None)
    assert line["within"] == {"deep": [1, False]}


def test_bytes_are_counted_and_secrets_of_pydantic_stay_hidden(lines):
    logger().info("probe.happened", body=PASSWORD.encode(), held=SecretStr(PASSWORD))
    line = lines()[0]
    assert line["body"] == f"{len(PASSWORD)} bytes"
    assert PASSWORD not in json.dumps(line)


def test_what_is_nested_without_end_is_cut_off(lines):
    endless: dict[str, object] = {}
    endless["again"] = endless
    logger().info("probe.happened", endless=endless)
    assert log.REDACTED in json.dumps(lines()[0])


def test_a_line_says_when_in_shanghai_where_how_grave_and_in_which_trace(lines):
    current, token = trace.enter()
    logger().warning("probe.happened")
    trace.leave(token)
    logging.getLogger("some.library").error("plain")
    ours, theirs = lines()
    assert {"event", "level", "at", "service", "trace_id"} == ours.keys()
    assert (ours["event"], ours["level"], ours["service"]) == ("probe.happened", "warning", "probe")
    assert ours["trace_id"] == current.trace_id
    assert ours["at"].endswith("+08:00")
    assert (theirs["event"], theirs["level"], theirs["service"]) == ("plain", "error", "probe")
    assert "trace_id" not in theirs


def test_a_value_cannot_forge_a_line(lines):
    # IN-G32: line breaks and escapes are data inside one JSON line.
    forged = 'x\n{"level":"info","event":"forged"}\r\n\x1b[31mred\u2028'
    logger().info("probe.happened", value=forged)
    written = lines()
    assert [line["event"] for line in written] == ["probe.happened"]
    assert written[0]["value"] == forged


def test_half_a_character_does_not_lose_the_line(lines):
    logger().info("probe.happened", value="a\ud800b", map={"\udfff": 1})
    assert lines()[0]["event"] == "probe.happened"


def test_chinese_can_be_read_in_the_log_as_it_is(out):
    logger().info("probe.happened", message="没有这个地址")
    assert "没有这个地址" in out()


def test_the_servers_access_log_and_the_libraries_small_talk_are_off(lines):
    logging.getLogger("uvicorn.access").info("GET /?unitKey=x")
    logging.getLogger("httpx2").info("HTTP Request")
    logging.getLogger("aiokafka.consumer").debug("fetching")
    assert lines() == []


def test_only_the_last_frames_of_a_traceback_are_kept(lines):
    def deeper(left):
        if left == 0:
            raise RuntimeError("bottom")
        deeper(left - 1)

    try:
        deeper(40)
    except RuntimeError:
        logger().exception("probe.failed")
    assert 1 <= lines()[0]["exception"].count("in deeper") <= 8
