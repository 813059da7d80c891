"""An application from draft to decision (REQ-S1 to S3; IN-C4, C6)."""

import pytest

from common.events import SharingType
from policy import Statement, load_shipped, shipped_calendar
from sharing import errors
from sharing.domain import applications
from sharing.domain.applications import State
from tests.support.given_clock import IN_2019, IN_2021, PAST_TERM, at
from tests.support.sharing_values import LAW, NUMBER, application, opinion

BOOK = load_shipped()
CALENDAR = shipped_calendar()
PAPERS = frozenset({Statement.APPLICANT_STAMP, Statement.PROVIDER_STAMP, Statement.SECURITY_AGREEMENT})


def submitted(instant=PAST_TERM, *, sharing_type=SharingType.AUTHORIZED, by="jyj.shenqing", **more):
    return applications.submit(
        application(**more),
        by=by,
        number=NUMBER,
        sharing_type=sharing_type,
        at=instant,
        in_force=BOOK.at(instant),
        calendar=CALENDAR,
    )


def approve(held, instant=PAST_TERM, *, by="dsjzx.shenhe", reason=None):
    return applications.approve(held, by=by, at=instant, in_force=BOOK.at(instant), reason=reason)


def refuse(held, instant=PAST_TERM, *, reason=LAW["reason"], legal_basis=LAW["legal_basis"]):
    return applications.refuse(
        held, by="dsjzx.shenhe", at=instant, reason=reason, legal_basis=legal_basis, in_force=BOOK.at(instant)
    )


def hear(held, instant=PAST_TERM, **more):
    return applications.hear(held, opinion(at=instant, **more), BOOK.at(instant))


# --- Submission ------------------------------------------------------------------------------------------------------


def test_a_submission_gives_number_rule_and_time():
    done = submitted()

    assert (done.state, done.number, done.submitted_at, done.sharing_type) == (
        State.SUBMITTED,
        NUMBER,
        PAST_TERM,
        SharingType.AUTHORIZED,
    )
    assert (done.basis.rule, done.basis.article, done.basis.past_term) == ("share-approval", "17.1", True)


def test_who_submits_is_the_applicant():
    """The submission gives the commitment, so a colleague who submits cannot decide as if it were not his."""
    done = hear(submitted(by="jyj.shenqing2"))

    assert done.applicant == "jyj.shenqing2"
    assert applications.requested(done).applicant == "jyj.shenqing2"
    with pytest.raises(errors.OwnApplication):
        approve(done, by="jyj.shenqing2")


@pytest.mark.parametrize("state", [state for state in State if state is not State.DRAFT])
def test_only_a_draft_is_submitted(state):
    with pytest.raises(errors.ApplicationState):
        submitted(state=state)


def test_the_submission_is_told_with_what_was_asked_for():
    told = applications.requested(submitted())

    assert (told.application, told.unit, told.provider, told.sharing_type) == (
        NUMBER,
        "jyj",
        "mzj",
        SharingType.AUTHORIZED,
    )
    assert (told.services, told.items) == (("streets",), ("street_code", "street_name"))
    # Contact and reason are for those who handle the application, not for the exchange.
    assert "021-00000000" not in told.model_dump_json()
    assert "核对学区" not in told.model_dump_json()


# --- 2021: the data centre, after the provider was heard ------------------------------------------------------------


@pytest.mark.parametrize("instant", [IN_2021, PAST_TERM])
def test_under_2021_it_is_approved_after_the_provider_was_heard(instant):
    held = submitted(instant)
    with pytest.raises(errors.OpinionMissing, match="长府规〔2021〕2号第十七条第一款"):
        approve(held, instant)
    done = approve(hear(held, instant), instant)

    assert (done.state, done.decision.approved, done.decision.by, done.decision.at) == (
        State.GRANTED,
        True,
        "dsjzx.shenhe",
        instant,
    )
    assert (done.decision.basis.edition, done.decision.basis.past_term) == ("2021", instant is PAST_TERM)


def test_the_opinion_of_somebody_else_is_not_the_providers():
    with pytest.raises(errors.OpinionMissing):
        approve(hear(submitted(), unit="gaj"))


def test_a_provider_is_heard_once():
    with pytest.raises(errors.ApplicationState):
        hear(hear(submitted()))


def test_under_2021_no_papers_and_no_reason_are_asked_for():
    assert approve(hear(submitted()), reason=None).decision.reason is None


# --- 2019: the provider, with papers and the reason ------------------------------------------------------------------


