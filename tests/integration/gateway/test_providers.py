"""A service whose source is the provider's own interface (Annex 3 §2.2, §4.2; REQ-A3)."""

import asyncio
import json
import ssl
import threading
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common import clock
from common.events import GrantedItem, ItemMode, Mode, RowCondition, Sent, SentAs
from common.reach import NOWHERE, Reach
from gateway.domain import provided
from gateway.provider import Limits
from tests.support.provider_server import Provider, people, says, tells, zipped
from tests.support.provider_world import INPUTS, ITEMS, asked, rest, soap
from tests.support.waiting import eventually

ZHANG = {
    "person_no": "0001",
    "name": "张示例",
    "age": 41,
    "income": 1200.50,
    "born": "1982/03/09",
    "area_code": "310105",
}


def numbers(answer):
    return [record["person_no"] for record in answer.data]


def is_provider_failure(answer):
    told = answer.response
    return (answer.status, answer.reason, answer.code) == (503, "provider", "500") and "x-trace-id" in told.headers


@pytest.mark.parametrize("made", [rest, soap])
class TestBothKinds:
    @pytest.fixture(autouse=True)
    def registered(self, at, made):
        at.registered(made(at.provider.url("/rest" if made is rest else "/soap")))

    async def test_the_answer_is_as_if_it_came_from_the_exchange_store(self, at):
        answer = await at.door.call("people", person_no="0001")
        assert answer.data == [ZHANG]
        # Digits as the item's scale has them, whatever the provider writes.
        assert '"income":1200.50' in answer.response.text
        assert answer.response.headers["x-total-count"] == "1"
        assert "x-data-as-of" not in answer.response.headers

    async def test_nobody_found_is_an_empty_list(self, at):
        assert (await at.door.call("people", person_no="9999")).data == []
        assert (await at.door.call("people", person_no="9999", rsStructure="KV")).data is None

    async def test_null_is_null(self, at):
        assert (await at.door.call("people", person_no="0002")).data[0]["income"] is None

    async def test_all_that_is_not_mapped_stays_with_the_provider(self, at):
        answer = await at.door.call("people")
        assert numbers(answer) == ["0001", "0002", "0003"]
        assert "不应外传" not in answer.response.text

    async def test_every_structure_and_format(self, at):
        assert (await at.door.call("people", person_no="0001", rsStructure="KV")).data == ZHANG
        assert (await at.door.call("people", area_code="310105", rsStructure="MA")).data["person_no"] == [
            "0001",
            "0003",
        ]
        assert (await at.door.call("people", area_code="310105", rsStructure="KV")).code == "301"
        answer = await at.door.call("people", person_no="0003", format="xml", rsStyle="simple", rsStructure="KV")
        assert answer.response.text.startswith("<DATA><person_no>0003</person_no><name>王示例</name><age>88</age>")

    async def test_a_claim_is_compared_here_and_never_sent(self, at):
        at.registered(
            rest(at.provider.url(), sent=[Sent(parameter="person_no", name="no", place=SentAs.FORM)]),
            mode=Mode.VERIFY,
            inputs={},
            identity=("person_no",),
            claims=("name", "income", "born"),
        )
        answer = await at.door.call("people", person_no="0001", name="张示例", income="1200.50", born="1982/03/10")
        assert answer.data == [{"name": "1", "income": "1", "born": "0"}]
        assert (await at.door.call("people", person_no="0002", income="1")).data == [{"income": "0"}]
        assert (await at.door.call("people", person_no="9999", name="张示例")).data == [{"name": "0"}]
        assert all(set(request.values) == {"no"} for request in at.provider.requests)


