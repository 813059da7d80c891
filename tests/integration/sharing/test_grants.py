"""Grants and their keys over HTTP (REQ-S4, R2), with what every gateway is told of them."""

import pytest

from common.events import GrantChanged
from common.keys import KeyKind, Pepper, well_formed
from tests.support.given_clock import at
from tests.support.sharing_steps import OPEN_ITEMS, done

LIMITS = {
    "row_filter": [{"item": "street_code", "values": ["310105001"]}],
    "source_addresses": ["10.1.0.0/16"],
    "required_headers": ["X-Operator"],
    "demand_signature": True,
    "demand_certificate": True,
    "valid_from": "2026-10-01T00:00:00+08:00",
    "valid_until": "2027-10-01T00:00:00+08:00",
    "quota": {"per_second": 5, "per_day": 1000},
}


def refused(answer):
    return answer.status_code, answer.json()["code"]


async def told(sharing):
    return [one.event for one in await sharing.told(GrantChanged)]


async def test_every_term_of_a_decision_is_in_the_grant_and_told(sharing, parties):
    number = await parties.heard()
    await parties.approve(number, **LIMITS)
    event = (await told(sharing))[-1]

    assert (event.valid_from, event.valid_until) == (at("2026-10-01", "00:00:00"), at("2027-10-01", "00:00:00"))
    plain = event.model_dump(mode="json")
    assert {name: plain[name] for name in LIMITS if not name.startswith("valid")} == {
        name: value for name, value in LIMITS.items() if not name.startswith("valid")
    }
    shown = (await parties.applicant.get("/grants")).json()[0]
    assert shown["terms"]["quota"] == LIMITS["quota"]
    assert (shown["application"], shown["keys"]) == (number, [])


@pytest.mark.parametrize(
    "terms",
    [
        {"source_addresses": ["10.1.2.3/16"]},
        {"required_headers": ["Authorization"]},
        {"row_filter": [{"item": "other", "values": ["1"]}]},
        {"row_filter": [{"item": "street_code", "values": ["a\x00"]}]},
        {"valid_until": "2026-09-01T00:00:00+08:00"},
        {"valid_until": "0001-01-01T00:00:00+14:00"},
        {"valid_from": "9999-12-31T23:59:59-14:00"},
        {"items": [{"code": "street_code", "mode": "clear"}]},
        {"items": [{"code": "XM", "mode": "clear", "mask": "name"}]},
    ],
)
async def test_terms_that_cannot_be_leave_the_application_undecided(sharing, parties, terms):
    number = await parties.heard()
    body = {"approve": True, "terms": terms}

    assert refused(await parties.platform.post(f"/applications/{number}/decision", body)) == (422, "bad-terms")
    assert (await parties.shown(number))["state"] == "submitted"
    assert await told(sharing) == []


async def test_what_is_granted_at_once_does_not_lift_the_limits_of_what_was_decided(sharing, parties):
    number = await parties.heard()
    await parties.approve(number, **LIMITS)
    await parties.submitted(items=OPEN_ITEMS)
    last = (await told(sharing))[-1]

    assert {item.code for item in last.items} == {"ZJHM", "XM", *OPEN_ITEMS}
    assert (last.quota.per_day, last.source_addresses, last.demand_signature) == (1000, ("10.1.0.0/16",), True)
    assert last.valid_until == at("2027-10-01", "00:00:00")


async def test_what_has_run_out_is_not_revived_by_what_is_granted_at_once(sharing, parties):
    await parties.approve(await parties.heard(), valid_until="2026-09-28T10:01:00+08:00")
    sharing.clock.go_on(minutes=1)
    await parties.submitted(items=OPEN_ITEMS)
    last = (await told(sharing))[-1]

    assert {item.code for item in last.items} == set(OPEN_ITEMS)
    assert (last.version, last.valid_until) == (2, None)


