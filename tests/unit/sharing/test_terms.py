"""The terms of a grant (REQ-S4): which items, clear or masked, from where, for how long, which rows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.events import GrantedItem, ItemMode, MaskRule, RowCondition
from sharing import errors
from sharing.domain.grants import HEADERS, MASKS_BY_STANDARD, Terms, check_terms, granted_items
from tests.support.given_clock import PAST_TERM
from tests.support.items import day, integer, text

ITEMS = {
    item.code: item
    for item in (
        text("id_number", 18, standard="ZJHM"),
        text("XM", 20),
        text("note", 200),
        integer("age"),
        day("birthday", standard="CSRQ"),
    )
}
ASKED = ("XM", "id_number", "age")
BEFORE, LATER = PAST_TERM - timedelta(days=1), PAST_TERM + timedelta(days=365)


def masked(code, mask=None):
    return GrantedItem(code=code, mode=ItemMode.MASKED, mask=mask)


def given_by(*items, asked=ASKED):
    return granted_items(asked, Terms(items=items), ITEMS)


def refused(**terms):
    with pytest.raises(errors.BadTerms):
        check_terms(Terms(**terms), ITEMS, PAST_TERM)


def test_what_the_terms_do_not_name_is_granted_clear_in_the_catalogues_order():
    assert given_by() == tuple(GrantedItem(code=code, mode=ItemMode.CLEAR) for code in ("id_number", "XM", "age"))


def test_a_masked_item_takes_the_rule_of_its_standard_field_or_of_its_own_code():
    found = {item.code: item.mask for item in given_by(masked("id_number"), masked("XM"))}

    assert found == {"id_number": MaskRule.ID_NUMBER, "XM": MaskRule.NAME, "age": None}


def test_a_rule_that_the_terms_name_goes_before_the_standard_fields():
    assert given_by(masked("XM", MaskRule.ADDRESS))[1].mask is MaskRule.ADDRESS


@pytest.mark.parametrize(("standard", "rule"), sorted(MASKS_BY_STANDARD.items()))
def test_every_standard_field_of_a_person_has_its_mask(standard, rule):
    items = {"it": text("it", standard=standard)}

    assert granted_items(("it",), Terms(items=(masked("it"),)), items)[0].mask is rule


def test_names_numbers_phones_and_addresses_each_have_their_own_rule():
    by_rule = {rule: {field for field, found in MASKS_BY_STANDARD.items() if found is rule} for rule in MaskRule}

    assert by_rule == {
        MaskRule.NAME: {"XM", "person_name"},
        MaskRule.ID_NUMBER: {"ZJHM", "person_cert_CODE"},
        MaskRule.PHONE: {"telephone"},
        MaskRule.ADDRESS: {"CSDXZ", "HJDXZ", "JZDXZ", "address", "business_address"},
    }


@pytest.mark.parametrize(
    ("items", "asked"),
    [
        ((masked("note"),), ("note",)),  # no standard field, and no rule named
        ((masked("age", MaskRule.NAME),), ("age",)),  # a number has nothing to mask
        ((masked("birthday"),), ("birthday",)),
        ((GrantedItem(code="XM", mode=ItemMode.CLEAR, mask=MaskRule.NAME),), ("XM",)),
        ((GrantedItem(code="XM", mode=ItemMode.VERIFY, mask=MaskRule.NAME),), ("XM",)),
        ((masked("XM"), masked("XM")), ("XM",)),
        ((masked("XM"),), ("id_number",)),  # not asked for
    ],
)
def test_terms_that_do_not_fit_the_items_are_refused(items, asked):
    with pytest.raises(errors.BadTerms):
        granted_items(asked, Terms(items=items), ITEMS)


@given(asked=st.sets(st.sampled_from(sorted(ITEMS)), min_size=1), named=st.sets(st.sampled_from(sorted(ITEMS))))
def test_never_more_than_was_asked_for_is_granted(asked, named):
    terms = Terms(items=tuple(GrantedItem(code=code, mode=ItemMode.CLEAR) for code in sorted(named)))
    try:
        found = granted_items(tuple(asked), terms, ITEMS)
    except errors.BadTerms:
        assert not named <= asked
        return
    assert named <= asked
    assert {item.code for item in found} == asked


@pytest.mark.parametrize(
    "terms",
    [
        {"source_addresses": ("10.1.0.0/16", "192.0.2.7", "2001:db8::/32")},
        {"required_headers": HEADERS},
        {"row_filter": (RowCondition(item="note", values=("长宁区",)),)},
        {"valid_from": BEFORE, "valid_until": LATER},
        {"valid_until": PAST_TERM + timedelta(microseconds=1)},
    ],
)
def test_terms_that_make_sense_are_taken(terms):
    check_terms(Terms(**terms), ITEMS, PAST_TERM)


@pytest.mark.parametrize(
    "address", ["10.1.2.3/16", "10.1", "", "example", "10.0.0.0/33", "１０.0.0.0/8", "10.0.0.0/8 "]
)
def test_an_address_is_a_cidr_block(address):
    refused(source_addresses=(address,))


def test_only_the_headers_of_the_protocol_can_be_demanded():
    refused(required_headers=("X-Operator", "Authorization"))
    refused(required_headers=("x-operator",))


def test_a_row_filter_is_over_the_resources_items_and_holds_what_can_be_kept():
    refused(row_filter=(RowCondition(item="other", values=("1",)),))
    refused(row_filter=(RowCondition(item="note", values=("长宁区", "a\x00b")),))


@pytest.mark.parametrize(
    "validity",
    [
        {"valid_until": PAST_TERM},
        {"valid_until": BEFORE},
        {"valid_from": LATER, "valid_until": LATER},
        {"valid_from": LATER, "valid_until": BEFORE},
        # Begun and over before it is granted.
        {"valid_from": BEFORE - timedelta(days=9), "valid_until": BEFORE},
        {"valid_from": datetime(1999, 12, 31, tzinfo=UTC)},
        {"valid_until": datetime(2100, 1, 1, tzinfo=UTC)},
        {"valid_until": datetime.max.replace(tzinfo=UTC)},
    ],
)
def test_a_grant_ends_after_it_begins_and_after_now(validity):
    refused(**validity)


@pytest.mark.parametrize(
    "terms",
    [
        {"valid_until": datetime(2027, 1, 1)},  # noqa: DTZ001  no zone is the point
        {"quota": {"per_day": -1}},
        {"demand": True},
        {"row_filter": [{"item": "note", "values": []}]},
    ],
)
def test_what_are_no_terms_at_all_are_malformed(terms):
    with pytest.raises(ValidationError):
        Terms.model_validate(terms)
