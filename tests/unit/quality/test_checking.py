"""Quality rules over the rows of a file: every finding, at its place, and nothing else (REQ-A1, IN-X15 to IN-X20)."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from common.events import Check
from quality.cells import BrokenCell
from quality.checking import MAX_INDEXED
from quality.columns import match_columns
from quality.reading import from_cell
from quality.values import BadValue
from tests.support.checked import check
from tests.support.items import codes, day, integer, key, moment, numeric, text

AREAS = {("areas", 1): frozenset({"310104", "310105"})}
NOON = datetime.fromisoformat("2023-06-30 12:00:00")


def refused(made, cell):
    with pytest.raises(BadValue) as found:
        from_cell(made, cell, AREAS)
    return found.value.rule


def findings(items, *rows):
    """What is found in rows of cells, given in the items' order; columns count from 2, rows from 2."""
    places = {made.code: column for column, made in enumerate(items, 2)}
    sheet = [(number, [None, *cells]) for number, cells in enumerate(rows, 2)]
    checked = check(items, places, sheet, AREAS)
    return [(found.row, found.column, found.item, found.rule) for found in checked.findings]


class TestCells:
    @pytest.mark.parametrize("made", [text(), integer(), numeric(), day(), moment()])
    @pytest.mark.parametrize("cell", [None, ""])
    def test_an_empty_cell_is_no_value(self, made, cell):
        assert from_cell(made, cell, AREAS) is None

    @pytest.mark.parametrize(
        ("made", "cell", "value"),
        [
            (text(), "310105001", "310105001"),
            (text(), "=1+1", "=1+1"),  # IN-X14: verbatim
            (text(length=40), "<script>{{7*7}}${jndi:x}", "<script>{{7*7}}${jndi:x}"),  # IN-X24
            (text(), 310105.0, "310105"),
            (text(), 42, "42"),
            (text(), 999_999_999_999_999.0, "999999999999999"),
            (integer(), 42.0, 42),
            (integer(), -0.0, 0),
            (integer(), 42, 42),
            (integer(), 12345678901234567, 12345678901234567),  # whole numbers that the file holds whole
            (integer(), "12345678901234567", 12345678901234567),
            (numeric(), 0.1, Decimal("0.1")),
            (numeric(), 1000.5, Decimal("1000.5")),
            (numeric(), 1e-6, Decimal("0.000001")),
            (numeric(), "12345678901234.567890", Decimal("12345678901234.567890")),
            (numeric(precision=40, scale=0), 10**30 + 1, Decimal(10**30 + 1)),
            (day(), NOON.date(), NOON.date()),
            (day(), NOON.replace(hour=0), NOON.date()),
            (day(), "2023/06/30", NOON.date()),
            (moment(), NOON, NOON),
            (moment(), NOON.date(), NOON.replace(hour=0)),
            (moment(), "2023/06/30 12:00:00", NOON),
        ],
    )
    def test_what_a_cell_means_for_an_item(self, made, cell, value):
        found = from_cell(made, cell, AREAS)
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize(
        ("made", "cell"),
        [
            # IN-X16: a number where a number with a check digit was meant has lost digits or zeros already.
            (text(length=18, check=Check.IDCARD), 310105200001010000.0),
            (text(length=18, check=Check.USCC), 91310105.0),
            # Floats that lost digits, and numbers that are none.
            (text(), 1e15),
            (text(), 1.5),
            (text(), 10**400),
            (text(), float("inf")),
            (text(), float("nan")),
            (integer(), 1e15),
            (integer(), 12345678901234568.0),
            (numeric(precision=20, scale=2), 12345678901234568.0),
            (numeric(), 12345678901234.567),
            (numeric(precision=30, scale=20), 0.1 + 0.2),
            (integer(), float("nan")),
            (numeric(), float("inf")),
            # IN-X17: a number is no date, a date no number and no text.
            (day(), 45107.0),
            (moment(), 45107),
            (text(), NOON),
            (integer(), NOON.date()),
            (day(), NOON),
            (day(), "2023-1-1"),
            (day(), time(12)),
            (moment(), timedelta(hours=1)),
            (numeric(), "1,234.50"),
            (numeric(), "１２３"),
            # IN-X15: booleans and errors.
            *((made, cell) for made in (text(), integer(), day()) for cell in (True, False, BrokenCell("#REF!"))),
            *((made, cell) for made in (text(), numeric(), moment()) for cell in ("#N/A", "#REF!", "#DIV/0!")),
        ],
    )
    def test_what_a_cell_cannot_mean_is_never_converted_in_silence(self, made, cell):
        assert refused(made, cell) == "type"

    def test_a_text_that_only_looks_like_an_error_is_a_text(self):
        assert from_cell(text(), "#REF! 见备注", AREAS) == "#REF! 见备注"
        assert from_cell(text(), "#1", AREAS) == "#1"

    def test_a_number_obeys_the_rules_of_its_item_like_a_text(self):
        assert refused(text(length=5), 310105.0) == "length"
        assert refused(codes(text("area", 6)), 310199.0) == "code_set"
        assert refused(integer(), 1.5) == "type"
        assert refused(numeric(precision=5, scale=2), 1000.5) == "range"
        assert refused(numeric(precision=5, scale=2), 0.125) == "range"

    def test_a_finding_never_repeats_a_value(self):
        for cell in ("张三", NOON, 310105200001010000.0, 1.5):
            with pytest.raises(BadValue) as found:
                from_cell(integer() if isinstance(cell, str) else text(length=18, check=Check.IDCARD), cell, {})
            assert str(cell) not in found.value.message


