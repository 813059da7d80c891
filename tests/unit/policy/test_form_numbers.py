"""Serial numbers of the forms of Annexes 1 and 2 (REQ-A6, REQ-S1; reliability page: C9 of the workflow forms)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import policy
from policy import FormKind, FormNumber, form_number, form_year, parse_number

kinds, years, sequences = st.sampled_from(FormKind), st.integers(2000, 2099), st.integers(1, 99_999)


@pytest.mark.parametrize(
    ("kind", "year", "sequence", "number"),
    [
        (FormKind.AGGREGATION_CERTIFICATE, 2018, 1, "CNZYHJ180001"),  # as Annex 1 shows it
        (FormKind.SHARE_APPLICATION, 2018, 1, "CNZYSQ180001"),  # as Annex 2 shows it
        (FormKind.SHARE_APPLICATION, 2026, 9_999, "CNZYSQ269999"),
        (FormKind.SHARE_APPLICATION, 2026, 10_000, "CNZYSQ2610000"),
        (FormKind.AGGREGATION_CERTIFICATE, 2005, 99_999, "CNZYHJ0599999"),
    ],
)
def test_a_number_has_four_digits_and_five_from_ten_thousand_on(kind, year, sequence, number):
    assert form_number(kind, year, sequence) == number
    assert parse_number(number) == FormNumber(kind=kind, year=year, sequence=sequence)


@given(kinds, years, sequences)
def test_a_number_is_read_back_as_it_was_made(kind, year, sequence):
    parsed = parse_number(form_number(kind, year, sequence))
    assert (parsed.kind, parsed.year, parsed.sequence) == (kind, year, sequence)


@given(st.text(alphabet="CNZYHJSQ0123456789 ", max_size=14))
def test_whatever_is_read_is_written_the_same(text):
    try:
        parsed = parse_number(text)
    except policy.NumberInvalid:
        return
    assert str(parsed) == text


@given(st.tuples(kinds, years, sequences), st.tuples(kinds, years, sequences))
def test_two_forms_never_share_a_number(one, other):
    assert (form_number(*one) == form_number(*other)) == (one == other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CNZYSQ18001",
        "CNZYSQ180000",
        "CNZYSQ1800001",
        "CNZYSQ18100000",
        "cnzysq180001",
        "CNZYXX180001",
        " CNZYSQ180001",
        "CNZYSQ180001\n",
        "CNZYSQ１８０００１",
        "CNZYSQ18-001",
    ],
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(policy.NumberInvalid) as refused:
        parse_number(text)
    assert refused.value.code == "form-number-invalid"


@pytest.mark.parametrize(("year", "sequence"), [(1999, 1), (2100, 1), (2026, 0), (2026, -1), (2026, 100_000)])
def test_a_number_that_would_overflow_is_refused(year, sequence):
    with pytest.raises(policy.NumberInvalid):
        form_number(FormKind.SHARE_APPLICATION, year, sequence)


def test_the_year_is_that_of_the_submission_in_shanghai():
    assert form_year(datetime(2026, 12, 31, 15, 59, 59, 999999, UTC)) == 2026
    assert form_year(datetime(2026, 12, 31, 16, 0, tzinfo=UTC)) == 2027
    with pytest.raises(policy.NaiveInstant):
        form_year(datetime(2026, 12, 31))  # noqa: DTZ001  the missing zone is the subject


def test_the_rules_that_ask_for_a_form_name_its_kind():
    in_2019 = policy.load_shipped().editions[0]
    named = {
        rule_id: FormKind(in_2019.rule(rule_id).text("form"))
        for rule_id in policy.RuleId
        if rule_id.endswith(("-certificate", "-form"))
    }
    assert named == {
        "aggregation-certificate": FormKind.AGGREGATION_CERTIFICATE,
        "application-form": FormKind.SHARE_APPLICATION,
    }
    assert (FormKind.AGGREGATION_CERTIFICATE.annex, FormKind.SHARE_APPLICATION.annex) == (1, 2)
