"""The checks in their order: of two faults in one call the one that the protocol checks first is the one answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import (
    ExchangeState,
    GrantedItem,
    GrantState,
    ItemMode,
    MaskRule,
    ResourceState,
    RowCondition,
    ServiceState,
    UnitState,
)
from common.keys import KeyKind, generate
from exchange.layout import Resource
from gateway.domain.cursors import Question, Seal
from gateway.domain.decisions import Decided
from gateway.errors import Code, Refused
from tests.support.gateway_calls import decide
from tests.support.gateway_world import EPOCH, World
from tests.support.items import codes, day, key, text

ITEMS = (
    key(text("street_code", 9)),
    text("street_name", 40),
    codes(text("area_code", 6)),
    day("updated"),
    text("town"),
)
RESOURCE = Resource(provider="civil-affairs", version="307001-000001_v1", items=ITEMS)
INPUTS = {"street_code": "eq in required", "street_name": "prefix", "area_code": "eq", "updated": "ge", "town": "eq"}
MASKED = GrantedItem(code="town", mode=ItemMode.MASKED, mask=MaskRule.NAME)
TO_VERIFY = GrantedItem(code="town", mode=ItemMode.VERIFY)
NOW = EPOCH + timedelta(days=1)


@dataclass
class Situation:
    """A call, and the world that it is made in; as it is made here it is in order."""

    world: World = field(default_factory=World)
    service: str = "streets"
    given: dict[str, str] = field(default_factory=dict)
    headers: dict[bytes, bytes] = field(default_factory=dict)
    address: str = "198.51.100.7"
    grant: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world.code_set("areas", ["310104", "310105"])
        self.world.unit("edu")
        for service in ("streets", "other"):
            self.world.service(service, ITEMS, INPUTS, resource=RESOURCE, orderings=("updated", "town"))
            self.world.grant("edu", service, ["street_code", "street_name"])
        self.given = {**self.world.keys("edu", "streets"), "street_code": "310105001"}
        self.headers = {b"x-matter": b"2026-0001"}
        self.grant = {"required_headers": ("X-Matter",)}

    def answered(self) -> str:
        world = self.world
        told = {"items": ["street_code", "street_name"], **self.grant}
        world.grant("edu", "streets", told.pop("items"), **told)
        try:
            _, plan = decide(world, self.service, self.given, headers=self.headers, address=self.address, at=NOW)
            if plan.paging.cursor is not None:
                asked = Question(
                    unit="edu", service=self.service, resource_version=RESOURCE.version, filters={}, order=None
                )
                Seal.of(b"s" * 32).open(plan.paging.cursor, asked)
        except (Decided, Refused) as refused:
            return refused.code
        return Code.SUCCESS


@dataclass(frozen=True)
class Fault:
    check: int
    """Its place in the order of the protocol."""
    code: Code
    name: str
    make: Callable[[Situation], None]
    touches: str
    """What it changes: two that change one thing are not combined."""


def given_(**values: str) -> Callable[[Situation], None]:
    return lambda s: s.given.update(values)


def without(name: str) -> Callable[[Situation], None]:
    return lambda s: s.given.pop(name)


def granted(**more: object) -> Callable[[Situation], None]:
    return lambda s: s.grant.update(more)


GONE = RowCondition(item="gone", values=("1",))
IMPOSSIBLE = RowCondition(item="updated", values=("x",))
FAULTS = [
    Fault(1, Code.PARAMETERS, "no unitKey", without("unitKey"), "unitKey"),
    Fault(1, Code.PARAMETERS, "empty unitKey", given_(unitKey=""), "unitKey"),
    Fault(1, Code.PARAMETERS, "no methodKey", without("methodKey"), "methodKey"),
    Fault(1, Code.PARAMETERS, "empty methodKey", given_(methodKey=""), "methodKey"),
    Fault(2, Code.UNIT_KEY, "blank unitKey", given_(unitKey="  "), "unitKey"),
    Fault(2, Code.UNIT_KEY, "no key at all", given_(unitKey="cnu_nobody"), "unitKey"),
    Fault(2, Code.UNIT_KEY, "nobody's unitKey", given_(unitKey=generate(KeyKind.UNIT)), "unitKey"),
    Fault(2, Code.UNIT_KEY, "unitKey and methodKey exchanged", given_(unitKey=generate(KeyKind.METHOD)), "unitKey"),
    Fault(2, Code.UNIT_KEY, "unit withdrawn", lambda s: s.world.unit("edu", UnitState.WITHDRAWN), "unit"),
    Fault(3, Code.SERVICE, "no such service", lambda s: setattr(s, "service", "none"), "path"),
    Fault(3, Code.SERVICE, "no service named", lambda s: setattr(s, "service", None), "path"),
    Fault(
        3,
        Code.SERVICE,
        "methodKey of another service",
        lambda s: s.given.update(methodKey=s.world.method_keys["edu", "other"]),
        "methodKey",
    ),
    Fault(4, Code.METHOD_KEY, "no methodKey of anybody", given_(methodKey="cnm_nothing"), "methodKey"),
    Fault(4, Code.METHOD_KEY, "nobody's methodKey", given_(methodKey=generate(KeyKind.METHOD)), "methodKey"),
    Fault(5, Code.STOPPED, "exchange stopped", lambda s: s.world.exchange(ExchangeState.STOPPED), "exchange"),
    Fault(
        5,
        Code.STOPPED,
        "service stopped",
        lambda s: s.world.service("streets", ITEMS, INPUTS, state=ServiceState.STOPPED),
        "service",
    ),
    Fault(5, Code.STOPPED, "not ready", lambda s: s.world.ready(RESOURCE, ResourceState.DROPPED), "resource"),
    Fault(6, Code.GRANT, "grant suspended", granted(state=GrantState.SUSPENDED), "state"),
    Fault(6, Code.GRANT, "grant revoked", granted(state=GrantState.REVOKED), "state"),
    Fault(6, Code.GRANT, "grant expired", granted(valid_until=NOW), "validity"),
    Fault(6, Code.GRANT, "grant not begun", granted(valid_from=NOW + timedelta(seconds=1)), "validity"),
    Fault(6, Code.GRANT, "unit suspended", lambda s: s.world.unit("edu", UnitState.SUSPENDED), "unit"),
    Fault(6, Code.GRANT, "address not named", granted(source_addresses=("203.0.113.0/24",)), "addresses"),
    Fault(6, Code.GRANT, "signature demanded", granted(demand_signature=True), "signature"),
    Fault(6, Code.GRANT, "certificate demanded", granted(demand_certificate=True), "certificate"),
    Fault(6, Code.GRANT, "nothing of it is there any more", granted(items=["gone"]), "items"),
    Fault(6, Code.GRANT, "filter on an item that is gone", granted(row_filter=(GONE,)), "rows"),
    Fault(6, Code.GRANT, "filter with a value that cannot be", granted(row_filter=(IMPOSSIBLE,)), "rows"),
    Fault(8, Code.PARAMETERS, "unknown parameter", given_(street="x"), "street"),
    Fault(8, Code.PARAMETERS, "operator not declared", given_(street_name="x"), "street_name"),
    Fault(8, Code.PARAMETERS, "name in another case", given_(Format="json"), "Format"),
    Fault(
        8,
        Code.PARAMETERS,
        "filter on a masked item",
        lambda s: (granted(items=["street_code", "street_name", MASKED])(s), given_(town="x")(s)),
        "items",
    ),
    Fault(
        8,
        Code.PARAMETERS,
        "filter on an item to verify",
        lambda s: (granted(items=["street_code", "street_name", TO_VERIFY])(s), given_(town="x")(s)),
        "items",
    ),
    Fault(8, Code.PARAMETERS, "required input missing", without("street_code"), "street_code"),
    Fault(8, Code.PARAMETERS, "required header missing", lambda s: s.headers.pop(b"x-matter"), "x-matter"),
    Fault(8, Code.PARAMETERS, "required header empty", lambda s: s.headers.update({b"x-matter": b""}), "x-matter"),
    Fault(8, Code.PARAMETERS, "header too long", lambda s: s.headers.update({b"x-operator": b"x" * 65}), "x-operator"),
    Fault(8, Code.PARAMETERS, "page with cursor", given_(page="1", cursor="x"), "page"),
    Fault(8, Code.PARAMETERS, "one value of several items", given_(rsStructure="SR"), "rsStructure"),
    Fault(9, Code.VALUE, "value too long", given_(street_code="3101050011"), "street_code"),
    Fault(9, Code.VALUE, "value empty", given_(street_code=""), "street_code"),
    Fault(9, Code.VALUE, "value not of the code set", given_(area_code="999999"), "area_code"),
    Fault(9, Code.VALUE, "no such day", given_(updated__ge="2023/02/30"), "updated"),
    Fault(9, Code.VALUE, "unknown format", given_(format="yaml"), "format"),
    Fault(9, Code.VALUE, "unknown style", given_(rsStyle=""), "rsStyle"),
    Fault(9, Code.VALUE, "unknown structure", given_(rsStructure="kv"), "rsStructure"),
    Fault(9, Code.VALUE, "page too large", given_(pageSize="1001"), "pageSize"),
    Fault(
        9,
        Code.VALUE,
        "ordering by a masked item",
        lambda s: (granted(items=["street_code", "street_name", MASKED])(s), given_(orderBy="town")(s)),
        "items",
    ),
    Fault(9, Code.VALUE, "ordering not declared", given_(orderBy="street_name"), "orderBy"),
    Fault(9, Code.VALUE, "cursor not issued", given_(cursor="AAAA"), "page"),
]


def test_the_call_is_in_order_as_it_is_made():
    assert Situation().answered() == Code.SUCCESS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_each_fault_is_answered_with_its_code(fault):
    situation = Situation()
    fault.make(situation)
    assert situation.answered() == fault.code


PAIRS = [(a, b) for a, b in product(FAULTS, FAULTS) if a.check < b.check and a.touches != b.touches]


def test_every_pair_of_checks_is_tried():
    checks = {fault.check for fault in FAULTS}
    assert {(a.check, b.check) for a, b in PAIRS} == {(a, b) for a in checks for b in checks if a < b}


@pytest.mark.parametrize("first", FAULTS, ids=lambda f: f.name)
def test_of_two_faults_the_one_that_is_checked_first_is_answered(first):
    wrong = {}
    for one, other in PAIRS:
        if one is first:
            for made in ((one, other), (other, one)):
                situation = Situation()
                for fault in made:
                    fault.make(situation)
                if situation.answered() != one.code:
                    wrong[other.name] = situation.answered()
    assert wrong == {}


@given(st.lists(st.sampled_from(FAULTS), min_size=1, max_size=6, unique_by=lambda fault: fault.touches))
def test_of_any_faults_the_one_that_is_checked_first_is_answered(faults):
    situation = Situation()
    for fault in faults:
        fault.make(situation)
    assert situation.answered() == min(faults, key=lambda fault: fault.check).code
