"""All pages of an answer, and whether claims are true, by the SDK."""

import itertools

import pytest

from shuqiao import BadArgument, Falsified, Refused, Structure
from tests.support.scripted_gateway import METHOD_KEY, failure, scripted, success


def pages_of(*lengths):
    numbers = iter(range(100))
    pages = [[{"n": next(numbers)} for _ in range(length)] for length in lengths]
    return [
        success(page, **({"X_Next_Cursor": f"c{place}"} if place < len(pages) else {}))
        for place, page in enumerate(pages, 1)
    ]


def test_every_row_of_every_page_comes_once_and_in_order():
    told = scripted(*pages_of(3, 3, 1))
    found = told.gateway().records("streets", METHOD_KEY, {"a": "b"}, page_size=3, order_by="-n")

    assert [row["n"] for row in found] == list(range(7))
    asked = {"a": "b", "rsStructure": "LM", "pageSize": "3", "orderBy": "-n"}
    assert [told.form(n) for n in range(3)] == [asked, {**asked, "cursor": "c1"}, {**asked, "cursor": "c2"}]


def test_without_cursors_pages_are_told_by_number_until_all_rows_have_come():
    """As of a service that a provider's own interface answers."""
    lengths = (3, 3, 1)
    numbers = iter(range(7))
    told = scripted(*(success([{"n": next(numbers)} for _ in range(n)], X_Total_Count="7") for n in lengths))
    assert [row["n"] for row in told.gateway().records("people", METHOD_KEY, page_size=3)] == list(range(7))
    asked = {"rsStructure": "LM", "pageSize": "3"}
    assert [told.form(n) for n in range(3)] == [asked, {**asked, "page": "2"}, {**asked, "page": "3"}]


def test_rows_that_are_gone_when_their_page_is_asked_for_end_the_walk():
    told = scripted(success([{"n": 1}], X_Total_Count="3"), success([], X_Total_Count="1"))
    assert len(list(told.gateway().records("people", METHOD_KEY, page_size=1))) == 1


def test_a_page_is_asked_for_when_it_is_wanted():
    told = scripted(*pages_of(2, 2))
    rows = told.gateway().records("streets", METHOD_KEY)
    assert told.seen == []
    assert [next(rows), next(rows)] == [{"n": 0}, {"n": 1}]
    assert len(told.seen) == 1


def test_nothing_that_matches_is_one_page_without_rows():
    assert list(scripted(success([])).gateway().records("streets", METHOD_KEY)) == []
    (page,) = scripted(success([], X_Total_Count="0")).gateway().pages("streets", METHOD_KEY)
    assert page.total == 0


def test_pages_come_as_columns_too():
    told = scripted(success({"n": [1, 2]}, X_Next_Cursor="c"), success({"n": [3]}))
    found = [page.data for page in told.gateway().pages("streets", METHOD_KEY, structure=Structure.MA)]
    assert found == [{"n": [1, 2]}, {"n": [3]}]


@pytest.mark.parametrize("structure", [Structure.KV, Structure.SR])
def test_one_record_has_no_pages(structure):
    with pytest.raises(BadArgument):
        scripted(success(None)).gateway().pages("streets", METHOD_KEY, structure=structure)


def test_a_page_that_is_refused_is_raised_after_the_rows_before_it():
    told = scripted(pages_of(2, 2)[0], failure("203", "授权状态异常"))
    rows = told.gateway().records("streets", METHOD_KEY)
    assert [next(rows)["n"], next(rows)["n"]] == [0, 1]
    with pytest.raises(Refused, match="授权状态异常") as found:
        next(rows)
    assert found.value.code == "203"


def test_a_cursor_that_leads_back_to_itself_is_not_followed():
    told = scripted(success([{"n": 1}], X_Next_Cursor="c"))
    with pytest.raises(Falsified):
        list(itertools.islice(told.gateway().records("streets", METHOD_KEY), 10))
    assert len(told.seen) == 2


@pytest.mark.parametrize("data", [None, {}, "x", [1]])
def test_rows_that_are_none_are_not_believed(data):
    with pytest.raises(Falsified):
        list(scripted(success(data)).gateway().records("streets", METHOD_KEY))


def test_each_claim_is_true_or_false():
    told = scripted(success({"born": "0", "name": "1"}))
    found = told.gateway().verify("check", METHOD_KEY, {"id": "1"}, {"name": "示例甲", "born": "1949/12/31"})
    assert found == {"name": True, "born": False}
    assert told.form() == {"id": "1", "name": "示例甲", "born": "1949/12/31", "rsStructure": "KV"}


@pytest.mark.parametrize("code", ["207", "301", "101"])
def test_a_verification_that_is_refused_is_raised_with_its_code(code):
    told = scripted(failure(code))
    with pytest.raises(Refused) as found:
        told.gateway().verify("check", METHOD_KEY, {"id": "1"}, {"name": "x"})
    assert (found.value.code, len(told.seen)) == (code, 1)


@pytest.mark.parametrize(
    "data",
    [None, [], [{"name": "1"}], {}, {"name": "示例甲"}, {"name": 1}, {"name": True}, {"name": "1", "id": "1"}],
)
def test_anything_but_the_truth_of_what_was_claimed_is_not_believed(data):
    with pytest.raises(Falsified):
        scripted(success(data)).gateway().verify("check", METHOD_KEY, {"id": "1"}, {"name": "x"})


@pytest.mark.parametrize(("identity", "claims"), [({}, {"a": "1"}), ({"a": "1"}, {}), ({"a": "1"}, {"a": "1"})])
def test_without_identity_or_claims_nothing_is_sent(identity, claims):
    told = scripted(success({}))
    with pytest.raises(BadArgument):
        told.gateway().verify("check", METHOD_KEY, identity, claims)
    assert told.seen == []
