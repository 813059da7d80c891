"""The check of an .ods before the parser: repeats are counted and never carried out (PIT-X1, X2; IN-X6, X13)."""

from datetime import timedelta

import pytest

from sheets.cells import CellRange, ErrorCell, Visibility
from sheets.errors import Reason, Unreadable
from sheets.limits import STRICT, Limits
from sheets.precheck import survey
from tests.support.sheet_files import ods, ods_cell


def table(rows: str, name: str = "S", more: str = "") -> str:
    return f'<table:table table:name="{name}" {more}>{rows}</table:table>'


def row(cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{cells}</table:table-row>"


def refused(data: bytes, limits: Limits = STRICT) -> Unreadable:
    with pytest.raises(Unreadable) as refusal:
        survey(data, limits)
    return refusal.value


FULL_ROW = '<table:table-cell table:number-columns-repeated="16384"/>'
HONEST = table(row(ods_cell("序号")) + row(FULL_ROW, 'table:number-rows-repeated="1048575"'))


def test_the_empty_rows_and_columns_that_fill_every_ods_are_no_content():
    found = survey(ods(HONEST), STRICT)
    assert (found.sheets[0].extent.last_row, found.sheets[0].extent.last_column) == (1, 1)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (row(ods_cell("x"), 'table:number-rows-repeated="1048576"'), Reason.TOO_MANY_ROWS),
        (row(ods_cell("x", 'table:number-columns-repeated="16384"')), Reason.TOO_MANY_COLUMNS),
        (row(FULL_ROW, 'table:number-rows-repeated="1000000"') + row(ods_cell("x")), Reason.ROW_TOO_FAR),
        (row(ods_cell("x"), 'table:number-rows-repeated="99999999999"'), Reason.DAMAGED),
        (row(ods_cell("x"), 'table:number-rows-repeated="-1"'), Reason.DAMAGED),
        (row(ods_cell('<text:s text:c="30000"/><text:s text:c="30000"/>')), Reason.CELL_TOO_LONG),
        (row(ods_cell('<text:s text:c="999999999"/>')), Reason.DAMAGED),
    ],
)
def test_repeats_are_counted_before_they_are_carried_out(rows, reason):
    assert refused(ods(table(rows))).reason is reason


def test_a_repeated_error_cell_is_refused_before_it_is_spread():
    error = (
        '<table:table-cell calcext:value-type="error" office:value-type="string" table:number-columns-repeated="200"/>'
    )
    assert refused(ods(table(row(error, 'table:number-rows-repeated="2000"')))).reason is Reason.AREA_TOO_LARGE


def test_two_far_cells_on_a_sheet_that_is_not_read_are_refused_for_their_area():
    far = row(FULL_ROW, 'table:number-rows-repeated="60000"') + row(
        '<table:table-cell table:number-columns-repeated="1000"/>' + ods_cell("x")
    )
    assert refused(ods(HONEST + table(far, "T"))).reason is Reason.AREA_TOO_LARGE


def test_rows_are_counted_with_their_number_in_the_refusal():
    rows = "".join(row(ods_cell(str(number))) for number in range(2_002))
    assert str(refused(ods(table(rows)))) == "数据行数2001超过2000行上限"


def test_hidden_sheets_are_passed_over():
    styles = '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
    data = ods(table(row(ods_cell("x")), "T", 'table:style-name="h"') + HONEST, styles=styles)
    found = survey(data, STRICT)
    assert [sheet.title.visibility for sheet in found.sheets] == [Visibility.HIDDEN, Visibility.VISIBLE]
    assert found.chosen == (1,)


def test_what_the_parser_would_lose_is_noted():
    cells = (
        '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value=""'
        ' calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>'
        '<table:table-cell table:formula="of:=1+1"/>'
        '<table:table-cell office:value-type="time" office:time-value="PT33H04M05S"/>'
    )
    assert survey(ods(table(row(cells))), STRICT).sheets[0].overlay == {
        (1, 1): ErrorCell("#DIV/0!"),
        (1, 2): ErrorCell("#NOT-COMPUTED"),
        (1, 3): timedelta(hours=33, minutes=4, seconds=5),
    }


def test_merged_cells_are_found():
    merged = ods_cell("x", 'table:number-columns-spanned="3" table:number-rows-spanned="2"')
    assert survey(ods(table(row(merged))), STRICT).sheets[0].merged == (CellRange(1, 1, 2, 3),)


def test_comments_are_not_part_of_a_text():
    note = f"<office:annotation><text:p>{'x' * 40_000}</text:p></office:annotation>"
    assert survey(ods(table(row(ods_cell(note + "a")))), STRICT).sheets


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ods(HONEST, extra={"Basic/Standard/Module1.xml": b"<x/>"}), Reason.MACROS),
        (ods(HONEST, extra={"Object 1/content.xml": b"<x/>"}), Reason.EMBEDDED_OBJECTS),
        (ods(table("<office:dde-source/>")), Reason.DDE),
        (ods(table("<table:table-source/>")), Reason.EXTERNAL_LINKS),
        (ods("<!DOCTYPE x>"), Reason.XML_ENTITIES),
        (ods("<table:table>"), Reason.DAMAGED),
        (ods(""), Reason.NO_VISIBLE_SHEET),
        (ods(HONEST + HONEST), Reason.DAMAGED),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else None,
)
def test_what_could_run_or_break_is_refused(data, reason):
    assert refused(data).reason is reason
