"""From text to typed values: what each type takes, and what it refuses by which rule (IN-G14 to IN-G17)."""

import sys
import unicodedata
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Check
from quality.values import BadValue, read, visible
from tests.support.items import codes, day, integer, moment, numeric, text

AREAS = {("areas", 1): frozenset({"310104", "310105"}), ("areas", 2): frozenset({"310106"})}
LARGEST = 2**63 - 1


def rule_of(made, value, *, whole=True):
    with pytest.raises(BadValue) as refused:
        read(made, value, AREAS, whole=whole)
    return refused.value.rule


@pytest.mark.parametrize(
    ("made", "given", "value"),
    [
        (text(), "华阳路街道", "华阳路街道"),
        (text(), " a  b ", " a  b "),  # nothing is trimmed
        (text(), "' OR 1=1--", "' OR 1=1--"),  # IN-G14: a literal
        (text(), "%';DROP TABLE x", "%';DROP TABLE x"),
        (text(), "%_*?", "%_*?"),  # IN-G18
        (text(), "𠮷㐀🏠", "𠮷㐀🏠"),  # IN-G17: outside of the basic plane
        (text(), "e\u0301", "e\u0301"),  # not composed
        (text(), "ＡＢＣ", "ＡＢＣ"),  # not folded
        (text(), "\ue000", "\ue000"),  # private use: rare characters of names stand there
        (integer(), "0", 0),
        (integer(), "-17", -17),
        (integer(), str(LARGEST), LARGEST),
        (integer(), str(-LARGEST - 1), -LARGEST - 1),
        (numeric(), "0", Decimal(0)),
        (numeric(), "-0.5", Decimal("-0.5")),
        (numeric(), "12345678901234.567890", Decimal("12345678901234.567890")),
        (numeric(precision=3, scale=3), "0.125", Decimal("0.125")),
        (day(), "2020/02/29", date(2020, 2, 29)),
        (day(), "0001/01/01", date(1, 1, 1)),
        (moment(), "2023/06/30 23:59:59", datetime.fromisoformat("2023-06-30 23:59:59")),
    ],
)
def test_what_a_type_takes(made, given, value):
    found = read(made, given, AREAS)
    assert found == value
    assert type(found) is type(value)
    assert str(found) == str(value)


@pytest.mark.parametrize(
    ("made", "given", "rule"),
    [
        (text(), "", "length"),
        (text(), "\x00", "pattern"),
        (text(), "a\nb", "pattern"),
        (text(), "\u202e中文", "pattern"),  # IN-G17: right-to-left override
        (text(), "中\u200b文", "pattern"),  # zero width
        (text(), "中\ufffd文", "pattern"),  # a character that a converter lost
        (text(), "\ufeff中文", "pattern"),
        (text(), "一" * 21, "length"),
        (integer(), "", "type"),
        (integer(), "1.0", "type"),
        (integer(), "-0", "type"),
        (integer(), "+1", "type"),
        (integer(), "007", "type"),
        (integer(), "1e3", "type"),
        (integer(), "1,000", "type"),
        (integer(), " 1", "type"),
        (integer(), "1 ", "type"),
        (integer(), "１２３", "type"),
        (integer(), "٣", "type"),
        (integer(), "NaN", "type"),
        (integer(), "0x10", "type"),
        (integer(), "1_000", "type"),
        (integer(), str(LARGEST + 1), "range"),
        (integer(), str(-LARGEST - 2), "range"),
        (integer(), "9" * 40, "range"),  # IN-G14: forty digits
        (integer(), "9" * 1001, "type"),
        (numeric(), "", "type"),
        (numeric(), "NaN", "type"),
        (numeric(), "Infinity", "type"),
        (numeric(), "-inf", "type"),
        (numeric(), "1e309", "type"),
        (numeric(), "-0", "type"),
        (numeric(), "-0.00", "type"),
        (numeric(), ".5", "type"),
        (numeric(), "5.", "type"),
        (numeric(), "1,234.50", "type"),
        (numeric(), "1.2.3", "type"),
        (numeric(), "1\n", "type"),
        (numeric(), "１.５", "type"),
        (numeric(), "1.1234567", "range"),
        (numeric(), "123456789012345", "range"),
        (numeric(), "9" * 40, "range"),
        (numeric(precision=3, scale=3), "1", "range"),
        (day(), "", "type"),
        (day(), "2023-06-30", "type"),
        (day(), "2023/6/30", "type"),
        (day(), "20230630", "type"),
        (day(), "2023/02/30", "type"),  # IN-G14: no such day
        (day(), "2023/13/01", "type"),
        (day(), "2019/02/29", "type"),
        (day(), "0000/01/01", "type"),
        (day(), "2023/06/30 00:00:00", "type"),
        (day(), "2023/06/30\n", "type"),
        (day(), "２０２３/06/30", "type"),
        (moment(), "2023/06/30", "type"),
        (moment(), "2023/06/30T10:00:00", "type"),
        (moment(), "2023/06/30 24:00:00", "type"),
        (moment(), "2023/06/30 10:60:00", "type"),
        (moment(), "2023/06/30 23:59:60", "type"),
        (moment(), "2023/06/30 10:00:00.5", "type"),
        (moment(), "2023/06/30 10:00:00+08:00", "type"),
        (moment(), "2023/06/30  10:00:00", "type"),
        (moment(), "2023/02/30 10:00:00", "type"),
    ],
)
def test_what_a_type_refuses_and_by_which_rule(made, given, rule):
    assert rule_of(made, given) == rule


