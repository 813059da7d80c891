"""A file is loaded whole or refused with everything that is wrong with it (REQ-A1; IN-X2, IN-X3, IN-X15 to IN-X20)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from ingest_files.domain import judgement
from ingest_files.domain.judgement import FORM, QUALITY, STRUCTURE, Bad
from sheets.cells import NOT_COMPUTED, ErrorCell
from sheets.kinds import Kind
from tests.support.annex_files import AREAS, ENTRY, FILE, ROWS, TITLES, book, whole, with_cell
from tests.support.items import key, text


def judged(rows, name=FILE, entry=ENTRY, kind=Kind.XLS):
    return judgement.judge(book(rows, kind), name, entry, AREAS)


def found(bad):
    """Place, item and rule of every finding."""
    assert isinstance(bad, Bad)
    assert str(len(bad.findings)) in bad.message
    assert sum(bad.counts.values()) == len(bad.findings)
    return [(one.row, one.column, one.item, one.rule) for one in bad.findings]


VALUES = [
    (2, ("310105001", "华阳路街道", "310105", 70_000, Decimal("2.04"), date(2023, 6, 30))),
    (3, ("310105002", "江苏路街道", "310105", 50_000, Decimal("1.52"), date(2023, 6, 30))),
    (4, ("310105102", "新泾镇", "310105", None, None, None)),
]


class TestGood:
    def test_a_workbook_in_the_annexes_form_is_rows_of_values(self):
        assert judged(whole()).rows == VALUES

    def test_columns_are_known_by_name_or_code_in_any_order(self):
        header = ["序号", "街道名称", "street_code", "人口", "区划代码", "updated", "面积"]
        rows = judged([header, [1, "新泾镇", "310105102", None, "310105", None, None]]).rows
        assert rows == [(2, ("310105102", "新泾镇", "310105", None, None, None))]

    def test_the_columns_of_the_rows_are_the_items(self):
        expected = ["street_code", "street_name", "area_code", "people", "area", "updated"]
        assert judgement.items_by_code(ENTRY.items) == expected


class TestNameAndForm:
    @pytest.mark.parametrize(
        ("name", "rules"),
        [
            ("别的资源-20230630.xls", ["name-resource"]),
            ("长宁区街道镇名录.xls", ["name-stamp"]),
            ("长宁区街道镇名录-20230631.xls", ["name-stamp"]),
            ("长宁区街道镇名录-20230630.csv", ["name-kind"]),
            ("长宁区街道镇名录-20230630.xls.exe", ["name-extension", "name-stamp"]),
            ("../../长宁区街道镇名录-20230630.xls", ["name-path"]),
            ("长宁区街道镇名录-20230630\u202e.xls", ["name-characters", "name-stamp"]),
        ],
    )
    def test_a_wrong_name_is_named_for_what_is_wrong_with_it(self, name, rules):
        """IN-X3."""
        bad = judged(whole(), name)
        assert bad.reason == FORM
        assert [finding.rule for finding in bad.findings] == rules

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ([["序号", *TITLES]], [(None, None, None, "no-data")]),
            ([[], *whole()[1:]], [(1, None, None, "header-row")]),
            ([[*TITLES], *(row[1:] for row in whole()[1:])], [(1, 1, None, "first-column")]),
            ([whole()[0], [2, *ROWS[0]]], [(2, 1, None, "sequence-gap")]),
            ([whole()[0], ["1", *ROWS[0]]], [(2, 1, None, "sequence-not-number")]),
            ([whole()[0], [1, *ROWS[0]], [1, *ROWS[1]]], [(3, 1, None, "sequence-duplicate")]),
            ([["序号", "街道代码", "街道代码"], [1, "a", "b"]], [(1, 3, None, "header-duplicate")]),
            ([[*whole()[0], None], [*whole()[1], "x"]], [(2, 8, None, "no-title")]),
            ([whole()[0], [], whole()[1]], [(2, None, None, "empty-row")]),
            (
                [[" 序号", *TITLES], [None, *ROWS[0]]],
                [(1, 1, None, "header-spaces"), (2, 1, None, "sequence-missing")],
            ),
        ],
    )
    def test_a_sheet_without_the_annexes_form_is_refused_with_every_place(self, rows, expected):
        """IN-X2."""
        bad = judged(rows)
        assert bad.reason == FORM
        assert found(bad) == expected


class TestColumns:
    @pytest.mark.parametrize(
        ("titles", "expected"),
        [
            (TITLES[:-1], [(1, 1, "updated", "structure")]),
            ((*TITLES, "备注"), [(1, 8, None, "structure")]),
            ((*TITLES[:-1], "更新时间"), [(1, 7, None, "structure"), (1, 1, "updated", "structure")]),
            ((*TITLES, "street_code"), [(1, 8, "street_code", "structure")]),
            (("街道　代码", *TITLES[1:]), [(1, 2, None, "structure"), (1, 1, "street_code", "structure")]),
        ],
    )
    def test_columns_that_are_not_the_items_are_all_named_and_no_cell_is_judged(self, titles, expected):
        """IN-X19, REQ-A5."""
        bad = judged([["序号", *titles], [1, *(["x"] * len(titles))]])
        assert bad.reason == STRUCTURE
        assert found(bad) == expected


class TestQuality:
    @pytest.mark.parametrize(
        ("row", "column", "value", "item", "rule"),
        [
            (2, 2, None, "street_code", "not_null"),
            (3, 2, "310105001", "street_code", "unique"),
            (2, 2, "3101050011", "street_code", "length"),
            (4, 2, True, "street_code", "type"),
            (2, 3, None, "street_name", "not_null"),
            (2, 3, "一二三四五六七八九十一", "street_name", "length"),
            (2, 3, "华阳\u200b路", "street_name", "pattern"),
            (2, 4, "310199", "area_code", "code_set"),
            (3, 5, 1.5, "people", "type"),
            (3, 5, "七万", "people", "type"),
            (3, 6, 1.234, "area", "range"),
            (3, 6, 12345678.0, "area", "range"),
            (4, 7, "2023-06-30", "updated", "type"),
            (4, 7, "2023/02/30", "updated", "type"),
            (4, 7, 45107.0, "updated", "type"),
        ],
    )
    def test_each_defect_is_found_at_its_cell_and_nothing_else(self, row, column, value, item, rule):
        bad = judged(with_cell(row, column, value))
        assert bad.reason == QUALITY
        assert found(bad) == [(row, column, item, rule)]

    @pytest.mark.parametrize("cell", [ErrorCell("#DIV/0!"), ErrorCell(NOT_COMPUTED), "#REF!"])
    def test_an_error_cell_is_found(self, cell):
        """IN-X15."""
        assert found(judged(with_cell(2, 5, cell))) == [(2, 5, "people", "type")]

    def test_everything_that_is_wrong_is_named_at_once(self):
        rows = [
            ("310105001", None, "310199", "x", 1.234, "2023-06-30"),
            ("310105001", "一二三四五六七八九十一", None, None, None, 1.0),
        ]
        bad = judged(whole(rows))
        assert bad.reason == QUALITY
        assert found(bad) == [
            (2, 3, "street_name", "not_null"),
            (2, 4, "area_code", "code_set"),
            (2, 5, "people", "type"),
            (2, 6, "area", "range"),
            (2, 7, "updated", "type"),
            (3, 2, "street_code", "unique"),
            (3, 3, "street_name", "length"),
            (3, 7, "updated", "type"),
        ]
        assert bad.counts == {"not_null": 1, "code_set": 1, "type": 3, "range": 1, "unique": 1, "length": 1}

    def test_a_number_where_an_identity_number_was_meant_is_never_converted(self):
        """IN-X16."""
        entry = replace(ENTRY, items=(key(text("id_number", 18, name="证件号码")),))
        bad = judged([["序号", "证件号码"], [1, 310105194912310000.0]], entry=entry)
        assert found(bad) == [(2, 2, "id_number", "type")]

    def test_no_finding_repeats_a_value(self):
        bad = judged(whole([("金丝雀" * 4, "金丝雀" * 4, "金丝雀", "金丝雀", "金丝雀", "金丝雀")]))
        assert len(bad.findings) == 6
        assert "金丝雀" not in "".join(finding.message for finding in bad.findings) + bad.message


def test_a_duplicate_and_what_cannot_be_read_are_refused_without_findings():
    assert (judgement.duplicate().reason, judgement.duplicate().findings) == ("duplicate-file", ())
    assert judgement.unreadable("macros", "有宏").reason == "unreadable:macros"