class TestWhatIsSent:
    @pytest.mark.parametrize("place", [SentAs.QUERY, SentAs.FORM, SentAs.JSON])
    async def test_only_mapped_values_under_the_providers_names(self, at, place):
        at.registered(
            rest(at.provider.url("/rest?app=1"), sent=[Sent(parameter="area_code", name="area", place=place)])
        )
        await at.door.call("people", area_code="310104", age__ge="1")
        (request,) = at.provider.requests
        assert request.values == {"app": "1", "area": "310104"}

    async def test_dates_numbers_and_lists_as_the_provider_wants_them(self, at):
        sent = [
            Sent(parameter="born__ge", name="since", place=SentAs.JSON),
            Sent(parameter="age__ge", name="min", place=SentAs.JSON),
            Sent(parameter="person_no__in", name="nos", place=SentAs.JSON),
        ]
        at.registered(rest(at.provider.url(), sent=sent))
        at.provider.behave = tells({"data": {"list": [{"no": "0001", **OTHER, "age": 41}]}})
        answer = await at.door.call("people", born__ge="1935/01/01", age__ge="41", person_no__in="0001,0003")
        assert numbers(answer) == ["0001"]
        told = json.loads(at.provider.requests[0].body)
        assert told == {"since": "1935-01-01", "min": 41, "nos": ["0001", "0003"]}

    async def test_neither_keys_nor_the_callers_headers_go_along(self, at):
        keys = at.door.world.keys("edu", "people")
        await at.door.ask("POST", "/people", params=keys, headers={"X-Operator": "staff-7", "Cookie": "a=b"})
        (request,) = at.provider.requests
        everything = f"{request.target}{request.headers}{request.body.decode()}"
        assert not [value for value in (*keys.values(), "staff-7", "cookie") if value in everything]

    async def test_the_trace_goes_along(self, at):
        answer = await at.door.call("people")
        assert at.provider.requests[0].headers["traceparent"].split("-")[1] == answer.trace_id

    async def test_what_is_asked_is_escaped(self, at):
        at.registered(soap(at.provider.url("/soap"), sent=[Sent(parameter="name__prefix", name="no", place="element")]))
        await at.door.call("people", name__prefix="</no>&<x/>")
        assert at.provider.requests[0].values == {"no": "</no>&<x/>"}

    async def test_connections_are_used_again(self, at):
        for _ in range(3):
            assert (await at.door.call("people")).code == "1"
        assert at.provider.connections == 1

    async def test_a_cookie_is_not_remembered(self, at):
        at.provider.behave = says(200, b'{"data":{"list":[]}}', "Set-Cookie: a=b")
        for _ in range(2):
            await at.door.call("people")
        assert "cookie" not in at.provider.requests[1].headers

    async def test_the_proxies_of_the_environment_are_not_asked(self, at, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        assert (await at.door.call("people")).code == "1"


class TestFilters:
    async def test_what_the_provider_does_not_take_is_applied_here(self, at):
        assert numbers(await at.door.call("people", age__ge="41")) == ["0001", "0003"]
        assert numbers(await at.door.call("people", age__ge="41", age__lt="88")) == ["0001"]
        assert numbers(await at.door.call("people", person_no__in="0003,0002")) == ["0002", "0003"]
        assert numbers(await at.door.call("people", name__prefix="李")) == ["0002"]
        assert numbers(await at.door.call("people", born__ge="1982/03/09")) == ["0001", "0002"]

    async def test_a_provider_that_answers_another_question_is_not_believed(self, at):
        at.provider.behave = tells({"data": {"list": [{"no": "0002", **OTHER}]}})
        assert is_provider_failure(await at.door.call("people", person_no="0001"))

    async def test_the_row_filter_of_the_grant_holds(self, at):
        rows = (RowCondition(item="area_code", values=("310105",)),)
        at.door.world.grant("edu", "people", ["person_no"], row_filter=rows)
        answer = await at.door.call("people")
        assert (answer.data, answer.response.headers["x-total-count"]) == (
            [{"person_no": "0001"}, {"person_no": "0003"}],
            "2",
        )
        assert (await at.door.call("people", person_no="0002")).data == []

    async def test_masked_items_come_masked_and_others_not_at_all(self, at):
        items = [GrantedItem(code="name", mode=ItemMode.MASKED), GrantedItem(code="born", mode=ItemMode.MASKED)]
        at.door.world.grant("edu", "people", ["person_no", *items])
        answer = await at.door.call("people", person_no="0001")
        assert answer.data == [{"person_no": "0001", "name": "张**", "born": "****"}]
        assert (await at.door.call("people", name__prefix="张")).code == "101"


OTHER = {"xm": "甲", "age": 1, "income": "1", "born": "2000-01-01", "area": "310105"}


class TestPages:
    async def test_by_key_whatever_the_provider_does_and_pages_by_number(self, at):
        at.provider.behave = tells({"data": {"list": [{"no": f"{n:04}", **OTHER} for n in (3, 1, 5, 2, 4)]}})
        first = await at.door.call("people", pageSize="2")
        assert (numbers(first), first.response.headers["x-total-count"]) == (["0001", "0002"], "5")
        assert "x-next-cursor" not in first.response.headers
        assert numbers(await at.door.call("people", pageSize="2", page="3")) == ["0005"]
        assert (await at.door.call("people", pageSize="2", page="4")).data == []

    async def test_by_an_ordering_of_the_service(self, at):
        at.registered(rest(at.provider.url()), orderings=("age", "income"))
        assert numbers(await at.door.call("people", orderBy="-age")) == ["0003", "0001", "0002"]
        # Nulls last either way.
        assert numbers(await at.door.call("people", orderBy="-income")) == ["0001", "0003", "0002"]
        assert numbers(await at.door.call("people", orderBy="income")) == ["0003", "0001", "0002"]
        assert (await at.door.call("people", orderBy="born")).code == "206"

    async def test_there_are_no_cursors(self, at):
        assert (await at.door.call("people", cursor="AAAA")).code == "206"
        assert (await at.door.call("people", cursor="AAAA", page="1")).code == "101"
        assert at.provider.requests == []

    async def test_more_records_than_are_registered_are_refused_and_never_cut(self, at):
        at.registered(rest(at.provider.url(), max_rows=2))
        assert is_provider_failure(await at.door.call("people"))
        assert (await at.door.call("people", area_code="310105")).code == "1"


class TestCredentials:
    @pytest.fixture
    async def with_folder(self, store, outbox, provider, tmp_path):
        (tmp_path / "civil-affairs.main").write_text("Bearer s3cret\n")
        (tmp_path / "other-unit.main").write_text("Bearer another")
        (tmp_path / "civil-affairs.broken").write_text("a\r\nX: y")
        async with asked(store, outbox, provider, credentials=tmp_path) as made:
            yield made

    async def test_it_is_read_from_the_folder_under_the_providers_own_unit(self, with_folder, tmp_path):
        at = with_folder
        at.registered(rest(at.provider.url(), credential="main", credential_header="X-Api-Key"))
        assert (await at.door.call("people")).code == "1"
        assert at.provider.requests[0].headers["x-api-key"] == "Bearer s3cret"
        (tmp_path / "civil-affairs.main").write_text("Bearer new")
        await at.door.call("people")
        assert at.provider.requests[1].headers["x-api-key"] == "Bearer new", "a new one needs no new start"

    @pytest.mark.parametrize("name", ["absent", "broken"])
    async def test_without_it_the_provider_is_not_asked(self, with_folder, name):
        at = with_folder
        at.registered(rest(at.provider.url(), credential=name))
        assert is_provider_failure(await at.door.call("people"))
        assert (at.provider.requests, at.faults()) == ([], {"credential": 1})


class TestWhereProvidersMayLive:
    """IN-G29: a URL is checked again when it is called, by the address that it leads to."""

    async def test_what_no_setting_allows_is_not_connected_to(self, store, outbox, provider):
        async with asked(store, outbox, provider, reach=NOWHERE) as at:
            assert is_provider_failure(await at.door.call("people"))
        assert provider.connections == 0

    async def test_a_name_that_leads_elsewhere_is_not_followed(self, store, outbox, provider, monkeypatch):
        """The name is allowed and resolves to this machine: as after a rebinding."""
        reach = Reach.of(["10.0.0.0/8"], ["people.example.org"])
        async with asked(store, outbox, provider, reach=reach) as at:
            resolved = []

            async def resolves(host, port, **_more):
                resolved.append(host)
                return [(2, 1, 6, "", ("127.0.0.1", port)), (2, 1, 6, "", ("169.254.169.254", port))]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolves)
            at.registered(rest(f"http://people.example.org:{provider.port}/rest"))
            assert is_provider_failure(await at.door.call("people"))
            assert at.faults() == {"address": 1}
            assert resolved == ["people.example.org"]
        assert provider.connections == 0

    async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
        self, store, outbox, provider, monkeypatch
    ):
        reach = Reach.of([], ["people.example.org"], ["127.0.0.1/32"])
        async with asked(store, outbox, provider, reach=reach) as at:
            asked_for = []
            plain = asyncio.get_running_loop().getaddrinfo

            async def resolves(host, port, **more):
                asked_for.append(host)
                if host != "people.example.org":
                    return await plain(host, port, **more)
                return [(2, 1, 6, "", ("10.1.1.1", port)), (2, 1, 6, "", ("127.0.0.1", port))]

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolves)
            at.registered(rest(f"http://people.example.org:{provider.port}/rest"))
            assert (await at.door.call("people")).code == "1"
            assert asked_for.count("people.example.org") == 1
            assert provider.requests[0].headers["host"] == f"people.example.org:{provider.port}"


