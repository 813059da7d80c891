"""Each hostile input of the gateway (`reliability.md`, section 5 G) is shown by a test that cites it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_CITED = re.compile(r"IN-G(\d+)((?:(?:\s*,\s*|\s+to\s+|\s+and\s+)(?:IN-)?G\d+)*)")
_MORE = re.compile(r"(,|to|and)\s*(?:IN-)?G(\d+)")


def cited(text):
    """The rows that a text cites: `IN-G14 to G17, G20`."""
    found = set()
    for match in _CITED.finditer(text):
        last = int(match[1])
        found.add(last)
        for word, number in _MORE.findall(match[2]):
            found |= set(range(last, int(number) + 1)) if word == "to" else {int(number)}
            last = int(number)
    return found


@pytest.fixture(scope="module")
def shown():
    """Rows by the files of tests that cite them."""
    found = {}
    for file in (ROOT / "tests").rglob("test_*.py"):
        text = file.read_text()
        if file != Path(__file__) and re.search(r"^\s*(async )?def test_", text, re.MULTILINE):
            for row in cited(text):
                found.setdefault(row, []).append(str(file.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("row", range(1, 35))
def test_each_row_is_shown_by_a_test(row, shown):
    assert row in shown, "no test cites it"


def test_nothing_cites_a_row_that_there_is_not(shown):
    assert set(shown) <= set(range(1, 35))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("(IN-G3)", {3}),
        ("IN-G21, G28, G33; page", {21, 28, 33}),
        ("IN-G14 to IN-G17", {14, 15, 16, 17}),
        ("IN-G1 to G4, G20\nand G23", {1, 2, 3, 4, 20, 23}),
        ("REQ-G3, G4, FAULT-21", set()),
    ],
)
def test_citations_are_read(text, rows):
    assert cited(text) == rows
