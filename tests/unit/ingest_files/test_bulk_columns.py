"""Columns checked at once agree with values checked one by one (REQ-A1): the same rows, the same findings."""

import sys
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest_files.bulk import digits, plan
from ingest_files.bulk.columns import MAX_INDEXED, NULL, Rules, Values, is_plain, lines
from quality import check_digits, checking, values
from quality.checking import Checker
from quality.model import RuleName, RuleSet, Severity
from tests.support.items import codes, day, integer, key, moment, numeric, text

SETS = {("areas", 1): frozenset({"310104", "310105"})}
ITEMS = {
    "text": text("t", 6),
    "needed": text("t", 6, nullable=False),
    "key": key(text("t", 18)),
    "coded": codes(text("t", 6)),
    "idcard": text("t", 20, check="idcard"),
    "uscc": text("t", 18, check="uscc"),
    "integer": integer("t"),
    "numeric": numeric("t", 8, 2),
    "fraction": numeric("t", 2, 2),
    "whole": numeric("t", 5, 0),
    "day": day("t"),
    "moment": moment("t"),
}
GOOD = {
    "idcard": ["11010519491231002X", "310105199001010014"],
    "uscc": ["91350100M000100Y43", "12310105425026301P"],
    "coded": ["310104", "310105"],
    "day": ["2023/06/30", "0001/01/01", "9999/12/31", "2023/02/29", "2023/6/30", "2023-06-30"],
    "moment": ["2023/06/30 23:59:59", "2023/06/30 24:00:00", "0001/01/01 00:00:00", "2023/06/30"],
}
ODD_TEXTS = ["", "#N/A", "#1", "\\", "\\N", "\\.", "a\tb", "a\nb", "\u3000", "\u200b", "\ufe0f", "\u3164", "𠮷", "-0",
             "-0.0", "0", "00", "1.", ".5", "1.5", "1.50", "123456.78", "1234567", "9223372036854775807",
             "-9223372036854775808", "9223372036854775808", "1e5", "１２", " 1", "NaN", "null", "１"]  # fmt: skip


def cells_of(kind):
    drawn = [
        st.sampled_from(ODD_TEXTS + GOOD.get(kind, [])),
        st.text(st.characters(exclude_characters="\ufffd"), max_size=8),
        st.none(),
        st.integers(-(10**6), 10**17),
        st.floats(allow_nan=True, allow_infinity=True),
        st.sampled_from([1.0, 0.5, 1e15, 123456789012345.0, -0.0, 12.25, 1e-7]),
        st.booleans(),
        st.dates(),
        st.datetimes(),
        st.decimals(-1000, 1000, places=2).map(str),
    ]
    return st.one_of(*drawn)


def asked(item, cells):
    """What the rules of rows say, row by row: the values, and the findings by place."""
    checker = Checker(RuleSet(items=(item,)), {"t": 1}, SETS)
    taken = [checker.take(n, (cell,))[0] for n, cell in enumerate(cells)]
    findings = [
        (found.row, found.rule.value, found.message)
        for found in checker.end()
        # Repeated values are the database's to find, and doubts about the inner digit keep no row out.
        if found.rule is not RuleName.UNIQUE and found.severity is Severity.ERROR
    ]
    return ([] if findings else taken), findings


def told(item, cells):
    made = plan.of_items([item.model_dump(mode="json")], SETS, "b")
    column = Values(made.columns[0], Rules(made), 0)
    return column.take(cells), [(fault.place, fault.rule, fault.message) for fault in column.faults]


def meant(item, copied):
    """The value that the database makes of a text of ours."""
    if copied == NULL:
        return None
    shown = copied.replace("\\\\", "\\")
    match item.type.value:
        case "text":
            return shown
        case "integer":
            return int(shown)
        case "numeric":
            return Decimal(shown)
        case "date":
            return date(*map(int, shown.replace("/", "-").split("-")))
        case _:
            return datetime.fromisoformat(shown.replace("/", "-"))


@pytest.mark.parametrize("kind", list(ITEMS))
@given(data=st.data())
def test_a_column_is_good_where_its_values_are_and_says_what_they_say(kind, data):
    item = ITEMS[kind]
    cells = data.draw(st.lists(cells_of(kind), min_size=1, max_size=12))
    if data.draw(st.booleans()):
        cells = [cell if isinstance(cell, str) else "" for cell in cells]
    expected, findings = asked(item, cells)
    copied, faults = told(item, tuple(cells))
    assert faults == findings
    assert (copied is None) == bool(findings)
    if copied is not None:
        assert [meant(item, one) for one in copied] == expected


