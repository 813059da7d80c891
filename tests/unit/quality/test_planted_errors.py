"""A file of 2,000 rows with 500 planted errors of 14 kinds: 500 are reported, none false, in one pass (REQ-A1)."""

from quality.checking import Checker
from quality.model import RuleSet, Severity
from tests.support.planted_errors import AT, CODES, ITEMS, RULES, planted


def test_of_500_planted_errors_of_many_kinds_each_is_reported_and_nothing_else():
    rows, expected = planted()
    checker = Checker(RuleSet(items=ITEMS, rules=RULES), AT, CODES)
    for number, row in enumerate(rows, 2):
        checker.take(number, [number - 1, *row.values()])
    found = checker.end()
    assert sorted((one.row, one.column, one.item, one.rule) for one in found) == sorted(expected)
    warned = {one.item for one in found if one.severity is Severity.WARNING}
    assert warned == {"kind"}
    assert checker.bad_rows == {one.row for one in found if one.severity is Severity.ERROR}
    assert checker.not_run == ()