class TestOverTls:
    @pytest.fixture
    def certified(self, tmp_path):
        """A certificate of an authority of its own, for `people.example.org`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "people.example.org")])
        now = clock.now()
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("people.example.org")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        (tmp_path / "authority.pem").write_bytes(made.public_bytes(pem))
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (tmp_path / "server.pem").write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
        return tmp_path

    @pytest.mark.parametrize(
        ("host", "trusted", "code"),
        [("people.example.org", True, "1"), ("people.example.org", False, "500"), ("other.example.org", True, "500")],
    )
    async def test_only_a_trusted_certificate_of_that_name(
        self, store, outbox, certified, monkeypatch, host, trusted, code
    ):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certified / "server.pem")
        reach = Reach.of([], [".example.org"], ["127.0.0.0/8"])
        authorities = str(certified / "authority.pem") if trusted else None
        plain = asyncio.get_running_loop().getaddrinfo

        async def resolves(host, port, **more):
            return await plain("127.0.0.1" if host.endswith(".example.org") else host, port, **more)

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolves)
        async with (
            Provider(tls=context) as provider,
            asked(store, outbox, provider, reach=reach, authorities=authorities) as at,
        ):
            at.registered(rest(f"https://{host}:{provider.port}/rest"))
            assert (await at.door.call("people")).code == code
            assert len(provider.requests) == (code == "1")


class TestBounds:
    async def test_a_provider_that_is_given_its_calls_gets_no_more_and_others_go_on(self, store, outbox, provider):
        release = asyncio.Event()

        async def waits(request, writer):
            await release.wait()
            await people(request, writer)

        async with Provider() as other, asked(store, outbox, provider, limits=Limits(at_once=2)) as at:
            provider.behave = waits
            calling = [asyncio.create_task(at.door.call("people")) for _ in range(2)]
            await eventually(lambda: _count(provider, 2))
            assert is_provider_failure(await at.door.call("people"))
            assert at.faults() == {"busy": 1}
            at.door.world.service("others", ITEMS, INPUTS, ready=False, interface=rest(other.url()), source="provider")
            at.door.world.grant("edu", "others", ["person_no"])
            assert (await at.door.call("others")).code == "1"
            release.set()
            assert [(await call).code for call in calling] == ["1", "1"]
            assert (await at.door.call("people")).code == "1", "their places are free again"

    async def test_a_large_answer_is_worked_on_beside_the_calls_of_others(self, at, monkeypatch):
        places = []
        for name in ("records", "ordered"):
            plain = getattr(provided, name)

            def noted(*given, plain=plain):
                places.append(threading.current_thread() is threading.main_thread())
                return plain(*given)

            monkeypatch.setattr(provided, name, noted)
        assert (await at.door.call("people")).code == "1"
        assert places == [True, True]
        found = [{"no": f"{n:04}", **OTHER} for n in range(999, -1, -1)]
        at.provider.behave = tells({"data": {"list": found}})
        answer = await at.door.call("people", pageSize="2", page="500")
        assert numbers(answer) == ["0998", "0999"]
        assert places[2:] == [False, False]

    async def test_an_answer_is_bounded_as_it_comes_and_inflated(self, store, outbox, provider):
        async with asked(store, outbox, provider, limits=Limits(answer=20_000)) as at:
            record = {"no": "0001", **OTHER}
            provider.behave = zipped({"data": {"list": [record]}})
            assert (await at.door.call("people")).code == "1"
            provider.behave = zipped({"data": {"list": [record] * 500}, "more": " " * 10_000_000})
            assert is_provider_failure(await at.door.call("people"))
            provider.behave = tells({"data": {"list": [record]}, "more": " " * 20_001})
            assert is_provider_failure(await at.door.call("people"))
            # Blocks that hold nothing: much comes, and nothing of it is left when it is inflated.
            nothing = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + b"\x00\x00\x00\xff\xff" * 10_000

            async def goes_on(_request, writer):
                writer.write(b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
                writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(nothing), nothing))

            provider.behave = goes_on
            assert is_provider_failure(await at.door.call("people"))
            assert at.faults() == {"too-large": 3}


async def _count(provider, count):
    return len(provider.requests) == count
