"""The annex's form (Annex 3 chapter 6, 格式文件): all that is wrong, each with its place (IN-X1, X2, X13, X18, X19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets.annex import AnnexTable, NotAnnexForm, Title, read_annex
from sheets.cells import CellRange, ErrorCell, Network, Row, Sheet, SheetTitle, Value, Visibility, Workbook
from sheets.findings import Finding, Rule
from sheets.kinds import Kind
from sheets.reading import read
from tests.support import sheet_files as files

HEADER = ("序号", "姓名", "证件号码")


def workbook(
    rows: dict[int, tuple[Value, ...]], *, kind: Kind = Kind.XLS, merged: tuple[CellRange, ...] = ()
) -> Workbook:
    sheet = Sheet(name="表", rows=tuple(Row(number, values) for number, values in sorted(rows.items())), merged=merged)
    return Workbook(
        kind=kind,
        sheets=(sheet,),
        titles=(SheetTitle("表", Visibility.VISIBLE, has_cells=True),),
        features=frozenset(),
        encoding=None,
        delimiter=None,
        network=Network.NONE,
    )


def table(*rows: tuple[Value, ...], header: tuple[Value, ...] = HEADER, **more) -> AnnexTable:
    return read_annex(workbook({1: header, **dict(enumerate(rows, 2))}, **more))


def findings(*rows: tuple[Value, ...], header: tuple[Value, ...] = HEADER, **more) -> list[Finding]:
    with pytest.raises(NotAnnexForm) as refusal:
        table(*rows, header=header, **more)
    return list(refusal.value.findings)


def places(found: list[Finding]) -> list[tuple[int | None, int | None, Rule]]:
    return [(finding.row, finding.column, finding.rule) for finding in found]


def test_a_sheet_of_the_form_becomes_records_by_title():
    found = table((1.0, "张某", "310"), (2.0, "李某"))
    assert found.titles == (Title(2, "姓名"), Title(3, "证件号码"))
    assert [(record.row, record.number, dict(record.cells)) for record in found.records] == [
        (2, 1, {"姓名": "张某", "证件号码": "310"}),
        (3, 2, {"姓名": "李某", "证件号码": None}),
    ]


def test_the_order_of_the_titles_is_free():
    # IN-X19
    assert table((1, "310", "张某"), header=("序号", "证件号码", "姓名")).records[0].cells["姓名"] == "张某"


def test_values_are_handed_on_as_they_are():
    values = (1, 3.1e17, ErrorCell("#REF!"))
    assert tuple(table(values).records[0].cells.values()) == values[1:]


@pytest.mark.parametrize("count", [1, 2_000])
def test_one_to_two_thousand_rows_are_accepted(count):
    assert len(table(*((number, "x") for number in range(1, count + 1))).records) == count


def test_one_row_more_is_refused_with_the_count():
    # IN-X1
    (finding,) = findings(*((number, "x") for number in range(1, 2_002)))
    assert (finding.rule, finding.message) == (Rule.ROWS_LIMIT, "数据行数2001超过2000行上限")


def test_empty_rows_below_the_data_are_ignored_and_those_inside_are_named():
    rows = {1: HEADER, 2: (1, "x"), 5: (2, "y"), 7: (3, "z"), 9: ("  ",), 12: (None, "　")}
    with pytest.raises(NotAnnexForm) as refusal:
        read_annex(workbook(rows))
    assert [(finding.row, finding.message) for finding in refusal.value.findings] == [
        (3, "第3行至第4行为空行（数据至第7行）"),
        (6, "第6行为空行（数据至第7行）"),
    ]
    assert len(read_annex(workbook({1: HEADER, 2: (1, "x"), 9: (" ",)})).records) == 1


def test_a_sheet_with_a_header_alone_and_one_with_nothing_are_refused():
    # IN-X2
    assert places(findings()) == [(None, None, Rule.NO_DATA)]
    with pytest.raises(NotAnnexForm) as refusal:
        read_annex(workbook({}))
    assert {finding.rule for finding in refusal.value.findings} == {Rule.HEADER_ROW, Rule.NO_DATA}


def test_a_blank_first_row_is_no_header():
    # IN-X2
    with pytest.raises(NotAnnexForm) as refusal:
        read_annex(workbook({2: HEADER, 3: (1, "x")}))
    assert (1, None, Rule.HEADER_ROW) in places(list(refusal.value.findings))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (("编号", "姓名"), [(1, 1, Rule.FIRST_COLUMN)]),
        (("姓名", "序号"), [(1, 1, Rule.FIRST_COLUMN)]),
        ((None, "姓名"), [(1, 1, Rule.HEADER_BLANK), (1, 1, Rule.FIRST_COLUMN), (2, 1, Rule.NO_TITLE)]),
        (("序号", " ", "证件号码"), [(1, 2, Rule.HEADER_BLANK)]),
        (("序号", "姓名 ", "证件号码"), [(1, 2, Rule.HEADER_SPACES)]),
        (("序号", "姓名\u3000", "证件号码"), [(1, 2, Rule.HEADER_SPACES)]),
        (("序号", "姓名", "姓名"), [(1, 3, Rule.HEADER_DUPLICATE)]),
        (("序号", "姓名", "姓名 "), [(1, 3, Rule.HEADER_SPACES), (1, 3, Rule.HEADER_DUPLICATE)]),
        (("序号", 2023.0, "x"), [(1, 2, Rule.HEADER_NOT_TEXT)]),
        (("序号", "姓\0名", "x"), [(1, 2, Rule.TEXT_CHARACTERS)]),
    ],
)
def test_each_rule_of_the_header_is_named_with_its_column(header, expected):
    # IN-X19
    assert places(findings((1, "x"), header=header)) == expected


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 2, None, 4), [(4, 1, Rule.SEQUENCE_MISSING)]),
        ((1, 2, "三", 4), [(4, 1, Rule.SEQUENCE_NOT_NUMBER)]),
        ((1, "2", 3), [(3, 1, Rule.SEQUENCE_NOT_NUMBER)]),
        ((1, 2.5, 3), [(3, 1, Rule.SEQUENCE_NOT_NUMBER)]),
        ((1, True, 3), [(3, 1, Rule.SEQUENCE_NOT_NUMBER)]),
        ((1, -2, 3), [(3, 1, Rule.SEQUENCE_NOT_NUMBER)]),
        ((1, float("inf"), float("nan"), 4), [(3, 1, Rule.SEQUENCE_NOT_NUMBER), (4, 1, Rule.SEQUENCE_NOT_NUMBER)]),
        ((1, ErrorCell("#REF!"), 3), [(3, 1, Rule.SEQUENCE_NOT_NUMBER)]),
        ((1, 2, 2, 3), [(4, 1, Rule.SEQUENCE_DUPLICATE)]),
        ((1, 2, 4, 5), [(4, 1, Rule.SEQUENCE_GAP)]),
        ((2, 3), [(2, 1, Rule.SEQUENCE_GAP)]),
        ((3, 1, 2), [(2, 1, Rule.SEQUENCE_GAP), (3, 1, Rule.SEQUENCE_ORDER), (4, 1, Rule.SEQUENCE_ORDER)]),
    ],
)
def test_each_rule_of_the_sequence_is_named_with_its_row(numbers, expected):
    # IN-X2
    assert places(findings(*((number, "x") for number in numbers))) == expected


def test_a_csv_knows_only_text_and_its_sequence_may_be_text():
    rows = [("1", "x"), ("2", "y")]
    assert [record.number for record in table(*rows, kind=Kind.CSV).records] == [1, 2]
    assert places(findings(("1", "x"), ("１", "y"), ("03", "z"), kind=Kind.CSV)) == [
        (3, 1, Rule.SEQUENCE_NOT_NUMBER),
        (4, 1, Rule.SEQUENCE_NOT_NUMBER),
    ]


def test_the_messages_speak_of_the_place_as_the_sheet_shows_it():
    messages = [finding.message for finding in findings((1, "x", "y", "z"), (3, "a"))]
    assert messages == ["第2行第4列（D2）有内容，但该列没有字段名称", "第3行的序号3不连续，应为2"]


def test_merged_cells_in_the_data_are_named_and_those_below_are_not():
    # IN-X13
    merged = (CellRange(2, 2, 3, 2), CellRange(9, 1, 9, 3))
    (finding,) = findings((1, "x"), (2, None), merged=merged)
    assert (finding.row, finding.column, finding.rule) == (2, 2, Rule.MERGED_CELLS)
    assert "B2:B3" in finding.message


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ufffe", "\ud800", "\x85", chr(0xFFFD)])
def test_characters_that_no_database_takes_are_named(character):
    # IN-X18
    (finding,) = findings((1, f"张{character}三"))
    assert (finding.row, finding.column, finding.rule) == (2, 2, Rule.TEXT_CHARACTERS)
    assert finding.message.isprintable()


def test_all_problems_are_named_in_the_order_of_the_sheet():
    found = findings((2, "x\0"), (2, "y", "z", "?"), (None, "w"), header=("序号", "姓名 ", "姓名"))
    assert places(found) == [
        (1, 2, Rule.HEADER_SPACES),
        (1, 3, Rule.HEADER_DUPLICATE),
        (2, 1, Rule.SEQUENCE_GAP),
        (2, 2, Rule.TEXT_CHARACTERS),
        (3, 1, Rule.SEQUENCE_DUPLICATE),
        (3, 4, Rule.NO_TITLE),
        (4, 1, Rule.SEQUENCE_MISSING),
    ]


cell = st.one_of(st.none(), st.text(max_size=4), st.floats(), st.integers(-3, 5), st.booleans())


@given(st.dictionaries(st.integers(1, 12), st.lists(cell, min_size=1, max_size=4).map(tuple), max_size=8))
def test_any_rows_are_a_table_or_findings_and_a_table_is_of_the_form(rows):
    try:
        found = read_annex(workbook(rows))
    except NotAnnexForm as not_of_the_form:
        refusal = not_of_the_form
    else:
        assert [record.number for record in found.records] == list(range(1, len(found.records) + 1))
        assert [record.row for record in found.records] == list(range(2, len(found.records) + 2))
        return
    assert all(finding.message for finding in refusal.findings)
    assert list(refusal.findings) == sorted(refusal.findings, key=lambda found: (found.row or 0, found.column or 0))


@pytest.mark.parametrize("make", [files.xls, files.xlsx])
def test_a_file_goes_all_the_way_to_records(make):
    found = read_annex(read(make(files.annex_rows(3))))
    assert found.records[2].cells == {"姓名": "居民3", "证件号码": "310105199001010003"}
