"""The interface description of a service over HTTP: a page and Markdown, for any account, as the service is now."""

import pytest

from catalog.domain import pages
from common.roles import Role
from tests.support.catalog_steps import Unit
from tests.support.catalog_values import text

ITEMS = [
    text("street_code", length=9, key_place=1, nullable=False),
    text("area_code", length=6, code_set={"id": "areas", "version": 1}),
]
CODES = {"id": "areas", "name": "区划", "source": "GB/T 2260", "codes": [{"code": "310105", "name": "<b>长宁区</b>"}]}


@pytest.fixture
async def unit(catalog):
    made = Unit(catalog)
    assert (await made.platform.post("/code-sets", CODES)).is_success
    return made


@pytest.fixture
def stranger(catalog):
    return catalog.as_("jyj.shenqing", "jyj", Role.APPLICANT)


async def test_any_account_reads_it_as_a_page_and_as_markdown(unit, stranger):
    await unit.active(await unit.published(items=ITEMS), "streets")
    page = await stranger.get("/services/streets/description")
    written = await stranger.get("/services/streets/description.md")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == pages.CONTENT_SECURITY_POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<b>" not in page.text
    assert written.headers["content-type"] == "text/markdown; charset=utf-8"
    for text_ in ("街道镇查询", "street_code", "area_code", "310105", "长宁区", "GB/T 2260"):
        assert text_ in page.text.replace("&lt;", "<"), text_
    assert "# 接口说明" in written.text
    assert "| `street_code` |" in written.text
    assert "mzj" in written.text


async def test_it_tells_of_the_structure_that_the_service_reads_until_new_data_come(unit, stranger):
    entry = await unit.published(items=ITEMS)
    await unit.active(entry, "streets")
    await unit.published_again(entry, items=[*ITEMS, text("added")])
    assert "added" not in (await stranger.get("/services/streets/description.md")).text

    await unit.active(entry, "streets-two")
    assert "added" in (await stranger.get("/services/streets-two/description.md")).text


async def test_a_stopped_service_says_so(unit, stranger):
    await unit.active(await unit.published(items=ITEMS), "streets")
    await unit.moved("streets", "stopped", "维护")
    assert "已停用" in (await stranger.get("/services/streets/description.md")).text


async def test_there_is_none_of_what_is_no_service(stranger):
    for path in ("/services/none/description", "/services/none/description.md"):
        assert (await stranger.get(path)).json()["code"] == "service-unknown"
