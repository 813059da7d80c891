"""What a file is, by content (PIT-X5, IN-X4, IN-X5)."""

import pytest

from sheets.errors import Reason, Unreadable
from sheets.kinds import READABLE, Kind, refusal_text
from sheets.sniff import sniff
from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files

ROW = '<table:table table:name="S"><table:table-row/></table:table>'
HONEST = {
    Kind.XLS: files.xls(files.annex_rows(1)),
    Kind.XLSX: files.xlsx(files.annex_rows(1)),
    Kind.ODS: files.ods(ROW),
    Kind.CSV: "序号,姓名\n1,某某\n".encode("gb18030"),
}
FOREIGN = {
    "html": b"\xef\xbb\xbf\r\n<html xmlns:x='urn:schemas-microsoft-com:office:excel'><table><tr><td>1",
    "html-comment": b"<!-- export --><TABLE border=1><tr><td>1</td></tr></TABLE>",
    "mhtml": b"MIME-Version: 1.0\nX-Document-Type: Workbook\nContent-Type: multipart/related\n\n<html>",
    "xml-spreadsheet": b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'
    b'<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
    "xml": b'<?xml version="1.0"?><data><row/></data>',
    "json": b'[{"a": 1}]',
    "rtf": b"{\\rtf1\\ansi{\\trowd}}",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    "sylk": b"ID;PWXL;N;E\r\nP;PGeneral\r\nC;Y1;X1;K1\r\n",
    "image": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "bmp": b"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00\x00\x00" + bytes(64),
    "archive": b"Rar!\x1a\x07\x01\x00",
    "program": b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(64),
    "utf16-text": "序号\t姓名\r\n".encode("utf-16"),
    "bare-biff": b"\x09\x08\x08\x00\x00\x05\x10\x00" + bytes(8),
    "zip": files.zipped({"a.txt": b"x"}),
    "word": files.zipped({"word/document.xml": b"<x/>"}),
    "slides": files.zipped({"ppt/presentation.xml": b"<x/>"}),
    "xlsb": files.zipped({"xl/workbook.bin": b"x"}),
    "ofd": files.zipped({"OFD.xml": b"<x/>"}),
    "ole": files.compound({"Contents": b"x"}),
    "word-97": files.compound({"WordDocument": b"x"}),
    "encrypted": hostile.encrypted_package(),
    "unknown": bytes(range(1, 32)) * 20,
}
KINDS = {"html-comment": Kind.HTML, "bmp": Kind.IMAGE, "word-97": Kind.WORD}


@pytest.mark.parametrize("kind", READABLE)
def test_a_spreadsheet_is_known_by_its_bytes(kind):
    assert sniff(HONEST[kind]) is kind


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_spreadsheet_is_named_so_that_the_sender_knows_what_to_do(name):
    kind = sniff(FOREIGN[name])
    assert kind is KINDS.get(name, Kind(name) if name in set(Kind) else None)
    assert len(refusal_text(kind)) > 8


def test_every_kind_that_is_not_read_has_its_own_sentence():
    texts = [refusal_text(kind) for kind in Kind if kind not in READABLE]
    assert len(set(texts)) == len(texts)
    assert refusal_text(Kind.HTML) == "文件内容是网页（HTML），不是电子表格；请在 Excel/WPS 中另存为 .xls"


def test_an_empty_file_is_called_empty():
    assert sniff(b"") is Kind.EMPTY


@pytest.mark.parametrize("text", ["BMW,价格\n1,2\n", "MZ编号,x\n", "a<b,1\n", "GIF8,x\n", "姓名\n张\0三\n"])
def test_words_that_look_like_the_start_of_a_program_are_text(text):
    assert sniff(text.encode()) is Kind.CSV


def test_a_wps_et_file_is_an_xls_by_content():
    # IN-X5: .et is a compound file with a workbook stream beside streams of its own.
    data = files.compound({"Workbook": files.biff_stream([files.label_cell(0, 0, "序号")]), "ETExtData": bytes(800)})
    assert sniff(data) is Kind.XLS


@pytest.mark.parametrize("data", [HONEST[Kind.XLSX][:-30], HONEST[Kind.XLS][:600], b"PK\x03\x04"])
def test_a_container_cut_short_is_damaged(data):
    with pytest.raises(Unreadable) as refusal:
        sniff(data)
    assert refusal.value.reason is Reason.DAMAGED
