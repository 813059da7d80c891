"""The fault matrix names each row once, names tests that there are, and tells a row that did not hold."""

from pathlib import Path

import pytest

from tests.fault.matrix import ALSO, ROWS, Row, verdict

ROOT = Path(__file__).parents[2]
TEST = "tests/fault/test_x.py"


def test_the_matrix_has_each_of_its_rows_once_and_in_order():
    assert [row.number for row in ROWS] == list(range(1, 43))
    assert len({row.fault for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("test", sorted({test for row in ROWS for test in row.tests} | set(ALSO)))
def test_a_row_names_tests_that_there_are(test):
    file, *inside = test.split("::")
    text = (ROOT / file).read_text()
    for name in inside:
        assert f"def {name}(" in text or f"class {name}:" in text


def test_every_fault_test_belongs_to_a_row():
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "fault").glob("test_*.py")}
    assert files <= {test for row in ROWS for test in row.tests}


def test_a_row_without_all_its_parts_says_what_is_missing():
    assert [row.number for row in ROWS if row.partly and not row.tests] == []


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        ({f"{TEST}::test_a": "passed", f"{TEST}::test_b[1]": "passed"}, "passed"),
        ({f"{TEST}::test_a": "passed", f"{TEST}::test_b[1]": "failed"}, "failed"),
        ({f"{TEST}::test_a": "passed", f"{TEST}::test_b[1]": "skipped"}, "failed"),
        ({f"{TEST}::test_a": "skipped"}, "failed"),
        ({"tests/fault/test_y.py::test_a": "passed"}, "no such test"),
        ({}, "no such test"),
    ],
)
def test_a_row_holds_only_when_each_of_its_tests_ran_and_passed(outcomes, word):
    assert verdict(Row(1, "a fault", (TEST,)), outcomes) == word


def test_one_of_several_tests_is_not_enough():
    assert verdict(Row(1, "a fault", (TEST, "tests/fault/test_y.py")), {f"{TEST}::test_a": "passed"}) == "no such test"


def test_a_row_without_tests_is_not_yet_built():
    assert verdict(Row(1, "a fault"), {f"{TEST}::test_a": "passed"}) == "not yet built"
