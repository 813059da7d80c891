"""Declared rules: what each finds, what each refuses to be, and what cannot be run without the platform."""

import time
from datetime import date
from decimal import Decimal

import pytest

from quality.check_digits import idcard_fault, uscc_doubt
from quality.checking import Checker
from quality.compiling import verify
from quality.errors import BadEntry, BadRule
from quality.model import Comparison, Rule, RuleName, RuleSet, Severity, Thresholds, refuses
from quality.references import References
from quality.surroundings import Answers, History, Profile, Surroundings
from tests.support.checked import check
from tests.support.items import day, integer, numeric, text

R = RuleName
ITEMS = (text("a"), text("b"), day("since"), numeric("n"))
AT = {item.code: column for column, item in enumerate(ITEMS, 1)}
TODAY = date(2026, 6, 30)


def found(rules, *rows, around=None):
    checked = check(ITEMS, AT, list(enumerate(rows, 2)), {}, tuple(rules), around)
    return [(one.row, one.item, one.rule, one.severity) for one in checked.findings], checked.checker.not_run


@pytest.mark.parametrize(
    "rule",
    [
        Rule(name=R.TYPE, items=("a",)),
        Rule(name=R.NOT_NULL),
        Rule(name=R.NOT_NULL, items=("zz",)),
        Rule(name=R.UNIQUE, items=("a", "a")),
        Rule(name=R.PATTERN, items=("a",), pattern=r"(a)\1"),
        Rule(name=R.PATTERN, items=("a",), pattern="(?=a)"),
        Rule(name=R.PATTERN, items=("a",), pattern="(((a{1,99}){1,99}){1,99})"),
        Rule(name=R.PATTERN, items=("n",), pattern="1"),
        Rule(name=R.RANGE, items=("since",), minimum="2023-01-01"),
        Rule(name=R.RANGE, items=("n",), minimum="2", maximum="1"),
        Rule(name=R.LENGTH, items=("a",), minimum="1"),
        Rule(name=R.CROSS_ITEM, items=("a", "since"), comparison=Comparison.LT),
        Rule(name=R.CROSS_ITEM, items=("a",), total="n"),
        Rule(name=R.REFERENCE, items=("a",), resource="307001-000001"),
        Rule(name=R.FRESHNESS, items=("a",), days=3),
        Rule(name=R.DRIFT, items=("a",), rows_drop=Decimal("0.5")),
    ],
)
def test_a_rule_that_does_not_go_with_its_items_is_refused(rule):
    with pytest.raises(BadRule):
        verify(RuleSet(items=ITEMS, rules=(rule,)))


def test_a_pattern_that_holds_up_other_engines_is_matched_at_once():
    rule = Rule(name=R.PATTERN, items=("a",), pattern="(a+)+$")
    items = (text("a", 100_000),)
    begun = time.perf_counter()
    checked = check(items, {"a": 1}, [(2, ["a" * 50_000 + "!"])], {}, (rule,))
    assert time.perf_counter() - begun < 60
    assert [one.rule for one in checked.findings] == [R.PATTERN]


def test_a_refused_cell_is_no_second_defect_of_a_rule_across_items():
    rule = Rule(name=R.CROSS_ITEM, items=("since",), when="a")
    assert found([rule], ["x", None, "2023-1-1", None])[0] == [(2, "since", R.TYPE, Severity.ERROR)]
    assert found([rule], ["x", None, None, None])[0] == [(2, "since", R.CROSS_ITEM, Severity.ERROR)]


def test_several_items_together_are_unique():
    rule = Rule(name=R.UNIQUE, items=("a", "b"), severity=Severity.WARNING)
    assert found([rule], ["x", "y"], ["x", "z"], ["x", "y"])[0] == [(4, "a", R.UNIQUE, Severity.WARNING)]


def test_freshness_looks_at_the_newest_date_and_at_the_batch_before():
    rules = [Rule(name=R.FRESHNESS, items=("since",), days=30), Rule(name=R.FRESHNESS, days=7)]
    history = History(newest=date(2026, 6, 1))
    old, fresh = ["x", None, "2026/05/01", None], ["x", None, "2026/06/20", None]
    around = Surroundings(today=TODAY, history=history)
    both = [(None, None, R.FRESHNESS, Severity.ERROR), (None, "since", R.FRESHNESS, Severity.ERROR)]
    assert found(rules, old, around=around) == (both, ())
    assert found(rules, old, fresh, around=around)[0] == both[:1]
    assert found(rules, old, around=Surroundings(today=TODAY))[1] == (R.FRESHNESS,)


