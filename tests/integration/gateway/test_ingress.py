"""The gateway behind an ingress that ends TLS (REQ-G3, IN-G24): nginx from Debian, with client certificates of a CA."""

import asyncio
import ipaddress
import ssl
from urllib.parse import quote

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.events import BoundCertificate, CertificateMark
from exchange.layout import READER
from gateway.domain.origins import Ingress
from gateway.domain.signing import Signer
from shuqiao import AnswerKeys, ClientCertificate, Gateway, SigningKey
from shuqiao.keys import marks
from tests.support import edge_server, nginx
from tests.support.gateway_door import opened
from tests.support.nginx import Authority
from tests.support.signing import Signing

pytestmark = pytest.mark.skipif(nginx.BINARY is None, reason="no nginx here; on Debian: apt-get install nginx-light")
KEY, ANSWERS = (Signing(Ed25519PrivateKey.from_private_bytes(seed * 32)) for seed in (b"k", b"a"))
FORGED = {"ssl-client-verify": "SUCCESS", "x-real-ip": "198.51.100.9", "x-forwarded-proto": "https"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def authority(folder):
    made = Authority.made("Example CA")
    made.issue(folder, "edu", common_name="edu-1", organization="Example, Ltd")
    made.issue(folder, "renewed", common_name="edu-1", organization="Example, Ltd")
    made.issue(folder, "health", common_name="health-1", organization="Example")
    made.issue(folder, "named", common_name="教育局")
    Authority.made("Example CA").issue(folder, "foreign", common_name="edu-1", organization="Example, Ltd")
    return made


def bound(folder, file, mark=CertificateMark.SUBJECT):
    return BoundCertificate(id=f"{file}-{mark}", mark=mark, value=marks(folder / f"{file}.pem")[mark.value])


@pytest.fixture
def demanding(world, folder, authority):
    world.certificates["edu"] = (bound(folder, "edu"),)
    world.unit("edu")
    world.grant("edu", "streets", ["street_code"], demand_certificate=True)
    return world


@pytest.fixture
async def door(demanding, store, outbox):
    async with opened(
        world=demanding,
        store_url=store.database.url(READER),
        outbox_url=outbox.app_url,
        admin_url=outbox.admin_url(),
        ingress=Ingress([ipaddress.ip_network("127.0.0.1/32")], certificates=True),
        signer=Signer(ANSWERS.private),
    ) as made:
        yield made


@pytest.fixture
async def edge(door):
    async with edge_server.beside(door.app) as made:
        yield made


@pytest.fixture
async def address(edge, folder, authority):
    async with nginx.before(edge.server.port, folder, authority) as made:
        yield made


async def code(door, url, folder, certificate=None, headers=None):
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if certificate is not None:
        context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    async with httpx2.AsyncClient(verify=context) as http:
        answer = await http.post(f"{url}/streets", params=door.world.keys("edu", "streets"), headers=headers)
    if answer.status_code != 200:
        return str(answer.status_code)
    told = answer.json()
    return told["SUCCESS"] if told["SUCCESS"] == "1" else told["ERROR"]["ERROR_CODE"]


async def test_the_units_certificate_passes_and_a_renewed_one_of_the_same_subject_too(door, address, folder):
    assert [await code(door, address, folder, one) for one in ("edu", "renewed")] == ["1", "1"]
    for record in await door.records():
        assert (record.certificate, record.source_address) == ("edu-subject", "127.0.0.1")


async def test_none_another_units_or_one_of_another_authority_does_not(door, address, folder):
    assert await code(door, address, folder) == "203"
    assert await code(door, address, folder, "health") == "203"
    # nginx itself refuses what the authority did not issue: no call comes of it.
    assert await code(door, address, folder, "foreign") == "400"


async def test_what_callers_write_into_the_ingresss_headers_is_overwritten(door, address, folder):
    """IN-G24: forged through nginx."""
    forged = {
        **FORGED,
        "ssl-client-subject-dn": marks(folder / "edu.pem")["subject"],
        "x-forwarded-for": "198.51.100.9",
    }
    for certificate in (None, "health"):
        assert await code(door, address, folder, certificate, forged) == "203"
    assert {record.source_address for record in await door.records()} == {"127.0.0.1"}


async def test_a_fingerprint_binds_one_certificate_alone(door, address, folder):
    door.world.certificates["edu"] = (bound(folder, "edu", CertificateMark.FINGERPRINT),)
    door.world.unit("edu")
    assert [await code(door, address, folder, one) for one in ("edu", "renewed", None)] == ["1", "203", "203"]


async def test_a_fingerprint_of_a_certificate_that_was_not_the_one_verified_binds_nothing(door, folder, authority):
    """An ingress that is not told to pass certificates lets through what a caller writes: another's, known to all."""
    door.world.certificates["edu"] = (bound(folder, "edu", CertificateMark.FINGERPRINT),)
    door.world.unit("edu")
    pem = quote((folder / "edu.pem").read_text())
    verified = {"ssl-client-verify": "SUCCESS", "ssl-client-cert": pem}
    for file, expected in (("edu", "1"), ("health", "203")):
        subject = marks(folder / f"{file}.pem")["subject"]
        answer = await door.ask(
            "POST",
            "/streets",
            address="127.0.0.1",
            params=door.world.keys("edu", "streets"),
            headers={**verified, "ssl-client-subject-dn": subject},
        )
        assert answer.code == expected
    for text in ("x", "%ZZ", "-----BEGIN CERTIFICATE-----", "A" * 13000):
        answer = await door.ask(
            "POST",
            "/streets",
            address="127.0.0.1",
            params=door.world.keys("edu", "streets"),
            headers={**verified, "ssl-client-cert": text},
        )
        assert answer.code == "203"


async def test_a_name_in_chinese_is_the_same_to_the_command_line_and_the_ingress(door, address, folder):
    door.world.certificates["edu"] = (bound(folder, "named"),)
    door.world.unit("edu")
    assert await code(door, address, folder, "named") == "1"


async def test_forged_headers_sent_straight_to_a_gateway_that_knows_no_ingress_are_not_believed(
    demanding, store, outbox, folder
):
    """IN-G24: without a setting nobody's word counts."""
    told = {"world": demanding, "store_url": store.database.url(READER), "outbox_url": outbox.app_url}
    forged = {**FORGED, "ssl-client-subject-dn": marks(folder / "edu.pem")["subject"]}
    elsewhere = ipaddress.ip_network("192.0.2.0/24")
    for ingress in (None, Ingress([], certificates=True), Ingress([elsewhere], certificates=True)):
        async with (
            opened(**told, admin_url=outbox.admin_url(), ingress=ingress) as door,
            edge_server.beside(door.app) as edge,
        ):
            assert await code(door, f"http://127.0.0.1:{edge.server.port}", folder, headers=forged) == "203"
            assert {record.source_address for record in await door.records()} == {"127.0.0.1"}


async def test_the_sdk_shows_its_certificate_signs_and_checks_the_answer(door, address, folder):
    """Through TLS the address that is signed begins with https; the ingress says so."""
    world = door.world
    world.signing["edu"] = (KEY.told,)
    world.unit("edu")
    world.grant("edu", "streets", ["street_code"], demand_certificate=True, demand_signature=True)
    keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": ANSWERS.id, "x": ANSWERS.public}]}
    shown = ClientCertificate(certificate=folder / "edu.pem", key=folder / "edu.key", ca=folder / "ca.pem")

    def call():
        with Gateway(
            address,
            world.unit_keys["edu"],
            certificate=shown,
            sign_with=SigningKey(KEY.private),
            answer_keys=AnswerKeys.of(keys),
        ) as gateway:
            told = {"street_code": "310105001"}
            return [gateway.call("streets", world.method_keys["edu", "streets"], told) for _ in range(2)]

    for found in await asyncio.to_thread(call):
        assert (found.code, found.data) == ("1", [{"street_code": "310105001"}])
    assert {(record.signing_key, record.certificate) for record in await door.records()} == {(KEY.id, "edu-subject")}
