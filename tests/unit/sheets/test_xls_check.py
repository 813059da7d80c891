"""The check of an .xls before the parser (PIT-X1; IN-X6, X12 to X15, X18)."""

import struct

import pytest

from sheets.cells import ErrorCell, Visibility
from sheets.containers.compound import Compound, wrap
from sheets.errors import Reason, Unreadable
from sheets.limits import STRICT, Limits, Scope
from sheets.precheck import survey
from sheets.reading import read
from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files
from tests.support.sheet_files import label_cell, number_cell, record, small_xls


def refused(data: bytes, limits: Limits = STRICT) -> Unreadable:
    with pytest.raises(Unreadable) as refusal:
        survey(data, limits)
    return refusal.value


@pytest.mark.parametrize(
    "make",
    [
        hostile.huge_difat,
        hostile.difat_loop,
        hostile.fat_loop,
        hostile.directory_loop,
        hostile.huge_stream,
        lambda: hostile.sound_xls()[:1_500],
        lambda: hostile.sound_xls()[:700],
        lambda: hostile.sound_xls()[:100],
        lambda: hostile.sound_xls()[:30] + b"\xff\xff" + hostile.sound_xls()[32:],
    ],
    ids=["difat-size", "difat-loop", "fat-loop", "directory-loop", "stream-size", "cut", "cut-more", "stub", "sectors"],
)
def test_a_compound_file_that_lies_about_its_tables_is_damage(make):
    # IN-X12; the first makes the parser ask for two gigabytes.
    assert refused(make()).reason is Reason.DAMAGED


@pytest.mark.parametrize("size", [1, 4_095, 4_096, 4_097, 3_000_000])
def test_a_wrapped_stream_is_read_back_as_it_was(size):
    stream = bytes(range(251)) * (size // 251 + 1)
    compound = Compound(wrap(stream[:size]))
    entry = compound.find("workbook")
    assert entry is not None
    assert compound.stream(entry)[:size] == stream[:size]


def test_a_stream_short_enough_for_the_mini_sectors_is_found():
    # xlwt never makes one; Excel does for nearly empty workbooks.
    stream = files.biff_stream([label_cell(0, 0, "序号")])
    big = files.compound({"Workbook": stream})
    data = bytearray(big)
    directory = struct.unpack_from("<L", data, 48)[0] * 512 + 512
    table = struct.unpack_from("<L", data, 76)[0] * 512 + 512
    # The root becomes the container of the mini sectors, which are chained in a table of their own.
    struct.pack_into("<L", data, directory + 116, 0)
    struct.pack_into("<LQ", data, directory + 128 + 116, 0, len(stream))
    minifat = len(data) // 512 - 1
    data += struct.pack("<128L", *range(1, 64), *[0xFFFFFFFE] * 65)
    struct.pack_into("<LL", data, 60, minifat, 1)
    struct.pack_into("<L", data, table + minifat * 4, 0xFFFFFFFE)
    assert survey(bytes(data), STRICT).sheets[0].extent.last_row == 1


def test_rows_are_counted_with_their_number_in_the_refusal():
    # IN-X1
    assert survey(files.xls(files.annex_rows(2_000)), STRICT).sheets
    assert str(refused(files.xls(files.annex_rows(2_001)))) == "数据行数2001超过2000行上限"


def test_declared_dimensions_are_kept_from_the_parser():
    # IN-X8: it would reserve by them.
    found = survey(small_xls(files.dimensions(0xFFFFFFFF, 0xFFFF), label_cell(0, 0, "x")), STRICT)
    assert found.sheets[0].extent.last_row == 1
    assert struct.pack("<HH", 0x0200, 14) not in found.clean


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([number_cell(10_000, 0, 1)], Reason.ROW_TOO_FAR),
        ([number_cell(0, 256, 1)], Reason.TOO_MANY_COLUMNS),
        ([record(0x0203, b"\0\0")], Reason.DAMAGED),
        ([record(0x00BD, struct.pack("<HHHLH", 0, 5, 0, 0, 4))], Reason.DAMAGED),
        ([record(0x00E5, struct.pack("<H", 1000))], Reason.DAMAGED),
        ([struct.pack("<HH", 0x0203, 0xFFFF)], Reason.DAMAGED),
        ([files.error_cell(0, 0, 99)], Reason.DAMAGED),
    ],
)
def test_a_record_that_is_too_far_or_too_short_is_refused(cells, reason):
    assert refused(small_xls(*cells)).reason is reason


def test_two_far_cells_on_a_sheet_that_is_not_read_are_refused_for_their_area():
    # The parser of .xls parses every sheet, read or not.
    stream = files.biff_stream([label_cell(0, 0, "x"), number_cell(0, 0, 1) + number_cell(65_535, 255, 1)])
    assert refused(files.compound({"Workbook": stream})).reason is Reason.AREA_TOO_LARGE


def test_one_sheet_named_many_times_is_refused():
    # Each name would be parsed anew: a small file becomes a large one.
    bodies = [label_cell(0, 0, "x")] * 3
    first = files.biff_stream(bodies).index(files.bof(0x0010))
    stream = files.biff_stream(bodies, offsets=[first] * 3)
    assert refused(files.compound({"Workbook": stream})).reason is Reason.DAMAGED


