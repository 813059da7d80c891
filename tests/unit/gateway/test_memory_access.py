"""What a grant lets one see, as the memory has it of the newest tellings: made once, and anew after each change."""

from datetime import date

import pytest

from common.events import (
    GrantedItem,
    ItemMode,
    MaskRule,
    RowCondition,
    UnitState,
)
from exchange.masks import Mask
from tests.support.begun_world import ITEMS, RESOURCE, begun
from tests.support.items import text


@pytest.fixture
def world():
    return begun()


class TestAccess:
    """What a grant lets one see is worked out when a call first asks, and again when service or resource change."""

    def access(self, world, service="streets", unit="edu"):
        memory = world.memory
        return memory.access(memory.services[service], memory.grants[world.grants[unit, service]])

    def test_it_is_worked_out_once(self, world):
        assert self.access(world) is self.access(world)

    def test_grants_with_the_same_items_share_their_scope(self, world):
        for unit in ("health", "water"):
            world.unit(unit)
            world.grant(unit, "streets", ["street_code"])
        world.grant("water", "streets", ["street_code", "street_name"])
        scopes = {unit: self.access(world, unit=unit).scope for unit in ("edu", "health", "water")}
        assert scopes["edu"] is scopes["health"]
        assert scopes["edu"] is not scopes["water"]

    def test_grants_of_services_with_the_same_structure_share_it_too(self, world):
        for service in ("one", "two"):
            world.service(service, ITEMS, {"street_code": "eq"})
            world.grant("edu", service, ["street_code"])
        assert self.access(world, "one").scope is self.access(world, "two").scope

    def test_conditions_on_rows_share_their_kind_and_keep_their_values(self, world):
        for unit, values in (("health", ("2020/01/01",)), ("water", ("2021/01/01",)), ("civil", ("2020/01/01",) * 2)):
            world.unit(unit)
            world.grant(unit, "streets", ["street_code"], row_filter=(RowCondition(item="updated", values=values),))
        health, water, civil = (self.access(world, unit=unit) for unit in ("health", "water", "civil"))
        assert health.scope is water.scope
        assert (health.row_values, water.row_values) == ((date(2020, 1, 1),), (date(2021, 1, 1),))
        assert civil.scope is not health.scope
        assert civil.row_values == ([date(2020, 1, 1), date(2020, 1, 1)],)
        assert self.access(world).scope not in {health.scope, civil.scope}, "without a condition"

    @pytest.mark.parametrize("mode", [ItemMode.MASKED, ItemMode.VERIFY])
    def test_the_same_items_otherwise_granted_are_another_scope(self, world, mode):
        world.unit("health")
        mask = MaskRule.NAME if mode is ItemMode.MASKED else None
        both = ["street_code", GrantedItem(code="street_name", mode=mode, mask=mask)]
        world.grant("edu", "streets", ["street_code", "street_name"])
        world.grant("health", "streets", both)
        clear, other = self.access(world).scope, self.access(world, unit="health").scope
        assert clear is not other
        assert other.unseen == {"street_name"}
        shown = [(column.item.code, column.mask) for column in other.columns]
        assert shown == ([("street_code", None)] + [("street_name", Mask.NAME)] * (mode is ItemMode.MASKED))

    @pytest.mark.parametrize(
        "change",
        [
            lambda w: w.grant("edu", "streets", ["street_code", "updated"]),
            lambda w: w.service("streets", (*ITEMS, text("new")), {}, ready=False),
            lambda w: w.service("streets", ITEMS, {"street_code": "eq"}, ready=False),
            lambda w: w.ready(RESOURCE),
        ],
    )
    def test_it_is_worked_out_anew_when_what_it_rests_on_is_told_anew(self, world, change):
        before = self.access(world)
        change(world)
        after = self.access(world)
        assert after is not before
        assert after.scope is not before.scope

    def test_it_stays_when_something_else_is_told(self, world):
        before = self.access(world)
        world.unit("edu", UnitState.SUSPENDED)
        world.service("other", ITEMS, {}, ready=False)
        assert self.access(world) is before

    @pytest.mark.parametrize(
        "granted",
        [
            {"items": ["gone"]},
            {"items": [GrantedItem(code="street_name", mode=ItemMode.VERIFY)]},
            {"items": ["street_code"], "row_filter": (RowCondition(item="gone", values=("1",)),)},
            {"items": ["street_code"], "row_filter": (RowCondition(item="updated", values=("x",)),)},
        ],
    )
    def test_where_nothing_can_be_shown_there_is_none(self, world, granted):
        items = granted.pop("items")
        world.grant("edu", "streets", items, **granted)
        assert self.access(world) is None
