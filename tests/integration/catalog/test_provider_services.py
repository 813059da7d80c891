"""A unit registers its own interface as the source of a service (REQ-A3, REQ-C0): told to the exchange, seen by it."""

import json

import pytest

from common.events import Interface, ServiceChanged, SourceKind
from common.roles import Role
from tests.support.catalog_steps import Unit
from tests.support.catalog_values import service_body

INTERFACE = {
    "kind": "rest",
    "url": "https://people.example.org/rest",
    "sent": [{"parameter": "street_code", "name": "dm", "place": "form"}],
    "records": "data.list",
    "given": [{"item": "street_code", "member": "dm"}, {"item": "street_name", "member": "mc"}],
    "credential": "main",
}


@pytest.fixture
def unit(catalog):
    return Unit(catalog)


def provided(**more):
    return {"source": "provider", "interface": INTERFACE | more}


async def test_it_is_let_out_with_its_registration(catalog, unit):
    entry = await unit.published()
    made = await unit.active(entry, "streets-live", **provided())
    assert made["content"]["interface"]["url"] == INTERFACE["url"]
    (told,) = await catalog.told(ServiceChanged)
    assert told.event.source is SourceKind.PROVIDER
    assert told.event.interface == Interface.model_validate(INTERFACE)


async def test_the_unit_and_the_platform_see_it_and_other_units_do_not(catalog, unit):
    entry = await unit.published()
    await unit.active(entry, "streets-live", **provided())
    other = catalog.as_("jyj.shenqing", "jyj", Role.APPLICANT)
    for caller, sees in ((unit.compiler, True), (unit.platform, True), (other, False)):
        one = (await caller.get("/services/streets-live")).json()
        (listed,) = (await caller.get(f"/entries/{entry}/services")).json()
        assert (one["content"]["interface"] is not None, listed["content"]["interface"] is not None) == (sees, sees)
        assert one["content"]["source"] == "provider"
    for path in ("/services/streets-live/description.md", "/services/streets-live/description"):
        page = (await other.get(path)).text
        assert "提供单位自有接口" in page
        assert "people.example.org" not in page


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/x",
        "http://192.168.1.1/x",
        "http://elsewhere.test/x",
        "http://u:p@people.example.org/x",
        "file:///etc/passwd",
    ],
)
async def test_where_no_provider_may_live_is_refused(unit, url):
    """IN-G29."""
    entry = await unit.published()
    body = {"code": "streets-live", "entry": entry, "content": service_body(**provided(url=url))}
    answer = await unit.compiler.post("/services", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "interface-unfit")
    assert (await unit.compiler.get("/services/streets-live")).status_code == 404


async def test_it_has_to_be_allowed_still_when_it_is_let_out(catalog, unit):
    entry = await unit.published()
    await unit.registered(entry, "streets-live", **provided())
    moved = json.dumps(INTERFACE | {"url": "http://10.1.1.1@evil.test/"})
    await catalog.rows("update service set content = jsonb_set(content, '{interface}', $1::jsonb)", moved)
    answer = await unit.publisher.put("/services/streets-live/state", {"state": "active"})
    assert answer.json()["code"] == "interface-unfit"
    assert await catalog.told(ServiceChanged) == []


async def test_what_does_not_fit_the_resource_is_refused_with_what_is_wrong(unit):
    entry = await unit.published()
    given = [{"item": "other", "member": "x"}, *INTERFACE["given"]]
    body = {"code": "streets-live", "entry": entry, "content": service_body(**provided(given=given))}
    answer = (await unit.compiler.post("/services", body)).json()
    assert (answer["code"], answer["details"]) == ("interface-unfit", {"item": "other"})
