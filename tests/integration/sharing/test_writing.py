"""A unit gets the key by which its own system pushes rows: applied for, on record, granted at once (REQ-A3, REQ-S4)."""

import pytest

from common.events import GrantChanged, GrantState, ShareApproved, ShareRequested
from common.roles import Role
from tests.support.catalog_values import service_changed
from tests.support.sharing_steps import done
from tests.support.sharing_values import application_body

ASKED = application_body(services=["push"], items=["street_code", "secret"])


@pytest.fixture
async def provider(sharing):
    await sharing.hear(service_changed("push", source="write"))
    return sharing.as_("mzj.shenqing", "mzj", Role.APPLICANT)


async def test_it_is_granted_at_once_under_the_rule_of_the_channel_and_has_its_key(sharing, provider):
    made = await done(provider, "POST", "/applications", ASKED)
    answer = await provider.post(f"/applications/{made['id']}/submission")
    assert (answer.status_code, answer.json()["state"]) == (200, "granted"), answer.text
    (asked,), (approved,), (granted,) = [
        [one.event for one in await sharing.told(kind)] for kind in (ShareRequested, ShareApproved, GrantChanged)
    ]
    assert (asked.basis.rule, approved.basis.rule, asked.due_on) == ("aggregation-channel",) * 2 + (None,)
    assert (granted.unit, granted.service, granted.state) == ("mzj", "push", GrantState.ACTIVE)
    assert (granted.application, approved.decided_by) == (asked.application, "exchange")
    key = await provider.post(f"/grants/{granted.grant}/keys")
    assert key.status_code in (200, 201)
    assert (await sharing.told(GrantChanged))[-1].event.keys


async def test_another_unit_gets_none(sharing, provider):
    other = sharing.as_("jyj.shenqing", "jyj", Role.APPLICANT)
    answer = await other.post("/applications", ASKED)
    assert answer.json()["code"] == "not-applicable"


async def test_the_own_data_are_still_not_applied_for_to_read(provider):
    answer = await provider.post("/applications", application_body())
    assert answer.json()["code"] == "not-applicable"
