"""Calls about streets, decided: a service with inputs of every kind, and what comes of parameters."""

from collections.abc import Sequence
from typing import Any

from common.events import GrantedItem, Operator
from exchange.masks import Mask
from gateway.domain.decisions import Plan
from gateway.domain.requests import Headers
from tests.support.gateway_calls import decided
from tests.support.gateway_world import World
from tests.support.items import codes, day, integer, key, numeric, text

ITEMS = (
    key(text("street_code", 9)),
    text("street_name", 40),
    codes(text("area_code", 6)),
    day("updated"),
    numeric("area", 8, 2),
    integer("count"),
)
INPUTS = {
    "street_code": "eq in",
    "street_name": "prefix eq",
    "area_code": "eq in prefix",
    "updated": "ge gt le lt eq",
    "area": "gt le",
    "count": "eq",
}


def made(
    granted: Sequence[str | GrantedItem] = ("street_name", "street_code"),
    page_limit: int = 1000,
    orderings: Sequence[str] = (),
    **more: Any,
) -> World:
    world = World()
    world.code_set("areas", ["310104", "310105"])
    world.unit("edu")
    world.service("streets", ITEMS, INPUTS, page_limit=page_limit, orderings=tuple(orderings))
    world.grant("edu", "streets", granted, **more)
    return world


def planned(world: World | None = None, headers: Headers | None = None, **parameters: str) -> Plan:
    return decided(world or made(), "edu", "streets", parameters, headers=headers)[1]


def conditions(plan: Plan) -> list[tuple[str, Operator]]:
    return [(condition.item.code, condition.operator) for condition in plan.template.shape.conditions]


def shown(plan: Plan) -> list[tuple[str, Mask | None]]:
    return [(column.item.code, column.mask) for column in plan.template.shape.columns]
