"""What an ingress tells of who calls (REQ-G3, IN-G24): certificates that it verified, and the caller's own address."""

import ipaddress

import pytest

from common.events import BoundCertificate, CertificateMark
from common.keys import KeyKind, generate
from gateway.domain.origins import Ingress
from tests.support.proven_steps import KEY, THERE, replica, sent, target
from tests.support.signing import signed

SUBJECT = "CN=edu-1,O=Example"
BOUND = BoundCertificate(id="c-1", mark=CertificateMark.SUBJECT, value=SUBJECT)
SHOWN = {"ssl-client-verify": "SUCCESS", "ssl-client-subject-dn": SUBJECT, "x-real-ip": "198.51.100.9"}


@pytest.fixture
async def door(demanding, store, outbox):
    async with replica(demanding, store, outbox) as made:
        yield made


class TestCertificates:
    @pytest.fixture
    def demanding(self, world):
        world.certificates["edu"] = (BOUND,)
        world.unit("edu")
        world.grant("edu", "streets", ["street_code"], demand_certificate=True)
        return world

    async def test_the_right_one_shown_to_the_ingress_passes_and_is_on_record(self, door):
        answer = await sent(door, SHOWN, address=THERE)
        assert answer.code == "1"
        record = await door.record_of(answer)
        assert (record.certificate, record.source_address) == ("c-1", "198.51.100.9")

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {**SHOWN, "ssl-client-verify": "NONE"},
            {**SHOWN, "ssl-client-verify": "FAILED:unable to get issuer certificate"},
            {**SHOWN, "ssl-client-verify": "success"},
            {**SHOWN, "ssl-client-subject-dn": "CN=health-1,O=Example"},
            {**SHOWN, "ssl-client-subject-dn": SUBJECT + ",O=More"},
            {"ssl-client-subject-dn": SUBJECT},
            {"ssl-client-verify": "SUCCESS"},
        ],
    )
    async def test_none_a_foreign_one_or_one_that_was_not_verified_is_203(self, door, headers):
        answer = await sent(door, headers, address=THERE)
        assert answer.code == "203"
        assert (await door.record_of(answer)).unproven == "no-certificate"

    async def test_what_others_than_the_ingress_say_is_not_believed(self, door):
        """IN-G24."""
        answer = await sent(door, SHOWN | {"x-forwarded-for": THERE}, address="203.0.113.9")
        assert answer.code == "203"
        assert (await door.record_of(answer)).source_address == "203.0.113.9"

    async def test_an_ingress_that_verifies_none_lets_forged_ones_through_and_is_not_believed(
        self, demanding, store, outbox
    ):
        known = Ingress([ipaddress.ip_network(f"{THERE}/32")])
        async with replica(demanding, store, outbox, ingress=known) as door:
            answer = await sent(door, SHOWN, address=THERE)
            assert answer.code == "203"
            assert (await door.record_of(answer)).source_address == "198.51.100.9", "of the address it is believed"

    async def test_a_certificate_that_is_released_or_another_units_is_203(self, door):
        world = door.world
        world.certificates["health"], world.certificates["edu"] = (BOUND,), ()
        for unit in ("health", "edu"):
            world.unit(unit)
        assert (await sent(door, SHOWN, address=THERE)).code == "203"

    async def test_signature_and_certificate_are_both_met_where_both_are_demanded(self, door):
        world = door.world
        world.signing["edu"] = (KEY.told,)
        world.unit("edu")
        world.grant("edu", "streets", ["street_code"], demand_signature=True, demand_certificate=True)
        right = signed(KEY, target(world), origin="https://gateway")
        cases = [(SHOWN, "203"), (right, "203"), (right | SHOWN | {"x-forwarded-proto": "https"}, "1")]
        for headers, code in cases:
            assert (await sent(door, headers, address=THERE)).code == code


class TestSourceAddresses:
    @pytest.fixture
    def demanding(self, world):
        world.unit("edu")
        return world

    async def test_a_grants_addresses_are_the_callers_behind_the_ingress(self, door):
        door.world.grant("edu", "streets", ["street_code"], source_addresses=("198.51.100.0/24",))
        for address, headers, code in (
            (THERE, {"x-real-ip": "198.51.100.9"}, "1"),
            (THERE, {"x-real-ip": "203.0.113.9"}, "203"),
            (THERE, {}, "203"),
            (THERE, {"x-real-ip": "198.51.100.9, evil"}, "203"),
            ("203.0.113.9", {"x-real-ip": "198.51.100.9"}, "203"),
        ):
            assert (await sent(door, headers, address=address)).code == code

    async def test_a_flood_through_the_ingress_shuts_out_its_source_and_nobody_else(self, door):
        door.gateway.flood.shut_after = 5
        door.world.grant("edu", "streets", ["street_code"])
        bad = target(door.world, unitKey=generate(KeyKind.UNIT))
        for _ in range(6):
            assert (await sent(door, {"x-real-ip": "198.51.100.66"}, bad, address=THERE)).code == "201"
        assert (await sent(door, {"x-real-ip": "198.51.100.66"}, address=THERE)).code == "429"
        assert (await sent(door, {"x-real-ip": "198.51.100.9"}, address=THERE)).code == "1"