def test_under_2019_stamps_and_agreement_are_on_file_before_the_grant():
    held = submitted(IN_2019)
    with pytest.raises(errors.PapersMissing) as refused:
        approve(held, IN_2019, by="mzj.shenhe", reason="确有需要")
    assert refused.value.details == {"missing": ["applicant-stamp", "provider-stamp", "security-agreement"]}

    partly = applications.file_papers(held, frozenset({Statement.APPLICANT_STAMP, Statement.PROVIDER_STAMP}))
    with pytest.raises(errors.PapersMissing) as refused:
        approve(partly, IN_2019, by="mzj.shenhe", reason="确有需要")
    assert refused.value.details == {"missing": ["security-agreement"]}

    whole = applications.file_papers(partly, frozenset({Statement.SECURITY_AGREEMENT}))
    assert whole.papers == PAPERS
    done = approve(whole, IN_2019, by="mzj.shenhe", reason="确有需要")
    assert (done.state, done.decision.basis.edition, done.decision.reason) == (State.GRANTED, "2019", "确有需要")


@pytest.mark.parametrize("reason", [None, "", " ", "\u200b\ufeff"])
def test_under_2019_an_approval_needs_its_reason_too(reason):
    with pytest.raises(errors.BasisMissing) as refused:
        approve(applications.file_papers(submitted(IN_2019), PAPERS), IN_2019, by="mzj.shenhe", reason=reason)
    assert refused.value.details == {"missing": ["reason"]}


def test_an_application_of_2019_that_is_decided_under_2021_is_decided_as_2021_says():
    held = submitted(at("2021-05-31"))
    with pytest.raises(errors.OpinionMissing):
        approve(held, at("2021-06-02"))
    done = approve(hear(held, at("2021-06-02")), at("2021-06-02"))

    assert (done.basis.edition, done.decision.basis.edition) == ("2019", "2021")


# --- Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"reason": None, "legal_basis": None}, ["reason", "legal_basis"]),
        ({"reason": "不需要", "legal_basis": " "}, ["legal_basis"]),
        ({"reason": "\u2060", "legal_basis": "某法第一条"}, ["reason"]),
    ],
)
@pytest.mark.parametrize("instant", [IN_2019, IN_2021, PAST_TERM])
def test_nobody_refuses_without_reason_and_basis_in_law(instant, given, missing):
    held = submitted(instant)
    with pytest.raises(errors.BasisMissing) as by_decider:
        refuse(held, instant, **given)
    with pytest.raises(errors.BasisMissing) as by_provider:
        hear(held, instant, agree=False, **given)

    assert by_decider.value.details == by_provider.value.details == {"missing": missing}
    assert "第十六条" in by_decider.value.message


@pytest.mark.parametrize("instant", [IN_2019, IN_2021, PAST_TERM])
def test_a_refusal_with_both_ends_the_application(instant):
    done = refuse(submitted(instant), instant)

    assert (done.state, done.decision.approved, done.decision.legal_basis) == (
        State.REFUSED,
        False,
        LAW["legal_basis"],
    )
    assert done.decision.basis.rule == "refusal-needs-basis"
    told = applications.refused(done)
    assert (told.application, told.legal_basis, told.decided_by) == (NUMBER, LAW["legal_basis"], "dsjzx.shenhe")


def test_a_provider_who_does_not_agree_ends_it_at_once():
    done = hear(submitted(), agree=False, **LAW)

    assert (done.state, done.decision.by, len(done.opinions)) == (State.REFUSED, "mzj.shenhe", 1)


# --- Who decides his own; what is over is over ----------------------------------------------------------------------


def test_nobody_approves_what_he_asked_for_himself():
    with pytest.raises(errors.OwnApplication):
        approve(hear(submitted()), by="jyj.shenqing")


def test_what_is_granted_at_once_is_granted_by_the_exchange_itself():
    done = approve(submitted(sharing_type=SharingType.UNRESTRICTED), by="exchange")

    assert (done.state, done.decision.by, done.decision.basis.rule) == (
        State.GRANTED,
        "exchange",
        "unrestricted-share",
    )


@pytest.mark.parametrize("state", [State.DRAFT, State.GRANTED, State.REFUSED, State.WITHDRAWN])
def test_only_what_is_under_decision_is_heard_decided_or_given_papers(state):
    held = application(state=state, number=NUMBER, sharing_type=SharingType.AUTHORIZED)
    for step in (
        lambda: hear(held),
        lambda: approve(held),
        lambda: refuse(held),
        lambda: applications.file_papers(held, PAPERS),
    ):
        with pytest.raises(errors.ApplicationState):
            step()


def test_a_withdrawn_application_keeps_its_number():
    done = applications.withdraw(submitted())

    assert (done.state, done.number) == (State.WITHDRAWN, NUMBER)


@pytest.mark.parametrize("state", [State.GRANTED, State.REFUSED, State.WITHDRAWN])
def test_what_is_decided_is_not_withdrawn(state):
    with pytest.raises(errors.ApplicationState):
        applications.withdraw(application(state=state))
