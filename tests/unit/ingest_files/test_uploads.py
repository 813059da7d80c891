"""An upload's way: awaited, received, then loaded or rejected, and what is told of each step."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from exchange.loading import Loaded
from ingest_files import errors
from ingest_files.domain import uploads
from ingest_files.domain.uploads import FINAL, State, Upload
from tests.support.given_clock import PAST_TERM

DIGEST = "ab" * 32
AWAITED = Upload(
    id=UUID(int=7),
    entry="307001-000001",
    provider="mzj",
    name="街道-20230630.xls",
    bucket="inbox",
    object_key="mzj/307001-000001/7",
    state=State.AWAITED,
    uploaded_by="mzj.bianzhi",
    created_at=PAST_TERM,
)
LATER = PAST_TERM + timedelta(minutes=1)
RECEIVED = uploads.receive(AWAITED, version="v-1", size=5, at=LATER)


def test_a_received_file_is_pinned_by_its_version():
    """IN-X22."""
    assert (RECEIVED.state, RECEIVED.object_version, RECEIVED.size, RECEIVED.received_at) == (
        State.RECEIVED,
        "v-1",
        5,
        LATER,
    )
    event = uploads.received_event(RECEIVED)
    assert (event.upload, event.object_version, event.key) == (AWAITED.id, "v-1", AWAITED.entry)


@pytest.mark.parametrize("state", [State.RECEIVED, State.LOADED, State.REJECTED])
def test_a_file_is_received_once(state):
    with pytest.raises(errors.UploadState) as refused:
        uploads.receive(replace(AWAITED, state=state), version="v-2", size=6, at=LATER)
    assert refused.value.details == {"state": state.value}


def test_a_loaded_file_says_what_was_loaded_from_which_bytes():
    done = uploads.load(RECEIVED, resource_version="307001-000001_v1", sha256=DIGEST, rows=10, at=LATER)
    assert (done.state, done.rows, done.done_at) == (State.LOADED, 10, LATER)
    booked = Loaded(
        batch=AWAITED.id,
        version="307001-000001_v1",
        sha256=DIGEST,
        rows=10,
        committed_at=PAST_TERM,
        mode="upsert",
        deleted=2,
        sheet="表1",
    )
    event = uploads.loaded_event(done, "街道-20230630.xls", booked)
    assert (event.deleted, event.sheet) == (2, "表1")
    assert (event.batch, event.rows, event.mode, event.committed_at) == (AWAITED.id, 10, "upsert", PAST_TERM)
    assert (event.file.key, event.file.version, event.file.sha256) == (AWAITED.object_key, "v-1", DIGEST)


def test_a_rejected_file_says_why_and_how_often_each_rule_was_broken():
    done = uploads.reject(RECEIVED, sha256=DIGEST, reason="quality", message="3处问题", findings=3, at=LATER)
    assert (done.state, done.rows, done.reason, done.findings) == (State.REJECTED, None, "quality", 3)
    event = uploads.rejected_event(done, "街道-20230630.xls", {"unique": 1, "length": 2})
    assert [(count.rule, count.count) for count in event.findings] == [("length", 2), ("unique", 1)]
    assert (event.upload, event.reason, event.file.sha256) == (AWAITED.id, "quality", DIGEST)


def test_loaded_and_rejected_are_ends():
    assert {State.LOADED, State.REJECTED} == FINAL
