"""Files of the world that are not kept here: read where SHUQIAO_REAL_FILES names their folder (`make test-real`)."""

import os
from pathlib import Path

import pytest

from sheets.errors import Unreadable
from sheets.guided.detecting import detect
from sheets.limits import GUIDED
from sheets.reading import read

FOLDER = os.environ.get("SHUQIAO_REAL_FILES")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="SHUQIAO_REAL_FILES names no folder of real files")
RECORDS = {
    "全国成人高等学校名单-20250620.xls": 248,
    "全国普通高等学校名单-20160530.xlsx": 2_595,
    "streets.csv": 41_352,
    "areas.csv": 2_978,
}
"""Of the files whose records were counted by other means."""


def _files() -> list[Path]:
    return sorted(p for p in Path(FOLDER or ".").iterdir() if p.suffix in {".xls", ".xlsx", ".et", ".ods", ".csv"})


def test_every_file_there_is_read_or_refused_with_a_reason():
    files = _files()
    assert files, f"no file in {FOLDER}"
    for path in files:
        code = None
        try:
            found = detect(read(path, limits=GUIDED))
        except Unreadable as refusal:
            code = refusal.code
        else:
            for table in found.tables:
                assert table.records
                rows = [*table.header_rows, *(r.row for r in table.records), *(s.row for s in table.skipped)]
                assert len(rows) == len(set(rows))
        assert code is None or not code.startswith("child-"), path.name


def test_those_that_were_counted_have_their_records():
    counted = [path for path in _files() if path.name in RECORDS]
    assert counted, f"none of the counted files in {FOLDER}"
    for path in counted:
        found = detect(read(path, limits=GUIDED))
        assert sum(len(table.records) for table in found.tables) == RECORDS[path.name], path.name
