"""The check digits of identity numbers (GB 11643) and of unified social credit codes (GB 32100)."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.check_digits import FAULTS, idcard, uscc

DIGITS = "0123456789"
USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def identity_number(area: str, born: str, sequence: str) -> str:
    """By ISO 7064 MOD 11-2 in its recursive form, which is not how the code under test computes it."""
    carried = 0
    for digit in area + born + sequence:
        carried = (carried + int(digit)) * 2 % 11
    return area + born + sequence + "0123456789X"[(12 - carried) % 11]


def credit_code(first: str) -> str:
    """By one large number: the sum with the check character must be a multiple of 31."""
    total = sum(USCC.index(character) * 3**place for place, character in enumerate(first))
    return first + next(c for c in USCC if (total + USCC.index(c)) % 31 == 0)


areas = st.text(DIGITS, min_size=6, max_size=6)
days = st.dates(date(1800, 1, 1), date(2099, 12, 31)).map("{:%Y%m%d}".format)
identity_numbers = st.builds(identity_number, areas, days, st.text(DIGITS, min_size=3, max_size=3))
credit_codes = st.builds(
    lambda kind, area, body: credit_code(kind + area + body),
    st.text(USCC, min_size=2, max_size=2),
    areas,
    st.text(USCC, min_size=9, max_size=9),
)


@pytest.mark.parametrize(
    "number",
    [
        # The standard's own two examples: 7+9+0+5+0+20+2+9+24+27+7+18+30+5+0+0+4 = 167, mod 11 = 2, and the character
        # of 10X98765432 at 2 is X; 28+36+0+25+16+16+2+8+48+0+0+9+0+5+0+0+2 = 195, mod 11 = 8, at 8 is 4.
        "11010519491231002X",
        "440524188001010014",
        # A leap day: 21+9+0+5+0+20+4+0+0+0+0+18+20+45+0+4+2 = 148, mod 11 = 5, at 5 is 7.
        "310105200002290117",
    ],
)
def test_identity_numbers_whose_check_digit_was_computed_by_hand_are_right(number):
    assert idcard(number)


@pytest.mark.parametrize(
    "code",
    [
        "91310105YYYY00012A",
        "91310105YYYY000205",
        "91310105YYYY000392",
        "91310105YYYY00047W",
        # The check character 0 stands for a sum that is a multiple of 31 already: all places are 0.
        "000000000000000000",
    ],
)
def test_credit_codes_whose_check_digit_was_computed_by_hand_are_right(code):
    assert uscc(code)


@pytest.mark.parametrize(
    "number",
    [
        "11010519491231002x",  # no normalisation: the capital X is the check character
        "110105194912310021",  # another check digit
        "11010519491231002",  # 17 characters (IN-G15)
        "11010519491231002X ",  # a trailing space
        "１１０１０５１９４９１２３１００２Ｘ",  # full width
        "1101051949123100２X",
        "110105491231002",  # the fifteen digits of before 1999
        "",
    ],
)
def test_what_is_no_identity_number_is_refused(number):
    """IN-G15."""
    assert not idcard(number)


@pytest.mark.parametrize("born", ["20230230", "20231301", "20230100", "00000101", "19000229"])
def test_an_identity_number_has_a_real_day_of_birth(born):
    assert not idcard(identity_number("310105", born, "001"))


@pytest.mark.parametrize("letter", "IOSVZ")
@pytest.mark.parametrize("place", [0, 8, 16, 17])
def test_letters_that_look_like_digits_are_not_in_a_credit_code(letter, place):
    """IN-G16."""
    code = "91310105YYYY00012A"
    assert not uscc(code[:place] + letter + code[place + 1 :])


@pytest.mark.parametrize("code", ["91310105YYYY00012a", "91310105YYYY00012", "91310105YYYY00012A0", "", "９" * 18])
def test_what_is_no_credit_code_is_refused(code):
    assert not uscc(code)


def test_the_area_of_a_credit_code_is_six_digits():
    assert uscc(credit_code("91310105YYYY00012"))
    assert not uscc(credit_code("9131010AYYYY00012"))


@given(identity_numbers)
def test_every_identity_number_is_accepted(number):
    assert idcard(number)


@given(credit_codes)
def test_every_credit_code_is_accepted(code):
    assert uscc(code)


@given(identity_numbers, st.integers(0, 17), st.sampled_from(DIGITS + "X"))
def test_one_wrong_character_of_an_identity_number_is_always_found(number, place, other):
    changed = number[:place] + other + number[place + 1 :]
    assert idcard(changed) is (changed == number)


@given(credit_codes, st.integers(0, 17), st.sampled_from(USCC))
def test_one_wrong_character_of_a_credit_code_is_always_found(code, place, other):
    changed = code[:place] + other + code[place + 1 :]
    assert uscc(changed) is (changed == code)


@given(identity_numbers, st.integers(0, 16))
def test_two_neighbours_exchanged_in_an_identity_number_are_always_found(number, place):
    changed = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert idcard(changed) is (changed == number)


@given(credit_codes, st.integers(0, 16))
def test_two_neighbours_exchanged_in_a_credit_code_are_always_found(code, place):
    changed = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert uscc(changed) is (changed == code)


@given(st.text(max_size=20))
def test_any_text_gets_an_answer(text):
    assert all(fault(text) is None or fault(text) for fault in FAULTS.values())


@given(st.text(DIGITS, min_size=17, max_size=17), st.text(USCC, min_size=17, max_size=17))
def test_the_check_characters_are_those_of_another_implementation(digits, body):
    ric = pytest.importorskip("stdnum.cn.ric")
    other = pytest.importorskip("stdnum.cn.uscc")
    assert identity_number(digits[:6], digits[6:14], digits[14:])[-1] == ric.calc_check_digit(digits + "0")
    assert credit_code(body)[-1] == other.calc_check_digit(body)
