"""The annotated copy keeps every value and marks what was found; the summary runs nothing (IN-X14, X24)."""

import io
from datetime import UTC, date, datetime

import openpyxl
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_files.domain import summary
from ingest_files.domain.annotated import RESULTS, annotate
from ingest_files.domain.judgement import Finding
from quality.model import Severity
from sheets.cells import ErrorCell, Network, Row, Sheet, Workbook
from sheets.kinds import Kind

HOSTILE = "=cmd|' /C calc'!A0<script>alert(1)</script>"


def book(*rows, name="数据"):
    sheet = Sheet(name=name, rows=tuple(Row(n, tuple(row)) for n, row in enumerate(rows, 1)), merged=())
    known = {"titles": (), "features": frozenset(), "encoding": None, "delimiter": None}
    return Workbook(kind=Kind.XLS, sheets=(sheet,), network=Network.NONE, **known)


def finding(row, column, message="不能为空", severity=Severity.ERROR):
    return Finding(row=row, column=column, item="name", rule="not_null", message=message, severity=severity)


def opened(data):
    return openpyxl.load_workbook(io.BytesIO(data))


class TestAnnotated:
    def test_values_stay_and_cells_with_findings_are_coloured_and_noted(self):
        rows = (["序号", "name"], [1.0, HOSTILE], [2.0, None], [3.0, date(2023, 6, 30)], [4.0, ErrorCell("#REF!")])
        warning = finding(4, 2, "请核对", Severity.WARNING)
        made = opened(annotate(book(*rows), [finding(3, 2), warning, finding(None, None, "整个文件")]))
        assert made.sheetnames == [RESULTS, "数据"]
        page = made["数据"]
        shown = [[cell.value for cell in row] for row in page.iter_rows()]
        moment = datetime(2023, 6, 30)  # noqa: DTZ001
        assert shown == [["序号", "name"], [1, HOSTILE], [2, None], [3, moment], [4, "#REF!"]]
        assert not any(cell.data_type == "f" for row in page.iter_rows() for cell in row)
        assert page["B3"].comment.text == "[错误] 不能为空"
        assert page["B4"].comment.text == "[提醒] 请核对"
        assert page["B3"].fill.fgColor.rgb != page["B4"].fill.fgColor.rgb
        assert page["B2"].comment is None
        assert [row[7].value for row in made[RESULTS].iter_rows(min_row=3)] == ["不能为空", "请核对", "整个文件"]

    def test_a_finding_where_the_row_has_no_cell_is_marked_all_the_same(self):
        made = opened(annotate(book(["序号", "name"], [1.0]), [finding(2, 5)]))
        assert made["数据"]["E2"].comment is not None

    @given(st.text(max_size=40))
    @example("0" * 28 + "𖼀𝐀")
    def test_any_name_of_a_sheet_and_any_text_can_be_written(self, text):
        made = annotate(book(["a", text or None], name=text), [finding(1, 2, text)])
        assert made[:2] == b"PK"


def page(**more):
    told = {
        "name": HOSTILE,
        "entry": "307001-000001",
        "entry_name": HOSTILE,
        "provider": "mzj",
        "loaded": False,
        "message": HOSTILE,
        "records": 3000,
        "total": 1,
        "findings": [finding(2, 2, HOSTILE)],
        "item_names": {"name": HOSTILE},
        "batches": [],
        "done_at": datetime(2023, 6, 30, tzinfo=UTC),
    }
    return summary.page(summary.Checked(**told | more))


class TestSummary:
    def test_what_a_provider_wrote_is_shown_and_never_run(self):
        made = page()
        assert "<script" not in made
        assert "&lt;script&gt;" in made
        assert "http" not in made.replace("http-equiv", "")
        assert "script-src" not in summary.POLICY
        assert "default-src 'none'" in summary.POLICY

    def test_with_a_bad_row_the_share_of_good_rows_is_never_a_hundred(self):
        assert "99.9%" in page()
        assert "100.0%" not in page()
        assert "100.0%" in page(findings=[], total=0)

    def test_batches_stand_beside_each_other(self):
        at = datetime(2023, 6, 30, tzinfo=UTC)
        batches = [summary.Batch(name="a", done_at=at, loaded=n > 0, rows=n, findings=3 - n) for n in range(3)]
        assert page(batches=batches).count("<circle") == 3
