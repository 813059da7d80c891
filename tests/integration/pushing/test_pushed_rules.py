"""Pushed rows are held to every rule of files: references, the age of the batch before, drift (REQ-A3, A7)."""

from decimal import Decimal

from common.events import QualityRule, RuleName
from tests.support.catalog_values import catalog_changed
from tests.support.items import key, text
from tests.support.push_world import findings, row


async def declared(at, *rules):
    await at.ingest.running.hear(at.ingest.entry_event(version=2, rules=rules))


def rows(count, first=1):
    return [row(f"{first + number:09}") for number in range(count)]


async def test_a_value_that_another_resource_lacks_refuses_the_push_and_names_its_row(at):
    areas = await at.ingest.store.made(key(text("area", 12)), provider="jyj")
    await at.ingest.store.load(areas, [("310105",)])
    code = areas.version.partition("_")[0]
    known = catalog_changed(code, items=areas.items, resource_version=areas.version, provider="jyj")
    await at.ingest.running.hear(known)
    await declared(
        at, QualityRule(name=RuleName.REFERENCE, items=("area_code",), resource=code, target_items=("area",))
    )
    assert (await at.push([row()])).code == "1"
    wrong = await at.push([row("310105002"), row("310105003", area_code="310104")])
    assert findings(wrong) == [(2, "area_code", "reference")]
    assert len(await at.rows()) == 1
    await at.ingest.store.load(areas, [("310105",), ("310104",)])
    assert (await at.push([row("310105002"), row("310105003", area_code="310104")])).code == "1"


async def test_rows_are_counted_against_pushes_of_the_same_way_alone(at):
    await declared(at, QualityRule(name=RuleName.DRIFT, rows_drop=Decimal("0.5")))
    assert (await at.push(rows(10), "replace")).code == "1"
    # The first update is no loss of the rows that it leaves alone.
    assert (await at.push(rows(4))).code == "1"
    assert findings(await at.push(rows(1, first=4))) == [(None, None, "drift")]
    assert findings(await at.push(rows(4, first=7), "replace")) == [(None, None, "drift")]
    assert (await at.push(rows(5, first=7), "replace")).code == "1"


async def test_a_push_that_comes_too_late_after_the_one_before_is_told(at):
    await declared(at, QualityRule(name=RuleName.FRESHNESS, days=3))
    assert (await at.push([row()])).code == "1"
    await at.ingest.running.rows("update push set done_at = done_at - interval '4 days'")
    assert findings(await at.push([row("310105002")])) == [(None, None, "freshness")]