def test_drift_is_measured_against_the_median_of_the_batches_before():
    rules = [Rule(name=R.DRIFT, rows_drop=Decimal("0.5")), Rule(name=R.DRIFT, items=("a",), null_change=Decimal("0.4"))]
    before = History(profiles=tuple(Profile(rows=rows, nulls={"a": 0}, distinct={}) for rows in (4, 4, 400)))
    around = Surroundings(today=TODAY, history=before)
    assert found(rules, ["x"], [None], around=around)[0] == [(None, "a", R.DRIFT, Severity.ERROR)]
    assert found(rules[:1], ["x"], around=around)[0] == [(None, None, R.DRIFT, Severity.ERROR)]
    assert found(rules, ["x"], ["x"], around=around)[0] == []
    assert found(rules, ["x"])[1] == (R.DRIFT,)


def test_references_are_told_at_every_row_once_the_platform_answered():
    rule = Rule(name=R.REFERENCE, items=("a",), resource="307001-000001", target_items=("code",))
    checked = check(ITEMS, AT, [(2, ["x"]), (3, ["y"]), (4, ["x"])], {}, (rule,))
    assert checked.checker.not_run == (R.REFERENCE,)
    (wanted,) = checked.checker.wanted()
    assert wanted.values == {("x",), ("y",)}
    told = checked.checker.end(Answers(missing={rule: {("x",)}}, unable={}))
    assert [(one.row, one.column, one.rule, one.value) for one in told] == [
        (2, 1, R.REFERENCE, "*"),
        (4, 1, R.REFERENCE, "*"),
    ]
    assert checked.checker.not_run == ()
    assert checked.checker.bad_rows == {2, 4}


def test_a_reference_that_cannot_be_looked_up_is_told_once_and_belongs_to_no_row():
    rule = Rule(name=R.REFERENCE, items=("a",), resource="307001-000001", target_items=("code",))
    checked = check(ITEMS, AT, [(2, ["x"]), (3, ["y"])], {}, (rule,))
    (told,) = checked.checker.end(Answers(missing={}, unable={rule: "还没有数据"}))
    assert (told.row, told.rule, told.severity, told.message) == (None, R.REFERENCE, Severity.ERROR, "还没有数据")
    assert checked.checker.not_run == ()


def test_one_rule_that_was_not_answered_is_not_run_whatever_was_said_of_another():
    one, other = (
        Rule(name=R.REFERENCE, items=("a",), resource=f"307001-00000{n}", target_items=("code",)) for n in (1, 2)
    )
    checked = check(ITEMS, AT, [(2, ["x"])], {}, (one, other))
    checked.checker.end(Answers(missing={one: ()}, unable={}))
    assert checked.checker.not_run == (R.REFERENCE,)


def test_more_values_than_are_looked_up_break_the_rule_itself():
    rule = Rule(name=R.REFERENCE, items=("a",), resource="307001-000001", target_items=("code",))
    asked = References([rule], {"a": 0}, most=2)
    for row, value in enumerate(["x", "y", "x", "z"], 2):
        asked.take(row, [value])
    (wanted,) = asked.wanted()
    assert wanted.values == {("x",), ("y",)}
    ((told, why),) = asked.unable(Answers(missing={rule: ()}, unable={}))
    assert told is rule
    assert "超过2个" in why


def test_rows_of_another_sheet_have_columns_and_names_of_their_own():
    rule = Rule(name=R.REFERENCE, items=("a",), resource="307001-000001", target_items=("code",))
    items = (text("a", unique=True),)
    checker = Checker(RuleSet(items=items, rules=(rule,)), {"a": 1}, {}, named=lambda row: f"<{row}>")
    checker.take(2, ["x"])
    checker.turn(100, {"a": 3})
    checker.take(102, [None, None, "x"])
    checker.take(103, [None, None, "y"])
    told = checker.end(Answers(missing={rule: {("x",), ("y",)}}, unable={}))
    assert [(one.row, one.column, one.rule) for one in told] == [
        (2, 1, R.REFERENCE),
        (102, 3, R.REFERENCE),
        (102, 3, R.UNIQUE),
        (103, 3, R.REFERENCE),
    ]
    assert told[2].message == "“a项”与<2>重复"


def test_thresholds_tolerate_as_many_bad_rows_as_every_bound_allows():
    checked = check((integer("i"),), {"i": 1}, [(2, ["x"]), (3, ["1"]), (4, ["y"])], {})
    assert refuses(checked.findings, 3, Thresholds())
    assert not refuses(checked.findings, 3, Thresholds(bad_rows=2))
    assert refuses(checked.findings, 3, Thresholds(bad_rows=2, bad_share=Decimal("0.5")))
    assert not refuses(checked.findings, 3, Thresholds(bad_share=Decimal("0.7")))


def test_old_numbers_and_inner_digits_are_told_apart():
    assert "15位" in idcard_fault("310105490101001")
    assert idcard_fault("11010519491231002x") == "末位校验码应写作大写X"
    assert uscc_doubt("91310105MA1FW0008Q") is not None


def test_an_entry_of_another_form_is_refused():
    with pytest.raises(BadEntry):
        RuleSet.of_entry({"items": [{"code": "a"}]})
