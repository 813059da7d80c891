"""A unit of the register: what is on file, its states, its keys (REQ-U1, U3, R2)."""

from uuid import uuid4

import pytest

from common.events import UnitState
from registry import domain, errors
from tests.support.given_clock import at
from tests.support.registry_values import key, unit

LATER = at("2026-10-08")


@pytest.mark.parametrize(
    ("named", "missing"),
    [
        ({}, ("responsible-leader", "dedicated-person")),
        ({"leader": uuid4()}, ("dedicated-person",)),
        ({"dedicated": uuid4()}, ("responsible-leader",)),
        ({"leader": uuid4(), "dedicated": uuid4()}, ()),
    ],
)
def test_a_unit_without_leader_and_dedicated_person_is_flagged(named, missing):
    assert unit(**named).missing == missing


def test_every_change_counts_the_version_on_and_says_who_when_and_why():
    changed = domain.changed(unit(version=7), by="dsjzx.admin", at=LATER, reason="机构调整")

    assert (changed.version, changed.changed_by, changed.changed_at, changed.reason) == (
        8,
        "dsjzx.admin",
        LATER,
        "机构调整",
    )


def test_the_reason_of_an_earlier_change_does_not_stay_with_a_later_one():
    suspended = domain.move(unit(), UnitState.SUSPENDED, by="a", at=LATER, reason="安全事件")

    assert domain.add_key(suspended, key()).reason is None


@pytest.mark.parametrize(
    ("held", "to"),
    [
        (UnitState.ACTIVE, UnitState.SUSPENDED),
        (UnitState.ACTIVE, UnitState.WITHDRAWN),
        (UnitState.SUSPENDED, UnitState.ACTIVE),
        (UnitState.SUSPENDED, UnitState.WITHDRAWN),
    ],
)
def test_a_unit_is_suspended_resumed_and_withdrawn_with_the_reason(held, to):
    moved = domain.move(unit(state=held, version=3), to, by="dsjzx.admin", at=LATER, reason="应急处置")

    assert (moved.state, moved.version, moved.changed_by, moved.reason) == (to, 4, "dsjzx.admin", "应急处置")


@pytest.mark.parametrize("to", list(UnitState))
def test_a_withdrawn_unit_never_comes_back(to):
    with pytest.raises(errors.UnitState):
        domain.move(unit(state=UnitState.WITHDRAWN), to, by="a", at=LATER, reason="恢复")


@pytest.mark.parametrize("state", [UnitState.ACTIVE, UnitState.SUSPENDED])
def test_a_move_to_the_same_state_is_refused(state):
    with pytest.raises(errors.UnitState):
        domain.move(unit(state=state), state, by="a", at=LATER, reason="再次")


def test_two_keys_of_a_unit_live_at_once_and_a_third_waits_for_one_to_go():
    first, second, third = key(), key(), key()
    held = domain.add_key(domain.add_key(unit(), first), second)

    with pytest.raises(errors.TooManyKeys):
        domain.add_key(held, third)
    rotated = domain.add_key(domain.drop_key(held, first.id, by="mzj.admin", at=LATER), third)

    assert [one.id for one in rotated.keys] == [second.id, third.id]
    assert rotated.version == 5


def test_a_suspended_unit_may_rotate_its_key_and_a_withdrawn_one_may_not():
    assert len(domain.add_key(unit(state=UnitState.SUSPENDED), key()).keys) == 1
    with pytest.raises(errors.UnitState):
        domain.add_key(unit(state=UnitState.WITHDRAWN), key())


def test_a_key_that_the_unit_has_not_cannot_be_revoked():
    with pytest.raises(errors.KeyUnknown):
        domain.drop_key(unit(keys=(key(),)), uuid4(), by="a", at=LATER)


def test_the_event_carries_hashes_of_keys_and_ids_of_people_and_nothing_of_either_beyond():
    leader, held = uuid4(), key()
    told = domain.event(unit(leader=leader, keys=(held,), catalog_keepers=2, body="data-centre"))

    assert (told.leader, told.dedicated, told.catalog_keepers, told.body) == (str(leader), None, 2, "data-centre")
    assert [one.model_dump() for one in told.keys] == [
        {
            "id": str(held.id),
            "hash": held.hash,
            "algorithm": "hmac-sha256",
            "pepper": "p1",
            "issued_at": held.issued_at,
        }
    ]
    assert "abcd" not in told.model_dump_json()