@pytest.mark.parametrize("kind", list(GOOD))
def test_good_values_are_proven_and_not_asked_about(kind, monkeypatch):
    """The proof would be no proof if it passed everything on to the slow road."""
    item = ITEMS[kind]
    good = [value for value in GOOD[kind] if asked(item, [value])[1] == []]
    assert good

    def asked_about(*_):
        raise AssertionError("asked about")

    monkeypatch.setattr(Rules, "text", asked_about)
    copied, faults = told(item, tuple(good * 3))
    assert (list(copied), faults) == (good * 3, [])


def test_values_that_were_good_once_are_known_and_bad_ones_are_found_in_every_block():
    item = ITEMS["coded"]
    made = plan.of_items([item.model_dump(mode="json")], SETS, "b")
    column = Values(made.columns[0], Rules(made), 0)
    for _ in range(2):
        assert list(column.take(("310104", "", "310105"))) == ["310104", NULL, "310105"]
        assert column.take(("310104", "310106")) is None
        assert [(fault.place, fault.rule) for fault in column.faults] == [(1, "code_set")]
        column.faults.clear()


def test_no_character_that_is_invisible_is_plain():
    invisible = [chr(point) for point in range(sys.maxunicode + 1) if not values.visible(chr(point))]
    assert len(invisible) > 5000
    assert not any(map(is_plain, invisible))
    assert is_plain("上海　市“长宁”（区）1-2,a")


def test_the_sign_of_a_lost_character_is_no_text():
    """IN-X18: as in a small file, where the form of the annex excludes it."""
    made = plan.of_items([ITEMS["text"].model_dump(mode="json")], SETS, "b")
    column = Values(made.columns[0], Rules(made), 0)
    assert column.take(("张三", "张\ufffd")) is None
    assert [(fault.place, fault.rule) for fault in column.faults] == [(1, "text-characters")]


NUMBERS = st.text("0123456789X", min_size=18, max_size=18)


@given(numbers=st.lists(st.one_of(NUMBERS, st.sampled_from(GOOD["idcard"]), st.text(max_size=19)), min_size=1))
@example(numbers=GOOD["idcard"] * 2000)
def test_many_numbers_of_people_are_as_good_as_each_of_them(numbers):
    assert digits.all_idcards(numbers, set()) == all(map(check_digits.idcard, numbers))


CREDIT = st.text("0123456789ABCDEFGHJKLMNPQRTUWXYIOSVZ", min_size=18, max_size=18)


@given(numbers=st.lists(st.one_of(CREDIT, st.sampled_from(GOOD["uscc"]), st.text(max_size=19)), min_size=1))
@example(numbers=GOOD["uscc"] * 2000)
def test_many_numbers_of_organisations_are_as_good_as_each_of_them(numbers):
    assert digits.all_usccs(numbers) == all(map(check_digits.uscc, numbers))


@given(data=st.data())
def test_a_number_with_one_character_changed_is_found_among_many(data):
    for kind, good in (("idcard", digits.all_idcards), ("uscc", digits.all_usccs)):
        numbers = data.draw(st.lists(st.sampled_from(GOOD[kind]), min_size=1, max_size=40))
        which, place = data.draw(st.integers(0, len(numbers) - 1)), data.draw(st.integers(0, 17))
        changed = data.draw(st.sampled_from("0123456789"))
        number = numbers[which]
        numbers[which] = number[:place] + changed + number[place + 1 :]
        one_by_one = all(map(getattr(check_digits, kind), numbers))
        assert (good(numbers, set()) if kind == "idcard" else good(numbers)) == one_by_one


def test_the_longest_indexed_value_is_that_of_the_rules_of_rows():
    assert checking.MAX_INDEXED == MAX_INDEXED


def test_a_block_holds_the_values_the_row_and_the_batch():
    assert lines([["a", NULL], ["1", "2"]], [2, 4], "B") == b"a\t1\t2\tB\n\\N\t2\t4\tB\n"


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", "#1", "a\\", "\u3000", "\u3164", "a\u200bb", "#DIV/0!"])
def test_one_odd_text_among_good_ones_is_what_the_rules_of_rows_say(cell):
    item = text("t", 8)
    cells = ("好", cell, "中")
    expected, findings = asked(item, cells)
    copied, faults = told(item, cells)
    assert faults == findings
    if not findings:
        assert [meant(item, one) for one in copied] == expected
