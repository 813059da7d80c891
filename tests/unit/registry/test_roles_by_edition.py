"""Which unit's accounts may hold which role: the edition in force says so, no code does (REQ-U2, P1)."""

import pytest

from common.roles import Role
from policy import NoEditionInForce, load_shipped
from registry import domain, errors
from tests.support.given_clock import IN_2019, IN_2021, PAST_TERM, at
from tests.support.registry_values import unit

BOOK = load_shipped()
BODIES = (
    None,
    "district-office",
    "data-centre",
    "science-commission",
    "leading-group",
    "leading-group-office",
    "police-branch",
    "finance-bureau",
)
BY_ANY_UNIT = {Role.COMPILER, Role.REVIEWER, Role.PUBLISHER, Role.APPLICANT, Role.PROVIDER_REVIEWER, Role.ADMINISTRATOR}
IN_2021_ALONE = {
    "district-office": {Role.COORDINATOR, Role.FINAL_DECIDER, Role.AUDITOR},
    "data-centre": {Role.PLATFORM_REVIEWER, Role.FINAL_DECIDER},
    "science-commission": {Role.OPENING_DECIDER},
}
IN_2019_ALONE = {
    "science-commission": {Role.PLATFORM_REVIEWER, Role.COORDINATOR, Role.AUDITOR},
    "district-office": {Role.COORDINATOR},
    "leading-group": {Role.FINAL_DECIDER},
}


def allowed(role, body, instant):
    try:
        domain.allow_roles(frozenset({role}), unit(body=body), BOOK.at(instant))
    except errors.RoleNotForUnit:
        return False
    return True


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("instant", "named"),
    [(IN_2019, IN_2019_ALONE), (IN_2021, IN_2021_ALONE), (PAST_TERM, IN_2021_ALONE)],
    ids=["2019", "2021", "2021-past-term"],
)
def test_each_body_may_hold_the_roles_that_the_edition_gives_it_and_no_other(instant, named, body):
    held = {role for role in Role if allowed(role, body, instant)}

    assert held == BY_ANY_UNIT | named.get(body, set())


def test_the_platforms_review_moved_from_the_science_commission_to_the_data_centre_with_the_edition():
    last_of_2019, first_of_2021 = at("2021-05-31", "23:59:59.999"), at("2021-06-01", "00:00:00")
    held_by = {
        instant: [body for body in BODIES if allowed(Role.PLATFORM_REVIEWER, body, instant)]
        for instant in (last_of_2019, first_of_2021)
    }

    assert held_by == {last_of_2019: ["science-commission"], first_of_2021: ["data-centre"]}


def test_no_account_is_ever_a_service():
    assert not any(allowed(Role.SERVICE, body, PAST_TERM) for body in BODIES)


def test_one_role_too_many_refuses_them_all_and_says_by_which_document():
    asked = frozenset({Role.COMPILER, Role.PLATFORM_REVIEWER})

    with pytest.raises(errors.RoleNotForUnit) as refused:
        domain.allow_roles(asked, unit(), BOOK.at(PAST_TERM))

    assert "长府规〔2021〕2号" in refused.value.message
    assert "区大数据中心" in refused.value.message
    assert refused.value.details == {"role": "platform-reviewer", "unit": "mzj"}


def test_before_the_first_edition_nobody_can_be_given_a_role():
    with pytest.raises(NoEditionInForce):
        domain.allow_roles(frozenset({Role.COMPILER}), unit(), BOOK.at(at("2019-03-14", "23:59:59")))


def test_roles_given_under_an_edition_that_is_gone_count_no_more():
    given = frozenset({Role.PLATFORM_REVIEWER, Role.AUDITOR, Role.APPLICANT})
    commission = unit(body="science-commission")

    assert domain.roles_in_force(given, commission, BOOK.at(IN_2019)) == given
    assert domain.roles_in_force(given, commission, BOOK.at(IN_2021)) == {Role.APPLICANT}
