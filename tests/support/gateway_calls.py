"""Calls decided without a server: the keys of a world, the checks in their order, and the plan that comes of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from common.events import Item
from gateway.domain import decisions
from gateway.domain.access import Template
from gateway.domain.decisions import Plan, Who
from gateway.domain.requests import Headers
from tests.support.gateway_world import EPOCH, World

HERE = "198.51.100.7"


def decide(
    world: World,
    service: str,
    given: dict[str, str],
    *,
    headers: Headers | None = None,
    address: str = HERE,
    at: datetime = EPOCH,
) -> tuple[Who, Plan]:
    """Who calls with these parameters, keys among them, and the plan of the call.

    Raises:
        Decided, Refused: as the call would be answered.
    """
    who = decisions.identify(given, service, world.memory, (world.pepper,))
    access = decisions.admit(who, world.memory, address=address, at=at)
    return who, decisions.plan(given, headers or {}, who, access, world.memory)


def decided(world: World, unit: str, service: str, given: dict[str, str], **more: Any) -> tuple[Who, Plan]:
    """The same with the unit's own keys."""
    return decide(world, service, {**world.keys(unit, service), **given}, **more)


def template_of(items: Iterable[Item]) -> Template:
    """A template that shows these items, all of them granted in clear."""
    world, items = World(), tuple(items)
    world.unit("edu")
    world.service("shown", items, {})
    world.grant("edu", "shown", [item.code for item in items])
    return decided(world, "edu", "shown", {})[1].template