def test_two_hundred_and_fifty_six_sheets_are_read_and_one_more_is_not():
    # IN-X13
    book = [label_cell(0, 0, "x")] * 256
    assert len(survey(files.compound({"Workbook": files.biff_stream(book)}), STRICT).sheets) == 256
    refusal = refused(files.compound({"Workbook": files.biff_stream([*book, b""])}))
    assert refusal.reason is Reason.TOO_MANY_SHEETS


@pytest.mark.parametrize("declared", [4_000_000_000, 0xFFFFFFFF, 2])
def test_more_shared_strings_than_there_is_room_for_are_refused(declared):
    # IN-X9
    assert refused(hostile.string_table(declared)).reason is Reason.SHARED_STRINGS


def test_a_string_that_is_not_there_is_damage_and_not_an_empty_cell():
    # IN-X9: the parser leaves the cell out without a word.
    assert survey(hostile.string_table(1), STRICT).sheets
    assert refused(hostile.string_table(1, index=1)).reason is Reason.DAMAGED


def test_a_password_is_named_as_the_reason():
    assert refused(hostile.encrypted_package()).reason is Reason.ENCRYPTED
    assert refused(hostile.filepass()).reason is Reason.ENCRYPTED


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ("_VBA_PROJECT_CUR", Reason.MACROS),
        ("MBD0001A2B3", Reason.EMBEDDED_OBJECTS),
        ("\1Ole10Native", Reason.EMBEDDED_OBJECTS),
    ],
)
def test_what_could_run_is_refused_by_its_storage(storage, reason):
    # IN-X6
    assert refused(hostile.with_storage(storage)).reason is reason


def test_a_macro_sheet_is_refused_even_when_hidden():
    # IN-X6: the sheets that office viruses of the nineties still leave behind.
    stream = files.biff_stream([label_cell(0, 0, "x"), b""], kinds=[0, 1], states=[0, 2])
    assert refused(files.compound({"Workbook": stream})).reason is Reason.MACRO_SHEETS


@pytest.mark.parametrize(
    ("path", "reason"),
    [("\1\1C\3x", Reason.DDE), ("\1other.xls", Reason.EXTERNAL_LINKS), ("cmd\3 /C calc", Reason.DDE)],
)
def test_links_to_other_files_and_programs_are_refused(path, reason):
    assert refused(hostile.supbook(path)).reason is reason


def test_links_inside_the_workbook_are_none():
    own = record(0x01AE, struct.pack("<HH", 1, 0x0401))
    assert survey(small_xls(label_cell(0, 0, "x"), shared=[own]), STRICT).features == frozenset()


def test_excel_95_is_refused_by_name():
    # IN-X12
    assert refused(small_xls(number_cell(0, 0, 1.0), version=0x0500)).reason is Reason.BIFF5


def test_a_chart_inside_a_sheet_adds_no_cells():
    # Charts keep copies of numbers in records that look like cells.
    chart = files.bof(0x0020) + number_cell(9_000, 200, 1) + files.EOF
    found = survey(small_xls(label_cell(0, 0, "x"), chart, label_cell(1, 0, "y")), STRICT)
    assert (found.sheets[0].extent.rows, found.sheets[0].extent.last_column) == (2, 1)


def test_errors_and_impossible_dates_are_noted():
    # IN-X15, X17: the parser shows the first as empty, the others as some other moment.
    formats = [files.cell_format(0), files.cell_format(14)]
    cells = (
        files.error_cell(0, 0, 0x17) + number_cell(0, 1, -1, 1) + number_cell(0, 2, 60, 1) + number_cell(0, 3, 61, 1)
    )
    overlay = survey(small_xls(cells, shared=formats), STRICT).sheets[0].overlay
    assert overlay == {(1, 1): ErrorCell("#REF!"), (1, 2): -1.0, (1, 3): 60.0}


def test_only_the_first_sheet_that_people_see_is_read():
    stream = files.biff_stream([label_cell(0, 0, "x")] * 3, states=[1, 0, 0])
    data = files.compound({"Workbook": stream})
    found = survey(data, STRICT)
    assert found.chosen == (1,)
    assert [sheet.title.visibility for sheet in found.sheets] == [
        Visibility.HIDDEN,
        Visibility.VISIBLE,
        Visibility.VISIBLE,
    ]
    assert survey(data, Limits(scope=Scope.ALL_VISIBLE)).chosen == (1, 2)


def test_names_that_stop_the_parser_are_kept_from_it():
    # A defined name too short to be one; only formulas would need it.
    name = record(0x0018, b"\0\0\0\xff")
    assert read(small_xls(label_cell(0, 0, "x"), shared=[name])).sheets[0].rows[0].values == ("x",)


def test_formulas_are_kept_from_the_parser_and_their_results_are_not():
    # The parser reads formulas only to stumble over them; with a length of 0 it has nothing to read.
    formula = bytes.fromhex("1e0100")
    cell = struct.pack("<HHHdHLH", 0, 0, 0, 2.5, 0, 0, len(formula)) + formula
    found = survey(small_xls(record(0x0006, cell)), STRICT)
    assert cell not in found.clean
    assert cell[:20] + b"\0\0" + formula in found.clean
