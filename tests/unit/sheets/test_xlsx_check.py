"""The check of an .xlsx before the parser (PIT-X1, X3, X4; IN-X6 to X9, X11, X13)."""

import zipfile
from io import BytesIO

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets.cells import ErrorCell, column_letters
from sheets.errors import Reason, Unreadable
from sheets.limits import STRICT, Feature, Limits, Scope
from sheets.precheck import references, sheet_xml, survey
from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files

TWO = '<row r="{0}"><c r="A{0}"><v>1</v></c></row>'.format


def refused(data: bytes, limits: Limits = STRICT) -> Unreadable:
    with pytest.raises(Unreadable) as refusal:
        survey(data, limits)
    return refusal.value


@pytest.mark.parametrize("place", ["XFD1048576", "A1048576", "XFD20000", "A10001"])
def test_a_cell_far_below_the_data_is_refused_by_its_place(place):
    # IN-X7; the first makes the parser abort, the second makes it pad a million rows.
    assert refused(hostile.far_cell(place)).reason is Reason.ROW_TOO_FAR


@pytest.mark.parametrize("place", ["XFD2", "IW1"])
def test_a_cell_far_to_the_right_is_refused_by_its_place(place):
    assert refused(hostile.far_cell(place)).reason is Reason.TOO_MANY_COLUMNS


def test_the_last_cell_within_the_limits_is_accepted():
    assert survey(hostile.far_cell("IV10000"), STRICT).sheets[0].extent.last_column == 256


@pytest.mark.parametrize(
    "cell",
    [
        "<c r='XFD1048576'><v>1</v></c>",
        '<c\tt="n"  r = "XFD1048576"><v>1</v></c>',
        '<x:c xmlns:x="urn:x" r="XFD1048576"><v>1</v></x:c>',
        '<c r="xfd1048576"><v>1</v></c>',
        '<!-- --><c r="XFD1048576"><v>1</v></c><!-- -->',
        '<c a=">" r="XFD1048576"><v>1</v></c>',
    ],
)
def test_no_way_of_writing_hides_a_far_cell(cell):
    assert refused(files.small_xlsx(f'<row r="1048576">{cell}</row>')).reason is Reason.ROW_TOO_FAR


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="XFD&#49;048576"><v>1</v></c>',
        '<c r="A0"><v>1</v></c>',
        '<c r="1A"><v>1</v></c>',
        '<c r="A1" r="XFD1048576"><v>1</v></c>',
        '<c r="A1" broken><v>1</v></c>',
        '<c r="A1" t="e"><c r="B1"><v>1</v></c></c>',
    ],
)
def test_a_cell_that_cannot_be_made_out_is_damage(cell):
    assert refused(files.small_xlsx(f'<row r="1">{cell}</row>')).reason is Reason.DAMAGED


def test_cells_without_references_are_counted_from_their_rows():
    body = '<row r="1048576"><c><v>1</v></c></row>'
    assert refused(files.small_xlsx(body)).reason is Reason.ROW_TOO_FAR
    wide = "<row>" + "<c><v>1</v></c>" * 257 + "</row>"
    assert refused(files.small_xlsx(wide)).reason is Reason.TOO_MANY_COLUMNS


@pytest.mark.parametrize("dimension", ["A1", "A1:XFD1048576", "A0", "nonsense"])
def test_what_a_sheet_declares_as_its_size_counts_for_nothing(dimension):
    # IN-X8: real cells are counted, and the parser does not even see the declaration.
    data = files.small_xlsx(TWO(1) + TWO(2), dimension=dimension)
    found = survey(data, STRICT)
    assert b"dimension" not in found.clean
    with pytest.raises(Unreadable):
        survey(files.small_xlsx(TWO(1) + TWO(1_000_000), dimension=dimension), STRICT)


def test_empty_styled_cells_far_away_are_no_content():
    body = TWO(1) + '<row r="1048576"><c r="XFD1048576" s="0"/><c r="A1048576" s="0"></c></row>'
    assert survey(files.small_xlsx(body), STRICT).sheets[0].extent.last_row == 1