class TestColumns:
    ITEMS = (text("street_code", 9, name="街道代码"), text("street_name", name="街道名称"))

    def test_columns_are_found_by_name_or_code_in_any_order(self):
        places, found = match_columns(self.ITEMS, [(2, "街道名称"), (3, "street_code")])
        assert (places, found) == ({"street_name": 2, "street_code": 3}, [])

    @pytest.mark.parametrize(
        ("titles", "expected"),
        [
            ([(2, "街道代码")], [(1, 1, "street_name")]),
            ([], [(1, 1, "street_code"), (1, 1, "street_name")]),
            ([(2, "街道代码"), (3, "街道名称"), (4, "备注")], [(1, 4, None)]),
            ([(2, "街道代码"), (3, "街道名称"), (4, "street_code")], [(1, 4, "street_code")]),
            # IN-X19: nothing is trimmed, folded or guessed.
            ([(2, "街道代码 "), (3, "街道名称")], [(1, 2, None), (1, 1, "street_code")]),
            ([(2, "STREET_CODE"), (3, "街道名称")], [(1, 2, None), (1, 1, "street_code")]),
        ],
    )
    def test_every_misfit_is_named_with_its_column(self, titles, expected):
        _, found = match_columns(self.ITEMS, titles)
        assert [(one.row, one.column, one.item) for one in found] == expected
        assert {one.rule for one in found} == {"structure"}


