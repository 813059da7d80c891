"""Services of a resource (REQ-C0): they fit its items, and are let out, stopped and ended."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import ValidationError

from catalog import errors
from catalog.domain import services
from catalog.domain.services import ServiceContent, State
from common.events import Item, ItemType, Operator, ServiceState
from tests.support.catalog_values import CODE, service, service_body
from tests.support.given_clock import PAST_TERM
from tests.support.items import day, integer, key, moment, numeric, text

ITEMS = (key(text("code", 9)), text("name", 40), integer("count"), numeric("amount"), day("since"), moment("seen"))
RANGES = {Operator.GE, Operator.GT, Operator.LE, Operator.LT}


def fits(**more):
    services.check(ServiceContent.model_validate(service_body(**{"inputs": []} | more)), ITEMS)


def refused(**more):
    with pytest.raises(errors.ServiceUnfit) as found:
        fits(**more)
    return found.value


def taking(item, *operators):
    return [{"item": item, "operators": list(operators), "required": False}]


@pytest.mark.parametrize("place", ["inputs", "identity", "claims", "orderings"])
def test_an_item_that_the_resource_has_not_is_refused_and_named(place):
    named = taking("other", "eq") if place == "inputs" else ["other"]

    assert refused(**{place: named}).details == {"item": "other"}


def test_items_are_named_in_their_own_case():
    refused(inputs=taking("CODE", "eq"))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.type)
@pytest.mark.parametrize("operator", list(Operator))
def test_an_operator_goes_with_the_type(item: Item, operator):
    ordered = item.type is not ItemType.TEXT
    allowed = ordered if operator in RANGES else not ordered if operator is Operator.PREFIX else True
    if allowed:
        fits(inputs=taking(item.code, operator))
    else:
        assert refused(inputs=taking(item.code, operator)).details == {"item": item.code}


def test_every_input_has_operators_and_none_twice():
    refused(inputs=taking("code"))
    refused(inputs=taking("code", "eq", "eq"))
    fits(inputs=taking("code", "eq", "in", "prefix"))


def test_no_item_stands_twice_in_one_place():
    refused(inputs=[*taking("code", "eq"), *taking("code", "in")])
    refused(orderings=["since", "since"])
    refused(mode="verify", identity=["code", "code"], claims=["name"])
    refused(mode="verify", identity=["code"], claims=["name", "name"])


def test_a_verification_has_identity_and_claims_and_nothing_else():
    fits(mode="verify", identity=["code"], claims=["name", "count"])
    refused(mode="verify", identity=[], claims=["name"])
    refused(mode="verify", identity=["code"], claims=[])
    refused(mode="verify", identity=["code"], claims=["name"], inputs=taking("code", "eq"))
    refused(mode="verify", identity=["code"], claims=["name"], orderings=["since"])
    refused(mode="verify", identity=["code", "name"], claims=["name"])


def test_a_query_has_neither():
    fits(mode="query", inputs=taking("code", "eq"), orderings=["since", "code"])
    refused(mode="query", identity=["code"])
    refused(mode="query", claims=["name"])


def test_a_providers_interface_is_registered_with_its_service():
    assert refused(source="provider").details == {"source": "provider"}


@pytest.mark.parametrize(
    "more",
    [
        {"inputs": taking("code", "eq")},
        {"orderings": ["since"]},
        {"mode": "verify", "identity": ["code"], "claims": ["name"]},
    ],
)
def test_a_write_service_takes_whole_rows_and_nothing_else(more):
    fits(source="write", inputs=())
    refused(**{"source": "write", "inputs": (), **more})


@pytest.mark.parametrize(
    "more",
    [
        {"page_limit": 0},
        {"page_limit": 1001},
        {"name": ""},
        {"name": "街道\x00查询"},
        {"identity": ["不是代码"]},
        {"orderings": ["a b"]},
        {"state": "active"},
        {"version": 9},
    ],
)
def test_what_is_no_service_at_all_is_malformed(more):
    with pytest.raises(ValidationError):
        ServiceContent.model_validate(service_body(**more))


def test_the_event_tells_the_service_and_the_items_of_the_structure_that_it_reads():
    out = services.move(service(structure=3), State.ACTIVE, by="mzj.fabu", at=PAST_TERM, reason=None)
    told = services.event(out, ITEMS)

    assert (told.service, told.entry, told.version, told.state) == ("streets", CODE, 1, ServiceState.ACTIVE)
    assert told.resource_version == f"{CODE}_v3"
    assert told.items == ITEMS
    assert [(one.item, one.operators, one.required) for one in told.inputs] == [("street_code", (Operator.EQ,), True)]


# --- States ----------------------------------------------------------------------------------------------------------

MOVES = {
    State.REGISTERED: {State.ACTIVE, State.WITHDRAWN},
    State.ACTIVE: {State.STOPPED, State.WITHDRAWN},
    State.STOPPED: {State.ACTIVE, State.WITHDRAWN},
    State.WITHDRAWN: set(),
}


class ServiceMoves(RuleBasedStateMachine):
    @initialize()
    def registered(self):
        self.held, self.state, self.version = service(), State.REGISTERED, 0

    @rule(to=st.sampled_from(State), reason=st.sampled_from([None, "资源维护"]))
    def move(self, to, reason):
        before = self.held
        try:
            self.held = services.move(self.held, to, by="mzj.fabu", at=PAST_TERM, reason=reason)
        except errors.ServiceState:
            assert to not in MOVES[self.state]
            assert self.held is before
            return
        except errors.ReasonMissing:
            # What others use is not stopped or ended without saying why (REQ-R2).
            assert to in {State.STOPPED, State.WITHDRAWN}
            assert self.version > 0
            assert not reason
            return
        assert to in MOVES[self.state]
        assert reason or to is State.ACTIVE or self.version == 0
        self.state, self.version = to, self.version + 1
        assert (self.held.changed_by, self.held.reason) == ("mzj.fabu", reason)

    @invariant()
    def is_as_the_model_says(self):
        if hasattr(self, "held"):
            assert (self.held.state, self.held.version) == (self.state, self.version)
            assert services.known_outside(self.held) is (self.version > 0)


ServiceMoves.TestCase.settings = settings(max_examples=40, stateful_step_count=10, deadline=None)
test_a_service_makes_no_move_but_the_listed_ones = ServiceMoves.TestCase
