"""Workbooks of Excel 5.0 and 95 (IN-X12): refused by the strict profile, read with their code page by the guided."""

import struct
from dataclasses import replace

import pytest

from sheets.cells import ErrorCell
from sheets.errors import Reason, Unreadable
from sheets.limits import GUIDED, STRICT
from sheets.reading import read
from tests.support.sheet_files import biff_stream, compound, error_cell, number_cell, record

GBK = record(0x0042, struct.pack("<H", 936))
BIG5 = record(0x0042, struct.pack("<H", 950))
FONT = record(0x0031, struct.pack("<HHHHHBBBB", 200, 0, 8, 400, 0, 0, 0, 134, 0) + b"\x05Arial")


def cell_format(number: int) -> bytes:
    return record(0x00E0, struct.pack("<HH", 0, number) + bytes(12))


def label(row: int, column: int, text: str, encoding: str) -> bytes:
    raw = text.encode(encoding)
    return record(0x0204, struct.pack("<HHHH", row, column, 0, len(raw)) + raw)


def old_xls(*cells: bytes, page: bytes = GBK) -> bytes:
    shared = [page, FONT, cell_format(0), cell_format(14)]
    return compound({"Book": biff_stream([b"".join(cells)], shared=shared, version=0x0500)})


def test_the_strict_profile_names_the_old_format():
    with pytest.raises(Unreadable) as refusal:
        read(old_xls(label(0, 0, "序号", "gbk")), limits=STRICT)
    assert refusal.value.reason is Reason.BIFF5


@pytest.mark.parametrize(("page", "encoding", "text"), [(GBK, "gbk", "长宁区"), (BIG5, "big5", "長寧區")])
def test_the_guided_profile_reads_texts_by_their_code_page(page, encoding, text):
    book = read(old_xls(label(0, 0, text, encoding), number_cell(1, 0, 4111010001.0), page=page), limits=GUIDED)
    assert [row.values for row in book.sheets[0].rows] == [(text,), (4111010001.0,)]


def test_dates_errors_and_gaps_are_what_they_are():
    data = old_xls(number_cell(0, 1, 36526.0, 1), error_cell(2, 0, 0x2A), number_cell(3, 0, 60.0, 1))
    rows = read(data, limits=GUIDED).sheets[0].rows
    assert [(row.number, row.values) for row in rows] == [
        (1, (None, rows[0].values[1])),
        (3, (ErrorCell("#N/A"),)),
        (4, (60.0,)),
    ]
    assert str(rows[0].values[1]) == "2000-01-01 00:00:00"


def test_a_cut_file_is_damage_and_no_crash():
    stream = biff_stream([label(0, 0, "序号", "gbk")], shared=[GBK, FONT, cell_format(0)], version=0x0500)
    for length in range(20, len(stream), 7):
        try:
            read(compound({"Book": stream[:length]}), limits=GUIDED)
        except Unreadable as refusal:
            assert refusal.reason is Reason.DAMAGED  # noqa: PT017  some cuts leave a whole workbook


def test_the_limits_hold_for_old_files_too():
    with pytest.raises(Unreadable) as refusal:
        read(old_xls(*(number_cell(row, 0, 1.0) for row in range(5))), limits=replace(GUIDED, data_rows=3))
    assert refusal.value.reason is Reason.TOO_MANY_ROWS
