"""What sharing keeps of others' events; older tellings and repetitions change nothing."""

import pytest

from common.errors import Undecodable
from common.events import UnitState
from common.ids import uuid7
from tests.support.catalog_values import CODE, catalog_changed, content, service_changed, text
from tests.support.registry_values import unit_changed
from tests.support.sharing_steps import OPEN_ITEMS
from tests.support.sharing_values import application_body


async def only(sharing, query):
    (found,) = await sharing.rows(query)
    return found


async def test_an_older_telling_changes_nothing(sharing):
    await sharing.hear(unit_changed("mzj", version=5, name="区民政局"))
    await sharing.hear(unit_changed("mzj", version=4, name="旧名", state=UnitState.SUSPENDED))
    await sharing.hear(catalog_changed(version=5, content=content(name="新")))
    await sharing.hear(catalog_changed(version=4, content=content(name="旧"), state="withdrawn"))
    await sharing.hear(service_changed("streets", version=5))
    await sharing.hear(service_changed("streets", version=4, state="withdrawn"))

    assert await only(sharing, "select name, state, version from unit where code = 'mzj'") == {
        "name": "区民政局",
        "state": "active",
        "version": 5,
    }
    assert await only(sharing, f"select name, published, version from entry where code = '{CODE}'") == {
        "name": "新",
        "published": True,
        "version": 5,
    }
    assert await only(sharing, "select state, version from service where code = 'streets'") == {
        "state": "active",
        "version": 5,
    }


@pytest.mark.parametrize(
    ("told", "table"),
    [
        (unit_changed("mzj", version=9), "unit"),
        (catalog_changed(version=9), "entry"),
        (service_changed("streets", version=9), "service"),
    ],
    ids=["unit", "entry", "service"],
)
async def test_the_same_record_again_has_its_effect_once(sharing, told, table):
    once = uuid7()
    await sharing.hear(told, event_id=once)
    await sharing.rows(f"update {table} set version = 0 returning code")
    await sharing.hear(told, event_id=once)

    assert await only(sharing, f"select max(version) as newest from {table}") == {"newest": 0}
    claims = await only(sharing, f"select consumer, count(*) from inbox where event_id = '{once}' group by consumer")
    assert claims == {"consumer": "sharing", "count": 1}


async def test_another_event_under_a_known_id_is_refused(sharing):
    once = uuid7()
    await sharing.hear(service_changed("streets", version=2), event_id=once)
    with pytest.raises(Undecodable):
        await sharing.hear(service_changed("streets", version=3, state="withdrawn"), event_id=once)

    assert (await only(sharing, "select version from service where code = 'streets'"))["version"] == 2


async def test_who_decides_goes_by_the_body_that_the_register_told(sharing, parties):
    number = await parties.heard()
    await sharing.hear(unit_changed("dsjzx", version=2, body=None))
    gone = await parties.platform.post(f"/applications/{number}/decision", {"approve": True})
    assert gone.json()["code"] == "not-yours-to-decide"
    await sharing.hear(unit_changed("dsjzx", version=3, body="data-centre"))

    assert (await parties.approve(number))["state"] == "granted"


async def test_an_entry_can_be_applied_for_as_it_is_told_and_no_longer_when_it_ended(sharing, parties):
    added = content(items=[text("street_code", key_place=1), text("street_name", length=40), text("level")])
    body = application_body(items=[*OPEN_ITEMS, "level"])
    assert (await parties.applicant.post("/applications", body)).json()["code"] == "not-applicable"
    await sharing.hear(catalog_changed(version=2, content=added))
    assert (await parties.applicant.post("/applications", body)).is_success
    await sharing.hear(catalog_changed(version=3, content=added, state="withdrawn"))

    assert (await parties.applicant.post("/applications", body)).json()["code"] == "not-applicable"
