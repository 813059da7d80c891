"""A grant (REQ-S4): made or renewed by an approval, moved, given keys. One per unit and service."""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from common.errors import Refusal
from common.events import GrantState, MaskRule, Quota, RowCondition
from sharing import errors
from sharing.domain import grants
from sharing.domain.grants import Terms
from tests.support.given_clock import PAST_TERM
from tests.support.sharing_values import BASIS, ENTRY, NUMBER, grant, granted, key

LATER = PAST_TERM + timedelta(days=30)
NEW_NUMBER = "CNZYSQ260002"
NO_LIMITS = Terms()
NARROW = Terms(
    row_filter=(RowCondition(item="street_code", values=("310105",)),),
    source_addresses=("10.1.0.0/16",),
    quota=Quota(per_day=100),
    valid_until=PAST_TERM + timedelta(days=365),
)


def renew(held, *codes, terms=NO_LIMITS, at=LATER):
    return grants.renew(
        held,
        new_id=uuid4(),
        unit="jyj",
        service="streets",
        entry=ENTRY,
        application=NEW_NUMBER,
        basis=BASIS,
        items=granted(*codes),
        terms=terms,
        by="dsjzx.shenhe",
        at=at,
    )


def codes(held):
    return {item.code for item in held.items}


# --- Made and renewed ------------------------------------------------------------------------------------------------


def test_a_first_approval_makes_the_grant():
    made = renew(None, "street_code", terms=NARROW)

    assert (made.version, made.state, made.keys, made.application) == (1, GrantState.ACTIVE, (), NEW_NUMBER)
    assert (made.valid_from, made.terms, codes(made)) == (LATER, NARROW, {"street_code"})


def test_a_validity_that_begins_later_is_kept():
    begins = LATER + timedelta(days=2)

    assert renew(None, "street_code", terms=Terms(valid_from=begins)).valid_from == begins


def test_a_further_approval_renews_the_one_grant_and_keeps_items_and_keys():
    held = grant(keys=(key(),), version=4)
    renewed = renew(held, "level", "street_name", terms=NARROW)

    assert (renewed.id, renewed.version, renewed.keys, renewed.application) == (held.id, 5, held.keys, NEW_NUMBER)
    assert codes(renewed) == {"street_code", "street_name", "level"}
    assert len(renewed.items) == 3
    assert renewed.terms == NARROW


def test_an_item_that_is_asked_for_again_is_as_the_new_approval_says():
    before = grant(items=(granted("XM")[0].model_copy(update={"mode": "masked", "mask": MaskRule.NAME}),))

    assert renew(before, "XM").items == granted("XM")


def test_a_suspended_grant_stays_suspended_whatever_is_approved():
    assert renew(grant(state=GrantState.SUSPENDED), "level").state is GrantState.SUSPENDED


@pytest.mark.parametrize("state", [GrantState.REVOKED, GrantState.WITHDRAWN])
def test_a_grant_that_ended_begins_anew_with_what_is_approved_now_and_without_its_keys(state):
    renewed = renew(grant(state=state, version=7, keys=(key(),)), "level")

    assert (renewed.state, renewed.version, renewed.keys, codes(renewed)) == (GrantState.ACTIVE, 8, (), {"level"})


def test_terms_that_were_decided_on_hold_where_later_items_come_without_a_decision():
    """Items shared without condition are granted at once: that must not wipe the limits on what needed authority."""
    held = grant(items=granted("ZJHM"), terms=NARROW)
    renewed = renew(held, "street_name", terms=None)

    assert codes(renewed) == {"ZJHM", "street_name"}
    assert renewed.terms == NARROW


def test_without_anything_decided_before_there_are_no_limits():
    assert renew(None, "street_name", terms=None).terms == Terms()
    assert renew(grant(items=granted("street_name"), terms=NARROW), "street_name", terms=None).terms == Terms()


@pytest.mark.parametrize("terms", [None, Terms()])
def test_what_has_run_out_is_not_revived_by_an_approval_of_something_else(terms):
    held = grant(items=granted("ZJHM"), terms=NARROW, keys=(key(),))
    renewed = renew(held, "street_name", terms=terms, at=NARROW.valid_until)

    assert codes(renewed) == {"street_name"}
    assert renewed.terms == Terms()
    assert renewed.keys == held.keys