def test_a_length_is_counted_in_characters_not_in_bytes_or_code_units():
    """IN-G17, IN-X20: 20 fit, 21 do not, whatever plane they are of."""
    assert read(text(length=20), "𠮷" * 20, {}) == "𠮷" * 20
    assert rule_of(text(length=20), "𠮷" * 21) == "length"


def test_a_code_set_is_that_of_the_item_in_its_version():
    made = codes(text("area", 6))
    assert read(made, "310105", AREAS) == "310105"
    assert rule_of(made, "310106") == "code_set"
    assert read(codes(text("area", 6), version=2), "310106", AREAS) == "310106"
    assert rule_of(codes(text("area", 6), "unknown"), "310105") == "code_set"


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (Check.USCC, "91310105YYYY00012A", "91310105YYYY000120"),
        (Check.IDCARD, "11010519491231002X", "11010519491231002x"),
    ],
)
def test_a_check_digit_is_verified(check, good, bad):
    made = text(length=18, check=check)
    assert read(made, good, {}) == good
    assert rule_of(made, bad) == "check_digit"


def test_a_part_of_a_value_needs_no_code_and_no_check_digit_but_the_rest():
    """A prefix or a bound of a range is no whole value."""
    assert read(codes(text("area", 6)), "31", AREAS, whole=False) == "31"
    assert read(text(length=18, check=Check.USCC), "9131", {}, whole=False) == "9131"
    assert rule_of(text(), "\u200b", whole=False) == "pattern"
    assert rule_of(text(length=2), "abc", whole=False) == "length"
    assert rule_of(text(), "", whole=False) == "length"


def test_a_refusal_never_repeats_the_value():
    with pytest.raises(BadValue) as refused:
        read(text(length=3), "张三李四", {})
    assert "张三" not in refused.value.message


@pytest.mark.parametrize("category", ["Cc", "Cs", "Zl", "Zp"])
def test_no_character_of_these_categories_is_visible(category):
    found = [chr(c) for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) == category]
    assert found
    assert not any(map(visible, found))


IGNORABLE = [
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010)),
    *(*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0),
    *(*range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)),
]
"""Default_Ignorable_Code_Point of Unicode 15 (DerivedCoreProperties.txt)."""


def test_no_ignorable_character_and_no_non_character_is_visible():
    non = [*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF))]
    assert [f"U+{c:04X}" for c in (*IGNORABLE, *non) if visible(f"示例{chr(c)}甲")] == []


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs", "Co"])))
def test_what_people_write_is_visible(written):
    ignorable = {chr(c) for c in IGNORABLE}
    assert visible("".join(c for c in written if c not in ignorable))


@given(st.integers(-LARGEST - 1, LARGEST))
def test_every_integer_comes_back(number):
    assert read(integer(), str(number), {}) == number


@given(st.integers(1, 38), st.data())
def test_every_decimal_within_precision_and_scale_comes_back_with_all_its_digits(precision, data):
    scale = data.draw(st.integers(0, precision))
    places = data.draw(st.integers(0, scale))
    digits = data.draw(st.integers(0, 10 ** (precision - scale + places) - 1))
    sign = data.draw(st.sampled_from(["", "-"])) if digits else ""
    written = sign + format(Decimal(digits).scaleb(-places), "f")
    found = read(numeric(precision=precision, scale=scale), written, {})
    assert str(found.normalize()) == str(Decimal(written).normalize())
    assert format(found, "f") == written


@given(st.dates())
def test_every_day_comes_back(value):
    assert read(day(), f"{value.year:04}/{value.month:02}/{value.day:02}", {}) == value


@given(st.datetimes().map(lambda value: value.replace(microsecond=0)))
def test_every_second_comes_back(value):
    assert read(moment(), f"{value.year:04}/{value:%m/%d %H:%M:%S}", {}) == value


def outcome(made, given_text):
    try:
        read(made, given_text, AREAS)
    except BadValue as refused:
        return refused.rule
    return "taken"


@given(st.text(max_size=40))
def test_any_text_is_a_value_or_refused_by_a_rule(given_text):
    outcomes = {outcome(made, given_text) for made in (text(), integer(), numeric(), day(), moment())}
    assert outcomes <= {"taken", "type", "length", "range", "pattern"}
    assert outcome(codes(text("area", 6)), given_text) in {"length", "pattern", "code_set"}