def test_rows_are_counted_with_their_number_in_the_refusal():
    # IN-X1
    assert survey(files.xlsx(files.annex_rows(2_000)), STRICT).sheets
    refusal = refused(files.xlsx(files.annex_rows(2_001)))
    assert (refusal.reason, str(refusal)) == (Reason.TOO_MANY_ROWS, "数据行数2001超过2000行上限")


def test_empty_rows_between_do_not_count_as_data():
    body = "".join(TWO(row * 5) for row in range(1, 2_001))
    assert survey(files.small_xlsx(body), STRICT).sheets[0].extent.rows == 2_000


@given(st.integers(1, 20_000), st.integers(1, 800), st.integers(1, 20_000), st.integers(1, 800))
def test_the_pattern_of_references_knows_exactly_those_within_the_limits(last_row, last_column, row, column):
    import re

    reference = f"{column_letters(column)}{row}"
    found = re.fullmatch(references.within(last_row, last_column), reference)
    assert bool(found) == (row <= last_row and column <= last_column)
    assert references.position(reference.encode()) == (row, column)


@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.integers(1, 40), st.sampled_from(["<v>1</v>", "", "<f>1+1</f>"])), max_size=8
    ),
    st.sampled_from(["A1:B2", "A1:Z50", "", "ZZ1"]),
)
def test_the_quick_look_and_the_visit_agree_on_what_is_too_far(cells, dimension):
    limits = Limits(data_rows=29, last_row=50, columns=26)
    body = "".join(
        f'<row r="{row}"><c r="{column_letters(column)}{row}">{content}</c></row>' for row, column, content in cells
    )
    xml = files.sheet_xml(body, dimension=dimension).encode()
    notes = sheet_xml.look_through(xml, limits, frozenset(), {}, epoch_1904=False)
    filled = [(row, column) for row, column, content in cells if content]
    exact = sheet_xml._Visit(xml, frozenset(), {}, epoch_1904=False).notes.extent
    assert exact.rows == len({row for row, _ in filled})
    assert notes.extent.last_row >= max((row for row, _ in filled), default=0)
    assert notes.extent.last_column >= max((column for _, column in filled), default=0)
    within = exact.rows <= 30 and exact.last_row <= 50 and exact.last_column <= 26
    assert within == (notes.extent.rows <= 30 and notes.extent.last_row <= 50 and notes.extent.last_column <= 26)


@pytest.mark.parametrize("declared", [4_000_000_000, 10**17, 2_000])
def test_more_shared_strings_than_there_is_room_for_are_refused(declared):
    # IN-X9: the parser would reserve 96 GB.
    assert refused(hostile.lying_string_count(declared)).reason is Reason.SHARED_STRINGS


@pytest.mark.parametrize(
    "make", [hostile.billion_laughs, hostile.external_entity, lambda: hostile.with_doctype("", "x")], ids=str
)
def test_entities_and_document_types_are_refused(make):
    # PIT-X4, IN-X11
    assert refused(make()).reason is Reason.XML_ENTITIES


def test_a_quadratic_blowup_is_refused_too():
    # By its ratio or by its declaration, whichever comes first.
    assert refused(hostile.quadratic_entity(), Limits(zip_ratio=10_000)).reason is Reason.XML_ENTITIES
    assert refused(hostile.quadratic_entity()).reason is Reason.ZIP_RATIO


def test_a_part_in_utf_16_cannot_hide_from_the_patterns():
    assert refused(hostile.utf16_part()).reason is Reason.XML_ENCODING


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("xl/vbaProject.bin", Reason.MACROS),
        ("xl/macrosheets/sheet1.xml", Reason.MACRO_SHEETS),
        ("xl/externalLinks/externalLink1.xml", Reason.EXTERNAL_LINKS),
        ("xl/connections.xml", Reason.EXTERNAL_LINKS),
        ("xl/embeddings/oleObject1.bin", Reason.EMBEDDED_OBJECTS),
        ("xl/activeX/activeX1.xml", Reason.EMBEDDED_OBJECTS),
    ],
)
def test_what_could_run_or_reach_out_is_refused(part, reason):
    # IN-X6
    assert refused(hostile.with_part(part)).reason is reason


