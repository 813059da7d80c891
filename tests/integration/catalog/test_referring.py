"""A rule that refers to another resource names one that is there, and items that it has (REQ-A7)."""

import pytest

from tests.support.catalog_steps import Unit
from tests.support.catalog_values import entry_body, text

ITEMS = [text("street_code", key_place=1, nullable=False), text("upper_code", length=12)]


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


def referring(resource, *targets):
    rule = {"name": "reference", "items": ["upper_code"], "resource": resource, "target_items": targets}
    return entry_body(items=ITEMS, rules=[rule])


async def refused(unit, body):
    answer = await unit.compiler.post("/entries", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "rule-unfit")
    return answer.json()["title"]


async def test_it_is_published_and_has_the_items_when_the_rule_is_written(catalog, unit):
    draft = await unit.draft()
    for code in ("307001-999999", draft):
        assert "不存在或没有发布" in await refused(unit, referring(code, "street_code"))
    there = await unit.published()
    assert "没有信息项 area" in await refused(unit, referring(there, "area"))
    answer = await unit.compiler.post("/entries", referring(there, "street_code"))
    assert answer.status_code == 201
    await unit.publisher.post(f"/entries/{there}/withdrawal", {"reason": "不再使用"})
    assert "不存在或没有发布" in await refused(unit, referring(there, "street_code"))


async def test_an_entry_may_refer_to_itself(catalog, unit):
    code = await unit.draft(items=ITEMS)
    body = {"revision": 1, "content": referring(code, "street_code")}
    assert (await unit.compiler.put(f"/entries/{code}/draft", body)).is_success
    body = {"revision": 2, "content": referring(code, "nothing")}
    answer = await unit.compiler.put(f"/entries/{code}/draft", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "rule-unfit")
