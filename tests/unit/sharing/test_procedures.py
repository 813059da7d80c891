"""How an application is decided: by whom, after whom, with which papers; all of it the edition's word (REQ-S2)."""

import pytest

from common.events import SharingType
from policy import NoEditionInForce, PartAbsent, RuleId, SourceFile, Statement, load_shipped
from sharing.domain.applications import procedure
from tests.support.given_clock import IN_2019, IN_2021, PAST_TERM, at

BOOK = load_shipped()


@pytest.mark.parametrize("instant", [IN_2019, IN_2021, PAST_TERM])
def test_what_is_shared_without_condition_nobody_decides(instant):
    found = procedure(BOOK.at(instant), SharingType.UNRESTRICTED)

    assert (found.rule.id, found.decider, found.heard, found.papers) == (RuleId.UNRESTRICTED_SHARE, None, False, ())


def test_under_2019_the_provider_decides_with_stamps_and_agreement_on_file():
    found = procedure(BOOK.at(IN_2019), SharingType.AUTHORIZED)

    assert (found.rule.citation, found.decider.code, found.decider.is_party) == (
        "长府规〔2019〕1号第十七条第一款",
        "provider",
        True,
    )
    assert not found.heard
    assert found.papers == (Statement.APPLICANT_STAMP, Statement.PROVIDER_STAMP, Statement.SECURITY_AGREEMENT)


@pytest.mark.parametrize("instant", [IN_2021, PAST_TERM])
def test_under_2021_the_data_centre_decides_after_hearing_the_departments_without_papers(instant):
    found = procedure(BOOK.at(instant), SharingType.AUTHORIZED)

    assert (found.rule.citation, found.decider.code, found.decider.is_party) == (
        "长府规〔2021〕2号第十七条第一款",
        "data-centre",
        False,
    )
    assert found.heard
    assert found.papers == ()


def test_the_procedure_changes_with_the_day_in_shanghai():
    last, first = at("2021-05-31", "23:59:59.999"), at("2021-06-01", "00:00:00")

    assert procedure(BOOK.at(last), SharingType.AUTHORIZED).decider.code == "provider"
    assert procedure(BOOK.at(first), SharingType.AUTHORIZED).decider.code == "data-centre"


def test_before_the_first_edition_there_is_no_procedure():
    with pytest.raises(NoEditionInForce):
        procedure(BOOK.at(at("2019-03-14")), SharingType.AUTHORIZED)


def higher(bodies):
    return SourceFile(
        "higher.toml",
        f"""
id = "higher-test"
layer = "higher"
[document]
number = "试验令第1号"
title = "试验用上位法"
issuer = "试验"
in_force_from = 2026-01-01
[bodies]
district-office = "区府办"
data-centre = "区大数据中心"
[parties]
provider = "资源提供方"
[rules.share-approval]
name = "授权共享的审核"
article = "1"
quote = "试验"
bodies = {bodies}
""",
    )


def test_a_higher_source_goes_before_the_edition():
    book = load_shipped([higher('{ decides = ["district-office"] }')])
    found = procedure(book.at(PAST_TERM), SharingType.AUTHORIZED)

    assert (found.decider.code, found.rule.layer.value, found.heard) == ("district-office", "higher", False)


def test_where_a_document_names_two_deciders_none_is_guessed():
    book = load_shipped([higher('{ decides = ["district-office", "data-centre"] }')])

    with pytest.raises(PartAbsent):
        procedure(book.at(PAST_TERM), SharingType.AUTHORIZED)