def test_a_refused_feature_can_be_allowed_and_is_then_reported():
    data = hostile.with_part("xl/vbaProject.bin")
    assert survey(data, Limits(allowed=frozenset({Feature.MACROS}))).features == {Feature.MACROS}


def test_links_to_pages_are_no_external_links_but_links_to_files_are():
    link = '<a><Relationship Id="r" Type="http://x/{}" Target="http://x" TargetMode="External"/></a>'
    name = "xl/worksheets/_rels/sheet1.xml.rels"
    assert survey(hostile.with_part(name, link.format("hyperlink").encode()), STRICT).features == frozenset()
    assert refused(hostile.with_part(name, link.format("oleObject").encode())).reason is Reason.EXTERNAL_LINKS


@pytest.mark.parametrize("formula", ["cmd|' /C calc'!A0", "MSEXCEL|'\\..\\..\\..\\Windows\\System32\\cmd.exe'!''"])
def test_a_dde_formula_is_refused(formula):
    # IN-X6, X14
    assert refused(files.small_xlsx(f'<row r="1"><c r="A1"><f>{formula}</f><v>0</v></c></row>')).reason is Reason.DDE


def test_a_bar_inside_a_text_of_a_formula_is_no_dde():
    assert survey(files.small_xlsx('<row r="1"><c r="A1" t="str"><f>"a|b"</f><v>a|b</v></c></row>'), STRICT).sheets


def test_errors_and_formulas_without_a_result_are_noted():
    body = (
        '<row r="3"><c r="A3" t="e"><v>#REF!</v></c><c r="B3"><f>1+1</f><v/></c><c r="C3"><f>1+1</f><v>2</v></c>'
        '<c r="D3" t="str"><f>""</f><v></v></c><c r="E3" t="e"><v>&lt;script&gt;</v></c></row>'
    )
    overlay = survey(files.small_xlsx(body), STRICT).sheets[0].overlay
    assert overlay == {(3, 1): ErrorCell("#REF!"), (3, 2): ErrorCell("#NOT-COMPUTED"), (3, 5): ErrorCell("#N/A")}


def test_only_sheets_that_people_see_are_read():
    # IN-X13
    sheet = files.sheet_xml(TWO(1))
    hidden_bomb = files.sheet_xml(TWO(1_048_576))
    data = files.zipped(files.xlsx_parts(hidden_bomb, sheet, sheet, states="hvv"))
    assert survey(data, STRICT).chosen == (1,)
    assert survey(data, Limits(scope=Scope.ALL_VISIBLE)).chosen == (1, 2)
    assert refused(files.zipped(files.xlsx_parts(sheet, states="h"))).reason is Reason.NO_VISIBLE_SHEET


def test_more_sheets_than_entries_are_allowed_are_refused():
    book = openpyxl.Workbook()
    for _ in range(255):
        book.create_sheet()
    assert refused(files.saved(book)).reason is Reason.ZIP_ENTRIES
    assert refused(files.saved(book), Limits(zip_entries=1_000, sheets=255)).reason is Reason.TOO_MANY_SHEETS


@pytest.mark.parametrize("missing", ["xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml"])
def test_a_package_without_a_part_that_it_needs_is_damaged(missing):
    parts = {name: content for name, content in hostile.sound_parts().items() if name != missing}
    assert refused(files.zipped(parts)).reason is Reason.DAMAGED


def test_the_parser_is_given_nothing_but_the_checked_parts():
    data = hostile.with_part("xl/drawings/drawing1.xml")
    with zipfile.ZipFile(BytesIO(survey(data, STRICT).clean)) as clean:
        assert clean.testzip() is None
        assert sorted(clean.namelist()) == [
            "_rels/.rels",
            "xl/_rels/workbook.xml.rels",
            "xl/workbook.xml",
            "xl/worksheets/sheet1.xml",
        ]
