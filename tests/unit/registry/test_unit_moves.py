"""Nothing but the listed moves: units, their keys and the exchange against small models, whatever the order."""

from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from common.errors import Refusal
from common.events import ExchangeState, UnitState
from registry import domain, errors
from registry.domain import Exchange
from tests.support.given_clock import PAST_TERM
from tests.support.registry_values import key, unit

MOVES = {
    UnitState.ACTIVE: {UnitState.SUSPENDED, UnitState.WITHDRAWN},
    UnitState.SUSPENDED: {UnitState.ACTIVE, UnitState.WITHDRAWN},
    UnitState.WITHDRAWN: set(),
}


class UnitMoves(RuleBasedStateMachine):
    @initialize()
    def registered(self):
        self.held = unit()
        self.state, self.keys, self.version = UnitState.ACTIVE, [], 1

    def attempt(self, act, *, allowed):
        """Do it; a refusal is expected where the model does not allow it, and changes nothing."""
        before = self.held
        try:
            self.held = act()
        except Refusal:
            assert not allowed
            assert self.held is before
        else:
            assert allowed
            self.version += 1
        return allowed

    @rule(to=st.sampled_from(UnitState))
    def move(self, to):
        allowed = to in MOVES[self.state]
        if self.attempt(lambda: domain.move(self.held, to, by="a", at=PAST_TERM, reason="应急"), allowed=allowed):
            self.state = to

    @rule()
    def issue(self):
        new = key()
        allowed = self.state is not UnitState.WITHDRAWN and len(self.keys) < 2
        if self.attempt(lambda: domain.add_key(self.held, new), allowed=allowed):
            self.keys.append(new.id)

    @rule(which=st.integers(min_value=0, max_value=2))
    def revoke(self, which):
        chosen = self.keys[which] if which < len(self.keys) else uuid4()
        allowed = chosen in self.keys
        if self.attempt(lambda: domain.drop_key(self.held, chosen, by="a", at=PAST_TERM), allowed=allowed):
            self.keys.remove(chosen)

    @invariant()
    def is_as_the_model_says(self):
        if not hasattr(self, "held"):
            return
        assert self.held.state is self.state
        assert [one.id for one in self.held.keys] == self.keys
        assert self.held.version == self.version
        told = domain.event(self.held)
        assert (told.version, told.state, len(told.keys)) == (self.version, self.state, len(self.keys))


UnitMoves.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_a_unit_makes_no_move_but_the_listed_ones = UnitMoves.TestCase


@pytest.mark.parametrize("held", list(ExchangeState))
@pytest.mark.parametrize("to", list(ExchangeState))
def test_the_exchange_is_stopped_and_let_run_again_and_each_only_once(held, to):
    exchange = Exchange(state=held, version=4, changed_at=PAST_TERM, changed_by="setup", reason=None)
    if held is to:
        with pytest.raises(errors.ExchangeStateUnchanged):
            exchange.to(to, by="dsjzx.admin", at=PAST_TERM, reason="应急演练")
        return
    moved = exchange.to(to, by="dsjzx.admin", at=PAST_TERM, reason="应急演练")
    told = moved.event()

    assert (told.version, told.state, told.changed_by, told.reason) == (5, to, "dsjzx.admin", "应急演练")
