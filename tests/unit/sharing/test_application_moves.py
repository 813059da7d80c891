"""Nothing but the listed moves: an application against a small model, in each term (REQ-S1 to S3; IN-C4, C5)."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from common.errors import Refusal
from common.events import SharingType
from policy import Statement, load_shipped, shipped_calendar
from sharing.domain import applications
from sharing.domain.applications import State
from tests.support.given_clock import IN_2019, IN_2021, PAST_TERM
from tests.support.sharing_values import LAW, NUMBER, application, opinion

BOOK = load_shipped()
CALENDAR = shipped_calendar()
PAPERS = (Statement.APPLICANT_STAMP, Statement.PROVIDER_STAMP, Statement.SECURITY_AGREEMENT)
STATED = st.sampled_from([(LAW["reason"], LAW["legal_basis"]), (LAW["reason"], None), (None, LAW["legal_basis"])])


class ApplicationMoves(RuleBasedStateMachine):
    """The model: its state, whether the provider spoke, which papers are on file, which edition is in force."""

    @initialize(
        instant=st.sampled_from([IN_2019, IN_2021, PAST_TERM]),
        sharing_type=st.sampled_from([SharingType.AUTHORIZED, SharingType.UNRESTRICTED]),
    )
    def drafted(self, instant, sharing_type):
        self.held = application()
        self.at, self.in_force, self.type = instant, BOOK.at(instant), sharing_type
        self.state, self.heard, self.papers = State.DRAFT, set(), set()

    def attempt(self, act, *, allowed):
        before = self.held
        try:
            self.held = act()
        except Refusal:
            assert not allowed
            assert self.held is before
        else:
            assert allowed
        return allowed

    @rule()
    def submit(self):
        def act():
            return applications.submit(
                self.held,
                by="jyj.shenqing",
                number=NUMBER,
                sharing_type=self.type,
                at=self.at,
                in_force=self.in_force,
                calendar=CALENDAR,
            )

        if self.attempt(act, allowed=self.state is State.DRAFT):
            self.state = State.SUBMITTED

    @rule(unit=st.sampled_from(["mzj", "gaj"]), agree=st.booleans(), stated=STATED)
    def hear(self, unit, agree, stated):
        allowed = self.state is State.SUBMITTED and unit not in self.heard and (agree or all(stated))
        said = opinion(unit=unit, agree=agree, reason=stated[0], legal_basis=stated[1], at=self.at)
        if self.attempt(lambda: applications.hear(self.held, said, self.in_force), allowed=allowed):
            self.heard.add(unit)
            self.state = self.state if agree else State.REFUSED

    @rule(papers=st.sets(st.sampled_from(PAPERS), min_size=1))
    def file(self, papers):
        allowed = self.state is State.SUBMITTED
        if self.attempt(lambda: applications.file_papers(self.held, frozenset(papers)), allowed=allowed):
            self.papers |= papers

    @rule(by=st.sampled_from(["dsjzx.shenhe", "jyj.shenqing"]), reason=st.sampled_from([None, "", "确有需要"]))
    def approve(self, by, reason):
        authorized = self.type is SharingType.AUTHORIZED
        ready = set(PAPERS) <= self.papers and bool(reason) if self.at is IN_2019 else "mzj" in self.heard
        allowed = self.state is State.SUBMITTED and (not authorized or (ready and by != "jyj.shenqing"))

        def act():
            return applications.approve(self.held, by=by, at=self.at, in_force=self.in_force, reason=reason)

        if self.attempt(act, allowed=allowed):
            self.state = State.GRANTED

    @rule(stated=STATED)
    def refuse(self, stated):
        def act():
            return applications.refuse(
                self.held,
                by="dsjzx.shenhe",
                at=self.at,
                reason=stated[0],
                legal_basis=stated[1],
                in_force=self.in_force,
            )

        if self.attempt(act, allowed=self.state is State.SUBMITTED and all(stated)):
            self.state = State.REFUSED

    @rule()
    def withdraw(self):
        allowed = self.state in {State.DRAFT, State.SUBMITTED}
        if self.attempt(lambda: applications.withdraw(self.held), allowed=allowed):
            self.state = State.WITHDRAWN

    @invariant()
    def is_as_the_model_says(self):
        if not hasattr(self, "held"):
            return
        held = self.held
        assert held.state is self.state
        assert {said.unit for said in held.opinions} == self.heard
        assert held.papers == self.papers
        # Decided exactly where it is granted or refused, and the decision says which.
        assert (held.decision is not None) is (self.state in {State.GRANTED, State.REFUSED})
        if held.decision is not None:
            assert held.decision.approved is (self.state is State.GRANTED)
        assert (held.number is None) is (held.submitted_at is None)
        if self.state in {State.SUBMITTED, State.GRANTED, State.REFUSED}:
            assert held.number == NUMBER


ApplicationMoves.TestCase.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
test_an_application_makes_no_move_but_the_listed_ones = ApplicationMoves.TestCase
