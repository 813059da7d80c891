"""Rows that a provider's system pushes: what is sent, tried again, and read of the answer."""

import json
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import httpx2
import pytest

from shuqiao import Away, BadArgument, Falsified, Finding, Way
from shuqiao.pushes import MAX_ROWS, MEDIA
from tests.support.scripted_gateway import METHOD_KEY, TRACE, answer, away, failure, scripted, success

BATCH = "01a2094b-c642-7bec-b9f0-d0099e1985cc"
TAKEN = {"batch": BATCH, "rows": 2, "committed_at": "2026-10-01T08:00:00.000+08:00"}
REFUSED = {
    "SUCCESS": "0",
    "ERROR": {"ERROR_CODE": "206", "ERROR_MEMO": "参数值异常"},
    "DATA": {"count": 7, "findings": [{"row": 1, "item": "people", "rule": "type", "message": "应为整数"}]},
}


def push(held, rows, **more):
    with held.gateway() as gateway:
        return gateway.push("streets-push", METHOD_KEY, rows, **more)


def test_rows_are_sent_as_a_body_of_their_own_with_keys_in_headers():
    held = scripted(success(TAKEN))
    at = datetime(2023, 6, 30, 12, 0, 5)  # noqa: DTZ001  Beijing time without zone, as items have it
    done = push(
        held, [{"a": "甲", "b": None, "c": date(2023, 6, 30), "d": at, "e": Decimal("1.50"), "f": 7}], key="k-1"
    )
    (request,) = held.seen
    assert json.loads(request.content) == [
        {"a": "甲", "b": None, "c": "2023/06/30", "d": "2023/06/30 12:00:05", "e": "1.50", "f": 7}
    ]
    assert (request.headers["content-type"], request.headers["idempotency-key"]) == (MEDIA, "k-1")
    assert str(request.url).endswith("/streets-push?mode=upsert&rsStructure=KV")
    assert METHOD_KEY not in str(request.url)
    assert (done.ok, done.batch, done.rows, done.trace_id) == (True, UUID(BATCH), 2, TRACE)
    assert done.committed_at == datetime.fromisoformat(TAKEN["committed_at"])


def test_tries_of_one_push_have_one_key_and_two_pushes_have_two():
    held = scripted(away(retry_after="1"), success(TAKEN))
    push(held, [{"a": "1"}])
    push(held, [{"a": "1"}])
    first, second, third = (request.headers["idempotency-key"] for request in held.seen)
    assert first == second != third


def test_an_answer_that_stays_away_is_not_asked_for_again_by_itself():
    held = scripted(httpx2.ReadTimeout("slow"))
    with pytest.raises(Away):
        push(held, [{"a": "1"}], key="k")
    assert len(held.seen) == 1


def test_bad_rows_are_an_answer_with_what_was_found():
    done = push(scripted(answer(REFUSED)), [{"a": "1"}], way=Way.REPLACE)
    assert (done.ok, done.code, done.batch, done.count) == (False, "206", None, 7)
    assert done.findings == (Finding(row=1, item="people", rule="type", message="应为整数"),)


def test_a_refusal_without_findings_is_one_too():
    done = push(scripted(failure("203")), [{"a": "1"}])
    assert (done.code, done.count, done.findings) == ("203", 0, ())


@pytest.mark.parametrize("data", [None, [], {"batch": "x", "rows": 1}, {**TAKEN, "batch": 7}, {**TAKEN, "rows": None}])
def test_what_is_no_answer_of_a_write_service_is_not_believed(data):
    with pytest.raises(Falsified):
        push(scripted(success(data)), [{"a": "1"}])


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        ([], {}),
        ([{"a": "1"}] * (MAX_ROWS + 1), {}),
        ([{"a": "字" * 400_000}], {}),
        ([{"a": float("nan")}], {}),
        ([{"a": object()}], {}),
        ([{"a": "1"}], {"key": ""}),
        ([{"a": "1"}], {"key": "a b"}),
        ([{"a": "1"}], {"key": "k" * 65}),
    ],
)
def test_what_could_not_be_taken_is_not_sent(rows, more):
    held = scripted(success(TAKEN))
    with pytest.raises(BadArgument):
        push(held, rows, **more)
    assert held.seen == []
