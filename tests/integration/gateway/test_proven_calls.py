"""Grants that demand a proof of who calls (REQ-G3, IN-G24, IN-G25): signatures and certificates, at a real gateway."""

import asyncio
import json
import time

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.clock import now
from common.events import (
    BoundCertificate,
    CertificateMark,
    ExchangeState,
    GrantState,
    Quota,
    UnitState,
)
from common.keys import KeyKind, generate
from gateway.domain.signatures import MAX_AGE, SKEW
from tests.support.proven_steps import KEY, replica, sent, target
from tests.support.signing import Signing, signed
from tests.support.waiting import eventually

NEW = Signing(Ed25519PrivateKey.from_private_bytes(b"n" * 32))
SUBJECT = "CN=edu-1,O=Example"
BOUND = BoundCertificate(id="c-1", mark=CertificateMark.SUBJECT, value=SUBJECT)
SHOWN = {"ssl-client-verify": "SUCCESS", "ssl-client-subject-dn": SUBJECT, "x-real-ip": "198.51.100.9"}


@pytest.fixture
def demanding(world):
    """区教育局 has one signing key and one certificate, and its grant demands a signature."""
    world.signing["edu"] = (KEY.told,)
    world.certificates["edu"] = (BOUND,)
    world.unit("edu")
    world.grant("edu", "streets", ["street_code"], demand_signature=True)
    return world


@pytest.fixture
async def door(demanding, store, outbox):
    async with replica(demanding, store, outbox) as made:
        yield made


async def code_of(door, key=KEY, to=None, body=b"", **more):
    to = to or target(door.world)
    headers = signed(key, to, body, **more)
    return (await sent(door, headers, to, content=body)).code


async def unproven(door):
    """What the last record says of the proof."""
    return (await door.records())[-1].unproven


async def test_a_signed_call_is_answered_and_the_record_names_the_key(door):
    answer = await sent(door, signed(KEY, target(door.world)))
    assert answer.data == [{"street_code": "310105001"}]
    record = await door.record_of(answer)
    assert (record.signing_key, record.unproven, record.certificate) == (KEY.id, None, None)


async def test_keys_and_parameters_may_stand_in_the_body_which_the_digest_covers(door):
    keys = door.world.keys("edu", "streets")
    headers = {"X-Unit-Key": keys["unitKey"], "X-Method-Key": keys["methodKey"]}
    body = b'{"street_code": "310105001"}'
    told = signed(
        KEY,
        "/streets",
        body,
        headers={**headers, "content-type": "application/json"},
        covered=("@method", "@target-uri", "content-digest", "x-unit-key", "x-method-key", "content-type"),
    )
    assert (await sent(door, told, "/streets", content=body)).code == "1"
    assert (await sent(door, told | {"content-type": "application/json"}, "/streets", content=b"{}")).code == "203"


async def test_without_a_signature_it_is_203_and_the_record_says_so(door):
    answer = await sent(door, {})
    assert (answer.status, answer.code) == (200, "203")
    assert (await door.record_of(answer)).unproven == "no-signature"


async def test_a_grant_that_demands_none_does_not_look_at_signatures(door):
    door.world.grant("edu", "streets", ["street_code"])
    answer = await sent(door, {"signature": "x", "signature-input": "y", "content-digest": "z"})
    assert answer.code == "1"
    assert "unproven" not in json.dumps(
        [record.model_dump(exclude_unset=True, mode="json") for record in await door.records()]
    )


