"""Over any file: without a defect nothing is found, and of planted defects each is found and nothing else."""

from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quality.cells import BrokenCell
from tests.support.checked import check
from tests.support.items import codes, day, integer, key, numeric, text

AREAS = {("areas", 1): frozenset({"310104", "310105"})}
ITEMS = (
    key(text("code", 6)),
    text("name", 5, nullable=False),
    codes(text("area", 6)),
    numeric("amount", 8, 2),
    integer("count", unique=True),
    day("since", nullable=False),
)
FIRST_COLUMN = 2
DEFECTS = {
    "code": [(None, "not_null"), ("1234567", "length"), ("a\u202e", "pattern"), (12.5, "type")],
    "name": [(None, "not_null"), ("六个字的名称", "length"), ("\x00", "pattern"), (True, "type")],
    "area": [("310199", "code_set"), ("3101055", "length"), (BrokenCell("#N/A"), "type")],
    "amount": [("1.234", "range"), ("1234567.00", "range"), ("1,5", "type"), (0.1 + 0.2, "type")],
    "count": [("1.5", "type"), (str(2**63), "range"), ("NaN", "type")],
    "since": [(None, "not_null"), ("2023-06-30", "type"), (45107.0, "type"), ("2023/02/29", "type")],
}


@dataclass(frozen=True)
class Planted:
    row: int
    item: int
    cell: object
    rule: str


def good_row(number):
    """Distinct in key and unique item, right in everything."""
    return st.tuples(
        st.just(f"{number:06}"),
        st.text(st.characters(categories=["Lo"], max_codepoint=0x9FFF, min_codepoint=0x4E00), min_size=1, max_size=5),
        st.sampled_from([None, "310104", "310105"]),
        st.none() | st.decimals(-99999, 99999, places=2).map(lambda n: format(abs(n), "f")),
        st.sampled_from([float(number), number, str(number)]),
        st.dates() | st.just("2023/06/30"),
    )


files = st.integers(0, 8).flatmap(lambda rows: st.tuples(*(good_row(number) for number in range(rows))))


@st.composite
def planted_files(draw):
    rows = [list(row) for row in draw(files.filter(bool))]
    places = draw(
        st.lists(st.tuples(st.integers(0, len(rows) - 1), st.integers(0, len(ITEMS) - 1)), min_size=1, unique=True)
    )
    planted = []
    for row, item in places:
        cell, rule = draw(st.sampled_from(DEFECTS[ITEMS[item].code]))
        rows[row][item] = cell
        planted.append(Planted(row, item, cell, rule))
    return rows, planted


def found_in(rows):
    places = {item.code: FIRST_COLUMN + n for n, item in enumerate(ITEMS)}
    sheet = [(number, [None, *row]) for number, row in enumerate(rows, 2)]
    return check(ITEMS, places, sheet, AREAS)


@given(files)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_file_without_defect_has_no_finding_and_all_its_rows(rows):
    checked = found_in(rows)
    assert checked.findings == []
    assert [number for number, _ in checked.rows] == list(range(2, len(rows) + 2))
    assert all(len(values) == len(ITEMS) for _, values in checked.rows)


@given(planted_files())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_every_planted_defect_is_found_and_nothing_else(planted_file):
    rows, planted = planted_file
    found = {(one.row, one.column, one.item, one.rule) for one in found_in(rows).findings}
    assert found == {(p.row + 2, p.item + FIRST_COLUMN, ITEMS[p.item].code, p.rule) for p in planted}


@given(files.filter(lambda rows: len(rows) > 1), st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_every_repetition_of_key_or_unique_item_is_found_and_nothing_else(rows, data):
    rows = [list(row) for row in rows]
    first, second = sorted(data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2, unique=True)))
    item = data.draw(st.sampled_from([0, 4]))
    rows[second][item] = rows[first][item]
    found = [(one.row, one.column, one.rule) for one in found_in(rows).findings]
    assert found == [(second + 2, item + FIRST_COLUMN, "unique")]
