"""`shuqiao file allow`, `batches`, `take-back`, and uploads in other ways than replacing."""

from uuid import uuid4

import pytest
from typer.testing import CliRunner

from shuqiao import batches, cli, files

ACCOUNT = ("--account", "mzj.fabu", "--password", "x")
BATCH = str(uuid4())
LISTED = {
    "batch": BATCH, "number": 2, "mode": "append", "rows": 5, "deleted": 0, "committed_at": "2023-06-30T10:00:00+08:00",
    "kept": True, "taken_back_why": None,
}  # fmt: skip


class Session:
    """Notes what it is asked."""

    def __init__(self, *_: object) -> None:
        self.asked: list[tuple[object, ...]] = []

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None: ...

    def get(self, _service, path):
        return [LISTED] if path.endswith("/batches") else {"state": "loaded", "findings": 0, "rows": 1, "sha256": "0"}

    def put(self, _service, path, body):
        self.asked.append(("put", path, body))
        return body

    def post(self, _service, path, body=None):
        self.asked.append(("post", path, body))
        return {"url": "", "fields": {}, "upload": {"id": "u"}}


@pytest.fixture
def session(monkeypatch):
    made = Session()
    for module in (batches, cli):
        monkeypatch.setattr(module, "Session", lambda *_: made)
        monkeypatch.setattr(module.profile, "load", lambda *_: None)
    monkeypatch.setattr(files, "post", lambda *_: None)
    return made


def told(*words):
    answer = CliRunner().invoke(cli.app, ["file", *words, *ACCOUNT], env={"COLUMNS": "300"})
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_a_publisher_allows_ways_and_whole_loads(session):
    assert "append" in told("allow", "307009-000001", "--mode", "replace", "--mode", "append", "--whole")
    assert session.asked == [
        ("put", "/entries/307009-000001/loading", {"ways": ["replace", "append"], "whole": True}),
    ]


def test_without_a_word_files_replace(session):
    told("allow", "307009-000001")
    assert session.asked[0][2] == {"ways": ["replace"], "whole": False}


def test_batches_are_listed_with_whether_they_can_be_taken_back(session):
    assert BATCH in told("batches", "307009-000001")


def test_the_newest_is_taken_back_with_the_reason(session):
    told("take-back", "307009-000001", BATCH, "--why", "报错了月份")
    assert session.asked == [("post", f"/entries/307009-000001/batches/{BATCH}/taking-back", {"why": "报错了月份"})]


@pytest.mark.parametrize(
    ("words", "way", "mark"), [((), "replace", None), (("--mode", "upsert", "--mark", "作废"), "upsert", "作废")]
)
def test_a_file_is_uploaded_in_the_way_that_is_said(session, tmp_path, words, way, mark):
    file = tmp_path / "a-20230630.xls"
    file.write_bytes(b"x")
    told("upload", "307009-000001", str(file), *words)
    wanted = session.asked[0][2]
    assert (wanted["way"], wanted["mark"]) == (way, mark)
