"""Bytes changed at random: a file is read or refused, and nothing else ever happens (PIT-X1 to X5)."""

import contextlib
import io
import zipfile
from datetime import date

import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets.containers.compound import Compound
from sheets.errors import Unreadable
from sheets.limits import STRICT
from sheets.precheck import survey
from sheets.reading import read
from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files


def rich_xls() -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("x")
    day = xlwt.easyxf(num_format_str="yyyy/mm/dd")
    for row in range(3):
        for column, value in enumerate((row, "文本", 1.5, True, xlwt.Formula("A1+1"))):
            sheet.write(row, column, value)
        sheet.write(row, 5, date(2020, 1, 2), day)
        sheet.row(row).set_cell_error(6, "#REF!")
    sheet.write_merge(7, 8, 0, 1, "m")
    return files.saved(book)


def rich_xlsx() -> dict[str, bytes]:
    row = files.text_cell("A1", "序号") + '<c r="B1" s="1"><v>45000</v></c><c r="C1" t="e"><v>#REF!</v></c>'
    row += '<c r="D1"><f>1+1</f><v>2</v></c><c r="E1" t="s"><v>0</v></c>'
    styles = (
        '<styleSheet><numFmts><numFmt numFmtId="200" formatCode="yyyy"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="31"/></cellXfs></styleSheet>'
    )
    sheet = files.sheet_xml(f'<row r="1">{row}</row>', dimension="A1:E1")
    return files.xlsx_parts(sheet, styles=styles, strings='<sst uniqueCount="1"><si><t>a</t></si></sst>')


def rich_ods() -> bytes:
    row = files.ods_cell("a", 'table:number-columns-repeated="3"') + files.ods_cell("b")
    rows = f'<table:table-row table:number-rows-repeated="2">{row}</table:table-row>'
    return files.ods(f'<table:table table:name="S">{rows}</table:table>')


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return {name: package.read(name) for name in package.namelist()}


def workbook_stream(data: bytes) -> bytes:
    compound = Compound(data)
    entry = compound.find("Workbook")
    assert entry is not None
    return compound.stream(entry)


WHOLE = [
    rich_xls(),
    hostile.sound_xls(),
    files.xlsx(files.annex_rows(2)),
    files.zipped(rich_xlsx(), compression=zipfile.ZIP_STORED),
    hostile.with_zip64(hostile.sound_parts()),
    rich_ods(),
    "序号,姓名\n1,某某\n".encode("gb18030"),
]
STREAM = workbook_stream(rich_xls())
PACKAGES = [rich_xlsx(), unzipped(rich_ods())]

words = st.sampled_from(
    [b"\0", b"\xff\xff", b"\xff\xff\xff\xff", b"\xfe\xff\xff\xff", b"<", b'"', b"9999999", b"/>", b""]
)
changes = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 40), st.one_of(words, st.binary(max_size=6))),
    min_size=1,
    max_size=4,
)


def changed(data: bytes, steps: list[tuple[float, int, bytes]]) -> bytes:
    """Cut out some bytes here and there and put others in their place."""
    for place, cut, put in steps:
        at = int(place * len(data))
        data = data[:at] + put + data[at + cut :]
    return data


def inside(which: int, part: float, steps: list[tuple[float, int, bytes]]) -> bytes:
    """A file that is sound outside and changed inside, so that the changes get past the container."""
    if which == len(PACKAGES):
        return files.compound({"Workbook": changed(STREAM, steps)})
    parts = dict(PACKAGES[which])
    name = list(parts)[int(part * len(parts))]
    return files.zipped(parts | {name: changed(parts[name], steps)}, compression=zipfile.ZIP_STORED)


anywhere = st.builds(changed, st.sampled_from(WHOLE), changes)
within = st.builds(inside, st.integers(0, len(PACKAGES)), st.floats(0, 1, exclude_max=True), changes)


@given(st.one_of(anywhere, within))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_check_accepts_or_refuses_whatever_it_is_given(data):
    with contextlib.suppress(Unreadable):
        assert survey(data, STRICT).clean


@given(st.one_of(anywhere, within))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_file_is_read_or_refused(data):
    with contextlib.suppress(Unreadable):
        assert read(data).sheets