def test_the_event_tells_the_grant_whole():
    held = grant(terms=NARROW, keys=(key(),), version=3)
    told = grants.event(held)

    assert (told.grant, told.unit, told.service, told.application, told.version) == (
        held.id,
        "jyj",
        "streets",
        NUMBER,
        3,
    )
    assert (told.row_filter, told.source_addresses, told.quota) == (
        NARROW.row_filter,
        NARROW.source_addresses,
        NARROW.quota,
    )
    assert (told.valid_from, told.valid_until) == (held.valid_from, NARROW.valid_until)
    assert (told.items, told.keys, told.basis) == (held.items, held.keys, BASIS)


# --- Moves and keys --------------------------------------------------------------------------------------------------

MOVES = {
    GrantState.ACTIVE: {GrantState.SUSPENDED, GrantState.REVOKED, GrantState.WITHDRAWN},
    GrantState.SUSPENDED: {GrantState.ACTIVE, GrantState.REVOKED, GrantState.WITHDRAWN},
    GrantState.REVOKED: set(),
    GrantState.WITHDRAWN: set(),
}
ENDED = {GrantState.REVOKED, GrantState.WITHDRAWN}


@pytest.mark.parametrize("state", [GrantState.SUSPENDED, GrantState.REVOKED, GrantState.WITHDRAWN])
def test_the_keys_of_a_grant_that_does_not_stand_are_told_so_that_its_calls_are_203_and_not_202(state):
    held = grant(keys=(key(), key()))
    told = grants.event(grants.move(held, state, by="a", at=LATER, reason="违规使用"))

    assert (told.state, told.keys) == (state, held.keys)


@pytest.mark.parametrize("reason", [None, "", " \n", "\u200b"])
def test_a_grant_is_not_suspended_or_revoked_without_saying_why(reason):
    for to in (GrantState.SUSPENDED, GrantState.REVOKED):
        with pytest.raises(errors.ReasonMissing):
            grants.move(grant(), to, by="mzj.shenhe", at=LATER, reason=reason)
    suspended = grant(state=GrantState.SUSPENDED)

    assert (
        grants.move(suspended, GrantState.ACTIVE, by="mzj.shenhe", at=LATER, reason=reason).state is GrantState.ACTIVE
    )
    assert grants.move(grant(), GrantState.WITHDRAWN, by="jyj.shenqing", at=LATER, reason=reason).keys == ()


def test_the_two_keys_are_the_old_and_the_new_one_while_a_system_changes_over():
    old, new, third = key(), key(), key()
    held = grants.add_key(grants.add_key(grant(), old, by="jyj.shenqing"), new, by="jyj.shenqing")
    with pytest.raises(errors.TooManyKeys):
        grants.add_key(held, third, by="jyj.shenqing")
    held = grants.add_key(grants.drop_key(held, old.id, by="jyj.shenqing", at=LATER), third, by="jyj.shenqing")

    assert held.keys == (new, third)


class GrantMoves(RuleBasedStateMachine):
    @initialize()
    def granted(self):
        self.held, self.state, self.keys, self.version = grant(), GrantState.ACTIVE, [], 1
        self.items = {"street_code", "street_name"}

    def attempt(self, act, *, allowed):
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

    @rule(to=st.sampled_from(GrantState))
    def move(self, to):
        allowed = to in MOVES[self.state]
        if self.attempt(lambda: grants.move(self.held, to, by="a", at=LATER, reason="核查"), allowed=allowed):
            self.state = to

    @rule()
    def issue(self):
        new = key()
        allowed = self.state not in ENDED and len(self.keys) < 2
        if self.attempt(lambda: grants.add_key(self.held, new, by="jyj.shenqing"), allowed=allowed):
            self.keys.append(new.id)

    @rule(which=st.integers(min_value=0, max_value=2))
    def revoke_key(self, which):
        chosen = self.keys[which] if which < len(self.keys) else "none"
        allowed = chosen in self.keys
        if self.attempt(lambda: grants.drop_key(self.held, chosen, by="a", at=LATER), allowed=allowed):
            self.keys.remove(chosen)

    @rule(asked=st.sets(st.sampled_from(["street_code", "street_name", "level"]), min_size=1))
    def approve(self, asked):
        self.attempt(lambda: renew(self.held, *sorted(asked)), allowed=True)
        self.items = asked if self.state in ENDED else self.items | asked
        self.keys = [] if self.state in ENDED else self.keys
        self.state = GrantState.ACTIVE if self.state in ENDED else self.state

    @invariant()
    def is_as_the_model_says(self):
        if not hasattr(self, "held"):
            return
        assert (self.held.state, self.held.version) == (self.state, self.version)
        assert [one.id for one in self.held.keys] == self.keys
        assert codes(self.held) == self.items
        assert len(self.held.items) == len(self.items)


GrantMoves.TestCase.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
test_a_grant_makes_no_move_but_the_listed_ones = GrantMoves.TestCase
