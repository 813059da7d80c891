"""Text files: encoding, delimiter, records (IN-X1, X4, X18)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets.errors import Reason, Unreadable
from sheets.limits import STRICT, Limits
from sheets.parsing import parse
from sheets.precheck import survey

TEXT = "序号,姓名,备注\n1,张某,无\n2,李某,“有”\n"


def rows(data: bytes, limits: Limits = STRICT) -> list[tuple[int, tuple[object, ...]]]:
    found = survey(data, limits)
    (sheet,) = parse(found)
    return [(row.number, row.values) for row in sheet.rows]


def refused(data: bytes, limits: Limits = STRICT) -> Unreadable:
    with pytest.raises(Unreadable) as refusal:
        rows(data, limits)
    return refusal.value


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "utf-8"),
        (TEXT.encode("gb18030"), "gb18030"),
        (TEXT.replace("张某", "𠮷某").encode("gb18030"), "gb18030"),
    ],
)
def test_both_encodings_are_told_apart(data, encoding):
    assert survey(data, STRICT).encoding == encoding
    assert rows(data)[0] == (1, ("序号", "姓名", "备注"))
    assert rows(data)[1][1][2] == "无"


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(delimiter):
    data = TEXT.replace(",", delimiter).encode()
    assert survey(data, STRICT).delimiter == delimiter
    assert rows(data)[2] == (3, ("2", "李某", "“有”"))


def test_characters_inside_quotes_part_nothing_however_many_there_are():
    assert rows('"序号",";;"\n'.encode()) == [(1, ("序号", ";;"))]


def test_a_comma_inside_quotes_parts_nothing():
    assert rows('序号;地址\n1;"长宁区,上海"\n2;"a;b"\n'.encode())[1:] == [(2, ("1", "长宁区,上海")), (3, ("2", "a;b"))]


def test_records_keep_their_numbers_over_blank_lines_and_line_ends_in_quotes():
    assert rows(b'a,b\n\n"x\ny",2\n,\nz,3\n') == [(1, ("a", "b")), (3, ("x\ny", "2")), (5, ("z", "3"))]


def test_text_is_verbatim():
    assert rows("a, b ,　c　\n".encode()) == [(1, ("a", " b ", "　c　"))]
    assert rows(b"=1+1,+1,007\n") == [(1, ("=1+1", "+1", "007"))]


def test_a_nul_in_a_text_is_kept_for_the_rules_to_find():
    # IN-X18
    assert rows("a,b\n1,张\0三\n".encode()) == [(1, ("a", "b")), (2, ("1", "张\0三"))]


def test_a_broken_byte_in_utf_8_is_refused_and_not_taken_for_gb18030():
    data = TEXT.encode()
    broken = data[:10] + b"\xff" + data[10:]
    assert refused(broken).reason is Reason.TEXT_ENCODING
    # This one would pass as GB18030 and come out as 哀撳悕.
    assert refused(b"\xb0" + "姓名\n长宁\n".encode()[1:]).reason is Reason.TEXT_ENCODING
    # A lone surrogate as some programs write it (IN-X18).
    assert refused(TEXT.encode() + b"3,\xed\xa0\x80,\n").reason is Reason.TEXT_ENCODING


def test_bytes_that_are_no_encoding_are_refused_with_their_place():
    refusal = refused(b"a,b\n" + b"\xa1\xff\xff" * 20)
    assert refusal.reason is Reason.TEXT_ENCODING
    assert "第5字节" in str(refusal)


@pytest.mark.parametrize("data", [b'a,b\n1,"x\n', b'a,b\n1,"x"y\n'])
def test_quotes_that_do_not_match_are_refused_with_their_row(data):
    refusal = refused(data)
    assert (refusal.reason, str(refusal)) == (Reason.CSV_QUOTES, "第2行的双引号不配对")


def test_the_limits_hold_for_text_too():
    header, line = "序号,姓名\n", "1,x\n"
    assert len(rows((header + line * 2_000).encode())) == 2_001
    assert str(refused((header + line * 2_001).encode())) == "数据行数2001超过2000行上限"
    assert refused((header + "\n" * 20_000 + line).encode()).reason is Reason.ROW_TOO_FAR
    assert refused(("," * 256 + "x\n").encode()).reason is Reason.TOO_MANY_COLUMNS
    assert len(str(rows(("a,b\n1," + "字" * 32_767).encode())[1][1][1])) == 32_767
    refusal = refused(("a,b\n1," + "字" * 32_768).encode())
    assert str(refusal) == "第2行第2列的文本有32768字，超过32767字上限"


def test_the_megabyte_in_quotes_that_never_end_is_refused():
    assert refused(b'a,b\n1,"' + b"x\n" * 500_000).reason is Reason.CSV_QUOTES


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=60))
def test_any_text_in_quotes_comes_back_as_it_was(text):
    data = f'"序号","{text.replace(chr(34), chr(34) * 2)}"\n'.encode()
    assert rows(data) == [(1, ("序号", text))]
