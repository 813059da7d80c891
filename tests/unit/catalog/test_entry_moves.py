"""Nothing but the listed moves: an entry against a small model, whatever is tried and in whatever order (REQ-C2)."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from catalog.domain import entries
from catalog.domain.entries import Draft, DraftState, Entry, ReviewedAs
from common.errors import Refusal
from common.events import EntryState
from policy import load_shipped
from tests.support.catalog_values import CODE, REASONED, content, text
from tests.support.given_clock import PAST_TERM

NOW = load_shipped().at(PAST_TERM)
PEOPLE = st.sampled_from(["a", "b", "c"])
KEEPERS = st.integers(min_value=0, max_value=3)
CONTENTS = {
    "plain": content(),
    "reworded": content(abstract="改写。"),
    "wider": content(items=[text("street_code", key_place=1), text("street_name", length=80)]),
    "restricted": content(sharing_type="authorized"),
    "reasoned": content(sharing_type="authorized", **REASONED),
}
STRUCTURES = {"plain": 0, "reworded": 0, "wider": 1, "restricted": 0, "reasoned": 0}


class EntryMoves(RuleBasedStateMachine):
    """The model: the state of the draft, who wrote and reviewed it, the structures published so far."""

    @initialize(by=PEOPLE, which=st.sampled_from(sorted(CONTENTS)))
    def compiled(self, by, which):
        draft = Draft(content=CONTENTS[which], state=DraftState.DRAFT, compiled_by=by)
        self.held = Entry(code=CODE, provider="mzj", draft=draft, edition=None, withdrawn=False, revision=1, version=0)
        self.state, self.which, self.writer, self.reviewed_as = "draft", which, by, None
        self.editions, self.structure, self.form = 0, 0, None
        self.withdrawn, self.revision, self.told = False, 1, 0

    def attempt(self, act, *, allowed):
        before = self.held
        try:
            self.held = act()
        except Refusal:
            assert not allowed
            assert self.held is before
        else:
            assert allowed
            self.revision += 1
        return allowed

    @rule(by=PEOPLE, which=st.sampled_from(sorted(CONTENTS)), stale=st.sampled_from([0, 0, 0, -1, 1]))
    def write(self, by, which, stale):
        allowed = not self.withdrawn and self.state != "under-review" and stale == 0
        seen = self.held.revision + stale
        if self.attempt(
            lambda: entries.compile_again(self.held, CONTENTS[which], revision=seen, by=by), allowed=allowed
        ):
            self.state, self.which, self.writer, self.reviewed_as = "draft", which, by, None

    @rule()
    def submit(self):
        allowed = not self.withdrawn and self.state == "draft" and self.which != "restricted"
        if self.attempt(lambda: entries.submit(self.held, NOW), allowed=allowed):
            self.state, self.reviewed_as = "under-review", None

    @rule(
        by=PEOPLE,
        reviewed_as=st.sampled_from(ReviewedAs),
        keepers=KEEPERS,
        approve=st.booleans(),
        opinion=st.sampled_from([None, "", "名称不准确"]),
    )
    def review(self, by, reviewed_as, keepers, approve, opinion):
        allowed = (
            not self.withdrawn
            and self.state == "under-review"
            and by != self.writer
            and (reviewed_as is ReviewedAs.UNIT or keepers <= 1)
            and (approve or bool(opinion))
        )

        def act():
            return entries.review(
                self.held, by=by, reviewed_as=reviewed_as, keepers=keepers, approve=approve, opinion=opinion
            )

        if self.attempt(act, allowed=allowed):
            self.state, self.reviewed_as = ("approved" if approve else "draft"), reviewed_as

    @rule(by=PEOPLE, keepers=KEEPERS)
    def publish(self, by, keepers):
        apart = by != self.writer or (keepers <= 1 and self.reviewed_as is ReviewedAs.PLATFORM)
        allowed = not self.withdrawn and self.state == "approved" and apart

        def act():
            return entries.publish(self.held, by=by, keepers=keepers, at=PAST_TERM, in_force=NOW)

        if self.attempt(act, allowed=allowed):
            self.state, self.editions, self.told = None, self.editions + 1, self.told + 1
            if self.form != STRUCTURES[self.which]:
                self.form, self.structure = STRUCTURES[self.which], self.structure + 1

    @rule()
    def withdraw(self):
        allowed = not self.withdrawn and self.editions > 0
        if self.attempt(lambda: entries.withdraw(self.held), allowed=allowed):
            self.withdrawn, self.state, self.told = True, None, self.told + 1

    @invariant()
    def is_as_the_model_says(self):
        if not hasattr(self, "held"):
            return
        held = self.held
        assert (held.draft.state.value if held.draft else None) == self.state
        assert (held.revision, held.version, held.withdrawn) == (self.revision, self.told, self.withdrawn)
        if self.editions == 0:
            assert held.edition is None
            return
        assert (held.edition.number, held.edition.structure) == (self.editions, self.structure)
        told = entries.event(held, PAST_TERM)
        assert told.version == self.told
        assert told.state is (EntryState.WITHDRAWN if self.withdrawn else EntryState.PUBLISHED)
        assert told.resource_version == f"{CODE}_v{self.structure}"


EntryMoves.TestCase.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
test_an_entry_makes_no_move_but_the_listed_ones = EntryMoves.TestCase