async def test_a_grant_is_suspended_resumed_and_revoked_and_each_is_told(sharing, parties):
    grant = await parties.granted_at_once()
    await done(parties.applicant, "POST", f"/grants/{grant}/keys")
    for state, reason in (("suspended", "核查"), ("active", None), ("revoked", "违规使用")):
        await done(parties.provider, "PUT", f"/grants/{grant}/state", {"state": state, "reason": reason})

    events = (await told(sharing))[2:]
    assert [(event.version, event.state, event.reason, len(event.keys)) for event in events] == [
        (3, "suspended", "核查", 1),
        (4, "active", None, 1),
        # Its key stays known, so that the gateway answers it 203; it opens nothing.
        (5, "revoked", "违规使用", 1),
    ]
    back = await parties.platform.put(f"/grants/{grant}/state", {"state": "active"})
    assert refused(back) == (409, "grant-state")
    assert refused(await parties.applicant.post(f"/grants/{grant}/keys")) == (409, "grant-state")
    changes = await sharing.rows("select version, action, changed_by from grant_change order by version")
    assert [(row["version"], row["action"]) for row in changes] == [
        (1, "granted"),
        (2, "key-issued"),
        (3, "suspended"),
        (4, "active"),
        (5, "revoked"),
    ]


@pytest.mark.parametrize("state", ["suspended", "revoked"])
@pytest.mark.parametrize("reason", [None, "", "\u200b"])
async def test_a_grant_is_not_stopped_without_saying_why(sharing, parties, state, reason):
    grant = await parties.granted_at_once()
    answer = await parties.provider.put(f"/grants/{grant}/state", {"state": state, "reason": reason})

    assert refused(answer) == (422, "reason-missing")


async def test_a_revoked_grant_begins_anew_only_by_a_new_application_and_without_its_old_keys(sharing, parties):
    grant = await parties.granted()
    await done(parties.applicant, "POST", f"/grants/{grant}/keys")
    await done(parties.platform, "PUT", f"/grants/{grant}/state", {"state": "revoked", "reason": "违规使用"})
    await parties.submitted(items=["street_code"])
    last = (await told(sharing))[-1]

    assert (str(last.grant), last.state, last.keys) == (grant, "active", ())
    assert [item.code for item in last.items] == ["street_code"]


# --- Keys ------------------------------------------------------------------------------------------------------------


async def test_a_key_is_shown_once_and_only_its_hash_is_kept(sharing, parties):
    """REQ-U3 for method keys; I14: the clear key stands nowhere in the database, events and answers included."""
    grant = await parties.granted_at_once()
    issued = await done(parties.applicant, "POST", f"/grants/{grant}/keys")
    clear = issued["methodKey"]
    settings = sharing.fresh.installation.secrets
    hashed = Pepper(settings.pepper_id, settings.pepper.encode()).digest(clear)

    assert well_formed(KeyKind.METHOD, clear)
    everything = await sharing.dump()
    assert hashed in everything
    assert clear not in everything
    assert clear.encode().hex() not in everything
    last = (await told(sharing))[-1]
    assert [(key.id, key.hash, key.algorithm, key.pepper) for key in last.keys] == [
        (issued["id"], hashed, "hmac-sha256", settings.pepper_id)
    ]
    for path in ("/grants", f"/grants/{grant}"):
        shown = (await parties.applicant.get(path)).text
        assert issued["id"] in shown
        assert clear not in shown
        assert hashed not in shown


async def test_two_keys_live_at_once_and_a_revoked_one_is_told_at_once(sharing, parties):
    grant = await parties.granted_at_once()
    first = await done(parties.applicant, "POST", f"/grants/{grant}/keys")
    second = await done(parties.applicant, "POST", f"/grants/{grant}/keys")
    assert refused(await parties.applicant.post(f"/grants/{grant}/keys")) == (409, "too-many-keys")
    await done(parties.applicant, "DELETE", f"/grants/{grant}/keys/{first['id']}")
    assert [key.id for key in (await told(sharing))[-1].keys] == [second["id"]]
    again = await parties.applicant.delete(f"/grants/{grant}/keys/{first['id']}")

    assert refused(again) == (404, "key-unknown")
    assert (await parties.applicant.post(f"/grants/{grant}/keys")).is_success
