"""Judgement of real files, read by the limited child as providers make them (IN-X1, IN-X5, IN-X13 to IN-X15)."""

import io
from datetime import date
from decimal import Decimal

import pytest
import xlwt

from ingest_files.domain import judgement
from ingest_files.domain.judgement import FORM, QUALITY, Good
from sheets.errors import Unreadable
from sheets.reading import read
from tests.support.annex_files import AREAS, ENTRY, FILE, annex, whole, with_cell, xls, xlsx

VALUES = [
    (2, ("310105001", "华阳路街道", "310105", 70_000, Decimal("2.04"), date(2023, 6, 30))),
    (3, ("310105002", "江苏路街道", "310105", 50_000, Decimal("1.52"), date(2023, 6, 30))),
    (4, ("310105102", "新泾镇", "310105", None, None, None)),
]


def judged(data, name=FILE):
    return judgement.judge(read(data), name, ENTRY, AREAS)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (annex(), FILE),
        (annex(), FILE.replace("20230630", "20230630120000")),
        (annex(), FILE.replace(".xls", ".et")),
        (xls(whole()), FILE),
        (xlsx(whole()), FILE),  # IN-X5: a workbook under the name of another kind of workbook
        (xlsx(whole()), FILE.replace(".xls", ".xlsx")),
    ],
    ids=["annex.xls", "stamped to the second", "annex.et", "dates as cells", "xlsx as xls", "xlsx"],
)
def test_a_file_in_the_annexes_form_is_rows_of_values(data, name):
    good = judged(data, name)
    assert isinstance(good, Good)
    assert good.rows == VALUES


def test_a_csv_is_read_too():
    lines = [",".join(whole()[0]), "1,310105001,华阳路街道,310105,70000,2.04,2023/06/30"]
    assert judged("\r\n".join(lines).encode(), FILE.replace(".xls", ".csv")).rows == VALUES[:1]


@pytest.mark.parametrize("value", ["=1+1", "@SUM(A1)", "<script>", "{{7*7}}"])
def test_text_that_looks_like_a_formula_is_text(value):
    """IN-X14, IN-X24: kept verbatim; what is written out for people is made harmless there."""
    assert judged(xls(with_cell(2, 3, value))).rows[0][1][1] == value


def test_two_thousand_rows_and_no_more():
    """IN-X1."""
    many = [(f"{n:09}", "街道", None, None, None, None) for n in range(2001)]
    assert len(judged(annex(many[:2000])).rows) == 2000
    with pytest.raises(Unreadable) as refused:
        judged(xlsx(whole(many)))
    assert refused.value.code == "too-many-rows"


def test_every_defect_of_a_file_is_named_with_its_cell():
    rows = with_cell(2, 3, None)
    rows[1][6] = "2023/02/30"
    rows[2][1] = "310105001"
    rows[3][3] = "310199"
    for data in (xls(rows), xlsx(rows)):
        bad = judged(data)
        assert bad.reason == QUALITY
        assert [(one.row, one.column, one.rule) for one in bad.findings] == [
            (2, 3, "not_null"),
            (2, 7, "type"),
            (3, 2, "unique"),
            (4, 4, "code_set"),
        ]


def test_error_cells_and_booleans_are_defects():
    """IN-X15."""
    rows = with_cell(2, 3, True)
    rows[2][4] = "#REF!"
    found = [(one.row, one.column, one.rule) for one in judged(xlsx(rows)).findings]
    assert found == [(2, 3, "type"), (3, 5, "type")]


def test_merged_cells_are_refused():
    """IN-X13."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("a")
    for column, title in enumerate(whole()[0]):
        sheet.write(0, column, title)
    sheet.write(1, 0, 1)
    sheet.write_merge(1, 1, 1, 2, "x")
    made = io.BytesIO()
    book.save(made)
    bad = judged(made.getvalue())
    assert (bad.reason, [one.rule for one in bad.findings]) == (FORM, ["merged-cells"])