class TestRows:
    ITEMS = (
        key(text("code", 9)),
        text("name", 4, nullable=False),
        codes(text("area", 6)),
        numeric("amount", 6, 2),
        day("since"),
        text("mail", 40, unique=True),
    )
    GOOD = ("310105001", "华阳路", "310105", 12.5, "2023/06/30", "a@example")

    def test_rows_become_values_in_the_order_of_the_items_with_their_row(self):
        items = (text("b"), integer("a"))
        checked = check(
            items,
            {"a": 2, "b": 5},
            [
                (2, [None, 1.0, None, None, "x"]),
                (4, [None, None, None, None, "y", None, None, None, "elsewhere"]),
            ],
            {},
        )
        assert checked.rows == [(2, ("x", 1)), (4, ("y", None))]
        assert checked.findings == []

    def test_a_file_without_defect_has_no_finding(self):
        assert findings(self.ITEMS, self.GOOD, ("310105002", "江苏路", None, None, None, None)) == []

    @pytest.mark.parametrize(
        ("column", "cell", "rule"),
        [
            (2, None, "not_null"),
            (2, "3101050011", "length"),
            (3, "", "not_null"),
            (3, "虹桥经济开发区", "length"),
            (3, "虹\u200b桥", "pattern"),
            (3, True, "type"),
            (4, "310199", "code_set"),
            (5, "12.345", "range"),
            (5, "12345.00", "range"),
            (5, "abc", "type"),
            (6, "2023/02/30", "type"),
            (6, 45107.0, "type"),
            (6, BrokenCell("#REF!"), "type"),
        ],
    )
    def test_each_rule_is_found_at_its_row_and_column(self, column, cell, rule):
        second = ["310105002", "江苏路", "310105", 1, "2023/06/30", "b@example"]
        second[column - 2] = cell
        assert findings(self.ITEMS, self.GOOD, second) == [(3, column, self.ITEMS[column - 2].code, rule)]

    def test_all_findings_come_in_one_pass_in_the_order_of_the_sheet(self):
        """REQ-A1: the provider mends a file once, not once per defect."""
        assert findings(
            self.ITEMS,
            (None, "虹桥经济开发区", "310199", "x", "2023-01-01", "a@example"),
            self.GOOD,
            ("310105001", None, "310105", 1, None, "c@example"),
        ) == [
            (2, 2, "code", "not_null"),
            (2, 3, "name", "length"),
            (2, 4, "area", "code_set"),
            (2, 5, "amount", "type"),
            (2, 6, "since", "type"),
            (3, 7, "mail", "unique"),
            (4, 2, "code", "unique"),
            (4, 3, "name", "not_null"),
        ]

    def test_a_row_of_nothing_breaks_not_null_only_where_the_item_demands_a_value(self):
        assert findings(self.ITEMS, ()) == [(2, 2, "code", "not_null"), (2, 3, "name", "not_null")]

    def test_a_key_of_several_items_repeats_only_as_a_whole(self):
        items = (key(text("b"), 2), key(text("a"), 1))
        assert findings(items, ("1", "1"), ("1", "2"), ("2", "1")) == []
        # It is shown at the key's first item.
        assert findings(items, ("1", "1"), ("1", "2"), ("1", "1"), ("1", "1")) == [
            (4, 3, "a", "unique"),
            (5, 3, "a", "unique"),
        ]

    def test_a_repetition_names_the_first_row(self):
        items = (key(text("code"), 1),)
        checked = check(items, {"code": 2}, [(2, [1, "x"]), (3, [2, "y"]), (7, [3, "x"])], {})
        assert [found.message for found in checked.findings] == ["“code项”与第2行重复"]

    def test_nothing_is_no_repetition_of_nothing(self):
        assert findings((text("mail", unique=True),), (None,), (None,)) == []

    def test_equal_values_repeat_however_they_are_written(self):
        assert findings((numeric("n", unique=True),), ("1.0",), ("1.00",), (1.0,)) == [
            (3, 2, "n", "unique"),
            (4, 2, "n", "unique"),
        ]

    def test_a_broken_value_is_no_repetition(self):
        assert findings((key(text("c", 2)),), ("abc",), ("abc",)) == [(2, 2, "c", "length"), (3, 2, "c", "length")]

    def test_a_key_that_is_unique_by_itself_is_found_once(self):
        assert findings((key(text("c", unique=True)),), ("x",), ("x",)) == [(3, 2, "c", "unique")]

    def test_a_key_must_fit_into_an_index(self):
        items = (key(text("a", 5000), 1), key(text("b", 5000), 2))
        half = MAX_INDEXED // 2
        assert findings(items, ("a" * half, "b" * half), ("数" * 833, "b")) == []
        assert findings(items, ("a" * half, "b" * (half + 1))) == [(2, 2, "a", "length")]
        assert findings((text("a", 5000, unique=True),), ("数" * 834,)) == [(2, 2, "a", "length")]


def test_a_date_of_a_sheet_keeps_its_day():
    assert from_cell(day(), date(1900, 2, 28), {}) == date(1900, 2, 28)