class TestReplays:
    """IN-G25."""

    async def test_the_same_request_a_second_time_is_203_and_on_record_as_a_replay(self, door):
        headers = signed(KEY, target(door.world))
        assert [(await sent(door, headers)).code for _ in range(3)] == ["1", "203", "203"]
        assert [record.unproven for record in await door.records()] == [None, "replay", "replay"]
        assert [record.signing_key for record in await door.records()] == [KEY.id] * 3

    async def test_the_same_nonce_in_another_request_is_a_replay_too(self, door):
        assert [await code_of(door, nonce="once", more=more) for more in ("", ';tag="other"')] == ["1", "203"]

    async def test_the_same_nonce_under_another_key_is_another(self, door):
        door.world.signing["edu"] = (KEY.told, NEW.told)
        door.world.unit("edu")
        assert [await code_of(door, key, nonce="shared") for key in (KEY, NEW, KEY)] == ["1", "1", "203"]

    async def test_replicas_share_what_was_used(self, door, demanding, store, outbox):
        """IN-G25: the nonce on the other replica."""
        async with replica(demanding, store, outbox) as other:
            for first, second in ((door, other), (other, door)):
                headers = signed(KEY, target(demanding))
                assert [(await sent(one, headers)).code for one in (first, second, first)] == ["1", "203", "203"]

    async def test_of_many_at_once_over_two_replicas_one_is_answered(self, door, demanding, store, outbox):
        async with replica(demanding, store, outbox) as other:
            headers = [signed(KEY, target(demanding)) for _ in range(5)]
            answers = await asyncio.gather(*(sent((door, other)[n % 2], headers[n // 8]) for n in range(40)))
        codes = [answer.code for answer in answers]
        for one in range(5):
            assert sorted(codes[one * 8 : one * 8 + 8]) == ["1", *["203"] * 7]

    async def test_a_wrong_request_uses_up_no_nonce(self, door):
        headers = signed(KEY, target(door.world), nonce="kept")
        assert (await sent(door, headers, target(door.world, street_code="310105002"))).code == "203"
        assert (await sent(door, headers | {"content-digest": "sha-256=:AA==:"})).code == "203"
        assert (await sent(door, headers)).code == "1"

    async def test_a_call_that_is_refused_later_has_used_its_nonce(self, door):
        to = target(door.world, unknown="1")
        headers = signed(KEY, to)
        assert [(await sent(door, headers, to)).code for _ in range(2)] == ["101", "203"]

    async def test_nonces_are_forgotten_when_their_signatures_are_too_old(self, door, outbox):
        async def left():
            connection = await asyncpg.connect(outbox.admin_url())
            try:
                return await connection.fetchval("select count(*) from signature_nonce")
            finally:
                await connection.close()

        connection = await asyncpg.connect(outbox.admin_url())
        try:
            await connection.execute("delete from signature_nonce")
            await connection.execute(
                "insert into signature_nonce select sha256(n::text::bytea), clock_timestamp() - interval '1 second'"
                " from generate_series(1, 50) n"
            )
        finally:
            await connection.close()
        assert await code_of(door) == "1"
        await eventually(lambda: _is(left, 1), what="the old nonces gone")


async def _is(ask, wanted):
    return await ask() == wanted


class TestAge:
    """IN-G25, FAULT-28: by the database's clock, whatever the replica's says."""

    @pytest.mark.parametrize(
        ("age", "code"),
        [(0, "1"), (MAX_AGE - 5, "1"), (MAX_AGE + 1, "203"), (-SKEW + 2, "1"), (-SKEW - 3, "203"), (-86400, "203")],
    )
    async def test_a_signature_is_good_for_five_minutes(self, door, age, code):
        assert await code_of(door, created=time.time() - age) == code
        assert await unproven(door) == (None if code == "1" else "stale-signature")

    @pytest.mark.parametrize(("ends_in", "code"), [(60, "1"), (-1, "203"), (0, "203")])
    async def test_its_own_end_counts_too(self, door, ends_in, code):
        assert await code_of(door, more=f";expires={int(time.time()) + ends_in}") == code

    @pytest.mark.parametrize("created", [-999_999_999_999_999, 0, 999_999_999_999_999])
    async def test_a_time_of_no_calendar_is_refused_and_breaks_nothing(self, door, created):
        assert await code_of(door, created=created) == "203"

    @pytest.mark.parametrize("hours", [-1, 1, 24])
    async def test_a_replica_whose_clock_is_wrong_decides_alike(self, demanding, store, outbox, hours):
        from datetime import timedelta

        async with replica(demanding, store, outbox, given_clock=lambda: now() + timedelta(hours=hours)) as skewed:
            assert await code_of(skewed) == "1"
            assert await code_of(skewed, created=time.time() + hours * 3600) == "203"


class TestKeys:
    async def test_an_old_and_a_new_key_are_good_until_the_old_one_is_withdrawn(self, door):
        world = door.world
        for keys, codes in (((KEY,), "1 203"), ((KEY, NEW), "1 1"), ((NEW,), "203 1"), ((), "203 203")):
            world.signing["edu"] = tuple(key.told for key in keys)
            world.unit("edu")
            assert [await code_of(door, key) for key in (KEY, NEW)] == codes.split()
            world.memory.changes += 1

    async def test_another_units_key_proves_nothing(self, door):
        door.world.signing["health"] = (NEW.told,)
        door.world.unit("health")
        assert await code_of(door, NEW) == "203"
        assert await unproven(door) == "unknown-signing-key"

    async def test_a_key_that_is_withdrawn_while_the_rows_are_read_gives_none(self, door):
        """The grant is read again just before the answer."""
        answer = await self.withdrawn_meanwhile(door)
        assert answer.code == "203"
        assert (await door.record_of(answer)).rows == 0

    async def withdrawn_meanwhile(self, door):
        nonces, world = door.gateway.nonces, door.world
        take = nonces.take

        async def slowly(signature):
            found = await take(signature)
            world.signing["edu"] = ()
            world.unit("edu")
            return found

        nonces.take = slowly
        try:
            return await sent(door, signed(KEY, target(world)))
        finally:
            nonces.take = take

    async def test_a_change_meanwhile_that_takes_nothing_back_uses_no_second_nonce(self, door):
        nonces, world = door.gateway.nonces, door.world
        take, asked = nonces.take, []

        async def slowly(signature):
            asked.append(signature)
            found = await take(signature)
            world.grant("edu", "streets", ["street_code"], demand_signature=True)
            return found

        nonces.take = slowly
        assert (await sent(door, signed(KEY, target(world)))).code == "1"
        assert len(asked) == 1

    async def test_a_demand_that_comes_meanwhile_is_met_before_the_answer(self, door):
        world, meter = door.world, door.gateway.meter
        world.grant("edu", "streets", ["street_code"], quota=Quota(per_day=1000))
        take = meter.take

        async def slowly(grant):
            found = await take(grant)
            world.grant("edu", "streets", ["street_code"], demand_signature=True, quota=Quota(per_day=1000))
            return found

        meter.take, meter.take_at_once = slowly, lambda _grant: None
        headers = signed(KEY, target(world))
        assert [(await sent(door, headers)).code for _ in range(2)] == ["1", "203"]
        world.grant("edu", "streets", ["street_code"], quota=Quota(per_day=1000))
        assert (await sent(door, {})).code == "203"


class TestOrder:
    """The first check that applies wins; 203 for the proof stands after 208 and before 207 and 101."""

    @pytest.mark.parametrize(
        ("change", "more", "code"),
        [
            (lambda w: None, {"methodKey": ""}, "101"),
            (lambda w: None, {"unitKey": generate(KeyKind.UNIT)}, "201"),
            (lambda w: None, {"methodKey": generate(KeyKind.METHOD)}, "202"),
            (lambda w: w.exchange(ExchangeState.STOPPED), {}, "208"),
            (lambda w: w.unit("edu", UnitState.SUSPENDED), {}, "203"),
            (
                lambda w: w.grant("edu", "streets", ["street_code"], demand_signature=True, state=GrantState.REVOKED),
                {},
                "203",
            ),
            (
                lambda w: w.grant("edu", "streets", ["street_code"], demand_signature=True, quota=Quota(per_day=0)),
                {},
                "203",
            ),
            (lambda w: None, {"unknown": "1"}, "203"),
            (lambda w: None, {"street_code": ""}, "203"),
        ],
        ids=["no key", "unit key", "method key", "stopped", "unit", "revoked", "quota", "parameter", "value"],
    )
    async def test_a_wrong_signature_and_another_fault(self, door, change, more, code):
        change(door.world)
        answer = await sent(door, {}, target(door.world, **more))
        assert answer.code == code
        assert (await door.record_of(answer)).code == code

    @pytest.mark.parametrize(
        ("terms", "more", "code"),
        [({"quota": Quota(per_day=0)}, {}, "207"), ({}, {"unknown": "1"}, "101"), ({}, {"street_code": ""}, "206")],
    )
    async def test_a_right_signature_and_a_later_fault(self, door, terms, more, code):
        door.world.grant("edu", "streets", ["street_code"], demand_signature=True, **terms)
        assert await code_of(door, to=target(door.world, **more)) == code

    async def test_a_stopped_exchange_uses_up_no_nonce(self, door):
        headers = signed(KEY, target(door.world))
        door.world.exchange(ExchangeState.STOPPED)
        assert (await sent(door, headers)).code == "208"
        door.world.exchange(ExchangeState.RUNNING)
        assert (await sent(door, headers)).code == "1"

    async def test_what_is_not_proven_is_not_charged(self, door):
        door.world.grant("edu", "streets", ["street_code"], demand_signature=True, quota=Quota(per_day=1))
        assert [(await sent(door, {})).code for _ in range(3)] == ["203"] * 3
        assert await code_of(door) == "1"
        assert await code_of(door) == "207"


async def test_a_database_that_is_away_is_503_and_never_an_answer(door, monkeypatch):
    async def away(*_asked):
        from gateway.errors import Trouble, Unavailable

        raise Unavailable(Trouble.GRANTS)

    monkeypatch.setattr(door.gateway.nonces._together._link, "query", away)
    answer = await sent(door, signed(KEY, target(door.world)))
    assert (answer.status, answer.code, answer.reason) == (503, "500", "grants")
